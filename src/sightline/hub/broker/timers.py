"""What is to happen at a time: a heap of actions, run by whoever has the clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Final

MOST_CANCELLED: Final = 1000
"""So many at least may lie about, and never more than there are others."""


class Timer:
    """One action to come. Cancelling is free; cancelled ones are thrown away in time."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[int], None]) -> None:
        self.action: Callable[[int], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Timers:
    """Actions in the order of their times, those of one time in the order in which they were set."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._serials = count()
        self._most = MOST_CANCELLED

    def __len__(self) -> int:
        """Those to come, and cancelled ones that were not thrown away yet."""
        return len(self._heap)

    def at(self, due_ns: int, action: Callable[[int], None]) -> Timer:
        """Call `action(now_ns)` once at `due_ns` or later."""
        timer = Timer(action)
        heapq.heappush(self._heap, (due_ns, next(self._serials), timer))
        if len(self._heap) > self._most:
            self._sweep()
        return timer

    def run(self, now_ns: int) -> int | None:
        """Do what is due. Gives the time of the next action, or None where there is none."""
        heap = self._heap
        while heap and (heap[0][0] <= now_ns or heap[0][2].action is None):
            _, _, timer = heapq.heappop(heap)
            action, timer.action = timer.action, None
            if action is not None:
                action(now_ns)
        return heap[0][0] if heap else None

    def _sweep(self) -> None:
        """Throw cancelled ones away: those of far times would outlive what they were for."""
        self._heap[:] = [entry for entry in self._heap if entry[2].action is not None]
        heapq.heapify(self._heap)
        self._most = MOST_CANCELLED + 2 * len(self._heap)
