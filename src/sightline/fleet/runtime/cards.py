"""What graphics cards do for which processes, by NVIDIA's library (NVML).

Where there is neither card nor library there are no figures, and nothing fails for it. How much of its time a
card computed for a process is NVML's `smUtil`, in percent of the moments that it sampled of late:
https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html, nvmlDeviceGetProcessUtilization.
"""

from __future__ import annotations

import importlib
import threading
from collections import Counter
from collections.abc import Collection
from typing import Any, Final

from sightline.clock import Clock, ns
from sightline.log import get_logger

_EVERY_NS: Final = ns(2)
_PERCENT: Final = 100


class Cards:
    """Those of this machine, looked at now and then. Any thread may ask."""

    def __init__(self, clock: Clock, library: Any = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._library = library or _library()
        self._handles = [] if self._library is None else _handles(self._library)
        self._looked_ns: int | None = None
        self._seen_us = [0] * len(self._handles)
        self._used: Counter[int] = Counter()

    def __bool__(self) -> bool:
        return bool(self._handles)

    def used_by(self, pids: Collection[int]) -> float | None:
        """Cards in use by these processes: 0.5 is half of one. None: there is no card."""
        if not self._handles:
            return None
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            if self._looked_ns is None or now_ns - self._looked_ns >= _EVERY_NS:
                self._looked_ns = now_ns
                self._used = Counter()
                for place in range(len(self._handles)):
                    self._look(place)
            return sum(self._used[pid] for pid in pids) / _PERCENT

    def _look(self, place: int) -> None:
        nvml = self._library
        try:
            samples = nvml.nvmlDeviceGetProcessUtilization(self._handles[place], self._seen_us[place])
        except nvml.NVMLError:  # "not found": nobody used it since
            return
        newest: dict[int, tuple[int, int]] = {}
        for sample in samples:
            newest[sample.pid] = max(newest.get(sample.pid, (0, 0)), (sample.timeStamp, sample.smUtil))
            self._seen_us[place] = max(self._seen_us[place], sample.timeStamp)
        self._used.update({pid: share for pid, (_, share) in newest.items()})


def _library() -> Any:
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        return None


def _handles(nvml: Any) -> list[Any]:
    """The library stays open: it counts who opened it, and asking anew each time is slow."""
    try:
        nvml.nvmlInit()
        return [nvml.nvmlDeviceGetHandleByIndex(place) for place in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        get_logger(__name__).debug("no graphics cards", reason=str(error))
        return []
