"""A writer's pools of one channel: the slots that its pictures are put into.

There is one pool at a time that is filled, of slots that fit the pictures. When these grow, or were much
smaller for long, a new one takes its place, and the old one drains: the host is told once all of its slots
are back, so no token of it can come after. A slot is filled again when its `Slot` is gone and the host said
`Freed`, or never had it; and never after `abandon`.

It waits for nothing: where there is no slot the caller sends bytes, and why is counted. Only making a pool
takes its time, once for each size of picture, as the system has to clear the memory (a third of a
millisecond for each MiB).

Everything may be called from any thread. What the host says and what `__del__` says is put in line for
whoever has the lock (see `sightline.shm.line`); so the host may also say it from within `announce`.

A child made by `fork` has the same memory: in it all pools are closed, as it would fill its parent's slots.
"""

from __future__ import annotations

import math
import mmap
import os
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import lru_cache
from operator import index
from typing import Any, Final, SupportsIndex
from weakref import WeakSet

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from sightline.arrays import array_head
from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from sightline.errors import SharingError
from sightline.shm.line import Line
from sightline.shm.messages import Drain, Pool
from sightline.shm.places import Places
from sightline.shm.segment import Segment
from sightline.shm.settings import FEWEST_SLOTS, USUAL_SLOTS, Sharing
from sightline.shm.slot import Slot, slot_under

MOST_POOLS: Final = 4
"""Of one channel: one that is filled, the others draining."""
RETRY_NS: Final = NS_PER_S
SMALL_SHARE: Final = 4
SMALL_PAYLOADS: Final = 100
"""So many in a row that would fit into a quarter of a slot, and a smaller pool takes its place."""

_head_of: Final = lru_cache(maxsize=64)(array_head)


class Why(StrEnum):
    """Why a payload was not shared, although it is large enough."""

    NO_SLOT = "no_slot"
    """All are under way or looked at."""
    NO_MEMORY = "no_memory"
    """The system has none, or `MOST_POOLS` are not back yet."""
    NOT_READY = "not_ready"
    """The host has not mapped the pool yet."""
    REFUSED = "refused"
    """And it will not."""
    TOO_LARGE = "too_large"
    """`Sharing.pool_bytes` has not room for three of it."""
    OFF = "off"
    """There is no way to hand on the pool."""


class SharingStats(msgspec.Struct, frozen=True, kw_only=True):
    """A writer's counts at one moment.

    Attributes:
        shared, shared_bytes: payloads for which a token was made.
        not_shared: by reason (`Why`), those of `Sharing.above_bytes` and above that had to go as bytes.
        pools, pool_bytes: memory that it has at the moment.
    """

    shared: int
    shared_bytes: int
    not_shared: dict[str, int]
    pools: int
    pool_bytes: int


class _Pool:
    """One pool, its memory and its account."""

    __slots__ = ("places", "ready", "refused", "said", "segment")

    def __init__(self, slot_bytes: int, slots: int) -> None:
        self.segment = Segment.create(slot_bytes * slots)
        self.said = Pool(secrets.token_bytes(16), slots, slot_bytes, self.segment.sealed)
        self.places = Places(slots)
        self.ready = self.refused = False

    def fits(self, size: int) -> bool:
        return size <= self.said.slot_bytes

    def memory(self, number: int, size: int) -> tuple[memoryview, int]:
        """And its address."""
        at = number * self.said.slot_bytes
        return self.segment.memory[at : at + size], self.segment.address + at


