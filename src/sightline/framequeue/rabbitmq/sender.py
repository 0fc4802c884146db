"""Publishing: many keys in flight, each confirmed, and told what became of it.

What was not confirmed when the connection broke is published again over the next one, so it may be in line
twice. While the broker takes in nothing, for want of memory or disk, all is `full` at once: what was on its
way then is told so too, and may come later all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pika import BasicProperties

from sightline.framequeue.queue import Outcome
from sightline.framequeue.rabbitmq.wire import Wire

MOST_IN_FLIGHT: Final = 1000
"""Keys of one batch; a sender with more waits for those."""
_PERSISTENT: Final = 2


class Letter(NamedTuple):
    """What is published. `exchange` "": `key` names the queue."""

    exchange: str
    key: str
    body: bytes
    headers: Mapping[str, Any] = {}
    content_type: str = "text/plain"


class Batch:
    """Letters, and what became of each so far."""

    def __init__(self, letters: Sequence[Letter]) -> None:
        self.letters = letters
        self.outcomes: list[Outcome | None] = [None] * len(letters)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = len(letters)

    def settle(self, index: int, outcome: Outcome) -> None:
        if self.outcomes[index] is None:
            self.outcomes[index] = outcome
            self._left -= 1
            if not self._left and not self.done.done():
                self.done.set_result(None)

    def settle_all(self, outcome: Outcome) -> None:
        for index in range(len(self.letters)):
            self.settle(index, outcome)


class Sender:
    """Over one connection after the other; for the thread of the connection."""

    def __init__(self) -> None:
        self._wire: Wire | None = None
        self._blocked = False
        self._batches: dict[int, Batch] = {}
        self._sent: dict[int, tuple[Batch, int]] = {}  # by number, not confirmed yet
        self._last = 0  # of the numbers of this channel
        self._below = 1  # the lowest that may not be confirmed yet

    async def connect(self, wire: Wire) -> None:
        """From now on over this channel, beginning with what was not confirmed over the last."""
        await wire.confirm(self._confirmed, self._returned)
        self._wire, self._sent, self._last, self._below = wire, {}, 0, 1
        for batch in self._batches.values():
            self._publish(batch)

    def block(self, blocked: bool) -> None:
        self._blocked = blocked
        if blocked:
            for batch in list(self._batches.values()):
                batch.settle_all(Outcome.FULL)

    async def send(self, letters: Sequence[Letter], within_s: float) -> list[Outcome | None]:
        """What became of each; None: the broker did not say so within this time, and it may be in line."""
        if self._blocked:
            return [Outcome.FULL] * len(letters)
        batch = Batch(letters)
        self._batches[id(batch)] = batch
        self._publish(batch)
        try:
            await asyncio.wait({batch.done}, timeout=within_s)
        finally:
            del self._batches[id(batch)]
        if Outcome.UNROUTABLE in batch.outcomes and self._wire is not None:
            self._wire.abandon()  # whoever connects anew declares anew
        return batch.outcomes

    def _publish(self, batch: Batch) -> None:
        """What of it is not settled."""
        if self._wire is None or self._wire.cut is not None:
            return
        now_s = int(time.time())
        for index, letter in enumerate(batch.letters):
            if batch.outcomes[index] is None:
                self._last += 1
                self._sent[self._last] = (batch, index)
                properties = BasicProperties(
                    content_type=letter.content_type,
                    content_encoding="utf-8",
                    delivery_mode=_PERSISTENT,
                    headers=dict(letter.headers) or None,
                    message_id=str(self._last),  # by which one that comes back is known
                    timestamp=now_s,
                )
                self._wire.publish(letter.exchange, letter.key, letter.body, properties)

    def _confirmed(self, number: int, multiple: bool, taken: bool) -> None:
        outcome = Outcome.ACCEPTED if taken else Outcome.FULL
        for each in range(self._below if multiple else number, number + 1):
            if (sent := self._sent.pop(each, None)) is not None:
                batch, index = sent
                batch.settle(index, outcome)
        if multiple:
            self._below = number + 1

    def _returned(self, name: str) -> None:
        batch, index = self._sent[int(name)]
        batch.settle(index, Outcome.UNROUTABLE)
