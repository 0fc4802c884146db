"""What can be set of a routine and of a wire.

Settings say what is wanted and check themselves; they do nothing. They are the same wherever a routine runs,
and travel with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

from sightline.errors import ConfigError
from sightline.overflow import Overflow

DeadLetter: TypeAlias = Callable[[Any, Any], None]
"""Called with the data and the exception, of whatever kind."""


class Retry(StrEnum):
    """When a routine whose setup failed is set up again by itself."""

    NEVER = "never"
    """It has failed until STOP and START."""
    ON_FAILURE = "on_failure"
    """After 1 s, and twice as long each further time, 60 s at most."""


class Policy(StrEnum):
    """What a wire promises."""

    LIVE = "live"
    """The newest counts: what finds no room is dropped by the wire's overflow rule, and counted."""
    LOSSLESS = "lossless"
    """The writer waits for room; nothing is dropped while both ends live."""
    RECORD = "record"
    """As lossless; what a stop or a death cut off is counted as `incomplete`."""


def _as_one_of(kind: type[StrEnum], settings: msgspec.Struct, name: str) -> None:
    """Have it be one of these, where it is the text of one. Raises ConfigError for anything else."""
    given = getattr(settings, name)
    if given not in list(kind):
        known = ", ".join(one.value for one in kind)
        raise ConfigError(f"expected {name} to be one of {known}, got {given!r}")
    msgspec.structs.force_setattr(settings, name, kind(given))


LIVE_RULES: Final = (Overflow.DROP_OLDEST, Overflow.DROP_NEWEST, Overflow.CLEAR)


class RoutineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set of one routine.

    Attributes:
        restart: when a setup that failed is tried again.
        dead_letter: called in the routine's thread with each message that `main_logic` failed on (the data,
            as `main_logic` got it) and the error.
        batch_size: above 1, `main_logic` gets a list of 1 to so many pieces of data.
        max_wait_s: how long a batch that is not full waits for more, counted from its first message.
        replicas: copies of a middle routine or a destination that work side by side, each in a thread.
        ordered: whether what replicas give leaves in the order in which it came to them.
        rate_fps: `main_logic` begins at most so often a second, evenly; replicas share that among them.
        watched: whether its flow is ended, and begun again, where a method of it does not return within the
            `hung_s` of the pipe; not for what may hang and harm nobody else.

    Raises:
        ConfigError: a value that cannot be.
    """

    restart: Retry = Retry.NEVER
    dead_letter: DeadLetter | None = None
    batch_size: int = 1
    max_wait_s: float = 0.0
    replicas: int = 1
    ordered: bool = True
    rate_fps: float | None = None
    watched: bool = True

    def __post_init__(self) -> None:
        _as_one_of(Retry, self, "restart")
        if self.batch_size < 1 or self.replicas < 1:
            raise ConfigError(
                f"expected batch_size and replicas of at least 1, got {self.batch_size} and {self.replicas}"
            )
        if self.replicas > 1 and self.batch_size > 1 and self.ordered:
            raise ConfigError("replicas that take batches cannot keep the order: expected ordered=False")
        if not 0 <= self.max_wait_s < math.inf:
            raise ConfigError(f"expected max_wait_s of at least 0, got {self.max_wait_s}")
        if self.rate_fps is not None and not 0 < self.rate_fps < math.inf:
            raise ConfigError(f"expected rate_fps above 0, got {self.rate_fps}")
        if self.dead_letter is not None and not callable(self.dead_letter):
            raise ConfigError(f"expected dead_letter(data, error), got {self.dead_letter!r}")


class WireSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set of one wire.

    Attributes:
        policy: what it promises.
        capacity: how many messages wait in it at most, not counting those the reader has in hand.
        overflow: what a full wire does. A live one drops the oldest if nothing is said; a lossless one always
            makes its writer wait, and saying `BLOCK` declares that this is meant for a live source too.

    Raises:
        ConfigError: a value that cannot be, or an overflow rule that breaks the promise.
    """

    policy: Policy = Policy.LIVE
    capacity: int = 1
    overflow: Overflow | None = None

    def __post_init__(self) -> None:
        _as_one_of(Policy, self, "policy")
        if self.overflow is not None:
            _as_one_of(Overflow, self, "overflow")
        if self.capacity < 1:
            raise ConfigError(f"expected a capacity of at least 1 message, got {self.capacity}")
        allowed = LIVE_RULES if self.policy is Policy.LIVE else (Overflow.BLOCK,)
        if self.overflow is not None and self.overflow not in allowed:
            names = ", ".join(rule.value for rule in allowed)
            raise ConfigError(
                f"a {self.policy.value} wire may have overflow {names}, got {self.overflow.value}"
            )

    @property
    def rule(self) -> Overflow:
        """What it does when it is full."""
        return self.overflow or (Overflow.DROP_OLDEST if self.policy is Policy.LIVE else Overflow.BLOCK)
