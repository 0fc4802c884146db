"""Virtual time: what is to happen when, and clocks that go a little wrong.

Real time of the simulation is whole nanoseconds from 0. What is due at one moment happens in the order in
which it was asked for, so that one seed is one story.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import msgspec

from sightline.clock import ns


class Events:
    """A queue of calls by time."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.happened = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, time_ns: int, call: Callable[[], None]) -> None:
        """Call at that time, or now where it is over."""
        heapq.heappush(self._heap, (max(time_ns, self.now_ns), next(self._numbers), call))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.at(self.now_ns + ns(seconds), call)

    def run(self, seconds: float) -> None:
        """All that happens within the next seconds."""
        until = self.now_ns + ns(seconds)
        while self._heap and self._heap[0][0] <= until:
            self.now_ns, _, call = heapq.heappop(self._heap)
            self.happened += 1
            call()
        self.now_ns = until


class LocalClock(msgspec.Struct, frozen=True):
    """A machine's monotonic clock: it began anywhere, and goes `ppm` millionths fast (or slow, below 0)."""

    events: Events
    offset_ns: int
    ppm: int

    def now_ns(self) -> int:
        return self.offset_ns + self._local(self.events.now_ns)

    def real_ns(self, local_ns: int) -> int:
        """The first real time at which this clock shows at least that."""
        wanted = local_ns - self.offset_ns
        real = wanted * 1_000_000 // (1_000_000 + self.ppm)
        while self._local(real) < wanted:
            real += 1
        return real

    def _local(self, real_ns: int) -> int:
        return real_ns + real_ns * self.ppm // 1_000_000
