"""Runs: consecutive messages of one writer, handed on as they came.

A run is what one DATA frame brought, or a part of it: the hub decides about whole runs wherever it can, and
cuts one by slicing its table and payload where a bound or a rate goes through it. Nothing is decoded but what
stands beside a payload, and nothing is copied but a small rest of a large body: a run keeps at most
`KEPT_FACTOR` times its own bytes alive. The payload of a shared one lies in its writer's memory, and may not
be written over as long as any run of it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from sightline.errors import WireError
from sightline.hub.wire.control import Beside
from sightline.hub.wire.header import BATCH, KEYFRAME, SHARED, VERSION, Buffer, Frame, Head, Kind

if TYPE_CHECKING:
    from sightline.shm.held import Held
    from sightline.shm.token import Token

KEPT_FACTOR: Final = 8
"""A part of a run is copied out of memory that is more than so many times as large."""
MOST_BATCHED: Final = 65_536
"""Messages of one frame; with more, bytes that say nothing could make the hub work."""
MOST_SEQ: Final = 2**63 - 1
MOST_EXT_BYTES: Final = 64 * 1024
"""What may go beside a payload; it is decoded here, a payload is not."""

_LENGTH: Final = np.dtype("<u4")
_new: Final = tuple.__new__  # of a NamedTuple: a third of what its constructor takes
_BESIDE: Final = msgspec.msgpack.Decoder(Beside)


class Run:
    """Messages `seq`, `seq + 1`, ... of `writer`, which are `offset`, `offset + 1`, ... of their channel.

    Never changed once made, so that all feeds of a channel share it.

    Attributes:
        entered_ns: when it came to the hub, monotonic.
        flags: `KEYFRAME` of a single message, or `BATCH`, or none.
        messages: how many, at least 1; a single one is never a batch.
        ext: msgpack of `Beside`; b"" in a batch.
        table: the length of each message, u32 little endian; b"" for a single one.
        payload: the payloads, one behind the other; b"" where it is shared.
        shared: a single message's payload in memory of its writer; None: it is not shared.
        key: of a single message; b"" where it has none.
        size: bytes of the payloads, wherever they lie, and `ext`, which is what bounds in bytes count.
        pieces: the body as it is sent on, but for a payload that is shared.
    """

    __slots__ = (
        "_memory_bytes",
        "entered_ns",
        "ext",
        "flags",
        "format",
        "key",
        "messages",
        "offset",
        "payload",
        "pieces",
        "seq",
        "shared",
        "size",
        "table",
        "time_ns",
        "writer",
    )

    def __init__(
        self,
        *,
        offset: int,
        seq: int,
        writer: int,
        time_ns: int,
        flags: int,
        format: int,  # noqa: A002 - as the frame's field is called
        messages: int,
        ext: Buffer,
        table: Buffer,
        payload: Buffer,
        key: bytes = b"",
        pieces: tuple[Buffer, ...] | None = None,
        memory_bytes: int = 0,
        entered_ns: int = 0,
        shared: Held | None = None,
    ) -> None:
        self.entered_ns = entered_ns
        self.offset = offset
        self.seq = seq
        self.writer = writer
        self.time_ns = time_ns
        self.flags = flags
        self.format = format
        self.messages = messages
        self.ext = ext
        self.table = table
        self.payload = payload
        self.key = key
        self.shared = shared
        self.size = len(payload) + len(ext) if shared is None else shared.size + len(ext)
        self.pieces = tuple(filter(len, (ext, table, payload))) if pieces is None else pieces
        self._memory_bytes = memory_bytes or self.size + len(table)

    @classmethod
    def of_frame(cls, frame: Frame, offset: int, writer: int, entered_ns: int = 0) -> Self:
        """The messages of a DATA frame, whose body must be memory of its own: it is kept, not copied.

        Raises:
            WireError: the body is not what its head says.
        """
        head, body = frame
        batched = head.flags & BATCH
        _check(head, body)
        ext: Buffer = b""
        table: Buffer = b""
        payload: Buffer = body
        if batched:
            _check_batch(head, body)
            table, payload = _split(body, 4 * head.messages)
        elif head.ext_bytes:
            ext, payload = _split(body, head.ext_bytes)
        alone = head.messages == 1
        return cls(
            offset=offset,
            seq=head.seq,
            writer=writer,
            time_ns=head.time_ns,
            flags=head.flags & ~BATCH if alone else head.flags,
            format=head.format,
            messages=head.messages,
            ext=ext,
            table=b"" if alone else table,
            payload=payload,
            key=_key(ext) if ext else b"",
            pieces=None if alone and batched else ((body,) if body else ()),
            memory_bytes=len(body),
            entered_ns=entered_ns,
        )

    @classmethod
    def of_shared(cls, frame: Frame, shared: Held, offset: int, writer: int, entered_ns: int = 0) -> Self:
        """The message of a DATA frame whose token, the last of its body, stands for `shared`.

        Raises:
            WireError: the body is not what its head says.
        """
        head = frame.head._replace(flags=frame.head.flags & ~SHARED)
        _check(head, frame.body)
        if head.flags & BATCH:
            raise WireError("expected one message that is shared, got a batch")
        ext = bytes(frame.body[: head.ext_bytes])
        return cls(
            offset=offset,
            seq=head.seq,
            writer=writer,
            time_ns=head.time_ns,
            flags=head.flags,
            format=head.format,
            messages=1,
            ext=ext,
            table=b"",
            payload=b"",
            key=_key(ext) if ext else b"",
            entered_ns=entered_ns,
            shared=shared,
        )

    @property
    def keyframe(self) -> bool:
        """Whether decoding may begin here; never within a batch."""
        return bool(self.flags & KEYFRAME)

    @property
    def next_offset(self) -> int:
        return self.offset + self.messages

    def to_frame(self, feed: int) -> tuple[Head, tuple[Buffer, ...]]:
        """The DATA frame for a reader: its head and the pieces of its body."""
        fields = (
            self.size + len(self.table),
            Kind.DATA,
            self.flags,
            self.format,
            VERSION,
            feed,
            self.messages,
            self.seq,
            self.offset,
            self.time_ns,
            self.writer,
            len(self.ext),
        )
        return _new(Head, fields), self.pieces

    def to_token_frame(self, feed: int, token: Token) -> tuple[Head, tuple[Buffer, ...]]:
        """The same of a shared one, for a reader that looks at the payload where it lies."""
        return self._single_frame(feed, token.packed(), SHARED)

    def to_copied_frame(self, feed: int, payload: bytes) -> tuple[Head, tuple[Buffer, ...]]:
        """The same of a shared one, for a reader that needs the payload itself."""
        return self._single_frame(feed, payload, 0)

    def _single_frame(self, feed: int, last: bytes, flags: int) -> tuple[Head, tuple[Buffer, ...]]:
        head, pieces = self.to_frame(feed)
        return (
            head._replace(body_bytes=len(self.ext) + len(last), flags=head.flags | flags),
            (*pieces, last),
        )

    def moved(self, offset: int) -> Run:
        """The same messages at another place of their channel."""
        return self if offset == self.offset else self._part(0, self.messages, 0, self.size, offset)

    def first(self, messages: int) -> Run:
        """The first so many, at least 1."""
        if messages >= self.messages:
            return self
        return self._part(0, messages, 0, self._weight(messages), self.offset)

    def after(self, messages: int) -> Run:
        """What is left behind the first so many, at least 1."""
        if not messages:
            return self
        begin = self._weight(messages)
        return self._part(messages, self.messages, begin, self.size, self.offset + messages)

    def parts(self, cuts: Iterable[tuple[int, int]]) -> Iterator[Run]:
        """Its messages from each first to behind each last, counted within the run."""
        if self.messages == 1:
            yield from (self for _ in cuts)
            return
        ends = np.cumsum(self.lengths(), dtype=np.int64).tolist()
        for start, stop in cuts:
            begin = ends[start - 1] if start else 0
            yield self._part(start, stop, begin, ends[stop - 1], self.offset + start)

    def lengths(self) -> NDArray[np.uint32]:
        """The size of each message."""
        if self.messages == 1:
            return np.array([self.size], _LENGTH)
        return np.frombuffer(self.table, _LENGTH)

    def fitting(self, most_bytes: float) -> int:
        """How many of the first messages weigh at most so much together."""
        if self.size <= most_bytes:
            return self.messages
        if self.messages == 1 or most_bytes < 0:
            return 0
        return int(np.cumsum(self.lengths(), dtype=np.int64).searchsorted(most_bytes, "right"))

    def least(self, messages: float, weight: float) -> int:
        """The least number of first messages that are so many and weigh so much; else all."""
        few = max(int(min(messages, self.messages)), 0)
        if weight <= 0:
            return few
        if self.messages in (few, 1) or weight > self.size:
            return self.messages
        heavy = int(np.cumsum(self.lengths(), dtype=np.int64).searchsorted(weight, "left")) + 1
        return max(few, heavy)

    def last_stretch(self, most: float, most_bytes: float) -> int:
        """Where the last one begins, of stretches that are each as long as the bounds let them be."""
        if self.size <= most_bytes:
            return int((self.messages - 1) // most * most)
        ends = np.cumsum(self.lengths(), dtype=np.int64)
        begin = end = 0
        while end < self.messages:
            begin, weight = end, int(ends[end - 1]) if end else 0
            end = int(min(begin + most, int(ends.searchsorted(weight + most_bytes, "right"))))
        return begin

    def _weight(self, messages: int) -> int:
        return int(np.add.reduce(np.frombuffer(self.table, _LENGTH, messages), dtype=np.int64))

    def _part(self, start: int, stop: int, begin: int, end: int, offset: int) -> Run:
        messages = stop - start
        whole = messages == self.messages
        table, payload, memory_bytes = self.table, self.payload, self._memory_bytes
        if not whole:
            table = table[4 * start : 4 * stop] if messages > 1 else b""
            payload = payload[begin:end]
            if memory_bytes > KEPT_FACTOR * (len(table) + len(payload)):
                table, payload, memory_bytes = bytes(table), bytes(payload), 0
        return Run(
            offset=offset,
            seq=self.seq + start,
            writer=self.writer,
            time_ns=self.time_ns,
            flags=self.flags & ~BATCH if messages == 1 else self.flags,
            format=self.format,
            messages=messages,
            ext=self.ext,
            table=table,
            payload=payload,
            key=self.key,
            pieces=self.pieces if whole else None,
            memory_bytes=memory_bytes,
            entered_ns=self.entered_ns,
            shared=self.shared,
        )


def _split(body: Buffer, at: int) -> tuple[memoryview, memoryview]:
    view = memoryview(body)
    return view[:at], view[at:]


def _check(head: Head, body: Buffer) -> None:
    if len(body) != head.body_bytes:
        raise WireError(f"expected a body of {head.body_bytes} bytes, got {len(body)}")
    if head.seq + head.messages > MOST_SEQ:
        raise WireError(f"expected numbers to {MOST_SEQ}, got {head.messages} from {head.seq} on")
    if head.flags & ~(KEYFRAME | BATCH):
        raise WireError(f"expected the flags KEYFRAME or BATCH, got {head.flags:#x}")
    if head.messages != 1 and not head.flags & BATCH:
        raise WireError(f"expected one message without the flag BATCH, got {head.messages}")


def _check_batch(head: Head, body: Buffer) -> None:
    if head.flags & KEYFRAME or head.ext_bytes:
        raise WireError(f"expected a batch without keyframe and ext, got an ext of {head.ext_bytes} bytes")
    if not 0 < head.messages <= MOST_BATCHED or 4 * head.messages > len(body):
        raise WireError(
            f"expected a batch of 1 to {MOST_BATCHED} messages and a length of each, got {head.messages} "
            f"in {len(body)} bytes"
        )
    lengths = np.frombuffer(body, _LENGTH, head.messages)
    weight = int(np.add.reduce(lengths, dtype=np.int64))
    if weight != len(body) - 4 * head.messages:
        raise WireError(f"expected payloads of {weight} bytes, got {len(body) - 4 * head.messages}")


def _key(ext: Buffer) -> bytes:
    if len(ext) > MOST_EXT_BYTES:
        raise WireError(f"expected at most {MOST_EXT_BYTES} bytes beside a payload, got {len(ext)}")
    try:
        return _BESIDE.decode(ext).key or b""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"expected a key and headers beside a payload: {error}") from error
