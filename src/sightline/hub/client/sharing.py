"""What one writer shares of the machine's memory, so that its large payloads are not copied through sockets.

It promises: a large payload is shared where the hub's side socket stands and a slot is free, and goes as
bytes elsewhere, counted with the reason; memory is taken when the first of them comes, and anew on each
connection. It neither waits nor sends.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.hub.client.bell import Bell
from sightline.hub.wire.header import Buffer
from sightline.shm.guest import Guest
from sightline.shm.pool import Pools
from sightline.shm.settings import Sharing
from sightline.shm.slot import Slot

OFF: Final = "off"
"""Why payloads are not shared while there is no side socket."""
WAIT_S_PER_BYTE: Final = 2e-9
"""How long it makes sense to wait for a slot: as long as all three sides together are busy with moving bytes.
Else a writer that is ahead of its reader for a moment would slow down both, so that it stays ahead."""


class Lent(NamedTuple):
    """A slot that holds a payload; `epoch`: of the connection that its token may go by."""

    slot: Slot
    epoch: int


class Share:
    """Of one writer; from any thread.

    Args:
        settings: None: nothing is shared, nor counted.
        guest: gives the side connection as it is now, None: there is none.

    Attributes:
        epoch: counts up when what was lent before may not go by its token any more.
        bell: rings when a slot came back; its writer's.
    """

    def __init__(
        self, settings: Sharing | None = None, guest: Callable[[], Guest | None] = lambda: None
    ) -> None:
        self.epoch = 0
        self.bell = Bell()
        self._settings = settings
        self._guest = guest
        self._lock = threading.Lock()
        self._pools: Pools | None = None
        self._ended: Pools | None = None  # the last before: a thread may be about to count there
        self._host: Guest | None = None  # that the pools are made known to
        self._counts: Counter[str] = Counter()

    def takes(self, size: int) -> bool:
        """Whether a payload of so many bytes is one to share."""
        return self._settings is not None and size >= self._settings.above_bytes

    def may_lend(self) -> bool:
        """Whether it makes no sense to wait for a slot."""
        pools = self._pools
        return pools is None or not pools.full

    def lent(self, pieces: Sequence[Buffer], size: int) -> Lent | None:
        """The payload in a slot, copied there; None: it cannot be shared now, which is counted."""
        epoch = self.epoch  # first: what is got from a connection that ends meanwhile is of the one before
        pools = self._current()
        if pools is None:
            self._count(OFF)
            return None
        slot = pools.slot(size)
        if slot is None:
            return None
        slot.fill(pieces)
        return Lent(slot, epoch)

    def own(self, value: NDArray[Any]) -> Lent | None:
        """The slot that this array is itself the payload of, if it came from `array`."""
        epoch, pools = self.epoch, self._pools
        slot = None if pools is None else pools.slot_of(value)
        return None if slot is None else Lent(slot, epoch)

    def array(self, shape: int | Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
        """An array of any content to write into and put; in shared memory, where that can be now."""
        pools = self._current() if self.takes(array_bytes(shape, dtype)) else None
        array = None if pools is None else pools.array(shape, dtype)
        return np.empty(shape, dtype) if array is None else array

    def end(self) -> None:
        """No token of what was shared so far comes any more."""
        with self._lock:
            self._end()

    def missed(self) -> None:
        """What was lent goes as bytes after all: its connection ended before its token went."""
        self._count(OFF)

    def not_shared(self) -> dict[str, int]:
        """Large payloads that were not shared, by reason."""
        with self._lock:
            counts = self._counts + _counts_of(self._ended) + _counts_of(self._pools)
        return {str(reason): count for reason, count in counts.items()}

    def _count(self, reason: str) -> None:
        with self._lock:
            self._counts[reason] += 1

    def _current(self) -> Pools | None:
        """The pools of the present connection, made where there are none."""
        with self._lock:
            guest = self._guest()
            if guest is not self._host:
                self._end()
                if guest is not None and self._settings is not None:
                    self._pools, self._host = _Pools(self._settings, guest, self.bell), guest
            return self._pools

    def _end(self) -> None:
        pools, host = self._pools, self._host
        self._pools = self._host = None
        if pools is not None and host is not None:
            self._counts += _counts_of(self._ended)
            self._ended = pools
            pools.close()  # first: another thread may be about to announce a new pool
            host.forget(pools)


def _counts_of(pools: Pools | None) -> Counter[str]:
    return Counter({} if pools is None else pools.stats().not_shared)


class _Pools(Pools):
    """Made known by one guest; whoever waits for a slot hears of it."""

    def __init__(self, settings: Sharing, guest: Guest, bell: Bell) -> None:
        super().__init__(settings, partial(guest.announce, self), guest.drain)
        self._bell = bell

    def freed(self, pool: bytes, slot: int, generation: int) -> None:
        super().freed(pool, slot, generation)
        self._bell.ring()


def array_bytes(shape: int | Sequence[int], dtype: np.dtype[Any]) -> int:
    lengths = (shape,) if isinstance(shape, int) else shape
    return math.prod(lengths) * dtype.itemsize
