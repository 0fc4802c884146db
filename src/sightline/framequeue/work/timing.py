"""When something is to be done about a picture in hand: its lease, its time limits. Pure arithmetic.

A picture in hand is leased anew at a third of its lease, until its handler has run for its time. Then the
handler is interrupted; where it does not end by that, the picture is given back over its head; and where it
runs on for longer than is borne, the process has to end, as nothing else ends a thread.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import Final

import msgspec

from sightline.errors import ConfigError
from sightline.framequeue.store import checked_time

GRACE_S: Final = 5.0
"""What a handler that was interrupted has for its cleanup before its picture is given back."""


class Act(Enum):
    """What is to be done."""

    EXTEND = auto()
    INTERRUPT = auto()
    GIVE_UP = auto()
    """Give the picture back although the handler runs on."""
    END_PROCESS = auto()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take, in seconds.

    Attributes:
        lease_s: of a lease.
        time_limit_s: of a call of the handler; None: as long as it takes.
        grace_s: beyond that, before the picture is given back.
        hard_limit_s: of a call, after which the process ends; None: never.
    """

    lease_s: float = 30.0
    time_limit_s: float | None = None
    grace_s: float = GRACE_S
    hard_limit_s: float | None = None

    def __post_init__(self) -> None:
        checked_time("a lease", self.lease_s)
        checked_time("a grace", self.grace_s)
        for name, seconds in (("time_limit_s", self.time_limit_s), ("hard_limit_s", self.hard_limit_s)):
            if seconds is not None:
                checked_time(f"a {name}", seconds)
        if self.hard_limit_s is not None and self.hard_limit_s <= (self.time_limit_s or 0.0):
            raise ConfigError(
                "expected a hard_limit_s above the time_limit_s, "
                f"got {self.hard_limit_s} and {self.time_limit_s}"
            )


class Timing:
    """Of one picture in hand: claimed at `now_s`, monotonic, and worked on from `begin` to its end."""

    def __init__(self, limits: Limits, now_s: float) -> None:
        self._limits = limits
        self._due: dict[Act, float] = {Act.EXTEND: now_s + limits.lease_s / 3}

    def begin(self, now_s: float) -> None:
        """The handler is called."""
        limits = self._limits
        if limits.time_limit_s is not None:
            self._due[Act.INTERRUPT] = now_s + limits.time_limit_s
            self._due[Act.GIVE_UP] = now_s + limits.time_limit_s + limits.grace_s
        if limits.hard_limit_s is not None:
            self._due[Act.END_PROCESS] = now_s + limits.hard_limit_s

    @property
    def due_s(self) -> float:
        """When to look again; never is infinity."""
        return min(self._due.values(), default=math.inf)

    def acts(self, now_s: float) -> list[Act]:
        """What is to be done by now, each once; a lease goes on being extended until it is interrupted."""
        due = [act for act in Act if self._due.get(act, math.inf) <= now_s]
        for act in due:
            del self._due[act]
        if Act.INTERRUPT in due:
            self._due.pop(Act.EXTEND, None)
        elif Act.EXTEND in due:
            self._due[Act.EXTEND] = now_s + self._limits.lease_s / 3
        return due
