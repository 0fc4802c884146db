"""When leases are extended and handlers interrupted."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.framequeue.work.timing import Act, Limits, Timing

LIMITS = Limits(lease_s=30, time_limit_s=60, grace_s=5, hard_limit_s=100)


def acts_until(timing: Timing, end_s: float) -> list[tuple[float, Act]]:
    acts = []
    while timing.due_s <= end_s:
        now_s = timing.due_s
        acts += [(now_s, act) for act in timing.acts(now_s)]
    return acts


def test_a_lease_is_extended_at_each_third_of_it() -> None:
    assert acts_until(Timing(Limits(lease_s=30), 0), 45) == [(at, Act.EXTEND) for at in (10, 20, 30, 40)]


def test_a_handler_is_interrupted_given_up_and_not_survived() -> None:
    timing = Timing(LIMITS, 0)
    timing.begin(1)
    acts = acts_until(timing, 1000)
    assert [act for act in acts if act[1] is not Act.EXTEND] == [
        (61, Act.INTERRUPT),
        (66, Act.GIVE_UP),
        (101, Act.END_PROCESS),
    ]
    assert max(at for at, act in acts if act is Act.EXTEND) <= 61
    assert timing.due_s == math.inf


def test_what_is_looked_at_late_is_done_once() -> None:
    timing = Timing(LIMITS, 0)
    timing.begin(0)
    assert timing.acts(90) == [Act.EXTEND, Act.INTERRUPT, Act.GIVE_UP]
    assert timing.acts(90) == []


def test_without_limits_a_lease_is_all_there_is() -> None:
    timing = Timing(Limits(lease_s=3), 0)
    timing.begin(0)
    assert {act for _, act in acts_until(timing, 1000)} == {Act.EXTEND}


@given(
    st.floats(0.1, 100),
    st.one_of(st.none(), st.floats(0.1, 100)),
    st.lists(st.floats(0, 50), max_size=30),
)
def test_however_late_it_is_looked_at_no_lease_is_extended_after_the_limit(
    lease_s: float, time_limit_s: float | None, steps: list[float]
) -> None:
    timing = Timing(Limits(lease_s=lease_s, time_limit_s=time_limit_s), 0)
    timing.begin(0)
    now_s, interrupted = 0.0, 0
    for step in steps:
        now_s += step
        acts = timing.acts(now_s)
        assert len(set(acts)) == len(acts)
        assert Act.EXTEND not in acts or not interrupted
        interrupted += Act.INTERRUPT in acts
        assert timing.due_s > now_s
    assert interrupted == (time_limit_s is not None and now_s >= time_limit_s)


@pytest.mark.parametrize(
    "settings",
    [
        {"lease_s": 0},
        {"time_limit_s": -1},
        {"hard_limit_s": 0},
        {"time_limit_s": 5, "hard_limit_s": 5},
        {"grace_s": math.inf},
    ],
)
def test_limits_that_are_none_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        Limits(**settings)
