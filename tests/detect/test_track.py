"""What is the same thing as before: the rules of association, and any detections at any time."""

import math
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline import Detection
from sightline.clock import ns
from sightline.detect import Tracker
from sightline.detect import track as tracking
from sightline.errors import ConfigError, MissingExtra


def thing(
    x: float, y: float = 100, *, score: float = 0.9, label: str = "person", size: float = 40
) -> Detection:
    """A box twice as high as wide, by its left top corner."""
    return Detection(label=label, score=score, x1=x, y1=y, x2=x + size, y2=y + 2 * size)


def ids(tracker: Tracker, at_s: float, *things: Detection) -> list[int | None]:
    return [one.track_id for one in tracker.update(things, ns(at_s))]


def walk(
    tracker: Tracker, times_s: Iterable[float], *, speed: float = 60, score: float = 0.9
) -> list[int | None]:
    """The ids of one thing that walks to the right, by the time it is seen."""
    return [track_id for at_s in times_s for track_id in ids(tracker, at_s, thing(speed * at_s, score=score))]


def test_a_thing_keeps_its_id_from_its_second_sight_on() -> None:
    tracker = Tracker()
    assert walk(tracker, [0.1 * n for n in range(30)]) == [None] + [1] * 29
    assert len(tracker) == 1


def test_two_things_keep_theirs_whatever_their_order() -> None:
    tracker = Tracker()
    for n in range(20):
        right, left = thing(100 + 5 * n), thing(400 - 5 * n, 300)
        found = ids(tracker, n / 10, *((right, left) if n % 2 else (left, right)))
        if n:
            assert found == ([2, 1] if n % 2 else [1, 2])


def test_each_pair_that_overlaps_most_together_belongs_together() -> None:
    """The first alone would take what the second needs."""
    tracker = Tracker()
    ids(tracker, 0, thing(100), thing(130))
    first, second = ids(tracker, 0.1, thing(100), thing(130))
    assert ids(tracker, 0.2, thing(116), thing(146)) == [first, second]


@pytest.mark.parametrize("rate", [5, 10, 25, 100])
def test_the_rate_of_pictures_changes_nothing(rate: int) -> None:
    found = walk(Tracker(), [n / rate for n in range(3 * rate)])
    assert set(found[1:]) == {1}


def test_jitter_lost_pictures_and_another_rate_change_nothing() -> None:
    times_s = [0, 0.1, 0.13, 0.33, 0.34, 0.5, 0.9, 1.0, 1.04, 1.08, 1.12, 1.9, 2.0, 2.5, 2.6, 3.4]
    assert set(walk(Tracker(), times_s)[1:]) == {1}


def test_a_low_score_carries_on_a_thing_but_begins_none() -> None:
    tracker = Tracker()
    assert ids(tracker, 0, thing(100)) == [None]
    assert ids(tracker, 0.1, thing(100)) == [1]
    assert ids(tracker, 0.2, thing(100, score=0.2), thing(500, score=0.2)) == [1, None]
    assert ids(tracker, 0.3, thing(100, score=0.05), thing(500, score=0.2)) == [None, None]


def test_a_low_score_brings_back_nothing_that_was_lost() -> None:
    tracker = Tracker()
    walk(tracker, [0, 0.1, 0.2])
    assert ids(tracker, 0.3) == []
    assert ids(tracker, 0.4, thing(24, score=0.3)) == [None]
    assert ids(tracker, 0.5, thing(30)) == [1]


def test_a_high_score_has_the_first_choice() -> None:
    tracker = Tracker()
    for at_s in (0, 0.1):
        ids(tracker, at_s, thing(100))
    assert ids(tracker, 0.2, thing(100, score=0.4), thing(110, score=0.6)) == [None, 1]


def test_what_is_hidden_for_a_while_is_found_where_its_speed_takes_it() -> None:
    tracker = Tracker(lost_s=1.0)
    before = walk(tracker, [0.1 * n for n in range(10)], speed=100)
    after = walk(tracker, [1.8], speed=100)
    assert before[-1] == after[0] == 1
    assert walk(tracker, [2.81, 2.91], speed=100) == [None, 2]  # more than lost_s: another one


def test_what_was_seen_once_is_forgotten_with_the_next_picture() -> None:
    tracker = Tracker()
    assert ids(tracker, 0, thing(100)) == [None]
    assert ids(tracker, 0.1) == []
    assert len(tracker) == 0
    assert ids(tracker, 0.2, thing(100)) == [None]
    assert tracker.next_id == 1  # what only looked like something costs no number


def test_a_thing_must_be_seen_for_min_s_and_may_be_missed_meanwhile() -> None:
    tracker = Tracker(min_s=0.5)
    times_s = [0, 0.1, 0.2, 0.4, 0.5, 0.6]
    found = []
    for n in range(7):
        found += ids(tracker, n / 10, *([thing(100)] if n / 10 in times_s else []))
    assert found == [None, None, None, None, 1, 1]


def test_a_thing_keeps_its_label_unless_told_otherwise() -> None:
    for same_label, expected in ((True, None), (False, 1)):
        tracker = Tracker(same_label=same_label)
        for at_s in (0, 0.1):
            ids(tracker, at_s, thing(100, label="car"))
        assert ids(tracker, 0.2, thing(100, label="van")) == [expected]


