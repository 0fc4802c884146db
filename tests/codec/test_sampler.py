from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.clock import NS_PER_S
from sightline.codec import Sampler
from sightline.errors import ConfigError

RATES = st.sampled_from([0.1, 0.5, 1, 2, 5, 7.5, 10, 12.5, 24, 25, 29.97, 30])
FPS = st.sampled_from([5, 10, 12, 15, 24, 25, 29.97, 30, 50, 60])


def taken(rate: float, times_ns: list[int]) -> list[int]:
    sampler = Sampler(rate)
    return [at_ns for at_ns in times_ns if sampler.take(at_ns)]


def even(fps: float, seconds: float, start_ns: int = 0) -> list[int]:
    return [start_ns + round(n * NS_PER_S / fps) for n in range(round(seconds * fps))]


@given(rate=RATES, fps=FPS, start_ns=st.integers(0, 2 * 10**18))
def test_a_faster_source_gives_exactly_the_rate_over_a_long_run(
    rate: float, fps: float, start_ns: int
) -> None:
    seconds = 120
    count = len(taken(rate, even(fps, seconds, start_ns)))
    assert abs(count - min(rate, fps) * seconds) <= 1


@given(rate=RATES, fps=FPS)
def test_a_slower_source_gives_all(rate: float, fps: float) -> None:
    times = even(fps, 60)
    if fps <= rate:
        assert taken(rate, times) == times


@given(
    rate=st.sampled_from([1, 5, 10, 25]),
    wander=st.lists(st.floats(-0.49, 0.49), min_size=50, max_size=200),
)
def test_a_source_of_the_very_rate_loses_nothing_to_jitter(rate: float, wander: list[float]) -> None:
    period_ns = NS_PER_S / rate
    times = [0] + [round((n + 1 + off) * period_ns) for n, off in enumerate(wander)]
    assert taken(rate, times) == times


@given(rate=RATES, gaps=st.lists(st.floats(0.001, 3), min_size=1, max_size=200))
def test_with_any_times_no_slot_gives_two_and_none_with_pictures_gives_none(
    rate: float, gaps: list[float]
) -> None:
    times, at_s = [], 0.0
    for gap in gaps:
        at_s += gap
        times.append(round(at_s * NS_PER_S))
    grid = Sampler(rate)
    slots = [grid.slot(at_ns) for at_ns in times]
    of_time = dict(zip(times, slots, strict=True))
    given_out = [of_time[at_ns] for at_ns in taken(rate, times)]
    assert given_out == sorted(set(slots))


def test_of_the_pictures_in_a_slot_it_is_the_first() -> None:
    times = even(25, 2)
    chosen = taken(5, times)
    assert all(later - earlier == NS_PER_S // 5 for earlier, later in pairwise(chosen[1:]))
    assert chosen[:3] == [0, 120_000_000, 320_000_000]


def test_where_time_is_set_back_the_grid_begins_anew() -> None:
    first, again = even(25, 60, start_ns=NS_PER_S * 3600), even(25, 60)
    assert len(taken(10, first + again)) == pytest.approx(1200, abs=2)


def test_a_picture_that_comes_a_little_out_of_order_is_not_taken_for_a_new_beginning() -> None:
    sampler = Sampler(25)
    assert [sampler.take(n * 40_000_000) for n in (0, 1, 2, 1, 3)] == [True, True, True, False, True]


def test_a_slot_is_claimed_once_in_any_order() -> None:
    sampler = Sampler(10)
    order = [0, 3, 1, 2, 6, 4, 5]  # of decoding, 25 pictures a second
    assert [n for n in order if sampler.claim(n * 40_000_000)] == [0, 3, 6]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="rate above 0"):
        Sampler(rate)
