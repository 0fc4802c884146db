"""How many messages a second are worth making, where some routines can be told how fast to go. Pure.

All sources go faster together, until more of one would be of no use: then that one stays, and the others go
on. So several that meet at one routine share it evenly, and what one of them cannot use the others have. More
cannot leave a routine that has a lossless wire to one that takes no more, as it waits there; and it is of no
use where none of the readers wants more. A routine between live wires and a slow and a fast reader thus goes
at the speed of the fast one: what is dropped before the slow one costs nothing more.

It does not reckon with what a routine drops of one wire to hear another where ways of one source meet again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from graphlib import TopologicalSorter
from typing import NamedTuple


class Stage(NamedTuple):
    """One routine: the most it takes in a second, and how many messages it gives for each."""

    most_fps: float = math.inf
    gives: float = 1.0


class Lane(NamedTuple):
    """One wire; `waits`: whether its writer waits where there is no room."""

    source: str
    destination: str
    waits: bool


def shares(stages: Mapping[str, Stage], lanes: Iterable[Lane], told: Collection[str]) -> dict[str, float]:
    """The rate of each routine that can be told.

    Args:
        stages: all routines that lanes lead from or to.
        lanes: in no circle.
        told: who can be told. None is behind another, and lossless lanes lead to none. A source that cannot
            be told has its share as the others; where it goes faster, a live lane drops what is too much.

    Returns:
        By name, calls a second; infinite where nothing behind sets a bound.
    """
    return _Filling(stages, tuple(lanes), told).rates()


class _Filling:
    def __init__(self, stages: Mapping[str, Stage], lanes: tuple[Lane, ...], told: Collection[str]) -> None:
        self._stages = stages
        self._told = told
        self._into: dict[str, list[str]] = defaultdict(list)
        self._out: dict[str, list[Lane]] = defaultdict(list)
        for lane in lanes:
            self._into[lane.destination].append(lane.source)
            self._out[lane.source].append(lane)
        self._order = tuple(TopologicalSorter({name: self._into[name] for name in stages}).static_order())
        self._most = self._can_take()
        self._comes = dict.fromkeys(self._order, 0.0)
        self._first = {*told, *(name for name in stages if not self._into[name])}
        self._full: set[str] = set()
        self._fill(name for name, most in self._most.items() if not most)

    def rates(self) -> dict[str, float]:
        """Raise what comes until all is closed."""
        while rising := self._rising():
            slopes = self._slopes(rising)
            steps = {
                name: (self._most[name] - self._comes[name]) / slope
                for name, slope in slopes.items()
                if slope and name not in self._full and self._most[name] < math.inf
            }
            step = min(steps.values(), default=math.inf)
            self._fill(name for name, length in steps.items() if length <= step)
            for name, slope in slopes.items():
                if slope:
                    self._comes[name] += slope * step
            if not steps:
                break
        closed = self._closed()
        return {name: self._comes[name] if self._of_no_use(name, closed) else math.inf for name in self._told}

    def _rising(self) -> set[str]:
        closed = self._closed()
        return {name for name in self._first if not closed[name]}

    def _can_take(self) -> dict[str, float]:
        """The most that each takes; of those that can be told no more than comes from who cannot."""
        most: dict[str, float] = {}
        for name in self._order:
            most[name] = self._stages[name].most_fps
            if self._into[name] and name in self._told:
                comes = sum(most[other] * self._stages[other].gives for other in self._into[name])
                most[name] = min(most[name], comes)
        return most

    def _fill(self, names: Iterable[str]) -> None:
        """These take no more, nor does who waits for one of them."""
        self._full.update(names)
        for name in reversed(self._order):
            if self._waits(name):
                self._full.add(name)

    def _slopes(self, rising: Collection[str]) -> dict[str, float]:
        """How much more comes to each where one more a second comes to those that rise."""
        slopes: dict[str, float] = {}
        for name in self._order:
            slopes[name] = (
                float(name in rising)
                if name in self._first
                else sum(
                    slopes[other] * self._stages[other].gives
                    for other in self._into[name]
                    if other not in self._full
                )
            )
        return slopes

    def _closed(self) -> dict[str, bool]:
        """Whether more to each is of no use."""
        closed: dict[str, bool] = {}
        for name in reversed(self._order):
            closed[name] = name in self._full or self._of_no_use(name, closed)
        return closed

    def _of_no_use(self, name: str, closed: Mapping[str, bool]) -> bool:
        """Whether more from it is of no use, or cannot leave it."""
        out = self._out[name]
        return self._waits(name) or (bool(out) and all(closed[lane.destination] for lane in out))

    def _waits(self, name: str) -> bool:
        return any(lane.waits and lane.destination in self._full for lane in self._out[name])
