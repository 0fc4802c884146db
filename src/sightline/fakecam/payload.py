"""NAL units as payloads of RTP packets: H.264 by RFC 6184, H.265 by RFC 7798.

Each NAL unit is a packet of its own; one that is too large goes out in fragments (FU-A, FU). Units are not
put together in one packet (STAP-A, AP): parameter sets are small, and every receiver takes them singly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_FU_A: Final = 28  # RFC 6184 table 1
_FU: Final = 49  # RFC 7798 4.4.3
_FIRST, _LAST = 0x80, 0x40


def payloads(nal_units: Iterable[bytes], codec: str, limit: int) -> list[bytes]:
    """The payloads of one access unit, each of at most `limit` bytes. `codec` is `h264` or `hevc`."""
    made: list[bytes] = []
    for nal in nal_units:
        header_size = _HEADER_SIZES[codec]
        if len(nal) > limit:
            made += _fragments(nal, codec, limit)
        elif len(nal) >= header_size:
            made.append(nal)
    return made


_HEADER_SIZES: Final = {"h264": 1, "hevc": 2}


def _fragments(nal: bytes, codec: str, limit: int) -> Iterable[bytes]:
    header, kind = _fragment_header(nal, codec)
    body = nal[_HEADER_SIZES[codec] :]
    step = limit - len(header) - 1
    for start in range(0, len(body), step):
        part = body[start : start + step]
        place = (_FIRST if start == 0 else 0) | (_LAST if start + step >= len(body) else 0)
        yield header + bytes((place | kind,)) + part


def _fragment_header(nal: bytes, codec: str) -> tuple[bytes, int]:
    """What each fragment begins with, and the type of the unit that it is of."""
    if codec == "h264":
        return bytes((nal[0] & 0xE0 | _FU_A,)), nal[0] & 0x1F
    return bytes((nal[0] & 0x81 | _FU << 1, nal[1])), nal[0] >> 1 & 0x3F
