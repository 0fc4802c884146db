"""The queue in memory as a machine: keys, holders and a time go in, deliveries come out.

It keeps what `sightline.framequeue.queue` promises, takes no lock and never waits: `queues.memory` does.
Time is monotonic; the date of a death is UTC.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple, TypeVar

from sightline.framequeue.queue import EXPIRED, OVERFLOW, DeadKey, Delivery, Outcome, QueueDepth, Sent
from sightline.framequeue.queues.limits import QueueLimits, Verdict, Waiting

T = TypeVar("T", int, tuple[int, int])


class Moment(NamedTuple):
    """One moment on both clocks."""

    monotonic_ns: int
    utc_ns: int


class _State(Enum):
    READY = auto()
    DELAYED = auto()
    IN_HAND = auto()
    DEAD = auto()


_WAITS: Final = (_State.READY, _State.DELAYED)


@dataclass(slots=True)
class _Key:
    text: str
    size: int
    expires_ns: int | None
    state: _State = _State.READY
    due_ns: int = 0
    handed: int = 0
    holder: int | None = None  # who had it last; None: nobody, or that one settled it
    reason: str = ""
    died_at_ns: int = 0


class QueueLine:
    """Keys in line.

    Args:
        limits: may be set anew at any time.
        first_number: of the keys; one that no earlier queue reached, so that no old tag fits.
    """

    def __init__(self, limits: QueueLimits, first_number: int) -> None:
        self.limits = limits
        self._next = first_number
        self._keys: dict[int, _Key] = {}
        self._waiting = Waiting(0, 0)
        # Sorted; removing from a list of some ten thousand is one short move of memory.
        self._ready: list[int] = []
        self._delayed: list[tuple[int, int]] = []  # due_ns, number
        self._expiring: list[tuple[int, int]] = []  # expires_ns, number: of those that wait
        self._dead: dict[int, None] = {}  # in the order of their deaths
        self._accepted = self._acked = self._forgotten = 0

    def send(self, texts: Iterable[tuple[str, int]], now: Moment) -> list[Sent]:
        """Texts with their sizes."""
        self._pass_time(now)
        return [Sent(text, self._enter(text, size, now)) for text, size in texts]

    def receive(self, most: int, holder: int, now: Moment) -> list[Delivery]:
        self._pass_time(now)
        return [self._hand_over(number, holder, now) for number in self._ready[:most]]

    def ack(self, tag: tuple[int, int], now: Moment) -> bool:
        self._pass_time(now)
        key = self._held(tag)
        if key is not None:
            self._leave(tag[0], key)
            del self._keys[tag[0]]
            self._acked += 1
        return key is not None

    def retry(self, tag: tuple[int, int], delay_ns: int, now: Moment) -> bool:
        self._pass_time(now)
        key = self._held(tag)
        if key is not None:
            key.due_ns, key.holder = now.monotonic_ns + delay_ns, None
            self._move(tag[0], key, _State.DELAYED if delay_ns else _State.READY)
        return key is not None

    def die(self, tag: tuple[int, int], reason: str, now: Moment) -> bool:
        self._pass_time(now)
        key = self._held(tag)
        if key is not None:
            self._bury(tag[0], key, reason, now)
        return key is not None

    def let_go(self, holder: int) -> int:
        """All that it has comes back, marked. Gives how much that was."""
        held = [(n, k) for n, k in self._keys.items() if k.state is _State.IN_HAND and k.holder == holder]
        for number, key in held:
            self._move(number, key, _State.READY)
        return len(held)

    def dead_letters(self, limit: int, now: Moment) -> list[DeadKey]:
        self._pass_time(now)
        keys = [self._keys[number] for number in list(self._dead)[: max(0, limit)]]
        return [DeadKey(key.text, key.reason, key.died_at_ns, key.handed) for key in keys]

    def dead_retry(self, texts: frozenset[str] | None, now: Moment) -> int:
        self._pass_time(now)
        count = 0
        for number in list(self._dead):
            key = self._keys[number]
            if texts is not None and key.text not in texts:
                continue
            if self.limits.judge(self._waiting, key.size) is not Verdict.TAKE:
                break
            del self._keys[number], self._dead[number]
            self._add(_Key(key.text, key.size, self._expires_ns(now), handed=key.handed))
            count += 1
        return count

    def depth(self, now: Moment) -> QueueDepth:
        self._pass_time(now)
        waiting, dead = len(self._ready) + len(self._delayed), len(self._dead)
        return QueueDepth(
            ready=len(self._ready),
            delayed=len(self._delayed),
            in_hand=len(self._keys) - waiting - dead,
            dead=dead,
            accepted=self._accepted,
            acked=self._acked,
            forgotten=self._forgotten,
        )

    def due_ns(self) -> int | None:
        """When the next delayed key is ready."""
        return self._delayed[0][0] if self._delayed else None

    def _enter(self, text: str, size: int, now: Moment) -> Outcome:
        while (verdict := self.limits.judge(self._waiting, size)) is Verdict.DROP:
            oldest = self._ready[0] if self._ready else min(number for _, number in self._delayed)
            self._bury(oldest, self._keys[oldest], OVERFLOW, now)
        if verdict is Verdict.REFUSE:
            return Outcome.FULL
        self._add(_Key(text, size, self._expires_ns(now)))
        self._accepted += 1
        return Outcome.ACCEPTED

    def _expires_ns(self, now: Moment) -> int | None:
        return self.limits.expires_ns(now.monotonic_ns)

    def _add(self, key: _Key) -> None:
        self._keys[self._next] = key
        self._come(self._next, key)
        self._next += 1

    def _hand_over(self, number: int, holder: int, now: Moment) -> Delivery:
        key = self._keys[number]
        self._move(number, key, _State.IN_HAND)
        key.handed += 1
        key.holder = holder
        return Delivery(key.text, key.handed > 1, now.utc_ns, (number, key.handed))

    def _held(self, tag: tuple[int, int]) -> _Key | None:
        """The key of the last hand-over, not settled yet; whoever had it may have let go meanwhile."""
        key = self._keys.get(tag[0])
        held = key is not None and key.holder is not None and key.handed == tag[1]
        return key if held else None

    def _bury(self, number: int, key: _Key, reason: str, now: Moment) -> None:
        key.reason, key.died_at_ns, key.holder = reason, now.utc_ns, None
        self._move(number, key, _State.DEAD)
        while len(self._dead) > self.limits.max_dead:
            oldest = next(iter(self._dead))
            del self._dead[oldest], self._keys[oldest]
            self._forgotten += 1

    def _pass_time(self, now: Moment) -> None:
        """What is due is ready, and what waited too long dies."""
        while self._delayed and self._delayed[0][0] <= now.monotonic_ns:
            number = self._delayed[0][1]
            self._move(number, self._keys[number], _State.READY)
        while self._expiring and self._expiring[0][0] <= now.monotonic_ns:
            number = self._expiring[0][1]
            self._bury(number, self._keys[number], EXPIRED, now)

    def _move(self, number: int, key: _Key, state: _State) -> None:
        self._leave(number, key)
        key.state = state
        self._come(number, key)

    def _come(self, number: int, key: _Key) -> None:
        if key.state is _State.READY:
            insort(self._ready, number)
        elif key.state is _State.DELAYED:
            insort(self._delayed, (key.due_ns, number))
        elif key.state is _State.DEAD:
            self._dead[number] = None
        if key.state in _WAITS:
            self._count(1, key.size)
            if key.expires_ns is not None:
                insort(self._expiring, (key.expires_ns, number))

    def _leave(self, number: int, key: _Key) -> None:
        if key.state is _State.READY:
            _take_out(self._ready, number)
        elif key.state is _State.DELAYED:
            _take_out(self._delayed, (key.due_ns, number))
        if key.state in _WAITS:
            self._count(-1, -key.size)
            if key.expires_ns is not None:
                _take_out(self._expiring, (key.expires_ns, number))

    def _count(self, keys: int, size: int) -> None:
        self._waiting = Waiting(self._waiting.keys + keys, self._waiting.bytes + size)


def _take_out(line: list[T], item: T) -> None:
    del line[bisect_left(line, item)]
