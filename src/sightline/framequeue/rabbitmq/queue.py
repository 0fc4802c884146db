"""The queue at RabbitMQ: for any number of machines, and kept by a broker that people know.

Keys are persistent messages in a durable queue, and accepted when the broker confirmed them. One connection
is kept, in a thread of its own; what was on its way when it broke is sent again, so a key may be in line
twice. What was in hand then comes back to the queue by itself.

What RabbitMQ does in its own way:

- Of what is in hand or delayed, and of what ever went through, it does not tell (`depth` has None).
- A key that is delayed stays in this handle's hand until it is due: it comes early where the handle closes or
  the connection breaks. RabbitMQ takes keys from who keeps them for half an hour (its `consumer_timeout`),
  so a delay is 10 minutes at most.
- A broker that is killed may not have written down yet what was just settled: that comes again. All that a
  classic queue has then is marked as redelivered.
- Where the connection breaks while a key is settled, that is told as not this handle's any more, though the
  broker may have taken it in.
- A quorum queue sees that it is full a moment late: with many keys on their way it takes some above its cap.
- A broker without memory or disk takes in nothing: that is `full`. It also does not read from a connection
  that has sent something then, so who sends and receives much takes two handles.
- Dead letters lie in a queue of their own, `NAME.dead`, behind an exchange of that name, where others may
  listen too. Who looks at them has them in hand for that moment, and nobody else sees them. Where one
  is not taken in there, `dead` raises BusError and its key comes again a moment later.

Does not do: clusters (a URL names one node, or what stands before them), forks (open it in the new process).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self

from sightline.errors import BusError, ConfigError
from sightline.framequeue.queue import (
    DeadKey,
    Delivery,
    Outcome,
    QueueDepth,
    Sent,
    checked_delay,
    checked_receive,
    checked_texts,
)
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.rabbitmq.address import RabbitAddress
from sightline.framequeue.rabbitmq.dead import again, dead_key, death
from sightline.framequeue.rabbitmq.link import Link
from sightline.framequeue.rabbitmq.receiver import Receiver
from sightline.framequeue.rabbitmq.sender import MOST_IN_FLIGHT, Letter, Sender
from sightline.framequeue.rabbitmq.topology import Places, declare
from sightline.framequeue.rabbitmq.wire import Connection, Incoming, Wire
from sightline.framequeue.reason import checked_reason

REACH_S: Final = 10.0
MOST_DELAY_S: Final = 600.0
DEAD_AGAIN_S: Final = 1.0
"""After which a key comes again that was not taken in among the dead; at once would be a busy circle."""
_DIRECT: Final = ""  # AMQP's exchange where a key is the name of a queue
_RETRIED: Final = 200  # dead letters in hand at once


class RabbitMqQueue:
    """One handle. `sightline.framequeue.KeyQueue` says what its methods do.

    Args:
        url: as in `queue_rabbitmq_address`.
        limits: the queue's; None: it is used as it is, and made with those of `QueueLimits` where there is
            none.
        reach_s: how long a broker that is away, or does not answer, is waited for.

    Raises:
        ConfigError: `url` is no such address, or the queue is there with other limits: the message says
            which, and how to go on.
        BusError: the broker does not answer, or does not let us in.
    """

    def __init__(self, url: str, limits: QueueLimits | None = None, *, reach_s: float = REACH_S) -> None:
        self._address = RabbitAddress.of(url)
        self._places = Places.of(self._address)
        self._limits = limits
        self._reach_s = reach_s
        self._sender = Sender()
        self._receiver = Receiver(self._places.queue)
        self._link = Link(self._address, self._prepare, self._sender.block)
        try:
            self._link.do(self._link.opened_first(reach_s))
        except BaseException:
            self._link.close()
            raise

    def send(self, texts: Sequence[str]) -> list[Sent]:
        keys = [text for text, _ in checked_texts(texts)]
        sent: list[Sent] = []
        for begin in range(0, max(1, len(keys)), MOST_IN_FLIGHT):
            sent += self._link.do(self._send(keys[begin : begin + MOST_IN_FLIGHT]))
        return sent

    def receive(self, most: int, timeout_s: float) -> list[Delivery]:
        return self._link.do(self._receiver.receive(*checked_receive(most, timeout_s)))

    def ack(self, delivery: Delivery) -> bool:
        return self._link.do(self._receiver.settle(delivery.tag, Wire.ack), self._reach_s)

    def retry(self, delivery: Delivery, delay_s: float = 0.0) -> bool:
        if checked_delay(delay_s) > MOST_DELAY_S:
            raise ConfigError(f"expected a delay of 0 to {MOST_DELAY_S:.0f} s over RabbitMQ, got {delay_s}")
        if delay_s:
            return self._link.do(self._later(delivery, delay_s))
        return self._link.do(self._receiver.settle(delivery.tag, Wire.back), self._reach_s)

    def dead(self, delivery: Delivery, reason: str) -> bool:
        return self._link.do(self._dead(delivery, checked_reason(reason)))

    def dead_letters(self, limit: int = 100) -> list[DeadKey]:
        return self._link.do(self._dead_letters(limit), 2 * self._reach_s)

    def dead_retry(self, texts: Iterable[str] | None = None) -> int:
        return self._link.do(self._dead_retry(None if texts is None else frozenset(texts)))

    def depth(self) -> QueueDepth:
        return self._link.do(self._depth(), 2 * self._reach_s)

    def close(self) -> None:
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _prepare(self, connection: Connection) -> list[Wire]:
        await declare(connection, self._address, self._limits)
        sending, receiving = await connection.wire(), await connection.wire()
        await self._sender.connect(sending)
        self._receiver.connect(receiving)
        return [sending, receiving]

    async def _send(self, keys: Sequence[str]) -> list[Sent]:
        outcomes = await self._published([self._key_letter(key) for key in keys])
        return [Sent(key, outcome) for key, outcome in zip(keys, outcomes, strict=True)]

    async def _published(self, letters: Sequence[Letter]) -> list[Outcome]:
        if not letters:
            return []
        outcomes = await self._sender.send(letters, self._reach_s)
        told = [outcome for outcome in outcomes if outcome is not None]
        if unknown := len(outcomes) - len(told):
            raise BusError(
                f"{self._link.unreachable()}; within {self._reach_s:g} s it did not say what became of"
                f" {unknown} of {len(outcomes)} keys, which may be in line"
            )
        return told

    async def _later(self, delivery: Delivery, delay_s: float) -> bool:
        if self._receiver.let_go(delivery.tag) is None:
            return False
        self._back_in(delay_s, delivery)
        return True

    def _back_in(self, delay_s: float, delivery: Delivery) -> None:
        """What was let go of, is handed over again then."""
        asyncio.get_running_loop().call_later(delay_s, self._receiver.finish, delivery.tag, Wire.back)

    async def _dead(self, delivery: Delivery, reason: str) -> bool:
        held = self._receiver.let_go(delivery.tag)
        if held is None:
            return False
        letter = Letter(self._places.dead, self._places.queue, held.text.encode(), death(reason, held.handed))
        outcome: Outcome | None = None
        try:
            [outcome] = await self._published([letter])
        finally:
            if outcome is not Outcome.ACCEPTED:
                self._back_in(DEAD_AGAIN_S, delivery)
        if outcome is not Outcome.ACCEPTED:
            raise BusError(
                f"{self._address.shown}: its queue of dead letters did not take one in ({outcome}); its key"
                f" comes again"
            )
        self._receiver.finish(delivery.tag, Wire.ack)
        return True

    async def _dead_letters(self, limit: int) -> list[DeadKey]:
        async with _Reading(await self._connection(), self._places.dead) as reading:
            return [self._dead_key(message) for message in await reading.next(limit)]

    async def _dead_retry(self, texts: frozenset[str] | None) -> int:
        count = 0
        async with _Reading(await self._connection(), self._places.dead) as reading:
            messages = await reading.next(1)
            left = messages[0].behind if messages else 0  # what dies again meanwhile is not tried again
            while messages:
                wanted = [each for each in messages if texts is None or self._dead_key(each).text in texts]
                taken = await self._tried_again(wanted)
                for message in taken:
                    reading.settle(message)
                count += len(taken)
                if len(taken) < len(wanted):
                    break
                async with asyncio.timeout(self._reach_s):
                    messages = await reading.next(min(left, _RETRIED))
                left -= len(messages)
        return count

    async def _tried_again(self, messages: Sequence[Incoming]) -> list[Incoming]:
        """Those of them for which there was room."""
        outcomes = await self._published([self._again(each) for each in messages])
        return [each for each, told in zip(messages, outcomes, strict=True) if told is Outcome.ACCEPTED]

    # How a key looks in a message: others may say it otherwise.

    def _key_letter(self, text: str) -> Letter:
        return Letter(_DIRECT, self._places.queue, text.encode())

    def _dead_key(self, message: Incoming) -> DeadKey:
        return dead_key(message)

    def _again(self, message: Incoming) -> Letter:
        return Letter(_DIRECT, self._places.queue, message.body, again(dead_key(message)))

    async def _depth(self) -> QueueDepth:
        async with _Reading(await self._connection(), self._places.dead) as reading:
            ready = await reading.ready(self._places.queue)
            dead = await reading.ready(self._places.dead)
        return QueueDepth(ready=ready, delayed=None, in_hand=None, dead=dead)

    async def _connection(self) -> Connection:
        return await self._link.opened(self._reach_s)


class _Reading:
    """A channel for one look: what it was handed goes back at its end, but for what was settled."""

    def __init__(self, connection: Connection, queue: str) -> None:
        self._connection = connection
        self._queue = queue
        self._held: dict[int, Incoming] = {}

    async def __aenter__(self) -> Self:
        self._wire = await self._connection.wire()
        return self

    async def __aexit__(self, *_: object) -> None:
        for tag in self._held:
            self._wire.back(tag)
        await self._wire.close()

    async def next(self, most: int) -> list[Incoming]:
        """The oldest that are ready."""
        got: list[Incoming] = []
        while len(got) < most and (message := await self._wire.get(self._queue)) is not None:
            got.append(message)
            self._held[message.tag] = message
        return got

    async def ready(self, queue: str) -> int:
        told = await self._wire.ask("queue_declare", queue=queue, passive=True)
        count: int = told.method.message_count
        return count

    def settle(self, message: Incoming) -> None:
        del self._held[message.tag]
        self._wire.ack(message.tag)
