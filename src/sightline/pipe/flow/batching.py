"""When a batch is complete: full, or its first item waited long enough. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

from sightline.clock import NS_PER_S, ns

T = TypeVar("T")


class Batch(Generic[T]):
    """At most `size` items; the first waits `max_wait_s` seconds for others at most."""

    def __init__(self, size: int, max_wait_s: float) -> None:
        self._size = size
        self._max_wait_ns = ns(max_wait_s)
        self._items: list[T] = []
        self._due_ns = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def room(self) -> int:
        """How many more items fit."""
        return self._size - len(self._items)

    def add(self, items: Sequence[T], now_ns: int) -> None:
        """These came, at most as many as fit."""
        if items and not self._items:
            self._due_ns = now_ns + self._max_wait_ns
        self._items += items

    def wait_s(self, now_ns: int) -> float:
        """Seconds until it is complete if nothing more comes; 0.0: it is, inf: it is empty."""
        if not self._items:
            return math.inf
        return 0.0 if not self.room else max(0.0, (self._due_ns - now_ns) / NS_PER_S)

    def taken(self) -> list[T]:
        """The items; it is empty then."""
        items, self._items = self._items, []
        return items
