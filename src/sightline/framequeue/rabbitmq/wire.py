"""pika, awaited: a connection and its channels on a loop of asyncio, where whoever waits hears of their end.

Of pika's ways the one over asyncio is used, on uvloop where that is: publishing with confirms took 10 us of
CPU a key, as `SelectConnection` did, and 45 against 61 with eight in flight; `BlockingConnection` waits for
each confirm and took 144.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, Self, TypeVar
from weakref import WeakSet

from sightline.errors import BusError, MissingExtra
from sightline.framequeue.rabbitmq.address import RabbitAddress, parameters
from sightline.log import redact

try:
    from pika import BasicProperties, spec
    from pika.adapters.asyncio_connection import AsyncioConnection
    from pika.exceptions import (
        AMQPError,
        ChannelClosedByBroker,
        ProbableAccessDeniedError,
        ProbableAuthenticationError,
    )
except ImportError as error:
    raise MissingExtra("pika is not installed; it comes with: pip install 'sightline[framequeue]'") from error

T = TypeVar("T")

GOODBYE_S: Final = 2.0
"""How long a broker is given to say goodbye; one that holds us back reads nothing, and would not."""
MOST_PREFETCH: Final = 65_535  # AMQP has 16 bits for it; 0 would be no bound


class Cut(BusError):
    """A channel or a connection ended. `code`: why, in AMQP's numbers; 0: the broker did not say."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Denied(Cut):
    """The broker does not let us in; to try again at once would not help."""


class Incoming(NamedTuple):
    """A message that the broker gave us.

    Attributes:
        tag: good for the channel that it came over.
        behind: of one that was asked for: how many are ready in its queue now.
    """

    tag: int
    redelivered: bool
    headers: Mapping[str, Any]
    body: bytes
    behind: int


class Wire:
    """A channel. All that waits on it raises `Cut` when it ends."""

    def __init__(self, connection: AsyncioConnection) -> None:
        """Begins to open it; `Connection.wire` waits."""
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Future[Any]] = set()
        self._ends: list[Callable[[], None]] = []
        self._cancels: dict[str, asyncio.Future[None]] = {}
        self._got: asyncio.Future[Incoming | None] = self._loop.create_future()
        self._prefetch = 0  # not said yet: without a bound
        self.cut: Cut | None = None
        self.ended: asyncio.Future[Cut] = self._loop.create_future()
        self.opened: asyncio.Future[Any] = self._loop.create_future()
        self._channel = connection.channel(on_open_callback=partial(_tell, self.opened))
        self._channel.add_on_close_callback(self._end)
        # The broker ends a consumer where somebody deletes its queue.
        self._channel.add_on_cancel_callback(lambda _: self.abandon())
        # pika's own call of whom a cancel is answered to does not look at which it was.
        self._channel.add_callback(self._cancelled, [spec.Basic.CancelOk], one_shot=False)
        self._channel.add_callback(self._empty, [spec.Basic.GetEmpty], one_shot=False)

    def when_cut(self, call: Callable[[], None]) -> None:
        """Has it called before anybody who waits hears of the end."""
        self._ends.append(call)

    def check(self) -> None:
        """Raises Cut where it ended; an error of its own for each, as each goes its own way up."""
        if self.cut is not None:
            raise Cut(self.cut.message, self.cut.code)

    async def wait(self, answer: asyncio.Future[T]) -> T:
        """Its result, or the end of the channel."""
        self.check()
        self._waiting.add(answer)
        try:
            return await answer
        finally:
            self._waiting.discard(answer)

    async def ask(self, method: str, **arguments: Any) -> Any:
        """Calls a method of pika's channel; gives the broker's answer to it."""
        self.check()
        answer: asyncio.Future[Any] = self._loop.create_future()
        getattr(self._channel, method)(**arguments, callback=partial(_tell, answer))
        return await self.wait(answer)

    async def barrier(self) -> None:
        """Returns when the broker has taken in all that was told over this channel before."""
        await self.ask("basic_qos", prefetch_count=self._prefetch)

    async def consume(self, queue: str, tag: str, most: int, take: Callable[[Incoming], None]) -> None:
        """Has at most so many messages brought, until some are settled; `tag` is the consumer's name."""
        self.check()
        if self._prefetch != most:
            self._prefetch = min(most, MOST_PREFETCH)
            self._channel.basic_qos(prefetch_count=self._prefetch, callback=_nothing)
        await self.ask(
            "basic_consume",
            queue=queue,
            consumer_tag=tag,
            on_message_callback=lambda _, method, properties, body: take(_incoming(method, properties, body)),
        )

    async def cancel(self, tag: str) -> None:
        """No more comes to that consumer; what crosses this on its way, pika puts back."""
        ended = self._cancels[tag] = self._loop.create_future()
        try:
            self.cancel_soon(tag)
            await self.wait(ended)
        finally:
            del self._cancels[tag]

    def cancel_soon(self, tag: str) -> None:
        if self.cut is None:
            self._channel.basic_cancel(tag, callback=_nothing)

    async def get(self, queue: str) -> Incoming | None:
        """The oldest message that is ready; None: there is none."""
        self.check()
        got = self._got = self._loop.create_future()
        self._channel.basic_get(
            queue, lambda _, method, properties, body: _tell(got, _incoming(method, properties, body))
        )
        return await self.wait(got)

    async def confirm(
        self, confirmed: Callable[[int, bool, bool], None], returned: Callable[[str], None]
    ) -> None:
        """Has the broker say what becomes of what is published: `confirmed(number, multiple, taken)`, numbers
        from 1 on, and before that `returned(name)` where it has no queue for it.
        """
        self._channel.add_on_return_callback(lambda _, __, properties, ___: returned(properties.message_id))
        await self.ask(
            "confirm_delivery",
            ack_nack_callback=lambda frame: confirmed(
                frame.method.delivery_tag, frame.method.multiple, isinstance(frame.method, spec.Basic.Ack)
            ),
        )

    def publish(self, exchange: str, key: str, body: bytes, properties: BasicProperties) -> None:
        self._channel.basic_publish(exchange, key, body, properties, mandatory=True)

    def ack(self, tag: int) -> None:
        if self.cut is None:
            self._channel.basic_ack(tag)

    def back(self, tag: int, *, again: bool = True) -> None:
        """The message goes back into its queue; not `again`: to the dead letters."""
        if self.cut is None:
            self._channel.basic_nack(tag, requeue=again)

    def abandon(self) -> None:
        """It is of no more use from now on: what was not settled goes back into its queue."""
        if self.cut is None:
            self._fail(Cut("the channel was given up"))
            with contextlib.suppress(AMQPError):  # it is about to end by itself
                self._channel.close()

    async def close(self) -> None:
        """`abandon`, and waits for the broker to have seen it, for a while."""
        self.abandon()
        await asyncio.wait({self.ended}, timeout=GOODBYE_S)

    def _end(self, _: object, reason: BaseException) -> None:
        if self.cut is None:
            self._fail(cut(reason))
        _tell(self.ended, self.cut)

    def _fail(self, why: Cut) -> None:
        self.cut = why
        for call in self._ends:
            call()
        for each in self._waiting:
            if not each.done():
                each.set_exception(Cut(why.message, why.code))

    def _cancelled(self, frame: Any) -> None:
        _tell(self._cancels.get(frame.method.consumer_tag), None)

    def _empty(self, _: object) -> None:
        _tell(self._got, None)


