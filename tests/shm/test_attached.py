"""A reader's maps: what it looks at stays whole until it lets go, and the host is told of that once."""

import gc
import os
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.shm.both_ends import BothEnds, fds, maps, pattern, run_all, sent

from sightline.arrays import read_array
from sightline.errors import Closed, SharingError, WireError
from sightline.shm.attached import Attached, Place
from sightline.shm.messages import Pool
from sightline.shm.segment import Segment
from sightline.shm.settings import Sharing
from sightline.shm.slot import Slot
from sightline.shm.token import Token

SHARING = Sharing(above_bytes=1000, slots=3)


@pytest.fixture
def ends(no_leaks: None) -> Iterator[BothEnds]:
    ends = BothEnds(SHARING)
    yield ends
    ends.pools.close()
    ends.attached.close()


def a_picture(ends: BothEnds, number: int = 1) -> tuple[Slot, Token]:
    array = ends.array((100, 100))
    array[:] = pattern(number).reshape(100, 100)
    slot = ends.pools.slot_of(array)
    assert slot is not None
    return slot, sent(slot)


STEPS: dict[str, Callable[[Any], Any]] = {
    "some": lambda array: array[..., : array.shape[-1] // 2 + 1],
    "turned": lambda array: array.T,
    "backwards": lambda array: array[::-1],
    "signed": lambda array: array.view(np.int8),
    "flat": lambda array: array.flat.base,
    "memory": memoryview,
    "part of memory": lambda array: memoryview(array)[1:],
    "frombuffer": lambda array: np.frombuffer(array, np.uint8) if array.flags.c_contiguous else array,
}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=5), st.booleans())
def test_a_lease_lasts_as_long_as_anything_made_of_its_view(steps: list[str], circle: bool) -> None:
    ends = BothEnds(SHARING)
    _, token = a_picture(ends)
    made: Any = read_array(ends.attached.open(token))
    for step in steps:
        made = STEPS[step](np.asarray(made))
    if circle:
        made = [made]
        made.append(made)
    assert (ends.attached.leases, ends.released) == (1, [])
    del made
    if circle:
        gc.collect()
    assert (ends.attached.leases, ends.released) == (0, [token[:3]])
    ends.pools.close()
    ends.attached.close()


def test_what_is_looked_at_cannot_be_written_to(ends: BothEnds) -> None:
    slot, token = a_picture(ends)
    view = ends.attached.open(token)
    assert view.readonly
    array = read_array(view)
    assert np.array_equal(array, pattern(1).reshape(100, 100))
    for read_only in (array, np.frombuffer(view, np.uint8), np.asarray(view)):
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            read_only.flags.writeable = True
    assert np.shares_memory(array, array.view())
    assert slot.payload == view


def test_each_token_is_a_lease_of_its_own(ends: BothEnds) -> None:
    _, token = a_picture(ends)
    first, second = ends.attached.open(token), ends.attached.open(token)
    assert ends.attached.leases == 2
    del first
    assert ends.released == [token[:3]]
    del second
    assert ends.released == [token[:3]] * 2


def test_a_token_that_cannot_be_is_refused(ends: BothEnds) -> None:
    _, token = a_picture(ends)
    slot_bytes = ends.announced[0].slot_bytes
    for wrong in (
        token._replace(pool=bytes(16)),
        token._replace(slot=SHARING.slots),
        token._replace(size=slot_bytes + 1),
        token._replace(size=2**63),
        token._replace(size=0),
    ):
        with pytest.raises(WireError, match="got Token"):
            ends.attached.open(wrong)
    assert ends.attached.leases == 0
    assert ends.attached.open(token._replace(size=token.size)) is not None


def test_a_payload_that_is_not_what_its_token_says_is_refused_and_given_back(ends: BothEnds) -> None:
    _, token = a_picture(ends)
    for wrong in (token._replace(check=token.check ^ 1), token._replace(size=token.size - 1)):
        with pytest.raises(WireError, match="expected a payload whose ends have the check"):
            ends.attached.open(wrong)
        gc.collect()
        assert ends.released.pop() == token[:3]
    assert ends.attached.leases == 0


