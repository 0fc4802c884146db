"""What a delivery becomes: what the store says of its key and how its handler went in, a verdict out.

Pure: no store, no queue, no threads. Every delivery ends in exactly one `Ending`; a worker carries the
verdict out in this order: first what is to be done in the store, then what is to be done at the queue. So
whoever dies in between leaves a key that comes again, and never a picture that nobody is told of.

Attempts are claims, and those of the dead count as well: a picture that kills its workers ends as a dead
letter too, with the claim after the last that it is allowed. A worker that had to stop is no reason to give
a picture up.
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from sightline.errors import ConfigError
from sightline.framequeue.store import Busy, Claimed, Done, Gone, Taking, checked_time

Take: TypeAlias = Literal["lease", "getdel"]
"""How a worker has a picture: for a lease, or for good, which loses it where the worker dies."""

MOST_DELAY_S: Final = 60.0
"""The longest that a key waits between two attempts."""

BUSY_MARGIN_S: Final = 0.1
"""Beyond the end of another's lease, lest a key comes back a moment too early."""


class Ending(StrEnum):
    """What became of a delivery."""

    PROCESSED = "processed"
    """Its handler returned, and the result is written."""
    LATE = "late"
    """Another has or had the key meanwhile: what was done here counts for nothing."""
    REPEATED = "repeated"
    """It was finished before."""
    GONE = "gone"
    """Its picture is no more: too old, evicted or deleted."""
    BUSY = "busy"
    """Another has it in hand; it comes again when that lease is over."""
    FAILED = "failed"
    """Its handler raised; it comes again."""
    TIMED_OUT = "timed_out"
    """Its handler ran for too long; it comes again."""
    STOPPED = "stopped"
    """The worker stopped before it was done; it comes again."""
    AWAY = "away"
    """The store was out of reach; it comes again."""
    DEAD_FAILED = "dead_failed"
    """A dead letter: its handler raised, at the last attempt."""
    DEAD_TIMED_OUT = "dead_timed_out"
    """A dead letter: its handler ran for too long, at the last attempt."""
    DEAD_STOPPED = "dead_stopped"
    """A dead letter: the worker stopped, and had taken the picture for good."""
    DEAD_EXHAUSTED = "dead_exhausted"
    """A dead letter: as many workers as may try had it, and none said how it went: they died."""
    DEAD_UNDECODABLE = "dead_undecodable"
    """A dead letter: its bytes are no picture."""
    DEAD_UNREADABLE = "dead_unreadable"
    """A dead letter: its text is no key."""


class StoreStep(Enum):
    """What is to be done in the store; each may be refused, as the claim is another's."""

    NONE = auto()
    FINISH = auto()
    GIVE_BACK = auto()
    BURY = auto()