class Connection:
    """One connection, open or about to be.

    Args:
        blocked: told True when the broker takes in no more, for want of memory or disk, and False after that.
    """

    def __init__(self, address: RabbitAddress, blocked: Callable[[bool], None]) -> None:
        loop = asyncio.get_running_loop()
        _quieten()
        self._wires: WeakSet[Wire] = WeakSet()
        self._opened: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[Cut] = loop.create_future()
        self._pika = AsyncioConnection(
            parameters(address),
            on_open_callback=lambda _: _tell(self._opened, None),
            on_open_error_callback=self._end,
            on_close_callback=self._end,
            custom_ioloop=loop,
        )
        self._pika.add_on_connection_blocked_callback(lambda *_: blocked(True))
        self._pika.add_on_connection_unblocked_callback(lambda *_: blocked(False))

    async def __aenter__(self) -> Self:
        """Raises Cut, or Denied, where it cannot be opened."""
        try:
            either: set[asyncio.Future[Any]] = {self._opened, self.ended}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            self._check()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def wire(self) -> Wire:
        """One more channel."""
        self._check()
        try:
            wire = Wire(self._pika)
        except AMQPError as error:  # it is about to end
            raise cut(error) from error
        self._wires.add(wire)
        await wire.wait(wire.opened)
        return wire

    def _check(self) -> None:
        if self.ended.done():
            raise self.ended.result()

    async def _close(self) -> None:
        """In good order where the broker answers, else at once."""
        for wire in tuple(self._wires):
            wire.abandon()
        with contextlib.suppress(AMQPError):  # it is about to end by itself
            if not self.ended.done():
                self._pika.close()
        done, _ = await asyncio.wait({self.ended}, timeout=GOODBYE_S)
        if not done:
            # pika has no public way to leave a broker that does not answer.
            self._pika._terminate_stream(ConnectionError("the broker did not say goodbye"))  # noqa: SLF001
            await self.ended

    def _end(self, _: object, reason: BaseException | str) -> None:
        _tell(self.ended, cut(reason))


def _innermost(reason: BaseException | str) -> str:
    """What a socket said, in a line: pika wraps it in up to three errors of its own."""
    if isinstance(reason, str):
        return reason
    within = (*reason.args, *getattr(reason, "exceptions", ()), getattr(reason, "exception", None))
    inner = [each for each in within if isinstance(each, BaseException)]
    return _innermost(inner[-1]) if inner else str(reason) or repr(reason)


def cut(reason: BaseException | str) -> Cut:
    """Why something of pika's ended, as ours."""
    code, text = getattr(reason, "reply_code", 0), getattr(reason, "reply_text", "")
    told = redact(text or _innermost(reason))[:500]
    if isinstance(reason, ProbableAuthenticationError | ProbableAccessDeniedError):
        return Denied(told)
    return Cut(told, code if isinstance(reason, ChannelClosedByBroker) else 0)


def _incoming(method: Any, properties: Any, body: bytes) -> Incoming:
    behind = getattr(method, "message_count", 0)
    return Incoming(method.delivery_tag, method.redelivered, properties.headers or {}, body, behind)


def _tell(answer: asyncio.Future[Any] | None, told: Any) -> None:
    if answer is not None and not answer.done():
        answer.set_result(told)


def _nothing(_: object) -> None:
    """Pika sends what has no callback as if it wanted no answer."""


def _quieten() -> None:
    """We tell what pika tells its log, and once; whoever set a level there wants to see it."""
    logger = logging.getLogger("pika")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)
