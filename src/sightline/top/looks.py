"""Two looks at one feed, and what lies between them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sightline.clock import NS_PER_S
from sightline.pipe.counts.reports import RoutineStats
from sightline.pipe.counts.stats import FlowStats, WireStats
from sightline.site.window import Look

_LEAST_S: Final = 1e-3


@dataclass(frozen=True)
class Looks:
    """What was told of late, and the time before that; the same twice where there is one look alone."""

    feed: str
    now: Look
    before: Look

    @property
    def step_s(self) -> float | None:
        """Between the two; None: there is no telling how fast anything is."""
        step_s = (self.now.at_ns - self.before.at_ns) / NS_PER_S
        return step_s if step_s >= _LEAST_S else None

    def rate(self, now: float, before: float | None) -> float | None:
        """A second; None where it was not there before, or began to count anew."""
        if before is None or self.step_s is None or now < before:
            return None
        return (now - before) / self.step_s

    @cached_property
    def routines_before(self) -> dict[tuple[str, str], RoutineStats]:
        """By pipe and name."""
        return {
            (pipe, name): one
            for pipe, stats in self.before.pipes.items()
            for name, one in stats.routines.items()
        }

    @cached_property
    def wires_before(self) -> dict[tuple[str, str, str], WireStats]:
        """By pipe and ends."""
        return {
            (pipe, one.source, one.destination): one
            for pipe, stats in self.before.pipes.items()
            for one in stats.wires
        }

    @cached_property
    def flows_before(self) -> dict[tuple[str, str], FlowStats]:
        """By pipe and name."""
        return {
            (pipe, name): one
            for pipe, stats in self.before.pipes.items()
            for name, one in stats.flows.items()
        }


def since(now: Sequence[int], before: Sequence[int] | None) -> tuple[int, ...]:
    """What each bucket counted between two looks; all of it where it began anew."""
    if before is None or len(before) != len(now) or any(a < b for a, b in zip(now, before, strict=True)):
        return tuple(now)
    return tuple(a - b for a, b in zip(now, before, strict=True))
