"""What the messages of the proof hold: who wrote them, where, which one, and bytes that follow from that.

A message that was cut, joined with another or came under another's name does not read.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple
from zlib import crc32

_HEAD: Final = struct.Struct("<IIQI")  # writer, channel, seq, size; its CRC behind it
LEAST: Final = _HEAD.size + 4
_PATTERN: Final = bytes(range(256)) * 4097  # more than a message and a shift


class Mark(NamedTuple):
    """The message `seq`, from 0, that `writer` put into `channel`; `size` bytes in all."""

    writer: int
    channel: int
    seq: int
    size: int


def made(mark: Mark) -> bytes:
    """Raises ValueError for less than `LEAST` bytes, or a MiB and more."""
    if not LEAST <= mark.size < 1 << 20:
        raise ValueError(f"expected {LEAST} bytes to a MiB, got {mark.size}")
    head = _HEAD.pack(*mark)
    check = crc32(head)
    return head + check.to_bytes(4, "little") + _filling(check, mark.size)


def read(message: bytes | memoryview) -> Mark:
    """Raises ValueError for what `made` has not made."""
    if len(message) < LEAST:
        raise ValueError(f"expected {LEAST} bytes or more, got {len(message)}")
    mark = Mark(*_HEAD.unpack_from(message))
    check = crc32(message[: _HEAD.size])
    told = int.from_bytes(message[_HEAD.size : LEAST], "little")
    if told != check or mark.size != len(message) or message[LEAST:] != _filling(check, mark.size):
        raise ValueError(f"a message of {len(message)} bytes is not what it says: {mark}")
    return mark


def _filling(check: int, size: int) -> bytes:
    begin = check % 256
    return _PATTERN[begin : begin + size - LEAST]
