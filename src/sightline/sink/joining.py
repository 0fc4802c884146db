"""The machine that gives packets their results: in the packets' order, waiting so long and no longer.

Results come late, for some packets only, and with B-frames in another order. A packet stands in line until
its result is there, it has waited its time, or the line is full; then it goes, with its result or without,
and never before one that came earlier. Pure: no lock, no clock, no bus.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, NamedTuple, TypeVar

import msgspec

from sightline.overflow import Capacity
from sightline.packet import Identity

T = TypeVar("T")


class JoinStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one line.

    Attributes:
        entered: packets, and what else stood in line.
        joined: those that left with their result.
        bare: those that left without.
        held: those in line.
        late: results whose packet had left, or never came.
    """

    entered: int
    joined: int
    bare: int
    held: int
    late: int

    @property
    def balanced(self) -> bool:
        return self.entered == self.joined + self.bare + self.held


class _Held(NamedTuple, Generic[T]):
    item: T
    identity: Identity | None
    size: int
    due_ns: int


class Joining(Generic[T]):
    """The line of one camera.

    Args:
        capacity: how many packets, and how many of their bytes, stand in line; and how many results wait for
            a packet that has not come yet.
        wait_ns: what a packet waits for its result at most, in ns.
    """

    def __init__(self, capacity: Capacity, wait_ns: int) -> None:
        self._capacity = capacity
        self._wait_ns = wait_ns
        self._line: deque[_Held[T]] = deque()
        self._waiting: set[Identity] = set()
        self._results: OrderedDict[Identity, bytes] = OrderedDict()
        self._newest: Identity | None = None
        self._bytes = 0
        self._entered = self._joined = self._bare = self._late = 0

    def put(self, item: T, identity: Identity | None, size: int, now_ns: int) -> None:
        """Let a packet of `size` bytes in; without an identity something that waits for no result."""
        self._line.append(_Held(item, identity, size, now_ns + self._wait_ns))
        self._entered += 1
        self._bytes += size
        if identity is not None:
            self._newest = identity
            self._waiting.add(identity)
            self._forget_older_than(identity)

    def attach(self, identity: Identity, result: bytes) -> None:
        """Let a result in."""
        ahead = self._newest is None or identity > self._newest
        if not ahead and identity not in self._waiting:
            self._late += 1
            return
        self._results[identity] = result
        if self._capacity.count is not None and len(self._results) > self._capacity.count:
            self._results.popitem(last=False)
            self._late += 1

    def take(self, now_ns: int) -> list[tuple[T, bytes | None]]:
        """What may go now, in order, each with its result or None."""
        gone = []
        while self._line and self._may_go(self._line[0], now_ns):
            gone.append(self._go())
        return gone

    def rest(self) -> list[tuple[T, bytes | None]]:
        """All that is in line, without waiting any longer."""
        return [self._go() for _ in range(len(self._line))]

    def stats(self) -> JoinStats:
        return JoinStats(
            entered=self._entered,
            joined=self._joined,
            bare=self._bare,
            held=len(self._line),
            late=self._late,
        )

    def _may_go(self, first: _Held[T], now_ns: int) -> bool:
        count, size = self._capacity.count, self._capacity.bytes
        full = (count is not None and len(self._line) > count) or (size is not None and self._bytes > size)
        return full or first.due_ns <= now_ns or first.identity in self._results

    def _go(self) -> tuple[T, bytes | None]:
        held = self._line.popleft()
        self._bytes -= held.size
        result = None
        if held.identity is not None:
            self._waiting.discard(held.identity)
            result = self._results.pop(held.identity, None)
        self._joined += result is not None
        self._bare += result is None
        return held.item, result

    def _forget_older_than(self, identity: Identity) -> None:
        """Results that came before a packet that never came: it was lost on its way to us."""
        while self._results:
            oldest = next(iter(self._results))
            if oldest >= identity or oldest in self._waiting:
                return
            del self._results[oldest]
            self._late += 1
