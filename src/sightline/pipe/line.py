"""The messages that wait in one wire. Pure: no lock, no waiting.

Its counts add up after each call: entered = left + sum(dropped by reason) + held. It is bounded by a count
of messages alone, as nothing here knows what data weighs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from sightline.overflow import BufferStats, Overflow, Reason
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings


class Line:
    """Messages in line within a capacity, by the settings of their wire.

    Attributes:
        source: who writes to it.
        gone: why nothing enters any more, "" while the wire is there; what is held still goes out.
        ended: whether its source has given its last.
        waits: whether a writer waits where there is no room, so that it must be told of room.
    """

    __slots__ = (
        "_capacity",
        "_dropped",
        "_entered",
        "_held",
        "_incomplete",
        "_left",
        "_most",
        "_peak_held",
        "_rule",
        "ended",
        "gone",
        "source",
        "waits",
    )

    def __init__(self, source: str, settings: WireSettings) -> None:
        self.source = source
        self._held: deque[Message] = deque()
        self._entered = self._left = self._peak_held = 0
        self._dropped: dict[str, int] = {}
        self.link(settings)

    def link(self, settings: WireSettings) -> None:
        """(Again) a wire, with these settings; what is held and counted stays."""
        self._capacity = settings.capacity
        self._rule = settings.rule
        self.waits = self._rule is Overflow.BLOCK
        # One by one where the newest counts: what the reader has in hand cannot give way to it any more.
        self._most = None if self.waits else 1
        self._incomplete = settings.policy is Policy.RECORD
        self.gone, self.ended = "", False

    def __len__(self) -> int:
        return len(self._held)

    @property
    def room(self) -> int:
        """How many messages may enter without one being dropped."""
        return max(0, self._capacity - len(self._held)) if not self.gone else 0

    @property
    def crowded(self) -> bool:
        """Whether the next message costs one."""
        return len(self._held) >= self._capacity and not self.waits

    def offer(self, messages: Sequence[Message]) -> int:
        """Let messages in, in order. How many the wire took; the others stay with their writer."""
        held = self._held
        count = len(messages)
        if self.gone:
            self._entered += count
            self._drop(self.gone, count)
            return count
        over = len(held) + count - self._capacity
        if over <= 0:
            held.extend(messages)
        elif self._rule is Overflow.BLOCK:
            count = max(0, count - over)
            held.extend(messages[:count])
        else:
            self._overflow(messages, over)
        self._entered += count
        self._peak_held = max(self._peak_held, len(held))
        return count

    def take(self, most: int) -> list[Message]:
        """The 0 to `most` messages that are next in line; of a live wire one at most."""
        held = self._held
        count = min(most if self._most is None else self._most, len(held))
        self._left += count
        return [held.popleft() for _ in range(count)]

    def close(self) -> None:
        """Drop all that is held, and what comes: nobody will take it."""
        self._drop("incomplete" if self._incomplete else "closed", len(self._held))
        self._held.clear()
        self.gone = self.gone or "closed"

    def stats(self) -> BufferStats:
        return BufferStats(
            entered=self._entered,
            left=self._left,
            dropped=dict(self._dropped),
            held=len(self._held),
            held_bytes=0,
            peak_held=self._peak_held,
            refused=0,
            fill=len(self._held) / self._capacity,
        )

    def _overflow(self, messages: Sequence[Message], over: int) -> None:
        held = self._held
        if self._rule is Overflow.DROP_NEWEST:
            held.extend(islice(messages, max(0, len(messages) - over)))
        elif self._rule is Overflow.CLEAR:
            self._clear_for(messages)
            return
        else:
            held.extend(messages)
            for _ in range(over):
                held.popleft()
        self._drop(Reason.OVERFLOW, over)

    def _clear_for(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if len(self._held) >= self._capacity:
                self._drop(Reason.OVERFLOW, len(self._held))
                self._held.clear()
            self._held.append(message)

    def _drop(self, reason: str, count: int) -> None:
        if count:
            self._dropped[reason] = self._dropped.get(reason, 0) + count
