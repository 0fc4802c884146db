"""The queue within this process: for one machine that needs no more, and for tests.

Everyone who opens the same name meets; the keys go when the last of them closes, or with the process. It
reaches no other process. `sightline.framequeue.queues.hub` serves it to others, as any queue.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self, TypeVar
from weakref import WeakValueDictionary

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock, ns
from sightline.errors import Closed
from sightline.framequeue.queue import (
    DeadKey,
    Delivery,
    QueueDepth,
    Sent,
    checked_delay,
    checked_receive,
    checked_texts,
)
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.queues.line import Moment, QueueLine
from sightline.framequeue.reason import checked_reason

T = TypeVar("T")


class _Place:
    """What all handles of a name share."""

    def __init__(self, clock: Clock) -> None:
        # Above all tags of a queue that a process before this one may have served.
        self.line = QueueLine(QueueLimits(), clock.utc_ns())
        self.changed = threading.Condition()
        self.holders = 0  # that there ever were
        self.open = 0


_places: WeakValueDictionary[str, _Place] = WeakValueDictionary()
_opening = threading.Lock()


class MemoryQueue:
    """One handle. `sightline.framequeue.KeyQueue` says what its methods do.

    Args:
        name: of the queue; "": one of its own.
        limits: hold from now on for all who use it; None: as they are, or as `QueueLimits` has them.
        clock: tells the time.
    """

    def __init__(
        self, name: str = "", limits: QueueLimits | None = None, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._clock = clock
        self._closed = False
        self._name = name
        self._place = _place(name, clock)
        with self._place.changed:
            self._place.holders += 1
            self._holder = self._place.holders
            if limits is not None:
                self._place.line.limits = limits

    def send(self, texts: Sequence[str]) -> list[Sent]:
        checked = checked_texts(texts)
        sent = self._do(lambda line, now: line.send(checked, now))
        self._wake(sum(each.accepted for each in sent))
        return sent

    def receive(self, most: int, timeout_s: float) -> list[Delivery]:
        checked_receive(most, timeout_s)
        until_s = time.monotonic() + timeout_s
        with self._place.changed:
            while True:
                got = self._do(lambda line, now: line.receive(most, self._holder, now))
                left_s = until_s - time.monotonic()
                if got or left_s <= 0:
                    return got
                self._place.changed.wait(min(left_s, self._due_in_s()))

    def ack(self, delivery: Delivery) -> bool:
        return self._do(lambda line, now: line.ack(delivery.tag, now))

    def retry(self, delivery: Delivery, delay_s: float = 0.0) -> bool:
        delay_ns = ns(checked_delay(delay_s))
        done = self._do(lambda line, now: line.retry(delivery.tag, delay_ns, now))
        self._wake(sys.maxsize if delay_ns else 1)  # all who wait have to know until when
        return done

    def dead(self, delivery: Delivery, reason: str) -> bool:
        kept = checked_reason(reason)
        return self._do(lambda line, now: line.die(delivery.tag, kept, now))

    def dead_letters(self, limit: int = 100) -> list[DeadKey]:
        return self._do(lambda line, now: line.dead_letters(limit, now))

    def dead_retry(self, texts: Iterable[str] | None = None) -> int:
        wanted = None if texts is None else frozenset(texts)
        count = self._do(lambda line, now: line.dead_retry(wanted, now))
        self._wake(count)
        return count

    def depth(self) -> QueueDepth:
        return self._do(QueueLine.depth)

    def close(self) -> None:
        with self._place.changed:
            if not self._closed:
                self._closed = True
                self._place.line.let_go(self._holder)
                self._place.changed.notify_all()
                _leave(self._name, self._place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, action: Callable[[QueueLine, Moment], T]) -> T:
        with self._place.changed:
            if self._closed:
                raise Closed("this queue is closed")
            return action(self._place.line, Moment(self._clock.monotonic_ns(), self._clock.utc_ns()))

    def _wake(self, most: int) -> None:
        with self._place.changed:
            self._place.changed.notify(most)

    def _due_in_s(self) -> float:
        due_ns = self._place.line.due_ns()
        return threading.TIMEOUT_MAX if due_ns is None else (due_ns - self._clock.monotonic_ns()) / NS_PER_S


def _place(name: str, clock: Clock) -> _Place:
    with _opening:
        place = _places.setdefault(name, _Place(clock)) if name else _Place(clock)
        place.open += 1
        return place


def _leave(name: str, place: _Place) -> None:
    with _opening:
        place.open -= 1
        if not place.open:
            _places.pop(name, None)
