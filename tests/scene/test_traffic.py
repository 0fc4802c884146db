"""Who is on the street: in order, in view, and never through one another on wheels."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sightline.scene.sprites import _PLANS
from sightline.scene.traffic import LANES, MARGIN, Thing, things_at

seeds = st.integers(0, 2**63 - 1)
times_s = st.floats(0, 2**32 / 25)
widths = st.floats(200, 2000)


@given(seeds, widths, times_s)
def test_wheels_of_one_lane_never_meet(seed: int, width: float, time_s: float) -> None:
    lanes: dict[int, list[Thing]] = {}
    for thing in things_at(seed, width, time_s):
        if thing.kind != "person":
            lanes.setdefault(thing.track_id % len(LANES), []).append(thing)
    for lane in lanes.values():
        lane.sort(key=lambda thing: thing.x(time_s, width))
        for left, right in pairwise(lane):
            reach = (_PLANS[left.kind].width * left.scale + _PLANS[right.kind].width * right.scale) / 2
            assert right.x(time_s, width) - left.x(time_s, width) > reach


@given(seeds, widths, times_s)
def test_nobody_appears_or_vanishes_in_view(seed: int, width: float, time_s: float) -> None:
    before = {thing.track_id: thing for thing in things_at(seed, width, time_s)}
    after = {thing.track_id: thing for thing in things_at(seed, width, time_s + 0.04)}
    for track_id in before.keys() ^ after.keys():
        thing = before.get(track_id) or after[track_id]
        x = thing.x(time_s, width)
        half = _PLANS[thing.kind].width * thing.scale / 2
        assert x + half < 0 or x - half > width
    assert all(before[track_id] == after[track_id] for track_id in before.keys() & after.keys())


@given(seeds, widths, times_s)
def test_numbers_are_positive_and_taken_once(seed: int, width: float, time_s: float) -> None:
    numbers = [thing.track_id for thing in things_at(seed, width, time_s)]
    assert len(set(numbers)) == len(numbers)
    assert all(number > 0 for number in numbers)


@given(seeds)
def test_the_street_is_peopled_from_the_start(seed: int) -> None:
    counts = [len(things_at(seed, 640, time_s)) for time_s in range(60)]
    assert sum(counts) / len(counts) > 4
    assert counts[0] > 0


def test_the_margin_is_wider_than_half_of_anything() -> None:
    for lane in LANES:
        assert all(_PLANS[kind].width * lane.scale / 2 < MARGIN for kind in lane.kinds)
