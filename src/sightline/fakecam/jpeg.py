"""JPEG pictures as payloads of RTP packets (RFC 2435).

The receiver makes a picture's header anew: it is sent the quantisation tables with each picture (Q 255) and
takes the Huffman tables for granted. So a picture must be baseline, three components, 4:2:0 or 4:2:2, with
the usual tables, and sides of whole blocks of 8, at most 2040. What is not so is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

import cv2
import numpy as np

from sightline.errors import ConfigError

_SOF0, _DHT, _SOS, _DQT, _DRI = 0xC0, 0xC4, 0xDA, 0xDB, 0xDD
_OTHER_FRAMES: Final = frozenset({*range(0xC1, 0xD0)} - {_DHT, 0xC8, 0xCC})
_TYPES: Final = {(2, 1): 0, (2, 2): 1}  # by the sampling of brightness: 4:2:2, 4:2:0 (RFC 2435 4.1)
_WITH_RESTARTS: Final = 64
_TABLES_FOLLOW: Final = 255
_MAX_SIDE: Final = 2040
_EOI: Final = b"\xff\xd9"


class Picture(NamedTuple):
    """What of a JPEG travels."""

    kind: int
    width: int
    height: int
    tables: bytes
    restart_interval: int
    scan: bytes


def payloads(jpeg: bytes, limit: int) -> list[bytes]:
    """The payloads of one picture, each of at most `limit` bytes. Raises ConfigError as `read` does."""
    picture = read(jpeg)
    made = []
    at = 0
    while at < len(picture.scan):
        header = _main_header(picture, at) + (_table_header(picture) if at == 0 else b"")
        part = picture.scan[at : at + limit - len(header)]
        made.append(header + part)
        at += len(part)
    return made


def read(jpeg: bytes) -> Picture:
    """Takes a JPEG apart. Raises ConfigError for one that RFC 2435 has no words for."""
    try:
        return _read(jpeg)
    except (IndexError, struct.error, KeyError):
        raise ConfigError("expected a whole JPEG picture, got one that breaks off") from None


def check_sides(width: int, height: int) -> None:
    """Raises ConfigError for a size that the header of RFC 2435 cannot say."""
    if any(side % 8 or not 0 < side <= _MAX_SIDE for side in (width, height)):
        raise ConfigError(
            f"expected JPEG with sides of whole 8 pixels, at most {_MAX_SIDE} (RFC 2435),"
            f" got {width}x{height}"
        )


def _read(jpeg: bytes) -> Picture:
    tables: dict[int, bytes] = {}
    frame: bytes | None = None
    restart_interval = 0
    for marker, segment, end in _segments(jpeg):
        if marker == _DQT:
            tables |= _quantisation(segment)
        elif marker == _DHT:
            _check_huffman(segment)
        elif marker == _DRI:
            (restart_interval,) = struct.unpack(">H", segment)
        elif marker == _SOF0:
            frame = segment
        elif marker in _OTHER_FRAMES:
            raise ConfigError("expected a baseline JPEG, got a progressive or another one")
        elif marker == _SOS and frame is not None:
            return _picture(frame, tables, restart_interval, jpeg[end:].removesuffix(_EOI))
    raise ConfigError("expected a JPEG picture, got none")


def _segments(jpeg: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, content and end of each segment up to the scan (ITU-T T.81 B.1.1)."""
    at = 2
    marker = 0
    while marker != _SOS:
        if jpeg[at] != 0xFF:
            raise ConfigError(f"expected a JPEG marker at byte {at}, got {jpeg[at]:#04x}")
        marker = jpeg[at + 1]
        (length,) = struct.unpack_from(">H", jpeg, at + 2)
        end = at + 2 + length
        yield marker, jpeg[at + 4 : end], end
        at = end


def _quantisation(segment: bytes) -> dict[int, bytes]:
    tables = {}
    for at in range(0, len(segment), 65):
        if segment[at] >> 4:
            raise ConfigError("expected quantisation tables of 8 bits, got one of 16")
        tables[segment[at] & 0x0F] = segment[at + 1 : at + 65]
    return tables


def _picture(frame: bytes, tables: dict[int, bytes], restart_interval: int, scan: bytes) -> Picture:
    _, height, width, components = struct.unpack_from(">BHHB", frame)
    sampling = [(frame[at + 1] >> 4, frame[at + 1] & 0x0F) for at in range(6, 6 + 3 * components, 3)]
    if components != 3 or sampling[0] not in _TYPES or sampling[1:] != [(1, 1), (1, 1)]:
        raise ConfigError(f"expected JPEG of 4:2:0 or 4:2:2, got components sampled {sampling}")
    check_sides(width, height)
    kind = _TYPES[sampling[0]] + (_WITH_RESTARTS if restart_interval else 0)
    both = tables[frame[8]] + tables[frame[11]]  # of brightness and of colour
    return Picture(kind, width, height, both, restart_interval, scan)


def _main_header(picture: Picture, offset: int) -> bytes:
    sides = picture.width // 8, picture.height // 8
    header = struct.pack(">IBBBB", offset, picture.kind, _TABLES_FOLLOW, *sides)
    if picture.restart_interval:
        header += struct.pack(">HH", picture.restart_interval, 0xFFFF)  # fragments are cut anywhere (3.1.7)
    return header


def _table_header(picture: Picture) -> bytes:
    return struct.pack(">BBH", 0, 0, len(picture.tables)) + picture.tables


def _check_huffman(segment: bytes) -> None:
    if not _huffman(segment).items() <= _usual_huffman().items():
        raise ConfigError(
            "expected JPEG with the usual Huffman tables, which RFC 2435 takes for granted, got others"
            " (ffmpeg makes the usual ones with -huffman default)"
        )


def _huffman(segment: bytes) -> dict[int, bytes]:
    """Each table by its class and number: how many codes of each length, and their values (T.81 B.2.4.2)."""
    tables = {}
    at = 0
    while at < len(segment):
        end = at + 17 + sum(segment[at + 1 : at + 17])
        tables[segment[at]] = segment[at + 1 : end]
        at = end
    return tables


@cache
def _usual_huffman() -> dict[int, bytes]:
    """The tables of ITU-T T.81 K.3, which libjpeg writes unless it is told to find better ones."""
    _, jpeg = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))
    found: dict[int, bytes] = {}
    for marker, segment, _ in _segments(jpeg.tobytes()):
        if marker == _DHT:
            found |= _huffman(segment)
    return found
