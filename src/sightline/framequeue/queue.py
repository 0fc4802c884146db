"""What a queue of keys promises, whatever keeps them.

A key is a line of text that names a picture in a store; the queue does not look into it. Each key that was
accepted is handed to one receiver at a time, is that one's until it is settled (`ack`, `retry`, `dead`), and
comes back where its holder closes the queue or dies: at least once. What was handed over before is marked
`redelivered`. Several processes may send and receive; each handle may be used by many threads.

A key leaves in three ways and no other: it is acknowledged; it is a dead letter, with the reason, for
somebody to look at; or it was a dead letter for which there was no room among newer ones, and is counted:

    accepted = acked + forgotten + ready + delayed + in hand + dead

At its cap a queue refuses new keys or lets the oldest die, as its limits say. Only what waits counts there,
so what is in hand can always come back. A key that waited longer than the limits say dies as well.

Deliberately not here: pictures; attempts, which are claims and counted in the store; order among keys that
came back; each key only once. One that is sent twice is two keys, and a sender that does not hear whether a
key was accepted may send it again: claims in the store make both harmless. No holder is asked how it is:
one that hangs keeps its keys here, and loses its claims there.

What several brokers taught:

- A broker may count only what is ready, so `depth` may not know the rest.
- A broker may place keys that come back, or were delayed, last.
- A broker's own dead letters cannot carry words of ours: `dead` may be two steps at it, and a holder that
  dies between them leaves a dead letter and a key that comes again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from sightline.errors import ConfigError

MAX_TEXT_BYTES: Final = 1024
"""Of a key, in UTF-8; those of frames have 240."""


EXPIRED: Final = "expired"
"""Reason of a dead letter: it waited longer than the limits say."""

OVERFLOW: Final = "overflow"
"""Reason of a dead letter: it was the oldest at the cap."""


class Outcome(StrEnum):
    """What became of a key that was sent."""

    ACCEPTED = "accepted"
    """The queue has it, as safely as it keeps anything."""
    FULL = "full"
    """It was refused at the cap."""
    UNROUTABLE = "unroutable"
    """The broker has no such queue."""


class Sent(msgspec.Struct, frozen=True):
    """A key that was sent, and what became of it."""

    text: str
    outcome: Outcome = Outcome.ACCEPTED

    @property
    def accepted(self) -> bool:
        return self.outcome is Outcome.ACCEPTED


class Delivery(msgspec.Struct, frozen=True):
    """A key in somebody's hand.

    Attributes:
        text: the key.
        redelivered: it may have been handed over before.
        received_at_ns: UTC ns at which it was handed over.
        tag: by which the queue knows this hand-over; its own.
    """

    text: str
    redelivered: bool
    received_at_ns: int
    tag: tuple[int, int]


class DeadKey(msgspec.Struct, frozen=True):
    """A key that nobody is given any more.

    Attributes:
        text: the key.
        reason: what `dead` was told, `EXPIRED` or `OVERFLOW`.
        died_at_ns: UTC ns, exact to the second.
        attempts: how often it was handed over, as far as the broker counts.
    """

    text: str
    reason: str
    died_at_ns: int
    attempts: int


class QueueDepth(msgspec.Struct, frozen=True, kw_only=True):
    """How many keys are where, and how many there ever were. None: the broker does not tell."""

    ready: int
    delayed: int | None
    in_hand: int | None
    dead: int
    accepted: int | None = None
    acked: int | None = None
    forgotten: int | None = None

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do at any moment where all are known."""
        left, held = (self.acked, self.forgotten), (self.ready, self.delayed, self.in_hand, self.dead)
        return self.accepted == sum(count or 0 for count in (*left, *held))


class KeyQueue(Protocol):
    """A handle on a queue. Any thread may use it; a `with` block closes it.

    All methods raise `Closed` once this side closed it, and `BusError` where the queue is out of reach for
    longer than it waits, or is broken.
    """

    def send(self, texts: Sequence[str]) -> list[Sent]:
        """Puts keys in line; returns when the queue has them, or does not take them. One answer a key.

        Raises:
            ConfigError: a text is empty, longer than `MAX_TEXT_BYTES` or no Unicode; nothing was sent.
        """

    def receive(self, most: int, timeout_s: float) -> list[Delivery]:
        """1 to `most` keys, the oldest first, as soon as there is one; [] when none came in `timeout_s`.

        A broker that is away is waited for as long, as if nothing came.
        """

    def ack(self, delivery: Delivery) -> bool:
        """It is done with. False: it was not this handle's to settle any more, and nothing happened.

        So it is where it was settled before, or came back and was given to another. Where this, `retry` or
        `dead` raises BusError, the key comes back by itself, unless it was settled after all.
        """

    def retry(self, delivery: Delivery, delay_s: float = 0.0) -> bool:
        """It goes back into line, and is handed over again in `delay_s` at the earliest. False: as `ack`."""

    def dead(self, delivery: Delivery, reason: str) -> bool:
        """It becomes a dead letter. False: as `ack`."""

    def dead_letters(self, limit: int = 100) -> list[DeadKey]:
        """At most so many of them, the oldest first; they stay."""

    def dead_retry(self, texts: Iterable[str] | None = None) -> int:
        """Puts dead letters in line again, those of these texts or all, as long as there is room.

        Returns:
            How many.
        """

    def depth(self) -> QueueDepth:
        """How many keys are where."""

    def close(self) -> None:
        """Ends this handle: what it holds comes back, who waits in `receive` gets Closed. Again is fine."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def checked_texts(texts: Sequence[str]) -> list[tuple[str, int]]:
    """Each text with its size in bytes. Raises ConfigError as `KeyQueue.send`."""
    if isinstance(texts, str):
        raise ConfigError("expected a list of keys, got one text")
    return [(text, _size(text)) for text in texts]


def checked_receive(most: int, timeout_s: float) -> tuple[int, float]:
    """Both. Raises ConfigError where the first is below 1, or the second no time."""
    if most < 1 or math.isnan(timeout_s):
        raise ConfigError(f"expected to receive at least 1 key, within seconds; got {most}, {timeout_s}")
    return most, timeout_s


def checked_delay(delay_s: float) -> float:
    """Raises ConfigError where it is below 0, or no time at all."""
    if not 0 <= delay_s <= MAX_DELAY_S:
        raise ConfigError(f"expected a delay of 0 to {MAX_DELAY_S:.0f} s, got {delay_s}")
    return delay_s


MAX_DELAY_S: Final = 7 * 24 * 3600.0


def _size(text: str) -> int:
    try:
        size = len(text.encode())
    except (UnicodeEncodeError, AttributeError):
        raise ConfigError(f"expected a key that is Unicode text, got {text!r:.100}") from None
    if not 0 < size <= MAX_TEXT_BYTES:
        raise ConfigError(f"expected a key of 1 to {MAX_TEXT_BYTES} bytes, got {size}: {text[:100]!r}")
    return size
