"""Whether the bus carries anything: what the coordinator sends is to come back to it.

Silence of all agents and silence of the bus look alike from here, and mean opposite things: agents that are
gone are to be replaced, agents behind a broken broker are to be left alone. Pure: markers and times go in.

Deliberately not here: mending the bus; it does so by itself.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from sightline.clock import ns

EVERY_S: Final = 1.0
LOST_S: Final = 5.0
_BEGIN: Final = "echo"
_MOST_OUT: Final = 64


class Echo:
    """Of one coordinator's life.

    Args:
        life: that no other coordinator has, also none before this one.
        now_ns: monotonic, as all times here.
    """

    def __init__(self, life: str, now_ns: int) -> None:
        self._begin = f"{_BEGIN}-{life}-"
        self._number = 0
        self._out: deque[tuple[int, int]] = deque()
        self._due_ns = now_ns
        self._was_lost = False

    @property
    def due_ns(self) -> int:
        """When the next one is to be sent."""
        return self._due_ns

    def send(self, now_ns: int) -> str:
        """The marker of the next, which is sent now."""
        self._number += 1
        if len(self._out) < _MOST_OUT:  # the oldest says since when; of the others a few do
            self._out.append((self._number, now_ns))
        self._due_ns = now_ns + ns(EVERY_S)
        return f"{self._begin}{self._number}"

    def is_lost(self, now_ns: int) -> bool:
        """Whether one has been out for too long."""
        lost = bool(self._out) and now_ns - self._out[0][1] > ns(LOST_S)
        self._was_lost = self._was_lost or lost
        return lost

    def heard(self, marker: str, now_ns: int) -> bool:
        """One came back. True: the bus was lost, and is there again."""
        number = marker.removeprefix(self._begin)
        if number == marker or not number.isdecimal():
            return False  # of another coordinator, or of one before
        self.is_lost(now_ns)
        while self._out and self._out[0][0] <= int(number):
            self._out.popleft()
        if self.is_lost(now_ns):
            return False  # it is as late as ever
        was_lost, self._was_lost = self._was_lost, False
        return was_lost
