"""One camera's messages on their way out, in the order in which they came.

A `ForwardLine` is pure: messages and what becomes of their pictures go in, messages to send on come out. It
promises that every message that entered leaves once, in order, with the result that was given for it and for
no other. Counts add up at any moment:

    entered = with_result + without + discarded + held

A message in which no access unit begins waits for nothing but its turn. One in which a unit begins waits
until its picture was dropped, whatever for; or, once that was delivered, for the answer, until the camera's
next delivery or `max_wait_s`. An answer that comes later is refused. Pictures are delivered in the order in
which they are shown, messages leave in theirs. A second message with the identity of one that is still in
line, a packet that was sent twice, waits for its turn alone.

Deliberately not here: finding out what becomes of a picture, which is `CameraWork`'s; that no message waits
for ever rests on it. The line lets in what comes when it is `full`: whoever reads stops reading.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

from sightline.bus import Message
from sightline.clock import ns
from sightline.mux.settings import Forward

MOST_MESSAGES: Final = 4096
MOST_BYTES: Final = 64 * 2**20
_REMEMBERED: Final = 1024  # deliveries: how far back a late answer is told from one to nothing

Key: TypeAlias = tuple[int, int]
"""Epoch and index: what names a packet within its camera."""


class Answer(StrEnum):
    """What became of an answer."""

    TAKEN = "taken"
    """The message goes on with it."""
    LATE = "late"
    """Its message went on without, or waits for none any more."""
    TWICE = "twice"
    """The message has one already, which stands."""
    UNKNOWN = "unknown"
    """No such picture was delivered, or long ago."""


class ForwardStats(msgspec.Struct, frozen=True, kw_only=True):
    """A line's counts at one moment.

    Attributes:
        entered: messages.
        with_result, without: of those, sent on.
        discarded: those without a result, where only analysed ones go on.
        held, held_bytes: those in line.
        given_up: those that went because nothing was heard of their picture.
        answers: by what became of them.
    """

    entered: int
    with_result: int
    without: int
    discarded: int
    held: int
    held_bytes: int
    given_up: int
    answers: dict[str, int]

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.entered == self.with_result + self.without + self.discarded + self.held


class _Held:
    """A message in line. `key` is None once it waits for its turn alone."""

    __slots__ = ("key", "message", "result", "size")

    def __init__(self, message: Message, key: Key | None) -> None:
        self.message = message
        self.key = key
        self.size = message.size
        self.result: Any = None


class ForwardLine:
    """See the module. `forward` and `max_wait_s` may be changed at any time, for what is delivered next.

    Args:
        forward: which messages go on: all, or those with a result.
        most_messages, most_bytes: at which it is full.
        max_wait_s: how long a delivered message at the head of the line waits for its answer.
    """

    def __init__(
        self,
        forward: Forward = "all",
        *,
        most_messages: int = MOST_MESSAGES,
        most_bytes: int = MOST_BYTES,
        max_wait_s: float = 2.0,
    ) -> None:
        self.forward = forward
        self.max_wait_s = max_wait_s
        self._most_messages: Final = most_messages
        self._most_bytes: Final = most_bytes
        self._line: deque[_Held] = deque()
        self._by_key: dict[Key, _Held] = {}
        self._delivered: _Held | None = None
        self._delivered_due_ns = 0
        self._past: OrderedDict[Key, Answer] = OrderedDict()
        self._closed = False
        self._bytes = self._entered = self._with_result = self._without = self._discarded = 0
        self._given_up = 0
        self._answers = dict.fromkeys(Answer, 0)

    def enter(self, message: Message, key: Key | None) -> bool:
        """Take a message at the end of the line.

        Args:
            message: as it came.
            key: of the access unit that begins in it; None: none does.

        Returns:
            Whether it waits for what becomes of `key`. A message with the key of one in line does not.
        """
        waits = key is not None and key not in self._by_key and not self._closed
        held = _Held(message, key if waits else None)
        self._line.append(held)
        if held.key is not None:
            self._by_key[held.key] = held
        self._entered += 1
        self._bytes += held.size
        return waits

    def dropped(self, key: Key) -> None:
        """No picture of this one is going to be delivered. Nothing for one that was, or is not in line."""
        held = self._by_key.get(key)
        if held is not None and held is not self._delivered:
            self._settle(held)

    def delivered(self, key: Key, now_ns: int) -> None:
        """Its picture was given out. What was given out before and not answered waits no longer."""
        self._end_delivery()
        held = self._by_key.get(key)
        if held is None:
            self._remember(key, Answer.LATE)
        else:
            self._delivered = held
            self._delivered_due_ns = now_ns + ns(self.max_wait_s)

    def answer(self, key: Key, result: Any) -> Answer:
        """The result of the picture that was delivered last. Whatever it is, but not None."""
        held = self._delivered
        if held is not None and held.key == key:
            held.result = result
            self._delivered = None
            self._settle(held)
            self._remember(key, Answer.TWICE)
            outcome = Answer.TAKEN
        else:
            outcome = self._past.get(key, Answer.UNKNOWN)
        self._answers[outcome] += 1
        return outcome

    def give_up(self) -> None:
        """Wait no longer for any picture that was not delivered. One that is delivered yet has no message."""
        for held in [held for held in self._by_key.values() if held is not self._delivered]:
            self._settle(held)
            self._given_up += 1

    def close(self) -> None:
        """Wait for nothing, now and later: what is held, and what still comes, is to be released."""
        self._closed = True
        self._end_delivery()
        self.give_up()

    def release(self, now_ns: int) -> list[tuple[Message, Any]]:
        """The messages whose turn it is, each with its result or None."""
        if (
            self._delivered is not None
            and now_ns >= self._delivered_due_ns
            and self._line[0] is self._delivered
        ):
            self._end_delivery()
        return list(self._released())

    def due_ns(self) -> int | None:
        """When `release` has something to give: 0 for at once; None: not before something happens."""
        if not self._line:
            return None
        head = self._line[0]
        if head.key is None:
            return 0
        return self._delivered_due_ns if head is self._delivered else None

    @property
    def awaited(self) -> int:
        """Messages that wait for what becomes of a picture that was not delivered yet."""
        return len(self._by_key) - (self._delivered is not None)

    @property
    def held(self) -> int:
        """Messages in line."""
        return len(self._line)

    @property
    def held_bytes(self) -> int:
        """Of their values, keys and headers."""
        return self._bytes

    @property
    def fill(self) -> float:
        """The share of its bounds in use; above 1 where it was given more."""
        return max(len(self._line) / self._most_messages, self._bytes / self._most_bytes)

    @property
    def full(self) -> bool:
        """Whether nothing more should be read."""
        return self.fill >= 1

    def stats(self) -> ForwardStats:
        """The counts."""
        return ForwardStats(
            entered=self._entered,
            with_result=self._with_result,
            without=self._without,
            discarded=self._discarded,
            held=len(self._line),
            held_bytes=self._bytes,
            given_up=self._given_up,
            answers={str(outcome): count for outcome, count in self._answers.items()},
        )

    def _released(self) -> Iterator[tuple[Message, Any]]:
        while self._line and self._line[0].key is None:
            held = self._line.popleft()
            self._bytes -= held.size
            if held.result is not None:
                self._with_result += 1
            elif self.forward == "all":
                self._without += 1
            else:
                self._discarded += 1
                continue
            yield held.message, held.result

    def _end_delivery(self) -> None:
        """The answer that is awaited came too late, if it comes."""
        held, self._delivered = self._delivered, None
        if held is not None and held.key is not None:
            self._remember(held.key, Answer.LATE)
            self._settle(held)

    def _settle(self, held: _Held) -> None:
        if held.key is not None:
            del self._by_key[held.key]
            held.key = None

    def _remember(self, key: Key, outcome: Answer) -> None:
        self._past[key] = outcome
        if len(self._past) > _REMEMBERED:
            self._past.popitem(last=False)
