import math

import pytest
from benches.pairing import Aim, Spread, Turn, Verdict, judge, line, ratios, turns
from hypothesis import given
from hypothesis import strategies as st

SOME = st.lists(st.floats(min_value=0.01, max_value=1000), min_size=1, max_size=9)


def test_contenders_alternate_and_the_warm_up_is_round_zero() -> None:
    assert list(turns(["a", "b"], 2, warm_up=True)) == [
        Turn("a", 0),
        Turn("b", 0),
        Turn("a", 1),
        Turn("b", 1),
        Turn("a", 2),
        Turn("b", 2),
    ]
    assert list(turns(["a"], 1, warm_up=False)) == [Turn("a", 1)]


def test_a_ratio_is_that_of_one_round_so_a_machine_that_is_slow_for_a_while_changes_nothing() -> None:
    slow_for_a_while = [1.0, 4.0, 2.0]
    assert ratios(slow_for_a_while, [2 * x for x in slow_for_a_while]) == [0.5, 0.5, 0.5]


def test_rounds_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="got none"):
        Spread.of([])


@given(SOME)
def test_the_median_lies_within_the_spread(values: list[float]) -> None:
    spread = Spread.of(values)
    assert spread.least <= spread.median <= spread.most


def test_an_aim_against_a_peer_is_judged_by_the_median_of_the_ratios() -> None:
    taken = {"ours": [{"s": 1.0}, {"s": 9.0}, {"s": 1.0}], "peer": [{"s": 2.0}, {"s": 2.0}, {"s": 1.0}]}
    verdict = judge(Aim("ours", "s", 1.0, "peer"), taken)
    assert verdict.spread == Spread(1.0, 0.5, 4.5)
    assert verdict.met
    assert not judge(Aim("ours", "s", 0.99, "peer"), taken).met


def test_without_an_aim_a_ratio_is_told_and_never_missed() -> None:
    taken = {"ours": [{"s": 9.0}], "peer": [{"s": 3.0}]}
    assert judge(Aim("ours", "s", None, "peer"), taken).spread.median == 3
    assert judge(Aim("ours", "s", None, "peer"), taken).met


def test_an_aim_without_a_peer_is_judged_as_it_is() -> None:
    assert judge(Aim("ours", "s", 3.0), {"ours": [{"s": 3.0}]}) == Verdict(
        Aim("ours", "s", 3.0), Spread(3.0, 3.0, 3.0)
    )


@given(st.floats(-10, 10), st.floats(-100, 100))
def test_a_straight_line_is_found_without_error(slope: float, height: float) -> None:
    found = line([(float(x), height + slope * x) for x in range(10)])
    assert math.isclose(found.slope, slope, abs_tol=1e-6)
    assert found.error < 1e-6


def test_points_beside_the_line_are_its_error() -> None:
    found = line([(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)])
    assert found == pytest.approx((0.0, 1 / math.sqrt(3)))


def test_two_places_make_no_line() -> None:
    with pytest.raises(ValueError, match="three places"):
        line([(0.0, 0.0), (1.0, 1.0), (1.0, 2.0)])
