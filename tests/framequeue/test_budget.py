"""Which pictures go when one more comes: held against the plainest way to say it, a list."""

import time
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sightline.errors import ConfigError
from sightline.framequeue.stores.budget import Added, Budget, Held

LIMIT = 100


class Picture(NamedTuple):
    key: int
    camera_id: str
    size: int


def _greediest_oldest(held: list[Picture], newcomer: Picture, in_hand: set[int]) -> Picture:
    """Of the camera that has most, the newcomer counted; where two have as much, the oldest of both."""
    counted = [*held, newcomer]

    def weight(picture: Picture) -> int:
        return sum(one.size for one in counted if one.camera_id == picture.camera_id)

    free = [picture for picture in held if picture.key not in in_hand]
    return max(free, key=lambda picture: (weight(picture), -held.index(picture)))


class AgainstAList(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget[int](LIMIT)
        self.held: list[Picture] = []
        self.in_hand: set[int] = set()

    @rule(
        key=st.integers(0, 30),
        camera_id=st.sampled_from("abc"),
        size=st.integers(1, 40) | st.integers(1, 130),
    )
    def add(self, key: int, camera_id: str, size: int) -> None:
        added = self.budget.add(key, camera_id, size)
        if size + sum(one.size for one in self.held if one.key in self.in_hand - {key}) > LIMIT:
            assert added == Added(stored=False)
            return
        self.held = [one for one in self.held if one.key != key]
        self.in_hand.discard(key)
        newcomer, evicted = Picture(key, camera_id, size), []
        while sum(one.size for one in self.held) + size > LIMIT:
            gone = _greediest_oldest(self.held, newcomer, self.in_hand)
            self.held.remove(gone)
            evicted.append(gone.key)
        self.held.append(newcomer)
        assert added == Added(stored=True, evicted=tuple(evicted))

    @rule(key=st.integers(0, 30))
    def remove(self, key: int) -> None:
        assert self.budget.remove(key) == any(one.key == key for one in self.held)
        self.held = [one for one in self.held if one.key != key]
        self.in_hand.discard(key)

    @rule(key=st.integers(0, 30))
    def hold(self, key: int) -> None:
        self.budget.hold(key)
        self.in_hand |= {key} & {one.key for one in self.held}

    @rule(key=st.integers(0, 30))
    def release(self, key: int) -> None:
        self.budget.release(key)
        self.in_hand.discard(key)

    @invariant()
    def counts_are_exact(self) -> None:
        assert self.budget.used == sum(one.size for one in self.held) <= LIMIT
        assert sorted(self.budget) == sorted(one.key for one in self.held)
        assert len(self.budget) == len(self.held)
        cameras: dict[str, Any] = {}
        for one in self.held:
            frames, size = cameras.get(one.camera_id, (0, 0))
            cameras[one.camera_id] = Held(frames + 1, size + one.size)
        assert self.budget.cameras() == cameras


TestAgainstAList = AgainstAList.TestCase


def test_the_greediest_cameras_oldest_goes_first() -> None:
    budget = Budget[str](LIMIT)
    for name in ("a1", "b1", "b2", "b3"):
        budget.add(name, name[0], 25)
    assert budget.add("a2", "a", 25).evicted == ("b1",)
    assert budget.cameras() == {"a": Held(2, 50), "b": Held(2, 50)}
    assert budget.add("c1", "c", 40).evicted == ("a1", "b2")


def test_a_camera_pays_for_its_own_newcomer() -> None:
    budget = Budget[str](LIMIT)
    budget.add("a1", "a", 50)
    budget.add("b1", "b", 50)
    assert budget.add("b2", "b", 10).evicted == ("b1",)


@given(st.lists(st.integers(1, LIMIT), max_size=8))
def test_what_is_larger_than_all_is_refused_and_nothing_goes_for_it(sizes: list[int]) -> None:
    budget = Budget[int](LIMIT)
    for key, size in enumerate(sizes):
        budget.add(key, "a", size)
    before = list(budget), budget.used, budget.cameras()
    assert budget.add(0, "a", LIMIT + 1) == Added(stored=False)
    assert (list(budget), budget.used, budget.cameras()) == before


def test_what_fits_to_the_byte_is_stored() -> None:
    budget = Budget[str](LIMIT)
    budget.add("small", "a", 1)
    assert budget.add("all", "b", LIMIT) == Added(stored=True, evicted=("small",))


def test_without_a_limit_nothing_goes() -> None:
    budget = Budget[int](None)
    assert not any(budget.add(key, "a", 10**9).evicted for key in range(100))
    assert budget.used == 10**11


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1 byte"):
        Budget[str](0)


def test_a_picture_of_no_bytes_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1 byte"):
        Budget[str](LIMIT).add("a1", "a", 0)


def test_its_own_memory_does_not_grow_with_what_came_and_went() -> None:
    budget = Budget[int](LIMIT)
    for key in range(20_000):
        budget.add(key, f"cam{key % 5}", 10)
        budget.remove(key - 3)
    assert len(budget._greediest) <= 2 * 5 + 64


def _cost_s(cameras: int) -> float:
    budget = Budget[int](cameras * 10)
    for key in range(cameras):
        budget.add(key, f"cam{key % cameras}", 10)
    began = time.thread_time()
    for key in range(cameras, cameras + 5000):
        budget.add(key, f"cam{key * 7919 % cameras}", 10)
    return time.thread_time() - began


def test_a_hundred_times_the_cameras_do_not_cost_ten_times() -> None:
    assert min(_cost_s(10_000) for _ in range(3)) < 10 * min(_cost_s(100) for _ in range(3))
