"""What is told of a routine: its states, what became of an event, and its counts."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any, Final

import msgspec

from sightline.clock import NS_PER_S
from sightline.overflow import BufferStats

DURATION_BUCKETS: Final = 32
"""Bucket n counts calls that took less than 2 ** n µs, no less than half of that; the last one all above."""


class DurationStats(msgspec.Struct, frozen=True, kw_only=True):
    """How long something took.

    Attributes:
        total_ns, max_ns: all of it together, and the longest.
        buckets: how often it took how long; see `DURATION_BUCKETS`.
    """

    total_ns: int = 0
    max_ns: int = 0
    buckets: tuple[int, ...] = (0,) * DURATION_BUCKETS

    @property
    def count(self) -> int:
        return sum(self.buckets)

    @property
    def mean_s(self) -> float:
        """0.0 where there was none."""
        return self.total_ns / max(1, self.count) / NS_PER_S

    def quantile_s(self, share: float) -> float:
        """What so large a share of them (0 to 1) did not take longer than: up to twice as much as that is."""
        below = 0
        for bucket, count in enumerate(self.buckets):
            below += count
            if below >= share * self.count:
                return min(upper_s(bucket), self.max_ns / NS_PER_S)
        return self.max_ns / NS_PER_S


def upper_s(bucket: int) -> float:
    """What this bucket's durations are less than; inf: nothing bounds them."""
    return math.inf if bucket == DURATION_BUCKETS - 1 else float(1 << bucket) / 1e6


class State(StrEnum):
    """What a routine is doing."""

    STOPPED = "stopped"
    SETTING_UP = "setting up"
    RUNNING = "running"
    CLEANING_UP = "cleaning up"
    FAILED = "failed"
    """Setup or cleanup failed: nothing until STOP and START, or until it is tried again by its settings."""
    DONE = "done"
    """It has given its last; for good."""
    KILLED = "killed"
    """For good."""


class RunnerEvent(msgspec.Struct, frozen=True):
    """A routine came into a state; or (`hangs`) did not leave it by a deadline."""

    routine: str
    state: State
    reason: str = ""
    hangs: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What became of an event at one routine.

    Attributes:
        handled: whether the routine knows the event.
        error: what failed; None: nothing did.
        state: the routine's afterwards.
    """

    routine: str
    event: str
    handled: bool
    state: State
    error: str | None = None


class RoutineStats(msgspec.Struct, frozen=True, kw_only=True):
    """A routine's counts at one moment: `entered` = processed + failed + sum(dropped) + held, in any of them.

    Attributes:
        entered: messages that came along its wires; for a source, calls of `main_logic`.
        processed, failed: what `main_logic` was called with, by whether it raised.
        dropped: messages that came and never reached `main_logic`, by reason; those of its wires included.
        held: what waits for it, and what it has in hand.
        given: messages that it gave, each counted once however many wires there are.
        unsent: of these, how many wait here for room in a wire, once for each such wire.
        lost: of these, how many a wire did not take and never will, by reason, once for each such wire.
        main_logic, setup: how long these took, whatever they raised; a batch is one call.
        fps: messages processed in a second, over the last one or two.
        restarts: how often it was set up again by itself.
        dead_letters: messages that were given to its dead-letter hook.
        wires_in, wires_out: the wires, by the routine at their other end.
        own: what its `own_stats` gave, and that of each replica; what that raised, as text. Empty: nothing.
    """

    routine: str
    state: State
    reason: str
    entered: int
    processed: int
    failed: int
    dropped: dict[str, int]
    held: int
    given: int
    unsent: int
    lost: dict[str, int]
    main_logic: DurationStats
    setup: DurationStats
    fps: float
    restarts: int
    dead_letters: int
    wires_in: dict[str, BufferStats]
    wires_out: dict[str, BufferStats]
    own: tuple[Any, ...] = ()

    @property
    def balanced(self) -> bool:
        """Whether the counts add up, and nothing was counted twice."""
        adds_up = self.entered == self.processed + self.failed + sum(self.dropped.values()) + self.held
        return adds_up and self.held >= 0

    @property
    def waiting(self) -> int:
        """Messages that wait in its wires; the others of `held` it has in hand."""
        return sum(wire.held for wire in self.wires_in.values())

    @property
    def peak(self) -> int:
        """The most that ever waited in one of its wires."""
        return max((wire.peak_held for wire in self.wires_in.values()), default=0)
