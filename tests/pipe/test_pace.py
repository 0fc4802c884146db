"""Calls on an even grid."""

from hypothesis import given
from hypothesis import strategies as st

from sightline.clock import NS_PER_S
from sightline.pipe.flow.pace import Pace


def test_without_a_rate_nothing_waits() -> None:
    pace = Pace()
    pace.begin(None, 0)
    assert pace.wait_s(None, 0) == 0.0


def test_a_late_call_does_not_put_off_those_behind_it() -> None:
    pace = Pace()
    pace.begin(10, 0)
    assert pace.wait_s(10, 0) == 0.1
    pace.begin(10, round(0.15 * NS_PER_S))  # 50 ms late
    assert round(pace.wait_s(10, round(0.15 * NS_PER_S)), 6) == 0.05
    pace.begin(10, 7 * NS_PER_S)  # far too late: nothing is made up for
    assert pace.wait_s(10, 7 * NS_PER_S) == 0.1


def test_a_new_rate_counts_from_the_last_call() -> None:
    pace = Pace()
    pace.begin(0.01, 0)
    assert pace.wait_s(0.01, NS_PER_S) == 99.0
    assert pace.wait_s(2, NS_PER_S) == 0.0


@given(st.lists(st.integers(0, NS_PER_S), min_size=2, max_size=50), st.integers(1, 50))
def test_never_more_calls_than_the_rate_and_one(late_ns: list[int], rate_fps: int) -> None:
    pace, now_ns, begun = Pace(), 0, []
    for late in late_ns:
        now_ns += round(pace.wait_s(rate_fps, now_ns) * NS_PER_S) + late // rate_fps
        pace.begin(rate_fps, now_ns)
        begun.append(now_ns)
    took_s = (begun[-1] - begun[0]) / NS_PER_S
    assert len(begun) <= took_s * rate_fps + 2
