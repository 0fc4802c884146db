"""What of its routines' durations a flow tells, and when. Pure.

It tells in batches: all routines of which there is something to tell in one message, each
`ROUTINE_NOTIFY_DURATIONS_INTERVAL` seconds at least while it does something, and at the next look where one
is quicker or slower than it told, or more or less waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sightline.clock import NS_PER_S
from sightline.pipe.fps import ROUTINE_NOTIFY_DURATIONS_INTERVAL
from sightline.pipe.pacing import Worked

LEAST_S: Final = 0.4
"""A look sooner than that after the last is none: what so few calls tell is chance."""

_CHANGE: Final = 0.1
"""Above this share a duration is another."""


class Reading(NamedTuple):
    """The counts of a routine, which only grow but for the last four; see `Worked`."""

    taken: int
    work_ns: int
    given: int
    in_hand_ns: int
    waiting: int
    may_be_told: bool
    most_fps: float | None


class Gauge:
    """One flow's; what its routines did before these readings is of no interest."""

    def __init__(self, readings: Mapping[str, Reading], now_ns: int) -> None:
        self._looked_ns = now_ns
        self._told = {name: _Told(now_ns, reading, None) for name, reading in readings.items()}

    def due(self, now_ns: int) -> bool:
        """Whether it is time for another look."""
        return now_ns - self._looked_ns >= LEAST_S * NS_PER_S

    def look(self, readings: Mapping[str, Reading], now_ns: int) -> list[Worked]:
        """What is to be told now of these routines."""
        self._looked_ns = now_ns
        found = ((name, reading, self._worked(name, reading, now_ns)) for name, reading in readings.items())
        news = [each for each in found if self._is_news(each[2])]
        for name, reading, worked in news:
            self._told[name] = _Told(now_ns, reading, worked)
        return [worked for _, _, worked in news]

    def _worked(self, name: str, reading: Reading, now_ns: int) -> Worked:
        at_ns, old, _ = self._told[name]
        return Worked(
            routine=name,
            over_s=(now_ns - at_ns) / NS_PER_S,
            taken=reading.taken - old.taken,
            work_s=(reading.work_ns - old.work_ns) / NS_PER_S,
            given=reading.given - old.given,
            in_hand_s=reading.in_hand_ns / NS_PER_S,
            waiting=reading.waiting,
            may_be_told=reading.may_be_told,
            most_fps=reading.most_fps,
        )

    def _is_news(self, worked: Worked) -> bool:
        told = self._told[worked.routine].worked
        if told is None:
            return worked.taken > 0 or worked.in_hand_s > LEAST_S
        is_busy = worked.taken > 0 or worked.in_hand_s > 0
        if is_busy and worked.over_s >= ROUTINE_NOTIFY_DURATIONS_INTERVAL:
            return True
        return _is_another(worked, told)


class _Told(NamedTuple):
    """A reading, and what was told of it; None: nothing was."""

    at_ns: int
    reading: Reading
    worked: Worked | None


def _is_another(now: Worked, told: Worked) -> bool:
    if (now.may_be_told, now.most_fps, now.waiting) != (told.may_be_told, told.most_fps, told.waiting):
        return True
    usual_s = told.work_s / told.taken if told.taken else told.in_hand_s
    if now.in_hand_s > 2 * max(usual_s, told.in_hand_s):
        return True
    return now.taken > 0 and abs(now.work_s / now.taken - usual_s) > _CHANGE * usual_s
