"""The synchroniser: how fast sources are to go, from how long routines take. Pure: durations in, rates out.

It promises: the slowest routine behind a source always has something to do, and a little more than it can do
is made and not much; where one gets faster or slower the rates follow within seconds, as durations tell that
whatever the rate is now; what waits in wires is worked off. A routine that was never called sets no bound.

A source that may not be told (its rate is its own, or it is live) runs as it likes; then the first routines
behind it are told that take what they want from live wires, so that they do nothing for what will be dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from typing import Final

import msgspec

from sightline.pipe.fps import ROUTINE_NOTIFY_DURATIONS_INTERVAL
from sightline.pipe.parent.shares import Lane, Stage, shares

HEADROOM: Final = 1.05
"""How much more is made than the slowest can do: none of its time is lost to uneven steps."""

DRAIN_S: Final = 1.0
"""In how long what waits is to be worked off; so about `HEADROOM - 1` seconds of work wait in the end."""

LEAST: Final = 0.5
"""The share of what the slowest can do that is made whatever waits: what is known of that is a little old."""

LEAST_FPS: Final = 1 / ROUTINE_NOTIFY_DURATIONS_INTERVAL
"""No routine is told to be slower: a single long call must not be followed by a long silence."""

MOST_FPS: Final = 1000.0
"""No routine is told a rate above this: a pause of less than a millisecond costs more than it saves."""

HALF_S: Final = 1.0
"""After which a duration counts half."""

_NO_TIME_S: Final = 1e-9
_SAME: Final = 0.01
"""A change below this share is not told."""


class Worked(msgspec.Struct, frozen=True, kw_only=True):
    """What a routine did since it told last.

    Attributes:
        routine: its name.
        over_s: how long that is ago.
        taken: messages that it worked on; of a source, calls.
        work_s: the time it took for them; replicas work at once.
        given: messages that it gave.
        in_hand_s: how long it has been at the message in hand, which is not counted yet.
        waiting: messages that wait for it, beyond one for each wire.
        may_be_told: whether its rate can be set from outside.
        most_fps: the bound that it has anyway; None: it has none.
    """

    routine: str
    over_s: float
    taken: int
    work_s: float
    given: int
    in_hand_s: float = 0.0
    waiting: int = 0
    may_be_told: bool = True
    most_fps: float | None = None


class Pacing:
    """The rates of one pipe. It is told of wires, of routines that stop and go on, and of durations.

    Attributes:
        rates: what was told last, calls a second by routine; 0.0: as fast as it goes.
    """

    def __init__(self) -> None:
        self.rates: dict[str, float] = {}
        self._lanes: tuple[Lane, ...] = ()
        self._speeds: dict[str, _Speed] = {}
        self._stopped: set[str] = set()
        self._stale = False

    def link(self, lanes: Iterable[Lane]) -> None:
        """These are all wires from now on, in no circle."""
        self._lanes = tuple(lanes)
        self._stale = True

    def runs(self, routine: str, runs: bool) -> None:
        """Whether a routine takes messages, and gives some, from now on; each does at first."""
        if runs is (routine in self._stopped):
            (self._stopped.remove if runs else self._stopped.add)(routine)
            self._stale = True

    def measured(self, worked: Worked) -> None:
        """A routine told its durations."""
        self._speeds.setdefault(worked.routine, _Speed()).add(worked)
        self._stale = True

    def news(self) -> dict[str, float]:
        """The rates that are others than those told last; as told from now on."""
        if not self._stale:
            return {}
        self._stale = False
        news = {name: fps for name, fps in self._wanted().items() if _differs(fps, self.rates.get(name, 0.0))}
        self.rates.update(news)
        return news

    def _wanted(self) -> dict[str, float]:
        lanes = self._counted()
        told = self._tellable(lanes)
        names = {name for lane in lanes for name in (lane.source, lane.destination)}
        rates = shares({name: self._stage(name, told) for name in names}, lanes, told)
        # Who is not told any more is set free; of whom nobody hears now, what was told stays.
        free = dict.fromkeys(names & self.rates.keys(), 0.0)
        return {**free, **{name: _tellable_fps(fps) for name, fps in rates.items()}}

    def _counted(self) -> list[Lane]:
        """The lanes along which something comes, and of these the ones that somebody reads, if any."""
        lanes = [lane for lane in self._lanes if self._gives(lane.source)]
        read = {lane.source for lane in lanes if lane.destination not in self._stopped}
        return [lane for lane in lanes if lane.source not in read or lane.destination not in self._stopped]

    def _gives(self, name: str) -> bool:
        """A source that does nothing yet, or no more, has no share in what it leads to."""
        is_source = all(lane.destination != name for lane in self._lanes)
        return not is_source or (name in self._speeds and name not in self._stopped)

    def _tellable(self, lanes: list[Lane]) -> list[str]:
        """The first on each way that may be told, and need no message that they do not take."""
        told: list[str] = []
        behind: set[str] = set()
        for name, into in _in_order(lanes):
            if any(lane.source in behind for lane in into):
                behind.add(name)
            elif self._may_be_told(name) and not any(lane.waits for lane in into):
                told.append(name)
                behind.add(name)
        writers = {lane.source for lane in lanes}
        return [name for name in told if name in writers]

    def _may_be_told(self, name: str) -> bool:
        speed = self._speeds.get(name)
        return speed is not None and speed.last.may_be_told

    def _stage(self, name: str, told: list[str]) -> Stage:
        speed = self._speeds.get(name)
        if speed is None:
            return Stage()
        own_fps = speed.last.most_fps or math.inf
        is_asked = name in told or all(lane.destination != name for lane in self._lanes)
        return Stage(min(own_fps, speed.fps if is_asked else speed.wanted_fps), speed.gives)


class _Speed:
    """How fast a routine would go if it had nothing to wait for."""

    def __init__(self) -> None:
        self._taken = self._given = self._work_s = 0.0
        self.last: Worked

    def add(self, worked: Worked) -> None:
        self.last = worked
        if worked.taken:
            kept = 0.5 ** (worked.over_s / HALF_S)
            self._taken = self._taken * kept + worked.taken
            self._given = self._given * kept + worked.given
            self._work_s = self._work_s * kept + min(worked.work_s, worked.taken / LEAST_FPS)

    @property
    def fps(self) -> float:
        """Messages a second."""
        taken, work_s, in_hand_s = self._taken, self._work_s, self.last.in_hand_s
        if in_hand_s * max(taken, 1) > work_s:  # the one in hand takes longer than those before
            taken, work_s = taken + 1, work_s + in_hand_s
        return taken / max(work_s, _NO_TIME_S) if taken else math.inf

    @property
    def wanted_fps(self) -> float:
        """How many it is to get: a little more than it can do, less what waits."""
        fps = self.fps
        return max(fps * HEADROOM - self.last.waiting / DRAIN_S, fps * LEAST)

    @property
    def gives(self) -> float:
        """Messages that it gives for each that it takes."""
        return self._given / self._taken if self._taken else 1.0


def _in_order(lanes: list[Lane]) -> Iterator[tuple[str, list[Lane]]]:
    """The names, each behind those that lanes lead from to it, with these lanes."""
    into: dict[str, list[Lane]] = {}
    for lane in lanes:
        into.setdefault(lane.source, [])
        into.setdefault(lane.destination, []).append(lane)
    graph = {name: [lane.source for lane in theirs] for name, theirs in into.items()}
    for name in TopologicalSorter(graph).static_order():
        yield name, into[name]


def _tellable_fps(fps: float) -> float:
    return 0.0 if fps > MOST_FPS else max(fps, LEAST_FPS)


def _differs(fps: float, told_fps: float) -> bool:
    return abs(fps - told_fps) > _SAME * told_fps
