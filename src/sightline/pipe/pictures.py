"""Small pictures in a pipe's log: found in what routines take and give, made JPEGs where they are.

A record with a picture is one as any other: where nobody looks for pictures it is a line of text.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_WIDTH: Final = 320
"""Pixels; a larger picture is made so small."""
QUALITY: Final = 60
MOST_JPEG_BYTES: Final = 1 << 17
"""Four times what a picture of noise takes at this size."""
MOST_ITEMS: Final = 8
"""Of a list that are looked at for a picture."""


def log_picture(logger: Any, caption: str, image: Any, level: int = logging.INFO, side: str = "") -> bool:
    """Write a record with a small picture.

    Args:
        logger: a routine's, for example.
        caption: its text; its size comes with it.
        image: an array `(height, width)`, or with 3 channels as BGR, or 4; uint8. Or what holds one.
        level: of the record.
        side: `input` or `output`, where it is what a routine takes or gives.

    Returns:
        False: nothing was written, as `image` is no picture, or the log does not want the level.
    """
    if not logger.isEnabledFor(level) or (picture := picture_in(image)) is None:
        return False
    height, width = picture.shape[:2]
    extra = {"picture": small_jpeg(picture), "side": side}
    logger.log(level, "%s: %d x %d", caption, width, height, extra=extra)
    return True


def picture_in(data: Any) -> NDArray[Any] | None:
    """The picture that `data` is or holds: an array, a frame, a `FrameData`, the first of a list."""
    items = data[:MOST_ITEMS] if isinstance(data, list | tuple) else [data]
    return next((picture for picture in map(_picture, items) if picture is not None), None)


def small_jpeg(image: NDArray[Any]) -> bytes:
    """At most `MOST_WIDTH` wide, and as high; its bytes are fewer than `MOST_JPEG_BYTES`."""
    import cv2  # noqa: PLC0415 - few pipes log pictures

    height, width = image.shape[:2]
    scale = min(1.0, MOST_WIDTH / width, MOST_WIDTH / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _picture(data: Any) -> NDArray[Any] | None:
    for held in (data, getattr(data, "image", None), _framed(data)):
        if _is_picture(held):
            return held
    return None


def _framed(data: Any) -> Any:
    """What PipeRT's frames give when they are asked."""
    get_frame = getattr(data, "get_frame", None)
    return get_frame() if callable(get_frame) else None


def _is_picture(held: Any) -> bool:
    shape = getattr(held, "shape", ())
    if str(getattr(held, "dtype", "")) != "uint8" or not isinstance(shape, tuple) or not all(shape):
        return False
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in {1, 3, 4})
