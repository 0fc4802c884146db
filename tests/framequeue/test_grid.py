"""The slots of the wall clock: none twice while time rises, the same ones for everybody."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.framequeue.grid import SecondGrid

S = 1_000_000_000
NOON = 1_789_041_600 * S  # 2026-09-10 12:00:00 UTC
HOUR = 3600 * S

rates = st.one_of(st.floats(0.1, 30), st.sampled_from([0.1, 1 / 3, 0.3, 1.0, 7.0, 12.5, 29.97, 30.0]))
moments = st.integers(0, 2**62)


def taken(grid: SecondGrid, at: list[int]) -> list[int]:
    return [moment for moment in at if grid.take(moment)]


def test_one_a_second_as_the_clock_shows_it() -> None:
    at = [NOON + round(n * S / 25) + 300_000_000 for n in range(100)]
    assert [moment // S - NOON // S for moment in taken(SecondGrid(), at)] == [0, 1, 2, 3, 4]
    assert taken(SecondGrid(), at)[1:] == [NOON + n * S + 20_000_000 for n in range(1, 5)]


def test_two_cameras_have_the_same_seconds() -> None:
    grids = SecondGrid(), SecondGrid()
    one = taken(grids[0], [NOON + n * 40_000_000 for n in range(100)])
    other = taken(grids[1], [NOON + n * 66_000_000 + 7_000_000 for n in range(60)])
    assert [grids[0].slot(moment) for moment in one] == [grids[1].slot(moment) for moment in other]


@given(rates, st.lists(st.integers(0, 20 * S), max_size=60), moments)
def test_while_time_rises_every_slot_that_has_a_picture_gives_its_first(
    rate: float, steps: list[int], start: int
) -> None:
    grid = SecondGrid(rate)
    at = [start]
    for step in steps:
        at.append(at[-1] + step)
    first: dict[int, int] = {}
    for moment in at:
        first.setdefault(grid.slot(moment), moment)
    assert taken(grid, at) == list(first.values())


@given(rates, moments)
def test_a_slot_begins_where_it_says(rate: float, moment: int) -> None:
    grid = SecondGrid(rate)
    slot = grid.slot(moment)
    assert grid.begin_ns(slot) <= moment < grid.begin_ns(slot + 1)
    assert grid.slot(grid.begin_ns(slot)) == slot
    assert grid.slot(grid.begin_ns(slot) - 1) == slot - 1


@pytest.mark.parametrize(
    ("rate", "exact"), [(0.1, Fraction(1, 10)), (1 / 3, Fraction(1, 3)), (29.97, Fraction(2997, 100))]
)
def test_a_rate_is_the_one_that_was_meant(rate: float, exact: Fraction) -> None:
    assert SecondGrid(rate).rate == exact


def test_a_rate_that_does_not_divide_a_second_keeps_count_for_ever() -> None:
    grid = SecondGrid(7)
    at = [NOON + n * 20_000_000 for n in range(50 * 1000)]
    assert len(taken(grid, at)) == 7 * 1000


@given(st.integers(0, 24 * 60).map(lambda minutes: NOON + minutes * 60 * S))
def test_the_hour_of_a_country_does_not_matter(start: int) -> None:
    """Slots are numbers of UTC; a night on which summer time ends has as many as any other."""
    at = [start + n * 500_000_000 for n in range(2 * 7200)]
    assert len(taken(SecondGrid(), at)) == 7200


def test_a_clock_that_is_set_back_by_an_hour_begins_anew_and_forward_goes_on() -> None:
    grid = SecondGrid()
    before = [NOON + n * 40_000_000 for n in range(50)]
    back = [moment - HOUR + 2 * S for moment in before]
    forth = [moment + 4 * S for moment in before]
    assert len(taken(grid, before)) == 2
    assert len(taken(grid, back)) == 2
    assert len(taken(grid, forth)) == 2
    assert grid.take(NOON + HOUR)


@given(st.integers(1, S))
def test_what_is_late_by_less_than_a_second_is_not_new(late: int) -> None:
    grid = SecondGrid(rate=10)
    assert grid.take(NOON)
    assert not grid.take(NOON - late)
    assert grid.last_slot == grid.slot(NOON)


@given(st.integers(S + 1, 2**50))
def test_what_is_earlier_by_more_was_set_back(earlier: int) -> None:
    grid = SecondGrid(rate=10)
    assert grid.take(NOON)
    assert grid.take(NOON - earlier)


@given(st.permutations(range(4)), st.integers(0, 10**6))
def test_disordered_pictures_take_no_slot_twice(order: list[int], phase: int) -> None:
    """As B-frames come: each group of four in another order."""
    grid = SecondGrid()
    at = [NOON + phase + (4 * group + n) * 40_000_000 for group in range(50) for n in order]
    slots = [grid.slot(moment) for moment in taken(grid, at)]
    assert len(slots) == len(set(slots))
    assert set(slots) == {grid.slot(moment) for moment in at if moment >= at[0] // S * S}


@given(st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=200), rates)
def test_within_a_second_in_any_order_a_slot_is_given_once(offsets: list[int], rate: float) -> None:
    grid = SecondGrid(rate)
    slots = [grid.slot(moment) for moment in taken(grid, [NOON + offset for offset in offsets])]
    assert len(slots) == len(set(slots))
    assert set(slots) >= {
        slot for slot in map(grid.slot, [NOON + offset for offset in offsets]) if slot >= slots[0]
    }


def test_a_slot_that_was_passed_over_is_given_to_a_late_picture_once() -> None:
    grid = SecondGrid(rate=25)
    moments = [NOON + n * 40_000_000 for n in (0, 3, 1, 2, 2, 6, 4, 5)]
    assert taken(grid, moments) == moments[:4] + moments[5:]


def test_a_slot_that_it_has_forgotten_is_not_given_again() -> None:
    grid = SecondGrid(rate=1000)
    moments = [NOON + n * 1_000_000 for n in range(500)]
    assert taken(grid, moments) == moments
    assert taken(grid, moments) == []


def test_nothing_before_the_first_picture_is_late() -> None:
    grid = SecondGrid()
    assert grid.take(NOON)
    assert not grid.take(NOON - 40_000_000)


def test_a_restart_within_a_slot_takes_no_second_picture_of_it() -> None:
    grid = SecondGrid()
    assert grid.take(NOON)
    again = SecondGrid(last_slot=grid.last_slot)
    assert not again.take(NOON + 400_000_000)
    assert again.take(NOON + S)


def test_a_restart_with_the_clock_set_back_since_begins_anew() -> None:
    assert SecondGrid(last_slot=NOON // S).take(NOON - HOUR)


def test_a_slot_that_is_given_back_may_be_taken_again_and_none_before_it() -> None:
    grid = SecondGrid()
    assert grid.take(NOON)
    grid.give_back(NOON + 10)
    assert grid.last_slot == grid.slot(NOON) - 1
    assert not grid.take(NOON - 10)
    assert grid.take(NOON + 20)
    grid.give_back(NOON - S)
    assert grid.last_slot == grid.slot(NOON)
    assert not grid.take(NOON + 30)


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="rate above 0"):
        SecondGrid(rate)
