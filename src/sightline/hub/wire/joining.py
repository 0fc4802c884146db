"""Frames that come in parts, put together again.

Promises: each frame is received into memory of its own, of exactly its size, made when its first part comes;
what a peer can have begun is bounded in number and in bytes before anything is made; a part that does not
continue what was begun is a `WireError`. Deliberately not here: reading the parts off a connection.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sightline.errors import WireError
from sightline.hub.settings import MIB
from sightline.hub.wire.header import HEAD_BYTES, Frame, Head, Kind

MOST_BEGUN: Final = 64
"""Frames that a side may have begun and not ended, each on a stream of its own."""
MOST_BEGUN_BYTES: Final = 64 * MIB
"""What they may come to together, heads included. One alone may be of any size that is allowed at all."""


def memory_of(size: int) -> memoryview:
    """New memory that is written to once: its pages cost nothing before bytes come."""
    return np.empty(size, np.uint8).data


class _Begun:
    __slots__ = ("filled", "memory", "parts")

    def __init__(self, size: int) -> None:
        self.memory = memory_of(size)
        self.filled = 0
        self.parts = 0


class Joining:
    """The frames that one peer has begun."""

    def __init__(self) -> None:
        self._begun: dict[int, _Begun] = {}
        self._begun_bytes = 0

    def __len__(self) -> int:
        return len(self._begun)

    def place(self, head: Head, max_frame_bytes: int) -> memoryview:
        """Where the body of this part goes. Raises WireError where it has no place."""
        begun = self._begun.get(head.channel) or self._begin(head, max_frame_bytes)
        end = begun.filled + head.body_bytes
        if (
            head.seq != begun.parts
            or head.offset != len(begun.memory)
            or end > head.offset
            or not head.body_bytes
        ):
            raise WireError(
                f"expected part {begun.parts} of stream {head.channel}, {len(begun.memory)} bytes of which "
                f"{begun.filled} came, got part {head.seq} with {head.body_bytes} bytes of {head.offset}"
            )
        return begun.memory[begun.filled : end]

    def placed(self, head: Head) -> Frame | None:
        """The part is in its place. The frame, where this was its last one."""
        begun = self._begun[head.channel]
        begun.filled += head.body_bytes
        begun.parts += 1
        if begun.filled < len(begun.memory):
            return None
        del self._begun[head.channel]
        self._begun_bytes -= begun.filled
        return _whole(begun.memory)

    def _begin(self, head: Head, max_frame_bytes: int) -> _Begun:
        size = head.offset
        if not HEAD_BYTES <= size <= max_frame_bytes:
            raise WireError(f"expected a frame of {HEAD_BYTES} to {max_frame_bytes} bytes, got one of {size}")
        if len(self._begun) >= MOST_BEGUN or not may_begin(size, self._begun_bytes):
            raise WireError(
                f"expected at most {MOST_BEGUN} frames and {MOST_BEGUN_BYTES} bytes in parts at a time, "
                f"got one of {size} bytes beside {len(self._begun)} of {self._begun_bytes}"
            )
        begun = self._begun[head.channel] = _Begun(size)
        self._begun_bytes += size
        return begun


def may_begin(size: int, begun_bytes: int) -> bool:
    """Whether a frame of `size` bytes may be begun beside others of `begun_bytes`."""
    return not begun_bytes or begun_bytes + size <= MOST_BEGUN_BYTES


def _whole(memory: memoryview) -> Frame:
    head = Head.unpacked(memory)
    if head.kind == Kind.PART or HEAD_BYTES + head.body_bytes != len(memory):
        raise WireError(
            f"expected parts of one frame of {len(memory)} bytes, got a frame of kind {head.kind} and "
            f"{HEAD_BYTES + head.body_bytes} bytes"
        )
    return Frame(head, memory[HEAD_BYTES:].toreadonly())
