"""A picture as bytes in a store, and back.

JPEG, PNG and WebP are OpenCV's work; raw is the pixels themselves, height x width x 3 of BGR. What comes back
is held to its key before anything is decoded: the number of bytes, the size in pixels, the whole picture. So
a message of anybody's cannot make a worker decode a picture of a gigapixel, nor half a picture.

Does not do: find damage within a picture that is as long as it should be; JPEG has no checksum.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from sightline.errors import CodecError, ConfigError, WireError
from sightline.frame import Image, Size
from sightline.framequeue.image_header import size_of
from sightline.framequeue.key import FrameKey, PictureFormat, checked_format

QUALITY: Final = 90
"""Of JPEG and WebP where nobody says: no model sees the difference, and it is half the bytes of 95."""

MAX_PIXELS: Final = 2 * 7680 * 4320
"""The most that is decoded; 8K UHD fits twice, as in `sightline.codec`."""

_ENDINGS: Final[dict[PictureFormat, str]] = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
_QUALITIES: Final[dict[PictureFormat, int]] = {
    "jpeg": cv2.IMWRITE_JPEG_QUALITY,
    "webp": cv2.IMWRITE_WEBP_QUALITY,
}
# What a camera wrote into a JPEG about its own position must not turn the picture.
_AS_IT_IS: Final = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def encode(image: Image, format: PictureFormat = "jpeg", quality: int = QUALITY) -> bytes:  # noqa: A002
    """The bytes of `image`, `(height, width, 3)` uint8 BGR.

    Args:
        image: the picture.
        format: "jpeg", "png", "webp" or "raw"; "png" and "raw" lose nothing.
        quality: of "jpeg" and "webp", 1 to 100.

    Raises:
        ConfigError: the format or the quality is none.
        CodecError: the image is no such array, or too large for the format (WebP: 16383 pixels a side).
    """
    checked_format(format)
    checked_quality(quality)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise CodecError(f"expected an image of (height, width, 3) uint8, got {image.shape} {image.dtype}")
    if format == "raw":
        return image.tobytes()
    try:
        made, data = cv2.imencode(_ENDINGS[format], image, _settings(format, quality))
    except cv2.error as error:
        raise CodecError(f"expected an image that fits {format}, got {image.shape}: {error.err}") from None
    if not made:
        raise CodecError(f"expected an image that fits {format}, got {image.shape}")
    return data.tobytes()


def decode(data: bytes, key: FrameKey) -> Image:
    """The picture of `key` as `(height, width, 3)` uint8 BGR.

    A raw one is `data` itself, looked at: not to be written to. Others have memory of their own.

    Raises:
        WireError: `data` is not what the key promises: another size, another format, cut, damaged, or more
            than `MAX_PIXELS`.
    """
    if key.width * key.height > MAX_PIXELS:
        raise _wrong(key, f"at most {MAX_PIXELS} pixels", f"{key.width}x{key.height}")
    if len(data) != key.size:
        raise _wrong(key, f"{key.size} bytes", str(len(data)))
    return _pixels(data, key) if key.format == "raw" else _picture(data, key)


def checked_quality(quality: int) -> int:
    """`quality`. Raises ConfigError where it is not 1 to 100."""
    if not 1 <= quality <= 100:
        raise ConfigError(f"expected a quality of 1 to 100, got {quality}")
    return quality


def _settings(picture_format: PictureFormat, quality: int) -> list[int]:
    setting = _QUALITIES.get(picture_format)
    return [] if setting is None else [setting, quality]


def _pixels(data: bytes, key: FrameKey) -> Image:
    shape = key.height, key.width, 3
    if len(data) != key.height * key.width * 3:
        raise _wrong(key, f"{key.height * key.width * 3} bytes of pixels", str(len(data)))
    return np.frombuffer(data, np.uint8).reshape(shape)


def _picture(data: bytes, key: FrameKey) -> Image:
    promised = Size(key.width, key.height)
    claimed = size_of(data, key.format)
    if claimed != promised:
        raise _wrong(key, f"a whole {key.format} of {promised}", "none" if claimed is None else str(claimed))
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _AS_IT_IS)
    except cv2.error:
        image = None
    if image is None or image.shape != (key.height, key.width, 3):
        raise _wrong(key, f"a {key.format} that can be decoded", "a damaged one")
    return np.asarray(image, np.uint8)


def _wrong(key: FrameKey, expected: str, got: str) -> WireError:
    return WireError(
        f"expected {expected}, got {got}", camera_id=key.camera_id, epoch=key.epoch, index=key.index
    )
