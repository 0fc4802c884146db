"""When a child is begun again, and what is expected of it meanwhile. Settings and arithmetic only."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sightline.clock import ns
from sightline.errors import ConfigError


class When(StrEnum):
    """Whether a child that ended by itself is begun again."""

    ALWAYS = "always"
    FAILURE = "failure"
    """Not after exit code 0: then it was done."""
    NEVER = "never"


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a child that ended by itself, or that had to be ended.

    Attributes:
        when: whether it is begun again.
        delay_s: seconds until it is, after the first time; each further time in a row doubles them.
        most_delay_s: the longest delay.
        settled_s: after so many seconds of running, the ends before are no more in a row with the next.
        most_ends, within_s: as many ends in a row, or within so many seconds, put it into quarantine.

    Raises:
        ConfigError: a value that makes no sense.
    """

    when: When = When.ALWAYS
    delay_s: float = 1.0
    most_delay_s: float = 60.0
    settled_s: float = 10.0
    most_ends: int = 5
    within_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.delay_s <= self.most_delay_s < float("inf"):
            raise ConfigError(
                f"expected a delay_s from 0 to most_delay_s, got {self.delay_s} and {self.most_delay_s}"
            )
        if not (self.settled_s >= 0 and 0 <= self.within_s < float("inf") and self.most_ends >= 1):
            raise ConfigError(
                "expected settled_s and within_s of 0 or more, most_ends of 1 or more, "
                f"got {self.settled_s}, {self.within_s}, {self.most_ends}"
            )

    def delay_ns(self, ends: int) -> int:
        """How long to wait after the `ends`th end in a row, from 1."""
        # 2 ** 64 delays is beyond any bound, and a larger power may not be a float.
        return ns(min(self.delay_s * 2 ** min(ends - 1, 64), self.most_delay_s))


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is held to.

    Attributes:
        ready_s: seconds from its begin until it says that it is ready; None: it is taken to be at once.
        hung_s: seconds without progress, of the process itself or of a lane that is at work, after which it
            is taken for hung; None: never.
        stop_s: seconds that it has for its cleanup when it is asked to end; then it is killed.

    Raises:
        ConfigError: a value that makes no sense.
    """

    ready_s: float | None = 30.0
    hung_s: float | None = 30.0
    stop_s: float = 5.0

    def __post_init__(self) -> None:
        for name, value in (("ready_s", self.ready_s), ("hung_s", self.hung_s)):
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"expected seconds above 0 or None as {name}, got {value}")
        if not 0 <= self.stop_s < float("inf"):
            raise ConfigError(f"expected seconds of 0 or more as stop_s, got {self.stop_s}")
