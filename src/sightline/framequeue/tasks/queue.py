"""Keys for Celery's workers: sent as tasks, so that a feed needs to know of Celery no more than a URL.

    celery+amqp://USER:PASSWORD@host/vhost?queue=celery-frames&routes=gate-*%3Dgates

Who sends needs no Celery, and what it sends is what RabbitMQ has confirmed (`sightline.framequeue.
queue_rabbitmq`). Each camera group has a queue, with its dead letters in `NAME.dead`.

Does not do: receive. That is Celery's: `celery -A sightline.framequeue.celery worker`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, NoReturn, Self
from urllib.parse import urlencode

import msgspec

from sightline.bus.address import options
from sightline.errors import BusError, Unsupported
from sightline.framequeue.queue import (
    DeadKey,
    Delivery,
    Outcome,
    QueueDepth,
    Sent,
    checked_texts,
)
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.rabbitmq.address import OPTIONS as RABBITMQ_OPTIONS
from sightline.framequeue.rabbitmq.dead import again, death
from sightline.framequeue.rabbitmq.queue import REACH_S, RabbitMqQueue
from sightline.framequeue.rabbitmq.sender import Letter
from sightline.framequeue.rabbitmq.wire import Incoming
from sightline.framequeue.reason import checked_reason
from sightline.framequeue.tasks.layout import KINDS, QUEUE, Layout
from sightline.framequeue.tasks.message import CONTENT_TYPE, body_of, headers_of, lasting, text_of

SCHEME: Final = "celery+"
OPTIONS: Final = RABBITMQ_OPTIONS | {"routes"}
"""Of its URLs."""
FAILED: Final = "failed in Celery"
"""Reason of a dead letter: its task ended in a way that is none of ours; the worker's log has more."""

_BY_NAME: Final = ""  # AMQP's exchange where a key is the name of a queue
_DELAYS: Final = "celery_delayed_27"  # where Celery's chain of delays begins; its workers make it
_REJECTED: Final = "not a key"


class CeleryQueue:
    """One handle. `sightline.framequeue.KeyQueue` says what its methods do, but for those that receive.

    Args:
        url: of the broker and its queues, with `celery+` or without; `routes` as `tasks.layout` has it, and
            the rest as `queue_rabbitmq_address`.
        limits: of each queue; None: those that are there are used as they are.
        reach_s: how long a broker that is away, or does not answer, is waited for.

    Raises:
        ConfigError: `url` is no such address, or a queue is there with other limits.
        BusError: the broker does not answer, or does not let us in.
    """

    def __init__(self, url: str, limits: QueueLimits | None = None, *, reach_s: float = REACH_S) -> None:
        address, self._layout, rest = _parts(url)
        self._lines: dict[str, _Line] = {}
        with contextlib.ExitStack() as opened:
            for queue in self._layout.queues:
                query = urlencode(rest | {"queue": queue, "type": self._layout.kind})
                line = _Line(f"{address}?{query}", limits, reach_s=reach_s)
                self._lines[queue] = opened.enter_context(line)
            self._opened = opened.pop_all()

    def send(self, texts: Sequence[str]) -> list[Sent]:
        by_queue: dict[str, list[int]] = {}
        keys = [text for text, _ in checked_texts(texts)]
        for at, text in enumerate(keys):
            by_queue.setdefault(self._layout.queue_for(text), []).append(at)
        sent: dict[int, Sent] = {}
        for queue, places in by_queue.items():
            sent.update(zip(places, self._lines[queue].send([keys[at] for at in places]), strict=True))
        return [sent[at] for at in range(len(keys))]

    def send_later(self, text: str, delay_s: float, retries: int) -> None:
        """Has a key come after `delay_s`, in whole seconds. Raises BusError where it was not taken in."""
        self._line(text).send_later(text, delay_s, retries)

    def bury(self, text: str, reason: str, attempts: int) -> None:
        """Adds a dead letter. Raises BusError where it was not taken in."""
        self._line(text).bury(text, checked_reason(reason), attempts)

    def receive(self, most: int, timeout_s: float) -> NoReturn:
        raise _celerys(most, timeout_s)

    def ack(self, delivery: Delivery) -> NoReturn:
        raise _celerys(delivery)

    def retry(self, delivery: Delivery, delay_s: float = 0.0) -> NoReturn:
        raise _celerys(delivery, delay_s)

    def dead(self, delivery: Delivery, reason: str) -> NoReturn:
        raise _celerys(delivery, reason)

    def dead_letters(self, limit: int = 100) -> list[DeadKey]:
        found = [letter for line in self._lines.values() for letter in line.dead_letters(limit)]
        return sorted(found, key=lambda letter: letter.died_at_ns)[:limit]

    def dead_retry(self, texts: Iterable[str] | None = None) -> int:
        wanted = None if texts is None else list(texts)
        return sum(line.dead_retry(wanted) for line in self._lines.values())

    def depth(self) -> QueueDepth:
        depths = [line.depth() for line in self._lines.values()]
        ready, dead = sum(each.ready for each in depths), sum(each.dead for each in depths)
        return QueueDepth(ready=ready, delayed=None, in_hand=None, dead=dead)

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _line(self, text: str) -> _Line:
        return self._lines[self._layout.queue_for(text)]


