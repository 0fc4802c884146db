"""How much a queue holds, and what becomes of a key for which it has no room. Pure."""

from __future__ import annotations

import math
from enum import Enum, StrEnum, auto
from typing import NamedTuple

import msgspec

from sightline.clock import ns
from sightline.errors import ConfigError


class WhenFull(StrEnum):
    """What happens to a new key at the cap."""

    REJECT = "reject"
    """It is refused, and its sender told: nothing is lost, and the sender waits or drops."""
    DROP_OLDEST = "drop_oldest"
    """The oldest that waits dies instead: for live work, which is better new than whole."""


class Waiting(NamedTuple):
    """What waits in a queue, ready or delayed."""

    keys: int
    bytes: int


class Verdict(Enum):
    """What is to be done for one more key."""

    TAKE = auto()
    REFUSE = auto()
    DROP = auto()
    """The oldest goes; then ask again."""


class QueueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of a queue.

    Attributes:
        max_keys, max_bytes: of the keys that wait, whichever is reached first; a key of a frame has some 70
            bytes. Keys that come back are taken in above that.
        when_full: what happens at them.
        ttl_s: how long a key may wait from when it was sent; None: for ever. One in hand does not expire.
        max_dead: dead letters that are kept; the oldest are forgotten.
    """

    max_keys: int = 10_000
    max_bytes: int = 4 * 1024 * 1024
    when_full: WhenFull = WhenFull.REJECT
    ttl_s: float | None = None
    max_dead: int = 10_000

    def __post_init__(self) -> None:
        if min(self.max_keys, self.max_bytes, self.max_dead) < 1:
            raise ConfigError(f"expected bounds of a queue of at least 1, got {self}")
        if self.ttl_s is not None and not 0 < self.ttl_s < math.inf:
            raise ConfigError(f"expected a ttl_s above 0, or None, got {self.ttl_s}")

    def judge(self, waiting: Waiting, size: int) -> Verdict:
        """Whether a key of `size` bytes may come to those that wait."""
        if waiting.keys < self.max_keys and waiting.bytes + size <= self.max_bytes:
            return Verdict.TAKE
        drops = self.when_full is WhenFull.DROP_OLDEST and size <= self.max_bytes
        return Verdict.DROP if drops else Verdict.REFUSE

    def expires_ns(self, now_ns: int) -> int | None:
        """When a key dies that is sent now, in monotonic time."""
        return None if self.ttl_s is None else now_ns + ns(self.ttl_s)
