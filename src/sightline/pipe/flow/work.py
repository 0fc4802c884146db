"""The calls of `main_logic`: by a source, message by message, or batch by batch.

`turn` does a little and says when to be called again, in seconds: 0.0 for at once, inf for when the desk
rings. Between two messages of one turn it looks whether somebody waits (`interrupted`), so that an event is
never behind more than the message in hand. What it has in hand then stays there.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import count
from types import CoroutineType
from typing import Any, Final, Protocol

from sightline.clock import Clock
from sightline.pipe.counts.books import Books
from sightline.pipe.flow.batching import Batch
from sightline.pipe.flow.desk import Desk, Pack
from sightline.pipe.flow.failures import Failures
from sightline.pipe.message import Message
from sightline.pipe.several import Several

HAND: Final = 64
"""How many messages are taken under one lock at most."""

GATHER_NS: Final = 200_000
"""How long a message that was given may wait for more to leave with: far below what a person or a picture
notices, far above what a lock or a system call takes."""

MOST_PAUSE_S: Final = 1.0

Call = Callable[..., Any]
ENDS: Final = (StopIteration, StopAsyncIteration)
RAISED: Final = BaseException
"""What may be raised and costs no more than its message: `sys.exit` in a thread ends nothing either, and a
thread that ended for anything else would leave a routine that does nothing more, and says so to nobody."""


class Work(Protocol):
    """One way to call `main_logic`. `over`: it has given its last."""

    over: bool

    @property
    def held(self) -> int:
        """How many messages in hand wait until the one that is worked on is done."""

    def turn(self, most: int) -> float:
        """Go on, with `most` messages at most."""

    def drop(self, reason: str) -> None:
        """Give up what is in hand."""


class Means:
    """What all kinds of work are done with. `run` gives what a coroutine comes to."""

    __slots__ = ("books", "call", "clock", "desk", "failures", "interrupted", "name", "run")

    def __init__(
        self,
        name: str,
        call: Call,
        *,
        desk: Desk,
        books: Books,
        failures: Failures,
        run: Callable[[Coroutine[Any, Any, Any]], Any],
        interrupted: deque[Any],
        clock: Clock,
    ) -> None:
        self.name = name
        self.call = call
        self.desk = desk
        self.books = books
        self.failures = failures
        self.run = run
        self.interrupted = interrupted
        self.clock = clock


def _gave(means: Means, data: Any, now_ns: int) -> list[Message]:
    """The messages that are made of what `main_logic` gave."""
    if not isinstance(data, Several):
        return [Message(data, means.name, means.books.gave(1), now_ns)]
    items = [item for item in data if item is not None]
    numbers = count(means.books.gave(len(items)))
    return [Message(item, means.name, number, now_ns) for number, item in zip(numbers, items, strict=False)]


class Sourcing:
    """`main_logic()` again and again, until it raises StopIteration."""

    held = 0

    def __init__(self, means: Means) -> None:
        self._means = means
        self._failures = 0
        self.over = False

    def turn(self, most: int) -> float:
        means = self._means
        call, books, desk = means.call, means.books, means.desk
        now, interrupted = means.clock.monotonic_ns, means.interrupted
        begun_ns = now()
        last_ns = begun_ns + GATHER_NS
        while True:
            try:
                data = call()
                if type(data) is CoroutineType:
                    data = means.run(data)
            except ENDS:
                self.over = True
                return 0.0
            except RAISED as error:
                return self._failed(error, now() - begun_ns)
            end_ns = now()
            books.succeeded(1, end_ns - begun_ns)
            self._failures = 0
            if data is not None:  # given before the next call: who knows how long that takes
                desk.give(_gave(means, data, end_ns))
            most -= 1
            if not most or end_ns > last_ns or interrupted or not desk.ready():
                return 0.0
            begun_ns = now()

    def drop(self, reason: str) -> None:
        """A source has nothing in hand."""

    def _failed(self, error: BaseException, took_ns: int) -> float:
        """A camera that is not there raises at once, each time: not at the speed of the processor."""
        self._means.books.raised(1, took_ns)
        self._means.failures.add((), error)
        self._failures += 1
        return min(0.001 * 2.0 ** min(self._failures, 10), MOST_PAUSE_S)


class OneByOne:
    """`main_logic(data)` for each message."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._hand: deque[Message] = deque()
        self.over = False

    @property
    def held(self) -> int:
        return len(self._hand)

    def turn(self, most: int) -> float:
        means, hand = self._means, self._hand
        if not hand:
            hand.extend(means.desk.take(most))
            if not hand:
                self.over = means.desk.finished
                return 0.0 if self.over else math.inf
        means.desk.give(self._worked(most))
        return 0.0

    def drop(self, reason: str) -> None:
        if self._hand:
            self._means.books.dropped(reason, len(self._hand))
            self._hand.clear()
            self._means.desk.give([])

    def _worked(self, most: int) -> list[Message]:
        """What came of a message, and of those behind it as long as that is quick."""
        means, hand = self._means, self._hand
        call, books, now, interrupted = means.call, means.books, means.clock.monotonic_ns, means.interrupted
        pack = means.desk.pack
        gave: list[Message] = []
        took_ns: list[int] = []
        begun_ns = now()
        last_ns = begun_ns + GATHER_NS
        while True:
            message = hand.popleft()
            new: list[Message] = []
            try:
                data = call(message.data)
                if type(data) is CoroutineType:
                    data = means.run(data)
            except RAISED as error:
                books.raised(1, now() - begun_ns)
                means.failures.add((message.data,), error)
                end_ns = now()
            else:
                end_ns = now()
                books.one_succeeded()
                took_ns.append(end_ns - begun_ns)
                if data is not None:
                    new = _gave(means, data, end_ns)
            gave += new
            if not hand or end_ns > last_ns or interrupted or most == 1:
                break
            begun_ns = end_ns if pack is None else self._packed_ns(pack, new)
        if took_ns:
            books.all_timed(took_ns)
        return gave

    def _packed_ns(self, pack: Pack, new: list[Message]) -> int:
        """Pack what was given, as the next call may change it. When that was done."""
        pack(new)
        return self._means.clock.monotonic_ns()


