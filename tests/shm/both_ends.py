"""A writer's pools and a reader's maps of one process, joined without sockets: the memory is real."""

import gc
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.shm.attached import Attached, Place
from sightline.shm.messages import Drain, Pool
from sightline.shm.pool import Pools
from sightline.shm.settings import Sharing
from sightline.shm.slot import Slot
from sightline.shm.token import Token

SIZE = 10_000


class BothEnds:
    """What the host hears is noted; it answers only as a test says, but for `Ready` if `maps`."""

    def __init__(self, settings: Sharing, *, maps: bool = True, **options: Any) -> None:
        self.announced: list[Pool] = []
        self.drained: list[bytes] = []
        self.released: list[Place] = []
        self.maps = maps
        self.connected = True
        self.attached = Attached(self._release)
        self.pools = Pools(settings, self._announce, self._said, **options)

    def _announce(self, pool: Pool, fd: int) -> bool:
        if not self.connected:
            return False
        self.announced.append(pool)
        self.attached.add(pool, os.dup(fd))
        if self.maps:
            self.pools.ready(pool.pool)
        return True

    def _said(self, drain: Drain) -> None:
        self.drained.append(drain.pool)

    def _release(self, places: list[Place]) -> bool:
        self.released.extend(places)
        return True

    def slot(self, size: int = SIZE) -> Slot:
        """A slot, where the first try may only have made the pool."""
        slot = self.pools.slot(size) or self.pools.slot(size)
        assert slot is not None
        return slot

    def all_slots(self, size: int = SIZE) -> list[Slot]:
        """All that are free, until none is."""
        slots = [self.slot(size)]
        while (slot := self.pools.slot(size)) is not None:
            slots.append(slot)
        return slots

    def array(self, shape: Any, dtype: Any = np.uint8) -> NDArray[Any]:
        array = self.pools.array(shape, dtype)
        array = self.pools.array(shape, dtype) if array is None else array
        assert array is not None
        return array

    def forget(self) -> None:
        """The reader's host is gone too."""
        for pool in self.announced:
            self.attached.gone(pool.pool)

    def free(self, token: Token) -> None:
        """As the host does once nobody looks at it any more."""
        self.pools.freed(*token[:3])


def sent(slot: Slot) -> Token:
    """Its token, on its way to the host."""
    token = slot.token()
    slot.sent = True
    return token


def pattern(number: int, size: int = SIZE) -> NDArray[np.uint8]:
    """What frame `number` looks like: none of its bytes can be taken for another frame's of nearby number."""
    return ((np.arange(size, dtype=np.uint32) * 31 + number * 101) % 251).astype(np.uint8)


def fds() -> int:
    """How many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


def maps() -> int:
    """How many blocks of shared memory this process has mapped."""
    gc.collect()
    lines = Path("/proc/self/maps").read_text("utf-8").splitlines()
    return sum("memfd:" in line for line in lines)


def run_all(*jobs: Any) -> None:
    """Each in a thread of its own. Raises what one of them raised."""
    failures: list[BaseException] = []

    def run(job: Any) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 60
    for thread in threads:
        while thread.is_alive() and not failures and time.monotonic() < until:
            thread.join(0.1)
    if failures:
        raise failures[0]
    assert not any(thread.is_alive() for thread in threads), "a thread is stuck"
