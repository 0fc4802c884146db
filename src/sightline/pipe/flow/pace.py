"""How long until the next call of something that has a rate. Pure."""

from __future__ import annotations

from sightline.clock import NS_PER_S


class Pace:
    """Calls on an even grid: a call that comes a little late does not put off those behind it.

    Where a whole step was missed the grid begins anew, so nothing is made up for in a rush.
    """

    def __init__(self) -> None:
        self._slot_ns: int | None = None

    def wait_s(self, rate_fps: float | None, now_ns: int) -> float:
        """Seconds until a call may begin at this rate; 0.0: now."""
        if rate_fps is None or self._slot_ns is None:
            return 0.0
        return max(0.0, (self._slot_ns - now_ns) / NS_PER_S + 1 / rate_fps)

    def begin(self, rate_fps: float | None, now_ns: int) -> None:
        """A call begins."""
        if rate_fps is None:
            self._slot_ns = None
            return
        step_ns = round(NS_PER_S / rate_fps)
        due_ns = now_ns if self._slot_ns is None else self._slot_ns + step_ns
        self._slot_ns = now_ns if now_ns - due_ns >= step_ns else due_ns
