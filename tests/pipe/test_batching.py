"""When a batch is complete."""

import math

from hypothesis import given
from hypothesis import strategies as st

from sightline.clock import ns
from sightline.pipe.flow.batching import Batch


def test_a_batch_waits_from_its_first_item_on() -> None:
    batch: Batch[str] = Batch(3, 2.0)
    assert batch.wait_s(0) == math.inf
    batch.add(["a"], ns(10))
    batch.add(["b"], ns(11))
    assert (batch.wait_s(ns(11)), batch.room) == (1.0, 1)
    assert batch.wait_s(ns(12)) == 0.0
    assert batch.taken() == ["a", "b"]
    assert (len(batch), batch.wait_s(ns(12))) == (0, math.inf)


def test_a_full_batch_does_not_wait() -> None:
    batch: Batch[str] = Batch(2, 60.0)
    batch.add(["a", "b"], 0)
    assert (batch.wait_s(0), batch.room) == (0.0, 0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=30), st.integers(1, 4))
def test_nobody_waits_longer_than_the_first_may(comings: list[tuple[int, int]], size: int) -> None:
    batch: Batch[int] = Batch(size, 4.0)
    now_ns = first_ns = 0
    for count, seconds in comings:
        now_ns += ns(seconds)
        fitting = min(count, batch.room)
        if fitting and not batch:
            first_ns = now_ns
        batch.add([now_ns] * fitting, now_ns)
        wait_s = batch.wait_s(now_ns)
        assert len(batch) <= size
        if batch and not wait_s:
            assert len(batch) == size or now_ns >= first_ns + ns(4)
            assert batch.taken()[0] == first_ns
        elif batch:
            assert now_ns + ns(wait_s) == first_ns + ns(4)