class InBatches:
    """`main_logic([data, ...])` for several messages at once."""

    held = 0  # what it gathers is worked on at once

    def __init__(self, means: Means, size: int, max_wait_s: float) -> None:
        self._means = means
        self._batch: Batch[Message] = Batch(size, max_wait_s)
        self.over = False

    def turn(self, most: int) -> float:  # noqa: ARG002  # a batch is one call
        means, batch = self._means, self._batch
        while batch.room and (taken := means.desk.take(batch.room)):
            batch.add(taken, means.clock.monotonic_ns())
        wait_s = 0.0 if means.desk.finished else batch.wait_s(means.clock.monotonic_ns())
        if batch and not wait_s:
            self._work([message.data for message in batch.taken()])
            return 0.0
        self.over = not batch and means.desk.finished
        return 0.0 if self.over else wait_s

    def drop(self, reason: str) -> None:
        dropped = self._batch.taken()
        if dropped:
            self._means.books.dropped(reason, len(dropped))
            self._means.desk.give([])

    def _work(self, data: list[Any]) -> None:
        means, books, gave = self._means, self._means.books, []
        begun_ns = means.clock.monotonic_ns()
        try:
            answer = means.call(data)
            if type(answer) is CoroutineType:
                answer = means.run(answer)
        except RAISED as error:
            books.raised(len(data), means.clock.monotonic_ns() - begun_ns)
            means.failures.add(data, error)
        else:
            now_ns = means.clock.monotonic_ns()
            books.succeeded(len(data), now_ns - begun_ns)
            if answer is not None:
                gave = _gave(means, answer, now_ns)
        means.desk.give(gave)