def test_memory_that_is_not_what_was_said_is_refused_and_its_descriptor_closed(no_leaks: None) -> None:
    attached = Attached(lambda _places: True)
    segment = Segment.create(3 * 4096)
    pool = Pool(bytes(16), 3, 4096)
    before, mapped = fds(), maps()
    attached.add(pool, os.dup(segment.fd))
    for wrong in (pool, Pool(b"x" * 16, 4, 4096), Pool(b"x" * 16, 256, 2**40)):
        with pytest.raises(SharingError):
            attached.add(wrong, os.dup(segment.fd))
    attached.close()
    with pytest.raises(SharingError):
        attached.add(Pool(b"x" * 16, 3, 4096), os.dup(segment.fd))
    assert fds() == before
    assert maps() == mapped
    segment.close()


@pytest.mark.parametrize("end", ["gone", "close"])
def test_what_is_looked_at_stays_when_its_pool_goes(ends: BothEnds, end: str) -> None:
    before = maps()
    token = a_picture(ends)[1]
    view = ends.attached.open(token)
    ends.pools.close()
    if end == "gone":
        ends.attached.gone(token.pool)
        ends.attached.gone(token.pool)
    else:
        ends.attached.close()
    with pytest.raises(WireError if end == "gone" else Closed, match="a pool that is here|socket ended"):
        ends.attached.open(token)
    ends.released.clear()  # of the one that was not opened
    assert np.array_equal(read_array(view), pattern(1).reshape(100, 100))
    assert maps() > before
    del view
    assert ends.released == [token[:3]]
    assert maps() == before


def test_when_the_last_lease_ends_that_is_told(ends: BothEnds) -> None:
    told: list[int] = []
    ends.attached.on_idle = lambda: told.append(ends.attached.leases)
    _, token = a_picture(ends)
    first, second = ends.attached.open(token), ends.attached.open(token)
    del first
    assert told == []
    del second
    assert told == [0]


def test_a_lease_that_ends_while_another_is_told_of_is_told_of_after_it(no_leaks: None) -> None:
    circles: list[Any] = []
    inside, deepest = 0, 0
    told: list[Place] = []

    def release(places: list[Place]) -> bool:
        nonlocal inside, deepest
        inside += 1
        deepest = max(deepest, inside)
        circles.clear()
        gc.collect()
        told.extend(places)
        inside -= 1
        return True

    ends = BothEnds(SHARING)
    _, token = a_picture(ends)
    attached = Attached(release)
    segment = ends.announced[0]
    attached.add(segment, os.dup(ends.pools._pools[segment.pool].segment.fd))
    for _ in range(5):
        circles.append([attached.open(token)])
        circles[-1].append(circles[-1])
    view = attached.open(token)
    del view
    assert told == [token[:3]] * 6
    assert (attached.leases, deepest) == (0, 1)
    ends.pools.close()
    ends.attached.close()


def test_threads_that_open_and_drop_at_random_end_each_lease_once(ends: BothEnds) -> None:
    pictures = [a_picture(ends, number) for number in range(3)]
    opened: deque[Place] = deque()

    def look(seed: int) -> None:
        chance, held = random.Random(seed), []
        for _ in range(1000):
            number = chance.randrange(3)
            held.append(read_array(ends.attached.open(pictures[number][1])))
            opened.append(pictures[number][1][:3])
            assert held[-1][0, 7] == pattern(number)[7]
            if chance.random() < 0.1:
                held.append(held)
                held = []
            if chance.random() < 0.5 and held:
                held.pop(chance.randrange(len(held)))
            if chance.random() < 0.01:
                gc.collect()

    run_all(*(lambda seed=seed: look(seed) for seed in range(4)))
    gc.collect()
    assert ends.attached.leases == 0
    assert Counter(ends.released) == Counter(opened)