class _Line(RabbitMqQueue):
    """One of the queues, whose messages are tasks."""

    def send_later(self, text: str, delay_s: float, retries: int) -> None:
        seconds = max(1, math.ceil(delay_s))  # Celery's delays are whole seconds; part of one it refuses
        if self._address.kind == "quorum":
            headers = headers_of(text, retries=retries)
            letter = _letter(_DELAYS, _delay(seconds, self._places.queue), body_of(text), headers)
        else:
            letter = _letter(
                _BY_NAME, self._places.queue, body_of(text), headers_of(text, retries=retries, held_s=seconds)
            )
        self._surely(letter)

    def bury(self, text: str, reason: str, attempts: int) -> None:
        headers = {**headers_of(text), **death(reason, attempts)}
        self._surely(_letter(self._places.dead, self._places.queue, body_of(text), headers))

    def _surely(self, letter: Letter) -> None:
        [outcome] = self._link.do(self._published([letter]))
        if outcome is not Outcome.ACCEPTED:
            raise BusError(f"{self._address.shown} did not take a key in: {outcome}")

    def _key_letter(self, text: str) -> Letter:
        return _letter(_BY_NAME, self._places.queue, body_of(text), headers_of(text))

    def _again(self, message: Incoming) -> Letter:
        headers = {**lasting(message.headers), **again(self._dead_key(message))}
        return _letter(_BY_NAME, self._places.queue, message.body, headers)

    def _dead_key(self, message: Incoming) -> DeadKey:
        found, text = super()._dead_key(message), text_of(message.body)
        if text is None:
            return found
        reason = FAILED if found.reason == _REJECTED else found.reason
        return msgspec.structs.replace(found, text=text, reason=reason)


def _celerys(*_: object) -> Unsupported:
    """What is not here."""
    return Unsupported("expected Celery's workers to receive: celery -A sightline.framequeue.celery worker")


def _letter(exchange: str, key: str, body: bytes, headers: Mapping[str, Any]) -> Letter:
    return Letter(exchange, key, body, headers, CONTENT_TYPE)


def _delay(seconds: int, queue: str) -> str:
    """The routing key by which a message comes to the queue after so long."""
    from kombu.transport.native_delayed_delivery import calculate_routing_key  # noqa: PLC0415 - workers' alone

    key: str = calculate_routing_key(seconds, queue)
    return key


def _parts(url: str) -> tuple[str, Layout, dict[str, str]]:
    """Where the broker is, which queues of it are meant, and what else is said of the way there."""
    address, _, query = url.removeprefix(SCHEME).partition("?")
    rest = options(query, OPTIONS)
    queue, kind = rest.pop("queue", QUEUE), rest.pop("type", KINDS[0])
    return address, Layout.of(queue, kind, rest.pop("routes", "")), rest
