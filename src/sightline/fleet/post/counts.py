"""What a post counted: nothing that was sent or came is missing here."""

from __future__ import annotations

import threading
from collections import Counter

import msgspec

from sightline.overflow import BufferStats


class SentCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Of what was to be sent.

    Attributes:
        outbox: what entered, what was dropped there and why (`overflow`, `too_old`, `replaced`, `closed`).
        published: handed to the bus.
        refused: that the bus did not take, by reason.
        losses: how often the bus told that it had lost some that it had taken.
    """

    outbox: BufferStats
    published: int
    refused: dict[str, int]
    losses: int


class ReadCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Of what came.

    Attributes:
        came: all. given: to whoever reads.
        others: of another key. superseded: configurations that a newer one took the place of at the begin.
        gone: keys that are no more.
        invalid: that were none, by reason.
        lost: that the log had lost when their turn came, by reason.
        held: that came and are not given yet.
    """

    came: int = 0
    given: int = 0
    others: int = 0
    superseded: int = 0
    gone: int = 0
    invalid: dict[str, int] = {}
    lost: dict[str, int] = {}
    held: int = 0

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do whenever nobody polls."""
        left = self.given + self.others + self.superseded + self.gone + sum(self.invalid.values())
        return self.came == left + self.held


class Tally:
    """Counts by name. Any thread may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, name: str, reason: str = "", times: int = 1) -> None:
        with self._lock:
            self._counts[name, reason] += times

    def total(self, name: str) -> int:
        return self._counts[name, ""]

    def by_reason(self, name: str) -> dict[str, int]:
        with self._lock:
            return {reason: times for (of, reason), times in self._counts.items() if of == name}
