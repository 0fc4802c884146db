"""What a process spends: CPU of itself and of its children that ended, threads, memory.

CPU is user + system time of all threads by `getrusage`, which counts in microseconds; a child is counted
once it was waited for, so whoever starts one waits for it. Nothing else on the machine is in it, but a
busy machine still makes it a little larger: caches and cores are shared.
"""

from __future__ import annotations

import resource
import time
from typing import Final, NamedTuple

import psutil

MB: Final = 1_000_000
_PROCESS: Final = psutil.Process()


class Spent(NamedTuple):
    """Seconds of processors, and seconds by the clock on the wall."""

    cpu_s: float
    wall_s: float

    def since(self, begin: Spent) -> Spent:
        return Spent(self.cpu_s - begin.cpu_s, self.wall_s - begin.wall_s)


def spent() -> Spent:
    """So far, by this process and the children that it has waited for."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Spent(sum(usage.ru_utime + usage.ru_stime for usage in usages), time.perf_counter())


class Sample(NamedTuple):
    """What this process holds after so much progress."""

    progress: float
    rss_mb: float
    threads: int

    @classmethod
    def now(cls, progress: float) -> Sample:
        return cls(progress, _PROCESS.memory_info().rss / MB, _PROCESS.num_threads())
