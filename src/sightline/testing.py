"""For tests of whatever is built with Sightline: a clock moved by hand, and the promises as suites.

Each `check_*` function takes a maker of the thing and raises AssertionError, saying which promise was
broken, or returns None. Our own implementations pass the same suites. Nothing here needs pytest.
"""

from __future__ import annotations

from sightline.bus.conformance import check_bus
from sightline.bus.log_conformance import check_log
from sightline.capture.conformance import check_source
from sightline.clock import NS_PER_S, ns
from sightline.detect.conformance import check_model
from sightline.fleet.runtime.conformance import check_runtime
from sightline.sink.conformance import check_sink

__all__ = [
    "ManualClock",
    "check_bus",
    "check_log",
    "check_model",
    "check_runtime",
    "check_sink",
    "check_source",
]


class ManualClock:
    """A clock that stands still until it is moved; for one test, from any thread."""

    def __init__(self, *, utc_s: float = 1_700_000_000, monotonic_s: float = 1000) -> None:
        self._utc_ns = round(utc_s) * NS_PER_S
        self._monotonic_ns = round(monotonic_s) * NS_PER_S

    def utc_ns(self) -> int:
        return self._utc_ns

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def move(self, seconds: float) -> None:
        """Let `seconds` pass on both clocks."""
        if seconds < 0:
            raise ValueError(f"time does not run back: expected at least 0 s, got {seconds}")
        self._utc_ns += ns(seconds)
        self._monotonic_ns += ns(seconds)

    def set_wall(self, seconds: float) -> None:
        """Step the wall clock by `seconds`, as a time server or a person may; monotonic time goes on."""
        self._utc_ns += ns(seconds)
