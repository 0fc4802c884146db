"""What is told of a routine: its states, what became of an event, and its counts."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from sightline.overflow import BufferStats

DURATION_BUCKETS: Final = 32
"""Bucket n counts calls that took less than 2 ** n µs, no less than half of that; the last one all above."""


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
        busy_ns: time within `main_logic`.
        durations: calls of `main_logic` by how long they took; see `DURATION_BUCKETS`.
        wires_in, wires_out: the wires, by the routine at their other end.
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
    busy_ns: int
    durations: tuple[int, ...]
    wires_in: dict[str, BufferStats]
    wires_out: dict[str, BufferStats]

    @property
    def balanced(self) -> bool:
        """Whether the counts add up."""
        return self.entered == self.processed + self.failed + sum(self.dropped.values()) + self.held
