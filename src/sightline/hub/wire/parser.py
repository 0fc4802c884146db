"""Bytes of a connection in, whole frames out.

Promises: made for `asyncio.BufferedProtocol`, so that a large body is written by the kernel straight into
the memory that it stays in, and a small one is copied once, out of the scratch; frames that came in parts
come out whole; whatever the bytes, frames come out or one `WireError`, and nothing is made for a body that is
larger than allowed. At most one large body and what `sightline.hub.wire.joining` allows is held.

Deliberately not here: what the frames mean; a frame is passed on when its head alone is right.
"""

from __future__ import annotations

from typing import Final, NoReturn

from sightline.errors import WireError
from sightline.hub.settings import KIB, MIB
from sightline.hub.wire.header import HEAD, HEAD_BYTES, VERSION, Frame, Head, Kind
from sightline.hub.wire.joining import Joining, memory_of

SCRATCH_BYTES: Final = 256 * KIB
LARGE_BYTES: Final = 64 * KIB
"""A body of so many bytes is received in place."""

_KINDS: Final = frozenset(int(kind) for kind in Kind)
_PART: Final = int(Kind.PART)
_new: Final = tuple.__new__  # of a NamedTuple: a third of what its constructor takes


class Parser:
    """The receiving half of one connection.

    Args:
        max_frame_bytes: the most that a frame may have, its head included; may be set at any time, and holds
            for frames whose head has not been read.
    """

    def __init__(self, *, max_frame_bytes: int = 16 * MIB + 64 * KIB) -> None:
        self.max_frame_bytes = max_frame_bytes
        self._scratch = memory_of(SCRATCH_BYTES)
        self._filled = 0  # of the scratch: the beginning of a frame
        self._needed = HEAD_BYTES  # of it, before anything can come of it
        self._until = SCRATCH_BYTES  # how far it may be filled
        self._joining = Joining()
        self._head: Head | None = None  # of the large body that is being received
        self._body = self._rest = self._scratch[:0]  # that body, and what is missing of it
        self._broken = False

    def get_buffer(self) -> memoryview:
        """Where the next bytes go; never empty."""
        return self._rest or self._scratch[self._filled : self._until]

    def buffer_updated(self, count: int) -> list[Frame]:
        """The frames that are whole now that `count` bytes were written to `get_buffer()`.

        A small body is `bytes`, a large one a read-only view of memory of its own.

        Raises:
            WireError: the peer does not speak the protocol, or a frame is larger than allowed. The frames
                before it in the same bytes are lost, and nothing is taken any more.
        """
        if self._broken:
            raise WireError("expected nothing after a breach of the protocol")
        self._broken = True
        frames: list[Frame] = []
        if self._rest:
            self._take_in_place(count, frames)
        else:
            self._take_scratch(count, frames)
        self._broken = False
        return frames

    def _take_in_place(self, count: int, frames: list[Frame]) -> None:
        self._rest = self._rest[count:]
        if not self._rest:
            # Of what follows only a head is read, so that the body behind it can be in place as well.
            self._until = HEAD_BYTES
            self._end_large(frames)

    def _take_scratch(self, count: int, frames: list[Frame]) -> None:
        end = self._filled = self._filled + count
        if end < self._needed:
            return
        data = bytes(self._scratch[:end])
        most_body = self.max_frame_bytes - HEAD_BYTES
        unpack_from = HEAD.unpack_from
        at = 0
        self._needed = HEAD_BYTES
        while end - at >= HEAD_BYTES:
            fields = unpack_from(data, at)
            body_bytes = fields[0]
            kind = fields[1]
            if (
                fields[4] != VERSION
                or kind not in _KINDS
                or fields[11] > body_bytes
                or body_bytes > most_body
            ):
                self._refuse(data, at)
            begin = at + HEAD_BYTES
            stop = begin + body_bytes
            if stop > end:
                if body_bytes >= LARGE_BYTES:
                    self._begin_large(_new(Head, fields), self._scratch[begin:end])
                    return
                self._needed = HEAD_BYTES + body_bytes
                break
            if kind == _PART:
                self._join(_new(Head, fields), self._scratch[begin:stop], frames)
            else:
                frames.append(_new(Frame, (_new(Head, fields), data[begin:stop])))
            at = stop
        self._filled = end - at
        self._until = SCRATCH_BYTES
        self._scratch[: self._filled] = data[at:]

    def _begin_large(self, head: Head, beginning: memoryview) -> None:
        if head.kind == _PART:
            self._body = self._joining.place(head, self.max_frame_bytes)
        else:
            self._body = memory_of(head.body_bytes)
        self._head = head
        self._filled = 0
        self._body[: len(beginning)] = beginning
        self._rest = self._body[len(beginning) :]

    def _end_large(self, frames: list[Frame]) -> None:
        head, body = self._head, self._body
        assert head is not None
        self._head, self._body = None, self._scratch[:0]  # it is the frame's alone now
        frame = self._joining.placed(head) if head.kind == _PART else Frame(head, body.toreadonly())
        if frame is not None:
            frames.append(frame)

    def _join(self, head: Head, body: memoryview, frames: list[Frame]) -> None:
        self._joining.place(head, self.max_frame_bytes)[:] = body
        frame = self._joining.placed(head)
        if frame is not None:
            frames.append(frame)

    def _refuse(self, data: bytes, at: int) -> NoReturn:
        head = Head.unpacked(data, at)  # tells what is wrong, unless it is the size
        raise WireError(
            f"expected a frame of at most {self.max_frame_bytes} bytes, "
            f"got one of {HEAD_BYTES + head.body_bytes}"
        )
