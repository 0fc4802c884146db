"""What a flow tells of durations, and when."""

from typing import Any

from sightline.clock import NS_PER_S
from sightline.pipe.flow.gauge import LEAST_S, Gauge, Reading
from sightline.pipe.fps import ROUTINE_NOTIFY_DURATIONS_INTERVAL
from sightline.pipe.pacing import Worked

BEFORE = Reading(1000, 7 * NS_PER_S, 900, 0, 0, may_be_told=True, most_fps=None)
"""What it counted in a process before."""


class Told:
    """A gauge of one routine, on a clock of its own."""

    def __init__(self) -> None:
        self.now_ns = 5 * NS_PER_S
        self.reading = BEFORE
        self.gauge = Gauge({"sink": BEFORE}, self.now_ns)

    def look(self, after_s: float, taken: int, each_s: float = 0.01, **more: Any) -> list[Worked]:
        """It took so many more, and a look."""
        self.now_ns += round(after_s * NS_PER_S)
        self.reading = self.reading._replace(
            taken=self.reading.taken + taken,
            work_ns=self.reading.work_ns + round(taken * each_s * NS_PER_S),
            given=self.reading.given + taken,
            in_hand_ns=0,
        )._replace(**more)
        return self.gauge.look({"sink": self.reading}, self.now_ns)


def test_it_tells_what_was_done_since_it_told_last() -> None:
    told = Told()
    assert told.look(0.5, 0) == []
    assert told.look(0.5, 20) == [
        Worked(routine="sink", over_s=1.0, taken=20, work_s=0.2, given=20, may_be_told=True)
    ]
    assert told.look(0.5, 30) == [], "it tells the same"
    (worked,) = told.look(0.5, 30, each_s=0.1)
    assert (worked.over_s, worked.taken) == (1.0, 60)


def test_what_stays_as_it_is_is_told_in_batches() -> None:
    told = Told()
    told.look(0.5, 20)
    looks = [told.look(0.5, 20) for _ in range(3 * 2 * ROUTINE_NOTIFY_DURATIONS_INTERVAL)]
    assert [worked.taken for look in looks for worked in look] == 3 * [40 * ROUTINE_NOTIFY_DURATIONS_INTERVAL]


def test_who_does_nothing_tells_nothing() -> None:
    told = Told()
    told.look(0.5, 20)
    assert [told.look(1.0, 0) for _ in range(20)] == 20 * [[]]


def test_what_is_otherwise_is_told_at_the_next_look() -> None:
    told = Told()
    told.look(0.5, 20)
    (worked,) = told.look(0.5, 20, waiting=5)
    assert worked.waiting == 5
    (worked,) = told.look(0.5, 20, waiting=5, most_fps=3.0)
    assert worked.most_fps == 3.0
    (worked,) = told.look(0.5, 0, may_be_told=False)
    assert not worked.may_be_told


def test_a_call_that_does_not_end_is_told_again_and_again() -> None:
    told = Told()
    told.look(0.5, 20)
    looks = [told.look(0.5, 0, in_hand_ns=number * NS_PER_S // 2) for number in range(1, 16)]
    assert [worked.in_hand_s for look in looks for worked in look] == [0.5, 1.5, 3.5, 7.5]


def test_a_first_call_that_does_not_end_is_told() -> None:
    told = Told()
    assert told.look(0.3, 0, in_hand_ns=NS_PER_S // 4) == []
    (worked,) = told.look(0.3, 0, in_hand_ns=NS_PER_S // 2)
    assert (worked.taken, worked.in_hand_s) == (0, 0.5)


def test_a_look_right_after_another_is_none() -> None:
    told = Told()
    assert not told.gauge.due(told.now_ns + round(0.9 * LEAST_S * NS_PER_S))
    later_ns = told.now_ns + round(1.1 * LEAST_S * NS_PER_S)
    assert told.gauge.due(later_ns)
    told.gauge.look({}, later_ns)
    assert not told.gauge.due(later_ns)
