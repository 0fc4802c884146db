"""Threads that put, look, free and collect garbage at random: no picture is torn, no slot is lost."""

import gc
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import numpy as np
import pytest
from tests.shm.both_ends import SIZE, BothEnds, maps, pattern, run_all, sent

from sightline.arrays import array_pieces
from sightline.shm.settings import Sharing
from sightline.shm.slot import Slot
from sightline.shm.token import Token

SHARING = Sharing(above_bytes=1000, slots=3)
SHAPE = (50, 40, 3)


@pytest.fixture
def ends(no_leaks: None) -> Iterator[BothEnds]:
    ends = BothEnds(SHARING)
    yield ends
    ends.pools.close()
    ends.attached.close()


@contextmanager
def collecting_everywhere() -> Iterator[None]:
    """Garbage is collected and threads take turns all the time; what was there before is left out of it."""
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    gc.collect()
    gc.freeze()
    gc.set_threshold(3, 1, 1)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        gc.collect()
        gc.freeze()  # as all tests have it
        sys.setswitchinterval(interval)


def in_a_circle(value: object) -> None:
    """Leaves it to the garbage collector."""
    circle: list[object] = [value]
    circle.append(circle)


class Traffic:
    """Frames by number from writers to readers, who look at all of each.

    A slot is freed when its reader has released it, in another order than they came.
    """

    def __init__(self, frames: int) -> None:
        self.ends = BothEnds(Sharing(above_bytes=1000, slots=4))
        self.frames = frames
        self.line: SimpleQueue[tuple[int, Token] | None] = SimpleQueue()
        self.handed_on = self.read = 0
        self.lock = threading.Lock()

    def write(self, seed: int) -> None:
        chance = random.Random(seed)
        for number in range(self.frames):
            size = 8 * SIZE if number % 120 == 119 else SIZE
            while not self.write_one(number, size, chance):
                if chance.random() < 0.2:
                    gc.collect()  # all may lie in circles
                self.free_released()
        self.line.put(None)

    def write_one(self, number: int, size: int, chance: random.Random) -> bool:
        slot: Slot | None = None
        if chance.random() < 0.5:
            array = self.ends.pools.array(size, np.uint8)
            if array is not None:
                array[:] = pattern(number, size)
                slot = self.ends.pools.slot_of(array)
        elif (slot := self.ends.pools.slot(size)) is not None:
            slot.fill(array_pieces(pattern(number, size))[-1:])
        if slot is None:
            return False
        if chance.random() < 0.9:
            self.line.put((number, sent(slot)))
            with self.lock:
                self.handed_on += 1
        if chance.random() < 0.3:
            in_a_circle(slot)
        return True

    def look(self, seed: int) -> None:
        chance = random.Random(seed)
        while (came := self.line.get()) is not None:
            number, token = came
            view = self.ends.attached.open(token)
            with self.lock:
                self.read += 1
            size = token.size // SIZE * SIZE  # without the head of an array
            looked_at = np.frombuffer(view, np.uint8)[-size:]
            assert np.array_equal(looked_at, pattern(number, size)), "a torn picture"
            if chance.random() < 0.3:
                in_a_circle(looked_at)
            if chance.random() < 0.05:
                gc.collect()
            self.free_released()

    def free_released(self) -> None:
        while self.ends.released:
            try:
                self.ends.pools.freed(*self.ends.released.pop())
            except IndexError:
                return


def test_no_picture_is_torn_whoever_puts_frees_and_collects(no_leaks: None) -> None:
    traffic = Traffic(frames=1500)
    ends = traffic.ends
    with collecting_everywhere():
        run_all(
            lambda: traffic.write(1),
            lambda: traffic.write(2),
            lambda: traffic.look(3),
            lambda: traffic.look(4),
        )
    gc.collect()
    traffic.free_released()
    assert ends.attached.leases == 0
    stats = ends.pools.stats()
    assert traffic.read == traffic.handed_on == stats.shared > 2000
    assert len(ends.drained) == len(ends.announced) - 1 > 4
    assert stats.pools == 1
    assert len(ends.all_slots()) == 4
    ends.pools.close()
    ends.attached.close()


def test_a_host_that_goes_again_and_again_tears_nothing_that_is_held(no_leaks: None) -> None:
    before = maps()
    ends = BothEnds(SHARING)
    over = threading.Event()

    def write(first: int) -> None:
        for number in range(first, first + 300):
            slot = ends.pools.slot(SIZE)
            if slot is not None:
                slot.fill([pattern(number).tobytes()])
                sent(slot)
                in_a_circle((slot, slot.payload))
                assert slot.payload == pattern(number).tobytes()
        over.set()

    def go() -> None:
        while not over.is_set():
            ends.pools.abandon()
            gc.collect()

    with collecting_everywhere():
        run_all(lambda: write(0), lambda: write(1000), go)
    ends.pools.close()
    ends.attached.close()
    assert maps() == before


def test_only_one_of_two_threads_gets_the_slot_of_an_array(ends: BothEnds) -> None:
    for _ in range(200):
        array, got = ends.array(SHAPE), list[Slot | None]()
        take = lambda array=array, got=got: got.append(ends.pools.slot_of(array))  # noqa: E731
        run_all(take, take)
        assert got.count(None) == 1
