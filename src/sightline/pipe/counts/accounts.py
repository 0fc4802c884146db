"""What stands where in the accounts of a ledger: of an end of a wire, of a routine, of what it calls.

Whoever counts keeps the number at hand and writes it here too, which costs some 30 ns. Numbers only grow, but
those that say so; what is held is what came, less what went on and what was dropped, so nothing is missing
from it, whenever a process ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from sightline.clock import NS_PER_S
from sightline.overflow import BufferStats, Reason
from sightline.pipe.counts.ledger import private
from sightline.pipe.counts.reports import DURATION_BUCKETS, DurationStats

REASONS: Final = (
    *(Reason.OVERFLOW.value, Reason.CLOSED.value),
    *("died", "done", "incomplete", "killed", "lost", "unlinked", "unreadable", "unsendable"),
)
"""All that a message is dropped for."""
_AT: Final = {reason: at for at, reason in enumerate(REASONS)}

# An end of a wire. Where it begins, `LEFT` is what was sent to the other flow; where it ends, what the
# routine took. `ARRIVED` is what a trunk brought there. `TRUNK` is the number of the trunk that carries it,
# less than 0 once that has ended; `BEFORE` is what was sent, or had arrived, before that one.
ENTERED, LEFT, PEAK, SENT_BYTES, COPIED_BYTES, ARRIVED, TRUNK, BEFORE = range(8)
END_DROPPED: Final = 8
END_WORDS: Final = END_DROPPED + len(REASONS)

# A routine. `UNSENT` and `WAITING` are what waits now; `NEW` and `OLD` are marks: a time and the count then.
UNSENT, WAITING, NEW_NS, NEW_COUNT, OLD_NS, OLD_COUNT = range(6)
LOST: Final = 6
ROUTINE_WORDS: Final = LOST + len(REASONS)

# A process: nanoseconds of processors, in all processes of the flow.
(CPU_NS,) = range(1)
PROCESS_WORDS: Final = 1

_TOTAL_NS, _MAX_NS = range(2)
_BUCKETS: Final = 2
TIMES_WORDS: Final = _BUCKETS + DURATION_BUCKETS


class Account(Protocol):
    """Gives the account of a key; see `Ledger.account`."""

    def __call__(self, *key: str, words: int) -> memoryview: ...


class Drops:
    """Messages by the reason for which they were dropped, within an account."""

    __slots__ = ("_words",)

    def __init__(self, words: memoryview, first: int = 0) -> None:
        self._words = words[first : first + len(REASONS)]

    def add(self, reason: str, count: int) -> None:
        if count:
            self._words[_AT[reason]] += count

    @property
    def by_reason(self) -> dict[str, int]:
        """Those that there were."""
        return {reason: count for reason, count in zip(REASONS, self._words.tolist(), strict=True) if count}

    @property
    def total(self) -> int:
        return sum(self._words.tolist())


class Times:
    """How long something took, each time."""

    __slots__ = ("_max_ns", "_total_ns", "_words")

    def __init__(self, words: memoryview | None = None) -> None:
        self._words = words = private(TIMES_WORDS) if words is None else words
        self._total_ns, self._max_ns = words[_TOTAL_NS], words[_MAX_NS]

    def add_all(self, took_ns: Sequence[int]) -> None:
        """So many times, at once: for each of many that take next to nothing."""
        words = self._words
        self._total_ns = words[_TOTAL_NS] = self._total_ns + sum(took_ns)
        self._max_ns = words[_MAX_NS] = max(self._max_ns, *took_ns)
        for bucket, count in Counter([(one // 1000).bit_length() for one in took_ns]).items():
            words[_BUCKETS + bucket if bucket < DURATION_BUCKETS else -1] += count

    def add(self, took_ns: int) -> None:
        words = self._words
        self._total_ns = words[_TOTAL_NS] = self._total_ns + took_ns
        if took_ns > self._max_ns:
            self._max_ns = words[_MAX_NS] = took_ns
        bucket = (took_ns // 1000).bit_length()
        words[_BUCKETS + bucket if bucket < DURATION_BUCKETS else -1] += 1


def duration_stats(*rows: memoryview) -> DurationStats:
    """Those of all these."""
    return DurationStats(
        total_ns=sum(words[_TOTAL_NS] for words in rows),
        max_ns=max((words[_MAX_NS] for words in rows), default=0),
        buckets=tuple(map(sum, zip(*(words[_BUCKETS:].tolist() for words in rows), strict=True))),
    )


def begin_trunk(words: memoryview, number: int, so_far: int) -> None:
    """A trunk of this number carries the wire from now on; `so_far`, others did."""
    if words[TRUNK] != number:
        words[TRUNK] = 0  # whoever reads in between sees that
        words[BEFORE] = so_far
        words[TRUNK] = number


def end_trunk(words: memoryview, number: int | None = None) -> None:
    """It has ended; the one of this number, if that is what carries the wire."""
    if number is None or words[TRUNK] == number:
        words[TRUNK] = -abs(words[TRUNK])


def mark(words: memoryview, count: int, now_ns: int) -> None:
    """Remember in a routine's account how many messages it processed by now; once a second at most."""
    if now_ns - words[NEW_NS] >= NS_PER_S:
        words[OLD_NS], words[OLD_COUNT] = words[NEW_NS] or now_ns, words[NEW_COUNT]
        words[NEW_NS], words[NEW_COUNT] = now_ns, count


def rate_fps(words: memoryview, count: int, now_ns: int) -> float:
    """Messages in a second since the older mark."""
    over_ns = now_ns - words[OLD_NS]
    return (count - words[OLD_COUNT]) * NS_PER_S / over_ns if words[OLD_NS] and over_ns > 0 else 0.0


def end_stats(
    words: memoryview,
    capacity: int,
    *,
    came: int = ENTERED,
    left: int | None = None,
    lost: Mapping[str, int] | None = None,
) -> BufferStats:
    """The counts of an end of a wire.

    Args:
        words: its account.
        capacity: of the wire.
        came: what is taken for what entered.
        left: how many left, if another account tells.
        lost: how many were lost on their way, by reason.
    """
    # What came is counted before what became of it: read the other way round, nothing is missing.
    left = words[LEFT] if left is None else left
    dropped = Counter(lost or {}) + Counter(Drops(words, END_DROPPED).by_reason)
    entered = words[came]
    held = entered - left - dropped.total()
    return BufferStats(
        entered=entered,
        left=left,
        dropped=dict(dropped),
        held=held,
        held_bytes=0,
        peak_held=words[PEAK],
        refused=0,
        fill=min(1.0, held / capacity),
    )