def test_ids_rise_over_a_restart() -> None:
    tracker = Tracker()
    walk(tracker, [0, 0.1])
    tracker.restart()
    assert len(tracker) == 0
    assert walk(tracker, [0.2, 0.3]) == [None, 2]


def test_time_that_goes_back_stands_still_for_a_moment() -> None:
    tracker = Tracker()
    times_s = [1000, 1000.1, 1000.2, 3, 3.1, 3.2, 3.15, 3.3]
    found = [ids(tracker, at_s, thing(100 + 2 * n)) for n, at_s in enumerate(times_s)]
    assert found == [[None]] + [[1]] * 7


def test_a_huge_gap_begins_anew() -> None:
    tracker = Tracker(lost_s=3600)
    walk(tracker, [0, 0.1], speed=0)
    assert walk(tracker, [3600, 2**62 / 1e9], speed=0) == [1, None]


def test_a_box_that_is_none_is_not_tracked() -> None:
    tracker = Tracker()
    nowhere = [
        Detection(label="x", score=0.9, x1=x1, y1=y1, x2=x2, y2=y2)
        for x1, y1, x2, y2 in (
            (5, 5, 5, 9),
            (9, 9, 5, 5),
            (0, 0, 0, 0),
            (-1e300, -1e300, 1e300, 1e300),
            (math.nan, 0, 1, 1),
            (0, 0, math.inf, 1),
        )
    ]
    for at_s in (0, 0.1, 0.2):
        assert ids(tracker, at_s, *nowhere) == [None] * len(nowhere)
    assert len(tracker) == 0


def test_the_tracks_are_bounded_and_the_best_scores_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "MAX_TRACKS", 3)
    tracker = Tracker()
    scores = (0.6, 0.9, 0.7, 0.8, 0.5)
    crowd = [thing(100 * n, score=score) for n, score in enumerate(scores)]
    ids(tracker, 0, *crowd)
    assert len(tracker) == 3
    found = ids(tracker, 0.1, *crowd)
    assert len(tracker) == 3
    assert found == [None, 1, 2, 3, None]
    ids(tracker, 0.2, *(thing(100 * n, 900) for n in range(3)))
    assert len(tracker) == 3  # those that are lost have their room for a while


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected low to be at most high, 0\.2, got 0\.5"):
        Tracker(high=0.2, low=0.5)


def test_without_scipy_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[track\]'"):
        Tracker()


number = st.floats(allow_nan=False, allow_infinity=False) | st.floats(0, 200)
anything = st.builds(
    Detection,
    label=st.sampled_from(["person", "car", ""]),
    score=number,
    x1=number,
    y1=number,
    x2=number,
    y2=number,
    track_id=st.none() | st.integers(0, 3),
    attributes=st.dictionaries(st.text(max_size=3), st.integers(), max_size=1),
)
place = st.floats(0, 200)
likely = st.builds(
    thing,
    place,
    place,
    score=st.floats(0, 1),
    label=st.sampled_from(["person", "car"]),
    size=st.floats(1, 90),
)
picture = st.tuples(
    st.lists(anything, max_size=4) | st.lists(likely, max_size=6),
    st.integers(0, ns(0.3)) | st.integers(-ns(5), ns(5)) | st.integers(-(2**62), 2**62),
)


@given(st.lists(picture, max_size=15), st.floats(0, 1), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_detections_at_any_time_come_back_as_they_were_with_ids_that_rise(
    pictures: Sequence[tuple[list[Detection], int]], min_s: float, same_label: bool
) -> None:
    tracker = Tracker(min_s=min_s, same_label=same_label)
    at_ns, known = 0, set[int]()
    for detections, step_ns in pictures:
        at_ns += step_ns
        found = tracker.update(detections, at_ns)
        assert [msgspec.structs.replace(one, track_id=None) for one in found] == [
            msgspec.structs.replace(one, track_id=None) for one in detections
        ]
        given_ids = [one.track_id for one in found if one.track_id is not None]
        assert len(set(given_ids)) == len(given_ids)
        new = set(given_ids) - known
        assert not new or min(new) > max(known, default=0)
        known |= new
        assert all(map(math.isfinite, tracker._boxes.state.ravel()))
        assert (tracker._boxes.state[0, :, 2:] > 0).all()
        assert len(tracker) <= tracking.MAX_TRACKS
    assert known == set(range(1, tracker.next_id))


@given(st.lists(st.floats(0.02, 0.25), min_size=3, max_size=30), st.floats(-80, 80), st.floats(-40, 40))
@settings(deadline=None)
def test_whatever_the_steps_of_time_what_walks_evenly_is_one(
    steps_s: list[float], speed_x: float, speed_y: float
) -> None:
    tracker, at_s = Tracker(), 0.0
    seen = set[int | None]()
    for step_s in steps_s:
        at_s += step_s
        seen |= set(ids(tracker, at_s, thing(5000 + speed_x * at_s, 5000 + speed_y * at_s)))
    assert seen <= {None, 1}


def test_ids_are_given_in_the_order_in_which_things_were_confirmed() -> None:
    tracker, firsts = Tracker(), list[int]()
    for n in range(60):
        things = [thing(200 * lane, 100 + 5 * n) for lane in range(5) if lane * 10 <= n]
        for track_id in ids(tracker, n / 10, *things):
            if track_id is not None and track_id not in firsts:
                firsts.append(track_id)
    assert firsts == [1, 2, 3, 4, 5]
    assert all(a < b for a, b in pairwise(firsts))
