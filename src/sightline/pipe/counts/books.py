"""What a runner counts. Written by its thread alone; any may read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from sightline.overflow import BufferStats
from sightline.pipe.counts.accounts import (
    LOST,
    REASONS,
    TIMES_WORDS,
    UNSENT,
    WAITING,
    Drops,
    Times,
    duration_stats,
    rate_fps,
)
from sightline.pipe.counts.ledger import private
from sightline.pipe.counts.reports import RoutineStats, State

PROCESSED, FAILED, GIVEN, RESTARTS, DEAD_LETTERS = range(5)
_DROPPED: Final = 5
LOGIC: Final = _DROPPED + len(REASONS)
SETUP: Final = LOGIC + TIMES_WORDS
BOOK_WORDS: Final = SETUP + TIMES_WORDS


class Books:
    """The counts of a routine, or of one replica of it, see `RoutineStats`.

    Args:
        words: the account that they stand in, as well.

    Attributes:
        processed, failed, given: so far, in all processes; `given` numbers what leaves.
    """

    __slots__ = ("_drops", "_timed", "_words", "all_timed", "failed", "given", "processed", "set_up")

    def __init__(self, words: memoryview | None = None) -> None:
        self._words = words = private(BOOK_WORDS) if words is None else words
        self._drops = Drops(words, _DROPPED)
        times = Times(words[LOGIC:SETUP])
        self._timed, self.all_timed = times.add, times.add_all
        self.set_up = Times(words[SETUP:]).add
        self.processed, self.failed, self.given = words[PROCESSED], words[FAILED], words[GIVEN]

    @property
    def calls(self) -> int:
        """More than before if `main_logic` was called."""
        return self.processed + self.failed

    @property
    def words(self) -> memoryview:
        return self._words

    def succeeded(self, count: int, took_ns: int) -> None:
        """`main_logic` was called with so many messages."""
        self.processed = self._words[PROCESSED] = self.processed + count
        self._timed(took_ns)

    def one_succeeded(self) -> None:
        """`main_logic` was called with a message; `all_timed` tells later how long that took."""
        self.processed = self._words[PROCESSED] = self.processed + 1

    def raised(self, count: int, took_ns: int) -> None:
        """The same, and it raised."""
        self.failed = self._words[FAILED] = self.failed + count
        self._timed(took_ns)

    def gave(self, count: int) -> int:
        """So many messages are given. The number of the first."""
        number = self.given
        self.given = self._words[GIVEN] = number + count
        return number

    def dropped(self, reason: str, count: int) -> None:
        """Messages in hand never reached `main_logic`."""
        self._drops.add(reason, count)

    def restarted(self) -> None:
        """It is set up again by itself."""
        self._words[RESTARTS] += 1

    def dead_letter(self) -> None:
        """A message was given to the dead-letter hook."""
        self._words[DEAD_LETTERS] += 1


def routine_stats(
    routine: str,
    status: tuple[State, str],
    books: Sequence[memoryview],
    words: memoryview,
    *,
    wires_in: Callable[[], dict[str, BufferStats]],
    wires_out: Callable[[], dict[str, BufferStats]],
    now_ns: int,
    own: tuple[Any, ...],
) -> RoutineStats:
    """A routine's counts.

    Args:
        routine: its name.
        status: what it does, and why if that is no good.
        books: accounts of its replicas; or its only one.
        words: its own account.
        wires_in: gives the counts of its wires, and is called once the books were read.
        wires_out: the same.
        now_ns: monotonic, for the rate.
        own: what it tells of itself.
    """
    # What was taken is counted before what became of it: read the other way round, nothing is missing.
    processed, failed, given, restarts, dead_letters = (sum(one[at] for one in books) for at in range(5))
    dropped: Counter[str] = Counter()
    for one in books:
        dropped.update(Drops(one, _DROPPED).by_reason)
    coming = wires_in()
    for wire in coming.values():
        dropped.update(wire.dropped)
    entered = sum(wire.entered for wire in coming.values()) if coming else processed + failed
    return RoutineStats(
        routine=routine,
        state=status[0],
        reason=status[1],
        entered=entered,
        processed=processed,
        failed=failed,
        dropped=dict(dropped),
        held=entered - processed - failed - dropped.total(),
        given=given,
        unsent=words[UNSENT] + words[WAITING],
        lost=Drops(words, LOST).by_reason,
        main_logic=duration_stats(*(one[LOGIC:SETUP] for one in books)),
        setup=duration_stats(*(one[SETUP:] for one in books)),
        fps=rate_fps(words, processed, now_ns) if status[0] is State.RUNNING else 0.0,
        restarts=restarts,
        dead_letters=dead_letters,
        wires_in=coming,
        wires_out=wires_out(),
        own=own,
    )


def settle_hand(books: Sequence[memoryview], taken: int, reason: str) -> None:
    """The process is no more, after so many messages were taken from wires: those in hand are dropped."""
    ended = sum(one[PROCESSED] + one[FAILED] + Drops(one, _DROPPED).total for one in books)
    Drops(books[0], _DROPPED).add(reason, taken - ended)
