"""Moments at which something is to be looked at, by what and whom; looking too early costs nothing.

One alarm for each kind and name: a later one replaces it, and what it replaced is passed over when it comes
up. So a machine that is heard every few seconds needs no new alarm each time: when its alarm rings, whoever
looks sets the next one by what it finds.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from typing import TypeAlias

Alarm: TypeAlias = tuple[str, Hashable]


class Alarms:
    """By kind and name."""

    def __init__(self) -> None:
        self._due: dict[Alarm, int] = {}
        self._heap: list[tuple[int, int, Alarm]] = []
        self._count = 0

    def set(self, kind: str, name: Hashable, due_ns: int) -> None:
        """Look at it then, and not before."""
        alarm = (kind, name)
        if self._due.get(alarm) == due_ns:
            return
        self._due[alarm] = due_ns
        self._count += 1
        heapq.heappush(self._heap, (due_ns, self._count, alarm))

    def clear(self, kind: str, name: Hashable) -> None:
        """It needs no look."""
        self._due.pop((kind, name), None)

    def due_ns(self) -> int | None:
        """When the next one rings; None: never."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def ring(self, now_ns: int) -> Iterator[Alarm]:
        """Those that are due, each once; more may be set meanwhile."""
        while (due_ns := self.due_ns()) is not None and due_ns <= now_ns:
            alarm = heapq.heappop(self._heap)[2]
            del self._due[alarm]
            yield alarm
