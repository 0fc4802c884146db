"""Messages on their way out, put together as frames."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, Self

import msgspec

from sightline.hub.settings import KIB
from sightline.hub.wire.header import BATCH, KEYFRAME, SHARED, Buffer, Head, Kind
from sightline.shm.slot import Slot

SMALL_BYTES: Final = 4 * KIB
"""Values up to this go together with others."""
BATCH_BYTES: Final = 128 * KIB
BATCH_MESSAGES: Final = 4096


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that go as one frame. More than one are a batch, and have neither ext nor keyframe.

    Attributes:
        slot: where the payload of one message lies in shared memory, which is not filled again before this is
            forgotten. With `pieces` these are views of it: it went by its token, and must go as bytes now.
    """

    seq: int
    lengths: tuple[int, ...]
    format: int
    time_ns: int
    pieces: Sequence[Buffer] = ()
    ext: bytes = b""
    keyframe: bool = False
    slot: Slot | None = None

    @property
    def end(self) -> int:
        return self.seq + len(self.lengths)

    @property
    def size(self) -> int:
        return sum(self.lengths) + len(self.ext)

    @property
    def shared(self) -> bool:
        """Whether a token goes instead of the payload."""
        return self.slot is not None and not self.pieces

    def unshared(self) -> Self:
        """The same as bytes, which are not copied."""
        if self.slot is None or self.pieces:
            return self
        return msgspec.structs.replace(self, pieces=(self.slot.payload,))

    def after(self, seq: int) -> Self:
        """The same without the messages before `seq`, which are fewer than all."""
        skipped = seq - self.seq
        if skipped <= 0:
            return self
        payload = memoryview(b"".join(self.pieces))[sum(self.lengths[:skipped]) :]
        return msgspec.structs.replace(self, seq=seq, lengths=self.lengths[skipped:], pieces=(payload,))

    def first(self, most_messages: int, most_bytes: int) -> Self:
        """As many of the messages as keep to these bounds; one in any case."""
        _, end = next(cuts(self.lengths, most_bytes, most_messages))
        payload = memoryview(b"".join(self.pieces))[: sum(self.lengths[:end])]
        return msgspec.structs.replace(self, lengths=self.lengths[:end], pieces=(payload,))

    def frame(self, channel: int) -> tuple[Head, Sequence[Buffer]]:
        messages = len(self.lengths)
        batch = messages > 1
        beside = struct.pack(f"<{messages}I", *self.lengths) if batch else self.ext
        pieces, flags = self.pieces, BATCH if batch else KEYFRAME if self.keyframe else 0
        if self.shared and self.slot is not None:
            pieces, flags = (self.slot.token().packed(),), flags | SHARED
        head = Head(
            body_bytes=len(beside) + sum(map(len, pieces)),
            kind=Kind.DATA,
            flags=flags,
            format=self.format,
            channel=channel,
            messages=messages,
            seq=self.seq,
            time_ns=self.time_ns,
            ext_bytes=len(self.ext),
        )
        return head, (beside, *pieces) if beside else pieces


def cuts(
    lengths: Sequence[int], batch_bytes: int, batch_messages: int = BATCH_MESSAGES
) -> Iterator[tuple[int, int]]:
    """Where to cut many messages into frames of at most so much: first and end of each."""
    ends = list(accumulate(lengths))
    first = at = 0
    while first < len(ends):
        end = min(max(bisect_right(ends, at + batch_bytes), first + 1), first + batch_messages)
        yield first, end
        first, at = end, ends[end - 1]


def joined(pieces: Sequence[Buffer]) -> bytes:
    piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    return piece if isinstance(piece, bytes) else bytes(piece)


def unchanging(piece: Buffer) -> Buffer:
    """A copy of what its owner might change before the hub has it; what cannot change goes as it is."""
    if isinstance(piece, bytes) or (isinstance(piece, memoryview) and piece.readonly):
        return piece
    return bytes(piece)
