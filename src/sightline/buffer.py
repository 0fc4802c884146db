"""A bounded buffer between threads.

`Buffer` puts a lock and two conditions round `sightline.overflow.OverflowBuffer`, which decides what is
kept and what is dropped and counts both. Writers wait only where the policy is `Overflow.BLOCK`.
It carries nothing between processes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BufferFull, Closed
from sightline.overflow import BufferStats, Capacity, Overflow, OverflowBuffer, Reason

__all__ = ["Buffer", "BufferStats", "Capacity", "Overflow", "OverflowBuffer", "Reason"]

T = TypeVar("T")


class Buffer(Generic[T]):
    """A bounded buffer that any thread may write to and read from.

    Its arguments are those of `OverflowBuffer`, and a clock whose monotonic time ages the items.
    """

    def __init__(
        self,
        capacity: Capacity,
        overflow: Overflow,
        *,
        size: Callable[[T], int] | None = None,
        key: Callable[[T], Hashable] | None = None,
        keyframe: Callable[[T], bool] | None = None,
        fill_rate_hz: float | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._machine = OverflowBuffer(
            capacity, overflow, size=size, key=key, keyframe=keyframe, fill_rate_hz=fill_rate_hz
        )
        self._clock = clock
        lock = threading.Lock()
        self._room = threading.Condition(lock)
        self._items = threading.Condition(lock)
        self._closed = False

    def put(self, item: T, timeout_s: float | None = None) -> None:
        """Let `item` in; with `BLOCK`, wait for room at most `timeout_s` seconds (None: for ever).

        Raises:
            BufferFull: refused; the caller still has the item.
            Closed: the buffer was closed, before or while waiting.
        """
        with self._room:
            if not self._room.wait_for(lambda: self._offered(item), timeout_s):
                self._machine.refuse()
                raise BufferFull(f"no room within {timeout_s} s: {len(self._machine)} items are held")

    def take(self, most: int = 1, timeout_s: float | None = None) -> list[T]:
        """1 to `most` items, after at most `timeout_s` seconds (None: for ever); [] when none came in time.

        Raises:
            Closed: the buffer was closed and all that it held was taken.
        """
        with self._items:
            self._items.wait_for(lambda: self._closed or len(self._machine), timeout_s)
            taken = self._taken(most)
            if not taken and self._closed:
                raise Closed("the buffer is closed and empty")
            # What grew too old made room as well, so writers are woken even when nothing was taken.
            self._room.notify_all()
            return taken

    def close(self, *, discard: bool = False) -> None:
        """Let nothing more in; readers take what is held, unless it is discarded. Again is allowed."""
        with self._room:
            self._closed = True
            if discard:
                self._machine.discard()
            self._room.notify_all()
            self._items.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    def __len__(self) -> int:
        return len(self._machine)

    def stats(self) -> BufferStats:
        """The counts, all taken at one moment."""
        with self._room:
            return self._machine.stats()

    def _offered(self, item: T) -> bool:
        if self._closed:
            raise Closed("the buffer is closed")
        entered = self._machine.offer(item, self._clock.monotonic_ns())
        if entered:
            self._items.notify()
        return entered

    def _taken(self, most: int) -> list[T]:
        now_ns = self._clock.monotonic_ns()
        taken: list[T] = []
        while len(taken) < most and (item := self._machine.take(now_ns)) is not None:
            taken.append(item)
        return taken
