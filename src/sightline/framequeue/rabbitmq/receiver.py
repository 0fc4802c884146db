"""Consuming: each call of `receive` is a consumer of its own, which takes no more than was asked for.

A consumer that stays would have keys in hand that nobody works on, while another worker waits: its prefetch
is what `receive` is asked for, and once it has something it is cancelled. What crosses that on its way goes
back, and is marked as redelivered. Who wants keys ahead asks for more.

A delivery is known by its channel, under a number of its own, and its tag there: what was handed over by a
connection that broke is nobody's here any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from sightline.framequeue.queue import Delivery
from sightline.framequeue.rabbitmq.dead import handed_over, key_of
from sightline.framequeue.rabbitmq.wire import Cut, Incoming, Wire

GRACE_S: Final = 10.0
"""How much longer than its time a call waits for a broker that is connected and says nothing."""

Tag = tuple[int, int]


class Held(NamedTuple):
    """A key in hand; `handed` counts how often it was handed over, this time included."""

    text: str
    handed: int


class _Round:
    """What came to one consumer."""

    def __init__(self, most: int) -> None:
        self.got: list[Incoming] = []
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._most = most

    @property
    def full(self) -> bool:
        return len(self.got) >= self._most

    def take(self, message: Incoming) -> None:
        self.got.append(message)
        if not self.begun.done():
            self.begun.set_result(None)


class Receiver:
    """Over one connection after the other; for the thread of the connection."""

    def __init__(self, queue: str) -> None:
        self._queue = queue
        self._wire: Wire | None = None
        self._session = 0
        self._held: dict[Tag, Held] = {}
        self._names = itertools.count()
        self._connected = asyncio.Event()

    def connect(self, wire: Wire) -> None:
        """From now on over this channel; what was held is not any more."""
        self._wire, self._session = wire, secrets.randbits(62)
        self._held.clear()
        self._connected.set()
        wire.when_cut(self._disconnect)

    async def receive(self, most: int, timeout_s: float) -> list[Delivery]:
        """See `KeyQueue`."""
        until_s = asyncio.get_running_loop().time() + timeout_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until_s + GRACE_S):
                while (wire := await self._wire_until(until_s)) is not None:
                    with contextlib.suppress(Cut):
                        if (got := await self._round(wire, most, until_s)) or _is_over(until_s):
                            return got
        return []

    async def settle(self, tag: Tag, how: Callable[[Wire, int], None]) -> bool:
        """Whether it was held; then it is not any more, and the broker has taken that in."""
        wire = self._wire
        if wire is None or self.let_go(tag) is None:
            return False
        how(wire, tag[1])
        try:
            await wire.barrier()
        except Cut:
            return False
        return True

    def let_go(self, tag: Tag) -> Held | None:
        """It is not held here any more, and stays with this connection until `finish`."""
        return self._held.pop(tag, None)

    def finish(self, tag: Tag, how: Callable[[Wire, int], None]) -> None:
        """What is to be done with what was let go of; nothing where the connection broke meanwhile."""
        if self._wire is not None and tag[0] == self._session:
            how(self._wire, tag[1])

    def _disconnect(self) -> None:
        self._wire = None
        self._held.clear()
        self._connected.clear()

    async def _wire_until(self, until_s: float) -> Wire | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until_s):
                await self._connected.wait()
        return self._wire

    async def _round(self, wire: Wire, most: int, until_s: float) -> list[Delivery]:
        name, got = f"sightline-{next(self._names)}", _Round(most)
        try:
            await wire.consume(self._queue, name, most, got.take)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until_s):
                    await wire.wait(got.begun)
            if not got.full:  # more may be right behind
                await wire.barrier()
            await wire.cancel(name)
        except BaseException:
            wire.cancel_soon(name)
            for message in got.got:
                wire.back(message.tag)
            raise
        return [delivery for message in got.got if (delivery := self._hand(wire, message)) is not None]

    def _hand(self, wire: Wire, message: Incoming) -> Delivery | None:
        text = key_of(message.body)
        if text is None:
            wire.back(message.tag, again=False)
            return None
        tag, handed = (self._session, message.tag), handed_over(message) + 1
        self._held[tag] = Held(text, handed)
        return Delivery(text, handed > 1, time.time_ns(), tag)


def _is_over(until_s: float) -> bool:
    return asyncio.get_running_loop().time() >= until_s
