"""What contenders that took turns say about each other. Pure.

Contenders run one after another, round by round, and the figures of one round are compared with each
other alone: a machine that grows slower or warmer meanwhile then changes both sides of a ratio. A ratio
is therefore a median of ratios, not a ratio of medians.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

Figures: TypeAlias = Mapping[str, float]
"""What one turn gave, by name with the unit in it."""


class Spread(NamedTuple):
    """A figure that was taken several times."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ValueError for no values."""
        if not values:
            raise ValueError("expected one value or more, got none")
        return cls(statistics.median(values), min(values), max(values))


class Turn(NamedTuple):
    """Whose turn it is. `round` counts from 1; a warm-up has round 0 and is not counted."""

    contender: str
    round: int


class Aim(NamedTuple):
    """What a figure of a contender is to be at most or least; with `against`, its ratio to that contender's.

    With None for both, nothing is aimed at: it is told, and never missed. `limit` says what stands in the
    way where it is missed.
    """

    contender: str
    figure: str
    most: float | None = None
    against: str | None = None
    least: float | None = None
    limit: str = ""

    def __str__(self) -> str:
        who = self.contender if self.against is None else f"{self.contender} / {self.against}"
        return f"{who}: {self.figure}"


class Verdict(NamedTuple):
    """What came of an aim; it is met by the median."""

    aim: Aim
    spread: Spread

    @property
    def met(self) -> bool:
        median, aim = self.spread.median, self.aim
        return (aim.most is None or median <= aim.most) and (aim.least is None or median >= aim.least)


def turns(contenders: Sequence[str], rounds: int, *, warm_up: bool) -> Iterator[Turn]:
    """A B A B ..., after one turn of each that warms caches where that is wanted."""
    for number in range(0 if warm_up else 1, rounds + 1):
        for contender in contenders:
            yield Turn(contender, number)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round. Raises ValueError where the rounds are not as many."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def judge(aim: Aim, taken: Mapping[str, Sequence[Figures]]) -> Verdict:
    """Holds what was taken, by contender in the order of rounds, against an aim."""
    values = [figures[aim.figure] for figures in taken[aim.contender]]
    if aim.against is not None:
        values = ratios(values, [figures[aim.figure] for figures in taken[aim.against]])
    return Verdict(aim, Spread.of(values))


class Line(NamedTuple):
    """How much y grows with x, and the standard error of that."""

    slope: float
    error: float


def line(points: Sequence[tuple[float, float]]) -> Line:
    """The straight line of least squares. Raises ValueError for fewer than three places on x."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if len(set(xs)) < 3:
        raise ValueError(f"expected points at three places or more, got {len(set(xs))}")
    slope, intercept = statistics.linear_regression(xs, ys)
    left = sum((y - intercept - slope * x) ** 2 for x, y in points)
    mean = statistics.fmean(xs)
    return Line(slope, math.sqrt(left / (len(points) - 2) / sum((x - mean) ** 2 for x in xs)))
