"""What the first bytes of a picture say of its size, before anything is decoded.

A JPEG of a few hundred bytes may claim 65535 x 65535 pixels, and a decoder believes it. So the header is read
first, by hand: JPEG's frame header (ITU-T T.81, B.2.2), PNG's IHDR (ISO/IEC 15948, 11.2.2), WebP's first
chunk (RFC 9649, 2). Whether the picture ends as it should is seen here too: a cut one does not.
What a decoder might read otherwise is taken for none: nobody shows one size to us and another to it.

Does not do: say whether what lies between is sound. That is the decoder's work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sightline.frame import Size
from sightline.framequeue.key import PictureFormat

_PNG_BEGIN: Final = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
_PNG_END: Final = b"\0\0\0\0IEND\xae\x42\x60\x82"
_JPEG_BEGIN, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
# SOF0 to SOF15, but for those of their numbers that mean DHT, JPG and DAC (T.81, table B.1).
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# What may come before it, each with its length: DHT, DAC, DQT, DRI, APP0 to APP15 and COM (T.81, B.2.4).
_SEGMENTS: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE})


def size_of(data: bytes, picture_format: PictureFormat) -> Size | None:
    """The size in pixels that a whole picture claims; None where `data` is none of that format, or cut."""
    read = _READERS.get(picture_format)
    return None if read is None else read(data)


def _jpeg(data: bytes) -> Size | None:
    if not (data.startswith(_JPEG_BEGIN) and data.endswith(_JPEG_END)):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte (T.81, B.1.1.2)
            at += 1
        elif marker in _FRAME_HEADERS:
            return Size(
                height=int.from_bytes(data[at + 5 : at + 7]), width=int.from_bytes(data[at + 7 : at + 9])
            )
        elif marker in _SEGMENTS:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
        else:
            return None
    return None


def _png(data: bytes) -> Size | None:
    if not (data.startswith(_PNG_BEGIN) and data.endswith(_PNG_END)):
        return None
    return Size(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))


def _webp(data: bytes) -> Size | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or _little(data[4:8]) + 8 != len(data):
        return None
    chunk = data[12:16]
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return Size(_little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF)
    if chunk == b"VP8L" and data[20:21] == b"\x2f":
        bits = _little(data[21:25])
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if chunk == b"VP8X":
        return Size(_little(data[24:27]) + 1, _little(data[27:30]) + 1)
    return None


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


_READERS: Final[dict[str, Callable[[bytes], Size | None]]] = {"jpeg": _jpeg, "png": _png, "webp": _webp}
