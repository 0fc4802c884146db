"""The messages that wait in one wire. Pure: no lock, no waiting.

Its counts add up after each call: entered = left + sum(dropped by reason) + held. It is bounded by a count
of messages alone, as nothing here knows what data weighs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from sightline.overflow import BufferStats, Overflow, Reason
from sightline.pipe.counts.accounts import END_DROPPED, END_WORDS, ENTERED, LEFT, PEAK, Drops, end_stats
from sightline.pipe.counts.ledger import private
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings


class Line:
    """Messages in line within a capacity, by the settings of their wire.

    Args:
        source: who writes to it.
        settings: of the wire.
        words: the account that its counts stand in, and go on in; None: one of its own.

    Attributes:
        source, words: as given.
        edge: the number of the wire that there is, or was.
        gone: why nothing enters any more, "" while the wire is there; what is held still goes out.
        ended: whether its source has given its last.
        waits: whether a writer waits where there is no room, so that it must be told of room.
    """

    __slots__ = (
        "_capacity",
        "_drops",
        "_entered",
        "_held",
        "_incomplete",
        "_left",
        "_most",
        "_peak_held",
        "_rule",
        "edge",
        "ended",
        "gone",
        "source",
        "waits",
        "words",
    )

    def __init__(self, source: str, settings: WireSettings, words: memoryview | None = None) -> None:
        self.source = source
        self.words = words = private(END_WORDS) if words is None else words
        self._drops = Drops(words, END_DROPPED)
        self._held: deque[Message] = deque()
        self._entered, self._left, self._peak_held = words[ENTERED], words[LEFT], words[PEAK]
        self.gone, self.ended = "", False
        self.edge = 0
        self.link(settings)

    def link(self, settings: WireSettings) -> None:
        """(Again) a wire, with these settings; what is held and counted stays."""
        self._capacity = settings.capacity
        self._rule = settings.rule
        self.waits = self._rule is Overflow.BLOCK
        # One by one where the newest counts: what the reader has in hand cannot give way to it any more.
        self._most = None if self.waits else 1
        self._incomplete = settings.policy is Policy.RECORD
        if self.gone:
            self.gone, self.ended = "", False

    def __len__(self) -> int:
        return len(self._held)

    @property
    def room(self) -> int:
        """How many messages it takes now with none dropped for want of room."""
        return self._capacity if self.gone else max(0, self._capacity - len(self._held))

    @property
    def crowded(self) -> bool:
        """Whether the next message costs one."""
        return len(self._held) >= self._capacity and not self.waits

    def offer(self, messages: Sequence[Message], *, all_of_them: bool = False) -> int:
        """Let messages in, in order. How many the wire took; the others stay with their writer.

        Where writers wait, `all_of_them` enter whatever room there is.
        """
        held = self._held
        over = 0 if all_of_them and self.waits else len(held) + len(messages) - self._capacity
        if over > 0 and self.waits and not self.gone:
            messages, over = messages[: max(0, len(messages) - over)], 0
        count = len(messages)
        self._enter(count)  # before what becomes of it: whoever reads the account in between finds it held
        if self.gone:
            self._drops.add(self.gone, count)
        elif over <= 0:
            held.extend(messages)
        else:
            self._overflow(messages, over)
        if len(held) > self._peak_held:
            self._peak_held = self.words[PEAK] = len(held)
        return count

    def spoilt(self, count: int) -> None:
        """So many came of which nothing can be made."""
        self._enter(count)
        self._drops.add("unreadable", count)

    def take(self, most: int) -> list[Message]:
        """The 0 to `most` messages that are next in line; of a live wire one at most. See `took`."""
        held = self._held
        count = min(most if self._most is None else self._most, len(held))
        return [held.popleft() for _ in range(count)]

    def took(self, count: int, unreadable: int = 0) -> None:
        """So many of what was taken go on; until this is said, they count as held."""
        self._left = self.words[LEFT] = self._left + count
        self._drops.add("unreadable", unreadable)

    def close(self) -> None:
        """Drop all that is held, and what comes: nobody will take it."""
        self._drops.add("incomplete" if self._incomplete else "closed", len(self._held))
        self._held.clear()
        self.gone = self.gone or "closed"

    def stats(self) -> BufferStats:
        return end_stats(self.words, self._capacity)

    def _enter(self, count: int) -> None:
        self._entered = self.words[ENTERED] = self._entered + count

    def _overflow(self, messages: Sequence[Message], over: int) -> None:
        held = self._held
        if self._rule is Overflow.DROP_NEWEST:
            over = min(over, len(messages))  # less room than before: what is held stays all the same
            held.extend(islice(messages, len(messages) - over))
        elif self._rule is Overflow.CLEAR:
            self._clear_for(messages)
            return
        else:
            held.extend(messages)
            for _ in range(over):
                held.popleft()
        self._drops.add(Reason.OVERFLOW, over)

    def _clear_for(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if len(self._held) >= self._capacity:
                self._drops.add(Reason.OVERFLOW, len(self._held))
                self._held.clear()
            self._held.append(message)
