"""What a runner counts. Written by its thread alone; any may read."""

from __future__ import annotations

from collections import Counter

from sightline.pipe.reports import DURATION_BUCKETS


class Books:
    """Counts, see `RoutineStats`. `given` numbers what leaves; `calls` is how often `main_logic` ran."""

    __slots__ = ("busy_ns", "calls", "dropped", "durations", "failed", "given", "processed")

    def __init__(self) -> None:
        self.processed = self.failed = self.given = self.calls = self.busy_ns = 0
        self.dropped: Counter[str] = Counter()
        self.durations = [0] * DURATION_BUCKETS

    def timed(self, took_ns: int) -> None:
        """A call of `main_logic` took so long."""
        self.calls += 1
        self.busy_ns += took_ns
        bucket = (took_ns // 1000).bit_length()
        self.durations[bucket if bucket < DURATION_BUCKETS else -1] += 1