class QueueStep(Enum):
    """What is to be done at the queue."""

    ACK = auto()
    RETRY = auto()
    DEAD = auto()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery becomes.

    Attributes:
        ending: as which it is counted.
        store, queue: the steps, in this order.
        delay_s: until it comes again, where it does.
        reason: for whoever has it next, or looks at it.
        result: what is to be written; of a key that was finished before, what was.
    """

    ending: Ending
    store: StoreStep = StoreStep.NONE
    queue: QueueStep = QueueStep.ACK
    delay_s: float = 0.0
    reason: str = ""
    result: bytes = b""


class Returned(msgspec.Struct, frozen=True):
    """The handler returned; its result as it is to be written."""

    result: bytes = b""


class Raised(msgspec.Struct, frozen=True):
    """The handler raised; what, in a line."""

    what: str


class RanTooLong(msgspec.Struct, frozen=True):
    """The handler did not return within its time."""

    limit_s: float


class Undecodable(msgspec.Struct, frozen=True):
    """No handler was called: the bytes are no picture."""

    what: str


class Stopped(msgspec.Struct, frozen=True):
    """The worker stopped, and could wait no longer."""


Handled: TypeAlias = Returned | Raised | RanTooLong | Undecodable | Stopped
"""How it went with a picture."""

STOPPED: Final = "its worker stopped"
"""What a key is given back for that its worker cannot go on with; such an attempt makes no dead letter."""
_AGAIN: Final[dict[type, Ending]] = {
    Raised: Ending.FAILED,
    RanTooLong: Ending.TIMED_OUT,
    Stopped: Ending.STOPPED,
}
_DEAD: Final[dict[type, Ending]] = {
    Raised: Ending.DEAD_FAILED,
    RanTooLong: Ending.DEAD_TIMED_OUT,
    Stopped: Ending.DEAD_STOPPED,
    Undecodable: Ending.DEAD_UNDECODABLE,
}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """By which deliveries are judged.

    Attributes:
        take: how pictures are taken. With "getdel" there is one attempt: the picture is gone.
        max_attempts: claims after which a key is a dead letter.
        retry_s: until the second attempt; each further one waits twice as long as the one before it, at most
            `MOST_DELAY_S`. Also how long a key waits while the store is out of reach.
    """

    take: Take = "lease"
    max_attempts: int = 3
    retry_s: float = 1.0

    def __post_init__(self) -> None:
        if self.take not in get_args(Take):
            raise ConfigError(f"expected take of {', '.join(get_args(Take))}, got {self.take!r}")
        if self.max_attempts < 1:
            raise ConfigError(f"expected at least 1 attempt, got {self.max_attempts}")
        checked_time("a retry_s", self.retry_s)

    def before(self, taking: Taking) -> Verdict | None:
        """What becomes of a delivery whose key was asked for; None: its picture is to be worked on."""
        match taking:
            case Claimed(claim) if claim.attempt > self.max_attempts and claim.last_reason != STOPPED:
                died = f"given up after {claim.attempt - 1} attempts that did not end"
                reason = f"{died}; the last: {claim.last_reason}" if claim.last_reason else died
                return self._bury(Ending.DEAD_EXHAUSTED, reason)
            case Claimed():
                return None
            case Busy(for_s):
                delay_s = min(max(0.0, for_s), MOST_DELAY_S) + BUSY_MARGIN_S
                return Verdict(ending=Ending.BUSY, queue=QueueStep.RETRY, delay_s=delay_s)
            case Done(result):
                return Verdict(ending=Ending.REPEATED, result=result)
            case Gone():
                return Verdict(ending=Ending.GONE)

    def after(self, handled: Handled, attempt: int) -> Verdict:
        """What becomes of one that was worked on, at that attempt."""
        if isinstance(handled, Returned):
            step = StoreStep.FINISH if self.take == "lease" else StoreStep.NONE
            return Verdict(ending=Ending.PROCESSED, store=step, result=handled.result)
        reason = _told(handled)
        stays = isinstance(handled, Stopped) or (
            attempt < self.max_attempts and not isinstance(handled, Undecodable)
        )
        if self.take == "getdel" or not stays:
            return self._bury(_DEAD[type(handled)], reason)
        delay_s = 0.0 if isinstance(handled, Stopped) else self.delay_s(attempt)
        return Verdict(
            ending=_AGAIN[type(handled)],
            store=StoreStep.GIVE_BACK,
            queue=QueueStep.RETRY,
            delay_s=delay_s,
            reason=reason,
        )

    def delay_s(self, attempt: int) -> float:
        """How long to wait after that attempt, from 1."""
        return min(self.retry_s * 2.0 ** min(attempt - 1, 64), MOST_DELAY_S)

    def unreadable(self, what: str) -> Verdict:
        """What becomes of one whose text is no key."""
        return Verdict(ending=Ending.DEAD_UNREADABLE, queue=QueueStep.DEAD, reason=what)

    def untouched(self) -> Verdict:
        """What becomes of one that was not begun before the worker stopped."""
        return Verdict(ending=Ending.STOPPED, queue=QueueStep.RETRY)

    def away(self) -> Verdict:
        """What becomes of one for which the store could not be asked, or told."""
        return Verdict(ending=Ending.AWAY, queue=QueueStep.RETRY, delay_s=self.retry_s)

    def late(self) -> Verdict:
        """What becomes of one whose claim is not ours any more.

        Whoever has it now has a delivery too; where nobody has, there is no picture left.
        """
        return Verdict(ending=Ending.LATE)

    def _bury(self, ending: Ending, reason: str) -> Verdict:
        step = StoreStep.BURY if self.take == "lease" else StoreStep.NONE
        return Verdict(ending=ending, store=step, queue=QueueStep.DEAD, reason=reason)


def _told(handled: Raised | RanTooLong | Undecodable | Stopped) -> str:
    match handled:
        case RanTooLong(limit_s):
            return f"its handler ran longer than {limit_s:g} s"
        case Stopped():
            return STOPPED
        case _:
            return handled.what
