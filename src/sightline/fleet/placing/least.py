"""The least loaded of many, again and again, while loads only grow.

A heap whose entries are put right when they come up: as loads only grow, an entry that is out of date is
too near the front, never too far behind. What does not fit any more is dropped for good.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Least(Generic[T]):
    """Of `items`, by `key` (of two that are equal the one with the lower last part)."""

    def __init__(
        self, items: Iterable[T], key: Callable[[T], tuple[int, ...]], fits: Callable[[T], bool]
    ) -> None:
        self._key = key
        self._fits = fits
        self._heap: list[tuple[tuple[int, ...], int, T]] = [
            (key(item), number, item) for number, item in enumerate(items)
        ]
        heapq.heapify(self._heap)

    def take(self) -> T | None:
        """The least loaded that fits; it stays in for the next time. None: none fits, now or later."""
        heap = self._heap
        while heap:
            key, number, item = heap[0]
            if not self._fits(item):
                heapq.heappop(heap)
            elif (now := self._key(item)) != key:
                heapq.heapreplace(heap, (now, number, item))
            else:
                return item
        return None
