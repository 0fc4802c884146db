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

from sightline.errors import BufferFull
from sightline.hub.client.bell import Bell
from sightline.hub.client.faults import again
from sightline.hub.client.link import Link
from sightline.hub.client.outgoing import cuts
from sightline.hub.client.writing import Outbox, Put
from sightline.hub.wire.control import Beside
from sightline.hub.wire.header import Buffer
from sightline.hub.wire.payload import RAW, Compress, encode

T = TypeVar("T")
Steps: TypeAlias = Generator[Callable[[], object], None, T]
"""Work that says what it waits for each time that it cannot go on."""
Headers: TypeAlias = tuple[tuple[str, bytes], ...]

_encode_beside: Final = msgspec.msgpack.Encoder().encode


class Encoded(NamedTuple):
    """A message as it is offered to an outbox."""

    format: int
    pieces: Sequence[Buffer]
    time_ns: int
    ext: bytes
    keyframe: bool


class Sender:
    """The way into one channel. It may be used from any thread and any loop."""

    def __init__(self, link: Link, outbox: Outbox) -> None:
        self.outbox = outbox
        self.check_may_block = link.check_may_block
        self._link = link

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
        form, pieces = encode(value, compress=compress)
        ext = _encode_beside(Beside(key=key, headers=headers)) if key is not None or headers else b""
        self._check(len(ext) + sum(map(len, pieces)))
        return Encoded(form, pieces, time.time_ns(), ext, keyframe)

    def put(self, message: Encoded) -> Steps[bool]:
        """Whether it was wanted."""
        form, pieces, time_ns, ext, keyframe = message
        while True:
            put = self.outbox.offer(form, pieces, time_ns, ext=ext, keyframe=keyframe)
            if put is not Put.FULL:
                return put is Put.TAKEN
            yield self.outbox.may_offer

    def put_many(self, values: Sequence[Any], compress: Compress | None = None) -> Steps[int]:
        """How many of them were wanted; they go as few frames."""
        if self.outbox.passes_over(len(values)):
            return 0
        time_ns = time.time_ns()
        taken = 0
        for form, lengths, payload in self._frames(values, compress):
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

    def _frames(
        self, values: Sequence[Any], compress: Compress | None
    ) -> Iterator[tuple[int, list[int], Buffer]]:
        """The format, the lengths of the messages, and those one behind the other."""
        if compress is None and {bytes}.issuperset(map(type, values)):
            self._check(max(map(len, values), default=0))
            yield from self._cut(RAW, values)
            return
        encoded = [encode(value, compress=compress) for value in values]
        self._check(max((sum(map(len, pieces)) for _, pieces in encoded), default=0))
        for form, same in groupby(encoded, key=lambda one: one[0]):
            yield from self._cut(form, [b"".join(pieces) for _, pieces in same])

    def _cut(self, form: int, payloads: Sequence[bytes]) -> Iterator[tuple[int, list[int], Buffer]]:
        lengths = list(map(len, payloads))
        for first, end in cuts(lengths, self.outbox.batch_bytes):
            yield form, lengths[first:end], b"".join(payloads[first:end])

    def _check(self, size: int) -> None:
        if size > self._link.message_bytes:
            raise BufferFull(
                f"expected a message of at most {self._link.message_bytes} bytes, which is what the hub "
                f"takes; got {size}"
            )


def done(steps: Steps[T], sender: Sender, timeout_s: float | None, what: str) -> T:
    """What the steps come to. Blocks. Raises TimeoutError."""
    until = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        try:
            condition = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        sender.check_may_block()
        if not sender.outbox.bell.wait(condition, None if until is None else until - time.monotonic()):
            raise TimeoutError(f"{what}: not within {timeout_s} s")


async def done_async(steps: Steps[T], bell: Bell, timeout_s: float | None, what: str) -> T:
    """As `done`, without blocking the running loop."""
    until = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        try:
            condition = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if not await bell.wait_async(condition, None if until is None else until - time.monotonic()):
            raise TimeoutError(f"{what}: not within {timeout_s} s")
