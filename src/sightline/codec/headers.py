"""What a keyframe says about the pictures from it on: the headers that decoding begins with, and the size.

Promises: H.264, H.265 and JPEG are read from their headers, nothing is decoded, and any bytes are taken.
Whatever of size or profile changes changes the headers; a camera with the same settings sends the same ones,
keyframe after keyframe. Other codecs have none here. JPEG's are from ITU-T T.81, table B.1 and B.2.2.
"""

from __future__ import annotations

from typing import Final

import av
from av.video.codeccontext import VideoCodecContext

from sightline.codec.nal import PARAMETER_SETS, START_CODE, before_slices
from sightline.frame import Size

# SOF0 to SOF15, without DHT, JPG and DAC, whose codes lie between theirs.
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN: Final = 0xDA


def headers_of(keyframe: bytes, codec: str) -> bytes:
    """The headers in a keyframe; b"" where there are none."""
    if codec == "mjpeg":
        return _frame_header(keyframe)
    return b"".join(
        START_CODE + keyframe[start:end]
        for kind, start, end in before_slices(keyframe, codec)
        if kind in PARAMETER_SETS[codec]
    )


def size_of(keyframe: bytes, codec: str) -> Size | None:
    """Pixels of the pictures from this keyframe on; None where that cannot be told."""
    size = _jpeg_size(_frame_header(keyframe)) if codec == "mjpeg" else _parsed_size(keyframe, codec)
    return size if min(size) > 0 else None


def _parsed_size(keyframe: bytes, codec: str) -> Size:
    """As libav's parser reads it: it looks at headers alone, and holds a unit until it is told of the end."""
    libav = av.CodecContext.create(codec, "r")
    assert isinstance(libav, VideoCodecContext)
    if keyframe:
        libav.parse(keyframe)
        libav.parse(None)
    return Size(libav.width, libav.height)


def _frame_header(jpeg: bytes) -> bytes:
    """The frame header's segment without its marker; b"" where there is none before the scan."""
    at = 2  # behind SOI
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != _START_OF_SCAN:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] in _FRAME_HEADERS:
            return jpeg[at + 2 : end]
        at = end
    return b""


def _jpeg_size(header: bytes) -> Size:
    """Length, precision, lines, samples a line."""
    return Size(int.from_bytes(header[5:7], "big"), int.from_bytes(header[3:5], "big"))
