"""When something that ended by itself is begun again. Pure: it is told what happened, and the time.

Soon after the first time, later after each further one, as cameras are tried again; what ran for a while
is begun as if for the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sightline.capture.retry import delay_s
from sightline.clock import ns
from sightline.errors import SourceLost

_SETTLED_NS: Final = ns(10)


def _delay_s(failures: int) -> float:
    return delay_s(SourceLost("ended"), failures)


class Restarts:
    """One thing that is to run.

    Attributes:
        count: how often it ended by itself.
        due_ns: the monotonic time to begin it again; None while it runs.
    """

    def __init__(self, delay: Callable[[int], float] = _delay_s) -> None:
        self._delay_s = delay
        self._begun_ns = 0
        self._failures = 0
        self.count = 0
        self.due_ns: int | None = None

    def begun(self, now_ns: int) -> None:
        self._begun_ns, self.due_ns = now_ns, None

    def ended(self, now_ns: int) -> None:
        self.count += 1
        self._failures = 1 if now_ns - self._begun_ns > _SETTLED_NS else self._failures + 1
        self.due_ns = now_ns + ns(self._delay_s(self._failures))

    def is_due(self, now_ns: int) -> bool:
        return self.due_ns is not None and now_ns >= self.due_ns
