"""What processes use, each with all below it: one look at the machine for all of them, now and then."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

import psutil

from sightline.clock import NS_PER_S, Clock, ns
from sightline.fleet.runtime.cards import Cards
from sightline.fleet.runtime.process.one_process import Use

_EVERY_NS: Final = ns(2)
_MIB: Final = 1 << 20


class ProcessFigures:
    """Cores are counted from one look to the next: there are none at the first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cards = Cards(clock)
        self._lock = threading.Lock()
        self._looked_ns: int | None = None
        self._seconds: dict[int, dict[int, float]] = {}
        self._last: dict[int, Use] = {}

    def of(self, pids: Sequence[int | None]) -> dict[int, Use]:
        """By the id of its process; those that are not there any more are left out."""
        wanted = {pid for pid in pids if pid is not None}
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            fresh = self._looked_ns is not None and now_ns - self._looked_ns < _EVERY_NS
            if wanted and not (fresh and wanted <= self._last.keys()):
                self._look(wanted, now_ns)
            return {pid: use for pid, use in self._last.items() if pid in wanted}

    def _look(self, wanted: set[int], now_ns: int) -> None:
        below = _below()
        seconds, uses = {}, {}
        for pid in wanted:
            seconds[pid] = used = dict(_cpu_seconds(_tree(pid, below)))
            if used:
                cores = self._cores(pid, used, now_ns)
                uses[pid] = Use(cores, _memory_mib(_tree(pid, below)), self._cards.used_by(used))
        self._seconds, self._last, self._looked_ns = seconds, uses, now_ns

    def _cores(self, pid: int, used: dict[int, float], now_ns: int) -> float | None:
        """Of processes that are there now; what one used that is gone since is not told any more."""
        before = self._seconds.get(pid)
        if before is None or self._looked_ns is None or now_ns <= self._looked_ns:
            return None
        spent = sum(max(0.0, seconds - before.get(one, 0.0)) for one, seconds in used.items())
        return spent * NS_PER_S / (now_ns - self._looked_ns)


def _below() -> dict[int, list[int]]:
    below: dict[int, list[int]] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            below.setdefault(process.ppid(), []).append(process.pid)
    return below


def _tree(pid: int, below: dict[int, list[int]]) -> Iterator[psutil.Process]:
    pending = [pid]
    while pending:
        one = pending.pop()
        pending += below.get(one, [])
        with suppress(psutil.Error):
            yield psutil.Process(one)


def _cpu_seconds(tree: Iterator[psutil.Process]) -> Iterator[tuple[int, float]]:
    for process in tree:
        with suppress(psutil.Error):
            times = process.cpu_times()
            yield process.pid, times.user + times.system


def _memory_mib(tree: Iterator[psutil.Process]) -> float:
    """What processes share is shared out among them, where the kernel tells us."""
    total = 0
    for process in tree:
        with suppress(psutil.Error):
            try:
                total += process.memory_full_info().pss
            except (psutil.AccessDenied, AttributeError):
                total += process.memory_info().rss
    return total / _MIB
