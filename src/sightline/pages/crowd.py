"""Who of many gets a connection. Pure.

Promises: nobody who is counted has more than half of the connections (and a sixteenth, while those are told
so); all who are counted together leave a sixteenth to those who are not, such as programs of this machine.

Deliberately not here: who is counted, and what is asked over a connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import Enum

Whose = Callable[[str], str | None]
"""Of an address whom it counts for; None: for nobody."""


class Verdict(Enum):
    """What becomes of a connection. BUSY: it is told 503 at its first request. OUT: it is ended at once."""

    IN = "in"
    BUSY = "busy"
    OUT = "out"


class Crowd:
    """All who are connected to one server. It has no lock.

    Args:
        most: connections.
        whose: of an address.
    """

    def __init__(self, most: int, whose: Whose) -> None:
        self._most, self._whose = most, whose
        self._there: Counter[str] = Counter()
        self._not_counted = 0

    def come(self, address: str) -> Verdict:
        """One more, which is there until it goes, whatever becomes of it."""
        who = self._whose(address)
        if who is None:
            self._not_counted += 1
            return Verdict.IN
        self._there[who] += 1
        sixteenth = self._most / 16
        counted, own = self._there.total(), self._there[who]
        if counted > 15 * sixteenth or own > 9 * sixteenth:
            return Verdict.OUT
        busy = counted + self._not_counted > 14 * sixteenth or own > 8 * sixteenth
        return Verdict.BUSY if busy else Verdict.IN

    def go(self, address: str) -> None:
        """One less."""
        who = self._whose(address)
        if who is None:
            self._not_counted -= 1
            return
        self._there[who] -= 1
        self._there += Counter()  # of who has none nothing is kept
