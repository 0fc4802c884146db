"""What waits to be sent to a receiver of logs: bounded, and every record counted. No I/O.

It promises, at any moment: entered = delivered + dropped by reason + held. Of records the oldest go first; of
pictures each place has its newest, so that none is older than it must be, and words are not pushed out by
pictures. What was begun and not confirmed is dropped and never sent again: a receiver that was killed may
have it or not, and is told nothing twice.

Any thread may use it, also from within a finalizer that interrupts it, as such may write to a log as well.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final

import msgspec

from sightline.overflow import Capacity, Overflow, OverflowBuffer, Reason
from sightline.pipe.outside.log_entry import LogEntry

MOST_RECORDS: Final = 10_000
MOST_BYTES: Final = 8 << 20
MOST_PICTURES: Final = 64
MOST_PICTURE_BYTES: Final = 4 << 20
UNCONFIRMED: Final = "unconfirmed"
"""The receiver went before it said that it has them."""


class LogStats(msgspec.Struct, frozen=True, kw_only=True):
    """The counts at one moment; see the module."""

    entered: int = 0
    delivered: int = 0
    dropped: dict[str, int] = {}
    held: int = 0

    @property
    def balanced(self) -> bool:
        return self.entered == self.delivered + sum(self.dropped.values()) + self.held


class LogOutbox:
    """Records in line, and those that are on their way.

    Args:
        ring: called when a record came; from any thread, also from within a finalizer.
    """

    def __init__(
        self,
        ring: Callable[[], object] = lambda: None,
        *,
        most_records: int = MOST_RECORDS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._ring = ring
        self._numbers = count(1)
        self._came: deque[LogEntry] = deque()
        self._lock = threading.RLock()
        self._alone = False
        self._closed = False
        self._records = OverflowBuffer[LogEntry](
            Capacity(count=most_records, bytes=most_bytes), Overflow.DROP_OLDEST, size=_size
        )
        self._pictures = OverflowBuffer[LogEntry](
            Capacity(count=MOST_PICTURES, bytes=MOST_PICTURE_BYTES),
            Overflow.LATEST_PER_KEY,
            size=_size,
            key=_place,
        )
        self._begun: list[LogEntry] = []
        self._delivered = 0
        self._lost = Counter[str]()
        self._turned_away = Counter[str]()

    def number(self) -> int:
        """The number of the next record."""
        return next(self._numbers)

    def put(self, entry: LogEntry) -> None:
        """Take a record in, and let others go where it is one too many."""
        self._came.append(entry)
        with self._held():
            pass
        self._ring()

    def begin(self, most: int, most_bytes: int) -> list[LogEntry]:
        """Up to `most` records, one at least where there is one, in order; on their way until `end`."""
        with self._held():
            room = most_bytes
            while len(self._begun) < most and (entry := self._next(room)):
                self._begun.append(entry)
                room -= entry.size
            self._begun.sort(key=lambda entry: entry.number)
            return list(self._begun)

    def end(self, *, delivered: bool) -> None:
        """What was begun has arrived, or nobody knows."""
        with self._held():
            if delivered:
                self._delivered += len(self._begun)
            elif self._begun:
                self._lost[UNCONFIRMED] += len(self._begun)
            self._begun = []

    def turn_away(self, reason: str) -> None:
        """Count a record that cannot be taken in."""
        with self._held():
            self._turned_away[reason] += 1

    def close(self) -> None:
        """Let nothing more in, and drop what waits."""
        with self._held():
            self._closed = True
            self._records.discard()
            self._pictures.discard()

    @property
    def held(self) -> int:
        return self.stats().held

    def stats(self) -> LogStats:
        with self._held():
            records, pictures = self._records.stats(), self._pictures.stats()
            dropped = Counter(records.dropped) + Counter(pictures.dropped) + self._lost + self._turned_away
            return LogStats(
                entered=records.entered + pictures.entered + self._turned_away.total(),
                delivered=self._delivered,
                dropped={str(reason): number for reason, number in dropped.items()},
                held=records.held + pictures.held + len(self._begun),
            )

    @contextmanager
    def _held(self) -> Iterator[None]:
        """With the lock. Who interrupts this very thread leaves its record to whom it interrupted."""
        with self._lock:
            if self._alone:
                yield
                return
            self._alone = True
            try:
                self._file()
                yield
                self._file()
            finally:
                self._alone = False

    def _file(self) -> None:
        while self._came:
            entry = self._came.popleft()
            if self._closed:
                self._turned_away[Reason.CLOSED.value] += 1
            else:
                (self._pictures if entry.picture else self._records).offer(entry, 0)

    def _next(self, room: int) -> LogEntry | None:
        """The next that fits; the first fits always."""
        for line in (self._pictures, self._records):
            entry = line.peek()
            if entry is not None and (not self._begun or _size(entry) <= room):
                return line.take(0)
        return None


def _size(entry: LogEntry) -> int:
    return entry.size


def _place(entry: LogEntry) -> Hashable:
    return entry.source, entry.side or entry.message
