"""How an application puts messages: encoded in its own thread, and waiting there while there is no room.

What waits, waits the same way in a thread and in a loop: a generator says for what.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from sightline.errors import BufferFull
from sightline.hub.client.bell import Bell
from sightline.hub.client.faults import again
from sightline.hub.client.link import Link
from sightline.hub.client.outgoing import SMALL_BYTES, cuts, joined
from sightline.hub.client.sharing import WAIT_S_PER_BYTE, Lent, array_bytes
from sightline.hub.client.writing import Outbox, Put
from sightline.hub.wire.control import Beside
from sightline.hub.wire.header import Buffer
from sightline.hub.wire.payload import ARRAY, RAW, Compress, encode

T = TypeVar("T")


class Brief(NamedTuple):
    """What is waited for, but not for long: it goes on all the same."""

    condition: Callable[[], object]
    most_s: float


Steps: TypeAlias = Generator[Callable[[], object] | Brief, None, T]
"""Work that says what it waits for each time that it cannot go on."""
Headers: TypeAlias = tuple[tuple[str, bytes], ...]

_encode_beside: Final = msgspec.msgpack.Encoder().encode


class Encoded(NamedTuple):
    """A message as it is offered to an outbox; `lent`: its payload is in shared memory by itself."""

    format: int
    pieces: Sequence[Buffer]
    size: int
    time_ns: int
    ext: bytes = b""
    keyframe: bool = False
    lent: Lent | None = None


_Many: TypeAlias = tuple[int, list[int], Buffer]
"""The format, the lengths of the messages, and those one behind the other."""
_Frame: TypeAlias = Encoded | _Many


class Sender:
    """The way into one channel. It may be used from any thread and any loop."""

    def __init__(self, link: Link, outbox: Outbox) -> None:
        self.outbox = outbox
        self.link = link

    def encoded(
        self,
        value: Any,
        compress: Compress | None = None,
        *,
        key: bytes | None = None,
        keyframe: bool = False,
        headers: Headers = (),
    ) -> Encoded | None:
        """The message to put; None where nobody wants it, which is counted.

        Raises:
            TypeError: it cannot be sent; the message has the path to what in it.
            BufferFull: it is larger than the hub takes.
        """
        if self.outbox.passes_over(1):
            return None
        ext = _encode_beside(Beside(key=key, headers=headers)) if key is not None or headers else b""
        return self._encoded(value, compress, time.time_ns(), ext, keyframe=keyframe)

    def put(self, message: Encoded) -> Steps[bool]:
        """Whether it was wanted."""
        form, pieces, size, time_ns, ext, keyframe, lent = message
        outbox, put = self.outbox, Put.FULL
        try:
            while True:
                if size > SMALL_BYTES and not outbox.may_offer():  # an offer copies it
                    yield outbox.may_offer
                if lent is None and outbox.share.takes(size) and outbox.may_offer():
                    yield from self._slot(size)
                    lent = outbox.share.lent(pieces, size)
                put = outbox.offer(form, pieces, time_ns, ext=ext, keyframe=keyframe, lent=lent)
                if put is not Put.FULL:
                    return put is Put.TAKEN
                yield outbox.may_offer
        finally:
            if lent is not None and put is not Put.TAKEN:
                lent.slot.taken = False  # its array may be put another time

    def new_array(self, shape: int | Sequence[int], dtype: DTypeLike) -> Steps[NDArray[Any]]:
        """An array to write into and put, in shared memory where that can be."""
        share, wanted = self.outbox.share, np.dtype(dtype)
        if share.takes(size := array_bytes(shape, wanted)):
            yield from self._slot(size)
        return share.array(shape, wanted)

    def put_many(self, values: Sequence[Any], compress: Compress | None = None) -> Steps[int]:
        """How many of them were wanted; they go as few frames."""
        if self.outbox.passes_over(len(values)):
            return 0
        time_ns = time.time_ns()
        taken = 0
        for frame in self._frames(values, compress, time_ns):
            if isinstance(frame, Encoded):
                taken += yield from self.put(frame)
                continue
            form, lengths, payload = frame
            while (put := self.outbox.offer_many(form, lengths, payload, time_ns)) is Put.FULL:
                yield partial(self.outbox.may_offer, len(lengths))
            taken += len(lengths) if put is Put.TAKEN else 0
        return taken

    def flush(self) -> Steps[None]:
        """Until the hub has all. Raises what ended the channel before that."""
        while not self.outbox.is_flushed():
            yield self.outbox.is_flushed
        if self.outbox.failure is not None and self.outbox.unacknowledged:
            raise again(self.outbox.failure)

    def active(self) -> Steps[None]:
        """Until somebody wants this channel's messages."""
        while not self.outbox.is_active():
            yield self.outbox.is_active
        if self.outbox.failure is not None:
            raise again(self.outbox.failure)

    def _slot(self, size: int) -> Steps[None]:
        """Until there is one, within reason."""
        may_lend = self.outbox.share.may_lend
        if not may_lend():
            yield Brief(may_lend, size * WAIT_S_PER_BYTE)

    def _encoded(
        self,
        value: Any,
        compress: Compress | None,
        time_ns: int,
        ext: bytes = b"",
        *,
        keyframe: bool = False,
    ) -> Encoded:
        form, pieces = encode(value, compress=compress)
        size = sum(map(len, pieces))
        self._check(len(ext) + size)
        share = self.outbox.share
        lent = share.own(value) if form == ARRAY and share.takes(size) else None
        return Encoded(form, pieces, size, time_ns, ext, keyframe, lent)

    def _frames(self, values: Sequence[Any], compress: Compress | None, time_ns: int) -> Iterator[_Frame]:
        """Those that are shared each by itself, the others as few frames."""
        takes = self.outbox.share.takes
        if compress is None and {bytes}.issuperset(map(type, values)):
            largest = max(map(len, values), default=0)
            if not takes(largest):
                self._check(largest)
                yield from self._cut(RAW, values)
                return
        encoded = [self._encoded(value, compress, time_ns) for value in values]
        for (form, large), same in groupby(encoded, key=lambda one: (one.format, takes(one.size))):
            if large:
                yield from same
            else:
                yield from self._cut(form, [joined(one.pieces) for one in same])

    def _cut(self, form: int, payloads: Sequence[bytes]) -> Iterator[_Many]:
        lengths = list(map(len, payloads))
        for first, end in cuts(lengths, self.outbox.batch_bytes):
            yield form, lengths[first:end], b"".join(payloads[first:end])

    def _check(self, size: int) -> None:
        if size > self.link.message_bytes:
            raise BufferFull(
                f"expected a message of at most {self.link.message_bytes} bytes, which is what the hub "
                f"takes; got {size}"
            )


def done(steps: Steps[T], sender: Sender, timeout_s: float | None, what: str) -> T:
    """What the steps come to. Blocks. Raises TimeoutError."""
    until = None if timeout_s is None else time.monotonic() + timeout_s
    bell, link = sender.outbox.bell, sender.link
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        left_s = None if until is None else until - time.monotonic()
        if isinstance(step, Brief):
            if link.may_block:
                bell.wait(step.condition, _less(step.most_s, left_s))
            continue
        link.check_may_block()
        if not bell.wait(step, left_s):
            raise TimeoutError(f"{what}: not within {timeout_s} s")


async def done_async(steps: Steps[T], bell: Bell, timeout_s: float | None, what: str) -> T:
    """As `done`, without blocking the running loop."""
    until = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        left_s = None if until is None else until - time.monotonic()
        if isinstance(step, Brief):
            await bell.wait_async(step.condition, _less(step.most_s, left_s))
        elif not await bell.wait_async(step, left_s):
            raise TimeoutError(f"{what}: not within {timeout_s} s")


def _less(most_s: float, left_s: float | None) -> float:
    return most_s if left_s is None else min(most_s, left_s)
