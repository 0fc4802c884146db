"""Tokens: what is handed on in the place of a picture."""

from __future__ import annotations

import struct
import zlib
from typing import Final, NamedTuple, Self

from sightline.arrays import Buffer
from sightline.errors import WireError

TOKEN: Final = struct.Struct("<4s16sIQQI20x")
TOKEN_BYTES: Final = TOKEN.size  # 64
MAGIC: Final = b"SLs1"
CHECKED_BYTES: Final = 64
"""Of each end of a payload go into `check`."""


class Token(NamedTuple):
    """Where a payload lies.

    Attributes:
        pool: the pool's id, 16 random bytes.
        slot: counted from 0.
        generation: how often this slot was filled before; it never falls.
        size: bytes of the payload, from the slot's beginning.
        check: CRC-32 of the payload's first and last `CHECKED_BYTES`.
    """

    pool: bytes
    slot: int
    generation: int
    size: int
    check: int

    def packed(self) -> bytes:
        return TOKEN.pack(MAGIC, *self)

    @classmethod
    def unpacked(cls, data: Buffer) -> Self:
        """Raises WireError where it is none."""
        if len(data) != TOKEN_BYTES or data[:4] != MAGIC:
            raise WireError(f"expected a token of {TOKEN_BYTES} bytes, got {bytes(data[:16]).hex(' ')} ...")
        _, *fields = TOKEN.unpack(data)
        return cls(*fields)


def check_of(payload: memoryview) -> int:
    """What stands in a token as `check`. Takes no longer for a large payload than for a small one."""
    return zlib.crc32(payload[-CHECKED_BYTES:], zlib.crc32(payload[:CHECKED_BYTES]))
