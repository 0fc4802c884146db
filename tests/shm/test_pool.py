"""A writer's pools: what is in a slot is whole, and none is filled again while somebody may look at it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.shm.both_ends import SIZE, BothEnds, fds, maps, pattern, run_all, sent

from sightline.arrays import array_pieces, read_array
from sightline.errors import SharingError
from sightline.shm.pool import MOST_POOLS, SMALL_PAYLOADS, _Pool, slot_bytes_for
from sightline.shm.segment import Segment
from sightline.shm.settings import USUAL_SLOTS, Sharing

SHARING = Sharing(above_bytes=1000, slots=3)
SHAPE = (50, 40, 3)


class Hand:
    """A clock that goes on by hand."""

    now_ns = 0

    def utc_ns(self) -> int:
        return self.now_ns

    monotonic_ns = utc_ns


@pytest.fixture
def ends(no_leaks: None) -> Iterator[BothEnds]:
    ends = BothEnds(SHARING)
    yield ends
    ends.pools.close()
    ends.attached.close()


# What is in a slot.


def test_a_payload_is_read_where_its_writer_put_it(ends: BothEnds) -> None:
    slot = ends.slot()
    picture = pattern(1).tobytes()
    slot.fill([picture[:1], b"", memoryview(picture)[1:7000], bytearray(picture[7000:])])
    view = ends.attached.open(sent(slot))
    assert view == slot.payload == picture
    assert slot.payload.readonly
    slot.as_array()[4711] ^= 255
    assert view[4711] == picture[4711] ^ 255


def test_a_payload_of_another_size_than_was_asked_for_is_refused(ends: BothEnds) -> None:
    slot = ends.slot()
    for size in (SIZE - 1, SIZE + 1):
        with pytest.raises(ValueError, match=f"expected a payload of {SIZE} bytes, got {size}"):
            slot.fill([bytes(size)])


def test_an_array_filled_in_place_is_sent_as_it_lies(ends: BothEnds) -> None:
    array = ends.array(SHAPE)
    array[:] = pattern(3, array.size).reshape(SHAPE)
    slot = ends.pools.slot_of(array)
    assert slot is not None
    assert np.shares_memory(array, slot.as_array())
    view = ends.attached.open(sent(slot))
    assert view == b"".join(array_pieces(array))
    assert np.array_equal(read_array(view), array)


ELEMENTS = ["u1", ">f8", "M8[ms]", "S7", "U3", "?", [("x", "<i2"), ("y", "f4", (2, 3))], ("f4", (2,))]


@given(st.sampled_from(ELEMENTS), st.lists(st.integers(1, 5), max_size=3))
def test_an_array_in_place_has_the_head_that_its_copy_would_have(dtype: Any, lengths: list[int]) -> None:
    ends = BothEnds(Sharing(above_bytes=1))
    array = ends.array(lengths, dtype)
    assert array.shape == np.empty(lengths, dtype).shape
    array.reshape(-1).view(np.uint8)[:] = 1
    slot = ends.pools.slot_of(array)
    assert slot is not None
    assert slot.payload == b"".join(array_pieces(array))
    ends.pools.close()


@pytest.mark.parametrize("shape", [5000, np.int64(5000), (np.int32(50), 100), [50, 100]])
def test_lengths_may_be_any_integers(ends: BothEnds, shape: Any) -> None:
    array = ends.array(shape)
    slot = ends.pools.slot_of(array)
    assert slot is not None
    assert np.array_equal(read_array(slot.payload), array)


def test_an_array_with_gaps_or_objects_is_not_made_in_a_slot(ends: BothEnds) -> None:
    ends.slot()
    assert ends.pools.array(9000, np.dtype("u1, f8", align=True)) is None
    with pytest.raises(TypeError, match="cannot be sent"):
        ends.pools.array(9000, object)


def test_an_array_that_was_put_cannot_be_written_to(ends: BothEnds) -> None:
    array = ends.array(SHAPE)
    same = array[:]
    slot = ends.pools.slot_of(same)
    assert slot is not None
    array[:] = 7
    same[0] = 8
    slot.token()
    for frozen in (array, same, array[1:]):
        with pytest.raises(ValueError, match="read-only"):
            frozen[0] = 9
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            frozen.flags.writeable = True


def test_no_slot_is_taken_from_an_array_that_is_not_all_of_it(ends: BothEnds) -> None:
    array = ends.array(SHAPE)
    others: list[NDArray[Any]] = [
        array[1:],
        array[:, :, :1],
        array[::-1],
        array.reshape(-1),
        array.transpose(1, 0, 2),
        array.view(np.int8),
        array.copy(),
        array.view(np.recarray),
        np.ma.asarray(array),
        np.broadcast_to(array[:1], SHAPE),
        np.asarray(array.data),
        np.asarray(array.base)[: array.size].reshape(SHAPE),
        np.zeros(SHAPE, np.uint8),
        ends.slot().as_array(),
    ]
    assert [ends.pools.slot_of(other) for other in others] == [None] * len(others)
    assert BothEnds(SHARING).pools.slot_of(array) is None
    assert ends.pools.slot_of(array.reshape(-1).reshape(SHAPE)) is not None


def test_the_slot_of_an_array_is_given_once(ends: BothEnds) -> None:
    array = ends.array(SHAPE)
    slot = ends.pools.slot_of(array)
    assert slot is not None
    assert ends.pools.slot_of(array) is None
    slot.taken = False
    assert ends.pools.slot_of(array) is slot


# When it is filled again.


def test_a_slot_that_was_never_sent_is_filled_again_once_nothing_refers_to_it(ends: BothEnds) -> None:
    slots = ends.all_slots()
    assert len(slots) == SHARING.slots
    payload = slots.pop().payload
    assert ends.pools.slot(SIZE) is None
    del payload
    again = ends.pools.slot(SIZE)
    assert again is not None
    assert again.generation == 1


@pytest.mark.parametrize("freed_first", [True, False])
def test_a_slot_that_was_sent_is_filled_again_once_it_is_gone_and_freed(
    ends: BothEnds, freed_first: bool
) -> None:
    slots = ends.all_slots()
    token = sent(slots[-1])
    steps: list[Callable[[], object]] = [slots.pop, lambda: ends.free(token)]
    for step in reversed(steps) if freed_first else steps:
        assert ends.pools.slot(SIZE) is None
        step()
    assert ends.pools.slot(SIZE) is not None


def test_what_the_host_says_of_another_generation_or_pool_frees_nothing(ends: BothEnds) -> None:
    slots = ends.all_slots()
    token = sent(slots.pop())
    for wrong in (token._replace(generation=1), token._replace(slot=200), token._replace(pool=bytes(16))):
        ends.free(wrong)
        ends.pools.ready(wrong.pool)
        ends.pools.refused(bytes(16), "no reason")
    assert ends.pools.slot(SIZE) is None


def test_an_array_or_any_view_of_it_keeps_its_slot(ends: BothEnds) -> None:
    arrays = [ends.array(SHAPE) for _ in range(SHARING.slots)]
    pixel = arrays.pop()[0, 0].view(np.int8)
    assert ends.pools.array(SHAPE, np.uint8) is None
    del pixel
    assert ends.pools.array(SHAPE, np.uint8) is not None


# Which pool it is of.


def test_a_pool_of_another_size_takes_over_and_the_old_one_drains(ends: BothEnds) -> None:
    old, held = ends.slot(), ends.slot()
    token = sent(old)
    new = ends.slot(5 * SIZE)
    assert [pool.pool for pool in ends.announced] == [old.pool, new.pool]
    del held
    ends.free(token)
    assert ends.drained == []
    assert old.payload == ends.attached.open(token)
    del old
    assert ends.drained == [token.pool]
    assert ends.pools.stats().pools == 1
    assert ends.slot().pool == new.pool


def test_a_pool_that_no_slot_is_out_of_drains_at_once(ends: BothEnds) -> None:
    old = ends.slot().pool
    ends.slot(5 * SIZE)
    assert ends.drained == [old]


def test_a_smaller_pool_takes_over_where_all_were_small_for_long(ends: BothEnds) -> None:
    large = ends.slot(8 * SIZE).pool
    for _ in range(3):
        assert all(ends.slot().pool == large for _ in range(SMALL_PAYLOADS - 1))
        assert ends.slot(8 * SIZE).pool == large
    sizes = [SIZE] * (SMALL_PAYLOADS - 2) + [SIZE + 5000, SIZE]
    for size in sizes:
        ends.pools.slot(size)
    assert ends.drained == [large]
    assert ends.announced[-1].slot_bytes == slot_bytes_for(SIZE + 5000)


def test_a_pool_that_cannot_be_smaller_is_not_made_anew(no_leaks: None) -> None:
    ends = BothEnds(Sharing(above_bytes=1))
    for _ in range(3 * SMALL_PAYLOADS):
        assert ends.pools.slot(10) is not None
    assert len(ends.announced) == 1
    ends.pools.close()
    ends.attached.close()


@pytest.mark.parametrize(("room", "slots"), [(100, 20), (19, USUAL_SLOTS), (7, 0)])
def test_where_memory_is_short_a_pool_has_fewer_slots(
    room: int, slots: int, monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> None:
    create = Segment.create

    def scarce(size: int) -> Segment:
        if size > room * slot_bytes_for(SIZE):
            raise SharingError("no memory")
        return create(size)

    monkeypatch.setattr(Segment, "create", scarce)
    ends = BothEnds(Sharing(above_bytes=1, slots=20))
    found = ends.pools.slot(SIZE)
    assert [pool.slots for pool in ends.announced] == [slots] * (slots > 0)
    assert (found is None) == (slots == 0)
    del found
    ends.pools.close()
    ends.attached.close()


def test_pools_that_do_not_come_back_are_bounded(ends: BothEnds) -> None:
    kept = [ends.slot(SIZE * 2**n) for n in range(MOST_POOLS)]
    assert ends.pools.slot(SIZE * 2**MOST_POOLS) is None
    assert ends.pools.stats().not_shared["no_memory"] == 1
    assert len(ends.announced) == MOST_POOLS
    kept.pop(0)
    assert ends.slot(SIZE * 2**MOST_POOLS).size == SIZE * 2**MOST_POOLS


@given(st.integers(1, 2**40))
def test_a_slot_has_whole_pages_and_little_to_spare(size: int) -> None:
    slot_bytes = slot_bytes_for(size)
    assert slot_bytes % 4096 == 0
    assert size <= slot_bytes <= size + max(4095, size // 8)


def test_a_pool_has_fewer_slots_where_they_would_be_too_large_together(no_leaks: None) -> None:
    ends = BothEnds(Sharing(above_bytes=1, slots=8, pool_bytes=5 * 4096))
    assert len(ends.all_slots(4096)) == 5
    assert ends.pools.stats().pool_bytes == 5 * 4096
    ends.pools.close()


def test_threads_that_come_while_a_pool_is_made_make_no_other(
    ends: BothEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, others_done = threading.Event(), threading.Event()

    def make_slowly(slot_bytes: int, slots: int) -> object:
        begun.set()
        assert others_done.wait(10)
        return _Pool(slot_bytes, slots)

    def come_meanwhile() -> None:
        assert begun.wait(10)
        run_all(*[lambda: ends.pools.slot(8 * 2**20)] * 3)
        others_done.set()

    monkeypatch.setattr("sightline.shm.pool._Pool", make_slowly)
    run_all(lambda: ends.pools.slot(8 * 2**20), come_meanwhile)
    assert len(ends.announced) == 1
    assert ends.pools.stats().not_shared == {"not_ready": 3}


# Why a payload is not shared.


def test_why_a_payload_is_not_shared_is_counted(no_leaks: None) -> None:
    ends = BothEnds(Sharing(above_bytes=1000, slots=3, pool_bytes=2**50), maps=False, clock=Hand())
    pools = ends.pools

    def counted(size: int = SIZE) -> dict[str, int]:
        before = pools.stats().not_shared
        assert pools.slot(size) is None
        after = pools.stats().not_shared
        return {why: count - before.get(why, 0) for why, count in after.items() if count != before.get(why)}

    assert counted(999) == {}
    assert counted(2**50) == {"too_large": 1}
    assert counted(2**44) == {"no_memory": 1}
    Hand.now_ns += 10**9
    ends.connected = False
    assert counted() == {"off": 1}
    ends.connected = True
    assert counted() == {"off": 1}
    Hand.now_ns += 10**9
    assert counted() == {"not_ready": 1}
    assert counted() == {"not_ready": 1}
    pools.ready(ends.announced[-1].pool)
    slots = ends.all_slots()
    assert counted() == {"no_slot": 1}
    assert pools.array(SIZE, "u1") is None
    assert sum(pools.stats().not_shared.values()) == 8  # one of all_slots, none of arrays
    assert pools.stats().shared == 0
    for _ in range(2):
        slots[0].token()
    assert (pools.stats().shared, pools.stats().shared_bytes) == (1, SIZE)
    assert counted(2 * SIZE) == {"not_ready": 1}
    pools.refused(ends.announced[-1].pool, "too many")
    assert counted(2 * SIZE) == {"refused": 1}
    pools.close()
    assert counted() == {"off": 1}


def test_a_pool_that_was_refused_is_not_asked_for_again_until_the_size_changes(no_leaks: None) -> None:
    ends = BothEnds(SHARING, maps=False)
    assert ends.pools.slot(SIZE) is None
    ends.pools.refused(ends.announced[0].pool, "too many")
    ends.pools.ready(ends.announced[0].pool)
    assert ends.pools.slot(SIZE) is None
    assert len(ends.announced) == 1
    assert ends.pools.stats().pool_bytes == 0
    ends.maps = True
    assert ends.slot(2 * SIZE).pool == ends.announced[1].pool
    assert ends.drained == []
    ends.pools.close()


def test_nothing_is_kept_of_a_pool_that_the_host_does_not_take(no_leaks: None) -> None:
    descriptors, mapped = fds(), maps()
    ends = BothEnds(SHARING, maps=False)
    ends.connected = False
    assert ends.pools.slot(SIZE) is None
    assert (fds(), maps()) == (descriptors, mapped)
    ends.connected = True
    ends.pools.abandon()
    assert ends.pools.slot(SIZE) is None
    assert fds() > descriptors
    ends.forget()
    ends.pools.refused(ends.announced[0].pool, "too many")
    assert (fds(), maps()) == (descriptors, mapped)
    ends.pools.close()


# When the host is gone.


def test_what_was_abandoned_stays_as_it_is_for_who_has_it_and_no_longer(no_leaks: None) -> None:
    before = maps()
    ends = BothEnds(SHARING)
    slot, array, other = ends.slot(), ends.array(SHAPE), ends.slot()
    slot.fill([pattern(5).tobytes()])
    old = sent(slot)
    sent(other)
    del other
    ends.pools.abandon()
    ends.forget()
    assert ends.pools.slot_of(array) is None
    array[:] = 1
    for number in range(20):
        new = ends.slot()
        assert new.pool != old.pool
        new.fill([pattern(number).tobytes()])
        ends.free(old)
        del new
    assert slot.payload == pattern(5).tobytes()
    assert ends.drained == []
    ends.pools.close()
    ends.attached.close()
    payload = slot.payload
    del slot, array
    assert payload == pattern(5).tobytes()
    assert maps() > before
    del payload
    assert maps() == before


def test_after_it_was_abandoned_a_pool_is_made_without_delay(ends: BothEnds) -> None:
    ends.connected = False
    assert ends.pools.slot(SIZE) is None
    ends.connected = True
    ends.pools.abandon()
    ends.slot()
