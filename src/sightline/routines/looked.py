"""What a model made of one camera's frames: counted, timed, and the newest."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from sightline.clock import NS_PER_S
from sightline.result import Result

_KEPT: Final = 128
_WINDOW_NS: Final = 5 * NS_PER_S


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """One camera at one moment.

    Attributes:
        results, detections: so far.
        failed: frames in batches at which the model failed.
        rate: results a second over the last 5 s, sinking while none come; 0 for fewer than two.
        newest: the last result; None before the first.
    """

    results: int
    detections: int
    failed: int
    rate: float
    newest: Result | None


NOTHING_LOOKED_AT: Final = Looked(results=0, detections=0, failed=0, rate=0.0, newest=None)


class Tally:
    """Counts one camera. One thread adds, any thread reads."""

    def __init__(self) -> None:
        self.results = 0
        self.detections = 0
        self.failed = 0
        self.newest: Result | None = None
        self._at_ns: deque[int] = deque(maxlen=_KEPT)

    def add(self, result: Result, now_ns: int) -> None:
        self.results += 1
        self.detections += len(result.detections)
        self.newest = result
        self._at_ns.append(now_ns)

    def rate(self, now_ns: int) -> float:
        """See `Looked`."""
        times = [at_ns for at_ns in tuple(self._at_ns) if now_ns - at_ns <= _WINDOW_NS]
        if len(times) < 2:
            return 0.0
        usual_ns = (times[-1] - times[0]) / (len(times) - 1)
        return NS_PER_S / max(usual_ns, now_ns - times[-1], 1)

    def looked(self, now_ns: int) -> Looked:
        return Looked(
            results=self.results,
            detections=self.detections,
            failed=self.failed,
            rate=self.rate(now_ns),
            newest=self.newest,
        )
