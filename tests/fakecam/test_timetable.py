"""What a camera does wrong, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.clock import ns
from sightline.errors import ConfigError
from sightline.fakecam import EVERYBODY, Entry, Kill, Loss, PtsJump, Reset, Stall, WrongClock
from sightline.fakecam.faults import WELL, Fault
from sightline.fakecam.timetable import Timetable

FAULTS = st.one_of(
    st.builds(Stall, seconds=st.none() | st.floats(0.1, 20)),
    st.builds(Loss, share=st.floats(0, 1), seconds=st.none() | st.floats(0.1, 20)),
    st.builds(PtsJump, by_s=st.floats(-9, 9)),
    st.just(Reset()),
)
ENTRIES = st.builds(
    Entry,
    camera=st.sampled_from(["gate", "yard", EVERYBODY]),
    fault=FAULTS,
    at_s=st.floats(0, 20),
    every_s=st.none() | st.floats(0.1, 20),
)


def test_a_fault_holds_from_its_beginning_to_its_end() -> None:
    timetable = Timetable([Entry(camera="gate", fault=Stall(seconds=5), at_s=10)])

    stalled = [timetable.behaviour("gate", ns(at_s)).stalled for at_s in (9.999, 10, 14.999, 15)]
    assert stalled == [False, True, True, False]
    assert timetable.behaviour("yard", ns(12)) == WELL
    assert [timetable.next_ns(ns(at_s)) for at_s in (0, 10, 15)] == [ns(10), ns(15), None]


def test_what_comes_again_and_again_adds_up_or_holds_again() -> None:
    timetable = Timetable(
        [
            Entry(camera="gate", fault=PtsJump(by_s=-2), at_s=5, every_s=10),
            Entry(camera="gate", fault=Stall(seconds=1), at_s=10, every_s=10),
        ]
    )
    told = [timetable.behaviour("gate", ns(at_s)) for at_s in (4, 5, 14.9, 15, 20.5, 21)]

    assert [one.pts_ahead_s for one in told] == [0, -2, -2, -4, -4, -4]
    assert [one.stalled for one in told] == [False, False, False, False, True, False]


def test_the_later_of_two_faults_of_one_kind_counts_and_others_add() -> None:
    timetable = Timetable(
        [Entry(camera=EVERYBODY, fault=Loss(share=0.5)), Entry(camera="gate", fault=Reset())]
    )
    timetable.add(Entry(camera="gate", fault=Loss(share=0.1)))
    timetable.add(Entry(camera="gate", fault=WrongClock(by_s=60)))

    gate, yard = timetable.behaviour("gate", 0), timetable.behaviour("yard", 0)
    assert (gate.loss, gate.clock_ahead_s, gate.resets) == (0.1, 60, 1)
    assert (yard.loss, yard.clock_ahead_s, yard.resets) == (0.5, 0, 0)
    timetable.clear("gate")
    assert timetable.behaviour("gate", 0) == yard


@given(st.lists(ENTRIES, max_size=5), st.floats(0, 60))
def test_nothing_changes_before_the_time_that_is_told(entries: list[Entry], at_s: float) -> None:
    """Who looks only when it is told to misses nothing."""
    timetable = Timetable(entries)
    now_ns = ns(at_s)
    next_ns = timetable.next_ns(now_ns)
    assert next_ns is None or next_ns > now_ns
    last_ns = ns(100) if next_ns is None else next_ns - 1
    for moment_ns in (now_ns + (last_ns - now_ns) // 2, last_ns):
        assert timetable.behaviour("gate", moment_ns) == timetable.behaviour("gate", now_ns)


@given(ENTRIES, st.floats(0, 60))
def test_each_moment_that_is_told_is_a_beginning_or_an_end(entry: Entry, at_s: float) -> None:
    next_ns = Timetable([entry]).next_ns(ns(at_s))
    if next_ns is not None:
        before, after = ((entry.times(t), entry.holds(t)) for t in (next_ns - 1, next_ns))
        assert before != after


@pytest.mark.parametrize(
    ("camera", "fault", "settings", "said"),
    [
        ("gate", Kill(seconds=1), {}, "share one port"),
        ("gate", Reset(), {"at_s": -1}, "a time of 0"),
        ("gate", Reset(), {"every_s": 0.01}, "every 0.1"),
    ],
)
def test_what_cannot_be_is_refused(camera: str, fault: Fault, settings: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Entry(camera=camera, fault=fault, **settings)


def test_faults_with_values_that_cannot_be_are_refused() -> None:
    for wrong in (lambda: Loss(share=1.5), lambda: Stall(seconds=0), lambda: PtsJump(by_s=float("nan"))):
        with pytest.raises(ConfigError, match="expected"):
            wrong()