class Pools:
    """The pools of one channel.

    Args:
        settings: how much is shared.
        announce: hands a pool and its descriptor to the host; False where that cannot be.
        said: tells the host that a pool is drained. Called in any thread and, by `__del__`, within any lock,
            be it one of its own: it must not wait for one. Both are called with the lock of this object held,
            and may call nothing of it but what the host says (`ready`, `refused`, `freed`).
        clock: for when to try again.
    """

    def __init__(
        self,
        settings: Sharing,
        announce: Callable[[Pool, int], bool],
        said: Callable[[Drain], object],
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._settings = settings
        self._announce = announce
        self._said = said
        self._clock = clock
        self._line = Line()
        self._pools: dict[bytes, _Pool] = {}
        self._current: _Pool | None = None
        self._making = self._closed = False
        self._trouble = Why.NO_MEMORY
        self._not_before_ns: int | None = None
        self._small = self._small_bytes = 0
        self._shared = self._shared_bytes = 0
        self._not_shared: Counter[Why] = Counter()
        _all.add(self)

    # For who writes.

    def slot(self, size: int) -> Slot | None:
        """Room for `size` bytes of payload. None: they go as bytes; from `above_bytes` on, why is counted."""
        found = self._find(size)
        if isinstance(found, Slot):
            return found
        if found is not None:
            self._line.put(self._count, found)
        return None

    def array(self, shape: SupportsIndex | Sequence[SupportsIndex], dtype: DTypeLike) -> NDArray[Any] | None:
        """An array to be filled in place and then put; what it holds at first is anything.

        It is shared without a copy if it is put as it is: this array, or a view of all of it; once. Then it
        cannot be written to any more (`ValueError`); views that were taken of it before can, and must not:
        others look at it.

        Returns:
            A writable array in C order; it keeps its slot while it or a view of it lives. None: there is no
            slot, or an array of that kind is not sent as it lies in memory. That is not counted.

        Raises:
            TypeError: it could not be sent at all.
        """
        lengths = tuple(map(index, shape if isinstance(shape, Sequence) else (shape,)))
        element = np.dtype(dtype)
        if element.subdtype is not None:
            lengths, element = lengths + element.subdtype[1], element.subdtype[0]
        head = _head_of(lengths, element)
        found = self._find(len(head) + math.prod(lengths) * element.itemsize) if head else None
        return found.lay_out(head, lengths, element) if head and isinstance(found, Slot) else None

    def slot_of(self, array: NDArray[Any]) -> Slot | None:
        """The slot in which `array` lies, if `array` made it and this is all of it; else None: it is copied.

        Given once: a slot is sent once. Who did not send it after all may unset `Slot.taken`.
        """
        slot = slot_under(array)
        if slot is None or not slot.has_whole(array):
            return None
        with self._line:
            mine = slot.pool in self._pools and not slot.taken
            slot.taken = slot.taken or mine
        return slot if mine else None

    @property
    def full(self) -> bool:
        """Whether all slots are taken: one may come back at any moment."""
        with self._line:
            pool = self._current
            return pool is not None and pool.ready and not pool.places.free

    def stats(self) -> SharingStats:
        with self._line:
            return SharingStats(
                shared=self._shared,
                shared_bytes=self._shared_bytes,
                not_shared={str(why): count for why, count in self._not_shared.items()},
                pools=len(self._pools),
                pool_bytes=sum(pool.segment.size for pool in self._pools.values() if not pool.refused),
            )

    def abandon(self) -> None:
        """The host is gone: no slot of now is filled again, as readers may look at it for long.

        Whoever has a `Slot` can still read its payload. The next slot is of a new pool.
        """
        with self._line:
            for pool in self._pools.values():
                pool.segment.close()
            self._pools.clear()
            self._current = self._not_before_ns = None

    def close(self) -> None:
        """As `abandon`, and there are no new pools."""
        self._closed = True
        self.abandon()

    # What the host says. What it cannot mean is passed over: it may be about a pool that was abandoned.

    def ready(self, pool: bytes) -> None:
        self._line.put(self._on_ready, pool)

    def refused(self, pool: bytes, reason: str) -> None:  # noqa: ARG002 - the caller's to log
        """Pictures of this size are not shared; there is another pool when their size changes."""
        self._line.put(self._on_refused, pool)

    def freed(self, pool: bytes, slot: int, generation: int) -> None:
        self._line.put(self._on_freed, pool, slot, generation)

    # What slots say (`sightline.shm.slot.Owner`).

    def issued(self, slot: Slot) -> None:
        self._line.put(self._count_shared, slot.size)

    def let_go(self, pool: bytes, number: int, *, sent: bool) -> None:
        self._line.put(self._on_let_go, pool, number, sent)

    # Without the lock.

    def _find(self, size: int) -> Slot | Why | None:
        if size < self._settings.above_bytes:
            return None
        with self._line:
            plan = self._plan(size)
            self._making = self._making or plan is not None
            found = None if plan else self._pick(size)
        if plan:
            found = self._make(*plan, size)
        return found

    def _make(self, slot_bytes: int, slots: int, size: int) -> Slot | Why:
        pool = None
        try:
            pool = _made(slot_bytes, slots)  # takes its time: not with the lock held
        finally:
            with self._line:
                self._making = False
                self._install(pool)
            with self._line:  # what the host said from within `announce` is done by now
                found = self._pick(size)
        return found

    # With the lock held.

    def _plan(self, size: int) -> tuple[int, int] | None:
        """What pool is to be made now: bytes of a slot, and slots."""
        due = self._due(size)
        if due is None or self._making or self._closed or len(self._pools) >= MOST_POOLS:
            return None
        if self._not_before_ns is not None and self._clock.monotonic_ns() < self._not_before_ns:
            return None
        slot_bytes = slot_bytes_for(due)
        slots = self._most_slots(slot_bytes)
        return (slot_bytes, slots) if slots >= FEWEST_SLOTS else None

    def _due(self, size: int) -> int | None:
        """The size of payload for which another pool is due."""
        pool = self._current
        if pool is None or not pool.fits(size):
            return size
        if pool.fits(size * SMALL_SHARE):
            self._small += 1
            self._small_bytes = max(self._small_bytes, size)
        else:
            self._small = self._small_bytes = 0
        due = self._small >= SMALL_PAYLOADS and slot_bytes_for(self._small_bytes) < pool.said.slot_bytes
        return self._small_bytes if due else None

    def _most_slots(self, slot_bytes: int) -> int:
        return min(self._settings.slots, self._settings.pool_bytes // slot_bytes)

    def _install(self, pool: _Pool | None) -> None:
        self._trouble = Why.NO_MEMORY
        if pool is not None and (self._closed or not self._announce(pool.said, pool.segment.fd)):
            self._trouble = Why.OFF
            pool.segment.close()
            pool = None
        if pool is None:
            self._not_before_ns = self._clock.monotonic_ns() + RETRY_NS
            return
        if self._current is not None:
            self._line.put(self._end_if_drained, self._current)
        self._pools[pool.said.pool] = self._current = pool
        self._small = self._small_bytes = 0

    def _pick(self, size: int) -> Slot | Why:
        pool = self._current
        if self._closed:
            return Why.OFF
        if pool is None or not pool.fits(size):
            if self._most_slots(slot_bytes_for(size)) < FEWEST_SLOTS:
                return Why.TOO_LARGE
            return Why.NOT_READY if self._making else self._trouble
        if not pool.ready:
            return Why.REFUSED if pool.refused else Why.NOT_READY
        place = pool.places.take()
        if place is None:
            return Why.NO_SLOT
        return Slot(self, pool.said.pool, *place, pool.memory(place[0], size))

    def _on_ready(self, pool_id: bytes) -> None:
        if (pool := self._pools.get(pool_id)) is not None:
            pool.ready = not pool.refused

    def _on_refused(self, pool_id: bytes) -> None:
        if (pool := self._pools.get(pool_id)) is not None:
            pool.ready, pool.refused = False, True
            pool.segment.close()

    def _on_freed(self, pool_id: bytes, number: int, generation: int) -> None:
        if (pool := self._pools.get(pool_id)) is not None:
            pool.places.freed(number, generation)
            self._end_if_drained(pool)

    def _on_let_go(self, pool_id: bytes, number: int, sent: bool) -> None:
        if (pool := self._pools.get(pool_id)) is not None:
            pool.places.let_go(number, sent=sent)
            self._end_if_drained(pool)

    def _end_if_drained(self, pool: _Pool) -> None:
        if pool is self._current or not pool.places.all_free:
            return
        if self._pools.pop(pool.said.pool, None) and not pool.refused:
            pool.segment.close()
            self._said(Drain(pool.said.pool))

    def _count(self, why: Why) -> None:
        self._not_shared[why] += 1

    def _count_shared(self, size: int) -> None:
        self._shared += 1
        self._shared_bytes += size


def _made(slot_bytes: int, slots: int) -> _Pool | None:
    """Of usual size where there is no memory for a larger one."""
    with suppress(SharingError):
        return _Pool(slot_bytes, slots)
    return _made(slot_bytes, USUAL_SLOTS) if slots > USUAL_SLOTS else None


def slot_bytes_for(size: int) -> int:
    """Whole pages, at most an eighth more than `size`: pictures that vary a little need no new pool."""
    step = max(mmap.PAGESIZE, 1 << max(size.bit_length() - 4, 0))
    return -(-size // step) * step


_all: Final[WeakSet[Pools]] = WeakSet()


def _close_all() -> None:
    for pools in tuple(_all):
        pools.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)
