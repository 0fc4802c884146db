"""What one thread sleeps by and any other wakes it with."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final

LONGEST_S: Final = 60.0
"""A sleep without end is a sleep again and again: `threading` bounds what it takes as a time."""


class Bell:
    """Rung while its owner is awake, it is heard when the owner next wants to sleep.

    The owner clears it, looks whether there is anything to do, and else waits: whatever rings after `clear`
    ends that wait. To ring one whose owner is awake takes no lock.
    """

    __slots__ = ("_asleep", "_lock", "_rung")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._rung = self._asleep = False

    def ring(self) -> None:
        """Wake the owner, or keep it from falling asleep."""
        self._rung = True
        if self._asleep:
            with suppress(RuntimeError):  # somebody else rings at this very moment
                self._lock.release()

    def clear(self) -> None:
        """Forget what was rung so far."""
        self._rung = False

    def wait(self, timeout_s: float) -> None:
        """Sleep until it is rung or the time is over; it may be rung for nothing."""
        self._asleep = True
        if not self._rung:
            self._lock.acquire(timeout=min(timeout_s, LONGEST_S))
        self._asleep = False
