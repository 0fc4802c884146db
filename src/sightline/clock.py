"""Time as a parameter.

Three times exist and are never mixed: *media* time (`pts` with a `time_base`, relative to a stream),
*monotonic* time (for waiting and for ages; it has no date) and *wall* time (UTC, for people and for
other machines; it may jump). Nanoseconds are ints throughout, seconds are floats with `_s` in the name.

Pure machines take a time as an argument; shells ask the `Clock` they were given. `sightline.testing`
has one that is moved by hand. Nothing here sleeps.
"""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from typing import Final, Protocol

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000


class Clock(Protocol):
    """What tells the time. Both methods may be called from any thread."""

    def utc_ns(self) -> int:
        """Wall time: nanoseconds since 1970-01-01 UTC."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment; never goes back."""


class SystemClock:
    """The machine's own clocks."""

    utc_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.monotonic_ns)


SYSTEM_CLOCK: Final[Clock] = SystemClock()


def ns(seconds: float) -> int:
    """Seconds as whole nanoseconds, rounded to the nearest."""
    return round(seconds * NS_PER_S)


def media_ns(pts: int, time_base: Fraction) -> int:
    """`pts` ticks of `time_base` seconds as nanoseconds of media time, rounded down.

    Integer arithmetic: a 90 kHz stamp of a camera that has run for years is still exact.
    """
    return pts * time_base.numerator * NS_PER_S // time_base.denominator


class EpochCounter:
    """Hands out epochs: the UTC millisecond at which a stretch of unbroken packets begins.

    An epoch is above the one before it even when the wall clock was set back or two stretches begin
    within one millisecond, so that (camera_id, epoch, index) stays unique and in order.
    """

    def __init__(self, last: int = 0) -> None:
        self.last = last
        self._lock = threading.Lock()  # the streams of a camera share one, and are threads

    def begin(self, utc_ns: int) -> int:
        """The epoch of a stretch that begins at `utc_ns`."""
        with self._lock:
            self.last = max(utc_ns // NS_PER_MS, self.last + 1)
            return self.last
