"""The store in memory: the promise, and what is its own."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from tests.framequeue.store_conformance import (
    LONG_S,
    StoreConformance,
    StoreRig,
    claimed,
    picture,
    put,
)

from sightline.errors import ConfigError
from sightline.framequeue.store import FrameStore
from sightline.framequeue.stores.memory import MemoryStore, _places
from sightline.testing import ManualClock


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def rig(self) -> StoreRig:
        name, clock = uuid4().hex, ManualClock()
        handles: list[FrameStore] = []

        def open_store(*, limit_bytes: int | None = None, done_ttl_s: float = LONG_S) -> FrameStore:
            handles.append(MemoryStore(name, limit_bytes=limit_bytes, done_ttl_s=done_ttl_s, clock=clock))
            return handles[-1]

        def wait_until(condition: Callable[[], object]) -> None:
            for _ in range(1000):
                if condition():
                    return
                clock.move(0.01)
            pytest.fail("it did not come about within 10 s")

        return StoreRig(open_store, wait_until)


def test_a_store_of_no_name_is_its_own() -> None:
    [key] = put(MemoryStore(), picture())
    assert MemoryStore().peek(key) is None


def test_what_is_done_leaves_nothing_behind_but_its_mark() -> None:
    """However long pictures may stay: here a day, at which nobody has to look any more."""
    clock = ManualClock()
    store = MemoryStore("long", done_ttl_s=1.0, clock=clock)
    for number in range(2000):
        [key] = put(store, picture(number), ttl_s=86_400)
        assert store.finish(claimed(store, key, lease_s=86_400))
        clock.move(1.0)
    assert len(_places["long"].shelf._due) < 200
    assert store.usage().total.balanced


def test_a_store_goes_with_its_last_handle() -> None:
    first, second = MemoryStore("shared"), MemoryStore("shared")
    [key] = put(first, picture())
    first.close()
    assert second.peek(key)
    second.close()
    assert MemoryStore("shared").peek(key) is None


def test_a_smaller_budget_holds_from_the_next_picture_on() -> None:
    store = MemoryStore("smaller", limit_bytes=100)
    keys = put(store, *(picture(n) for n in range(5)))
    MemoryStore("smaller", limit_bytes=20)
    put(store, picture(9))
    assert [store.peek(key) is None for key in keys] == [True] * 4 + [False]


def test_a_clock_that_is_set_ends_no_lease_and_no_life() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    [key] = put(store, picture(), ttl_s=10)
    store.claim(key, "w1", 10)
    clock.set_wall(3600)
    assert store.usage().claimed == 1
    assert store.peek(key)


def test_its_own_memory_does_not_grow_with_what_came_and_went() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock, done_ttl_s=1)
    for n in range(500):
        [key] = put(store, picture(n), ttl_s=1)
        answer = store.claim(key, "w1", 1)
        if n % 2:
            store.finish(answer.claim)  # type: ignore[union-attr]
        clock.move(0.1)
    clock.move(10)
    store.usage()
    assert store._place is not None
    shelf = store._place.shelf
    assert not any((store._place.data, shelf._pictures, shelf._holds, shelf._marks, shelf._due))


@pytest.mark.parametrize("settings", [{"limit_bytes": 0}, {"done_ttl_s": 0}])
def test_a_setting_that_is_none_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        MemoryStore(**settings)  # type: ignore[arg-type]
