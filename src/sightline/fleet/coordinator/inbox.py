"""What one thread is to do, from those who read the bus and from those who ask: bounded, calls first.

It promises: a call is answered once, or its asker is told that it was not begun; who reads the bus waits
where the thread does not keep up, so that what waits there has the broker's bound.

Deliberately not here: what is done with either.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Generic, NamedTuple, TypeVar

from sightline.errors import BufferFull, CallTimedOut, Closed

T = TypeVar("T")
Item = TypeVar("Item")

MOST_CALLS: Final = 256
MOST_ITEMS: Final = 20_000


class Call(NamedTuple):
    """To be done by the thread that owns what it is about."""

    act: Callable[[], Any]
    answer: Future[Any]

    def carry_out(self) -> None:
        """Do it, unless who asked went."""
        if not self.answer.set_running_or_notify_cancel():
            return
        try:
            self.answer.set_result(self.act())
        except BaseException as error:  # noqa: BLE001 - it is the asker's, whatever it is
            self.answer.set_exception(error)


class Inbox(Generic[Item]):
    """Any thread may put and ask; one takes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: deque[Item] = deque()
        self._calls: deque[Call] = deque()
        self._closed = False

    def put(self, items: Sequence[Item]) -> bool:
        """Waits for room; False: closed, and nothing was taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < MOST_ITEMS)
            if self._closed:
                return False
            self._items.extend(items)
            self._changed.notify_all()
            return True

    def ask(self, act: Callable[[], T], timeout_s: float, *, must: bool = False) -> T:
        """What `act` gives, done by the thread that takes; what it raises is raised.

        Args:
            act: done once.
            timeout_s: to wait for it.
            must: it is done however late.

        Raises:
            BufferFull: too many wait.
            CallTimedOut: it was not answered in time; if it was not begun it never will be, unless it must.
            Closed: it is over.
        """
        call = Call(act, Future())
        with self._changed:
            self._check(must=must)
            self._calls.append(call)
            self._changed.notify_all()
        try:
            answer: T = call.answer.result(timeout_s)
        except TimeoutError as error:
            if isinstance(error, CallTimedOut) or call.answer.done():
                raise
            if not must:
                call.answer.cancel()
            raise CallTimedOut(f"the coordinator was busy for {timeout_s:g} s") from None
        return answer

    def take(self, timeout_s: float | None, most: int) -> tuple[list[Call], list[Item]]:
        """All calls and at most `most` items, as soon as there is one; none when nothing came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._calls or self._items, timeout_s)
            calls, self._calls = list(self._calls), deque()
            items = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._changed.notify_all()
        return calls, items

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Nothing more comes in; calls that wait are told so."""
        with self._changed:
            self._closed = True
            calls, self._calls = list(self._calls), deque()
            self._changed.notify_all()
        for call in calls:
            if call.answer.set_running_or_notify_cancel():
                call.answer.set_exception(Closed("the coordinator is ending"))

    def _check(self, *, must: bool) -> None:
        if self._closed:
            raise Closed("the coordinator is ending")
        if len(self._calls) >= MOST_CALLS and not must:
            raise BufferFull(f"the coordinator has {MOST_CALLS} requests in hand: expected fewer at a time")
