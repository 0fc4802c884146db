"""What a member of a group reads a channel with: a place in what the channel keeps, instead of a buffer.

Nothing is held for it alone. What the channel let go before its turn came is a gap with the reason "history",
and dropped; entered = left + dropped at any moment, and what waits in the channel is `held`. Where a channel
keeps the last of each key, what a newer one took the place of is no gap.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from sightline.hub.broker.gaps import Gap
from sightline.hub.broker.history import Kept
from sightline.overflow import BufferStats

if TYPE_CHECKING:
    from sightline.hub.broker.run import Run

EVICTED: Final = "history"
MOST_AHEAD: Final = 64
"""Runs looked up at a time, so that one far behind does not look through all that is kept for each."""


class GroupBuffer:
    """A place in `kept`, beginning at `offset`.

    Attributes:
        next_offset: of the message that comes next.
        held_bytes: none: what waits is the channel's.
    """

    def __init__(self, kept: Kept, offset: int) -> None:
        self.next_offset = offset
        self.held_bytes = 0
        self._kept = kept
        self._ahead: deque[Run] = deque()
        self._left = self._evicted = 0
        self._gap: Gap | None = None

    @property
    def held(self) -> int:
        """Messages that wait in the channel."""
        return self._kept.next_offset - self.next_offset

    def room(self, run: Run, now_ns: int) -> int:  # noqa: ARG002 - writers never wait for a group
        return run.messages

    def offer(self, run: Run, now_ns: int) -> None:
        """The channel keeps it already."""

    def take(self, most_messages: int, most_bytes: float, now_ns: int) -> Run | None:  # noqa: ARG002
        """What is next, of one run; at least one message where there is one and one may be taken."""
        if most_messages < 1 or not self.held:
            return None
        if not self._ahead:
            self._ahead.extend(self._kept.runs(self.next_offset, MOST_AHEAD))
        first = self._ahead[0].offset if self._ahead else self._kept.next_offset
        if first > self.next_offset:
            self._pass_over(first)
        if not self._ahead:
            return None
        run = self._ahead.popleft()
        count = run.messages
        if count > most_messages or run.size > most_bytes:
            count = max(1, min(most_messages, run.fitting(most_bytes)))
        if count < run.messages:
            self._ahead.appendleft(run.after(count))
            run = run.first(count)
        self.next_offset = run.next_offset
        self._left += run.messages
        return run

    def seek(self, offset: int | None) -> int:
        """Go on at `offset`, None: the end. Gives the offset that comes next."""
        end = self._kept.next_offset
        self.next_offset = end if offset is None else min(offset, end)
        self._ahead.clear()
        return max(self.next_offset, min(self._kept.first_offset, end))

    def gap_before(self, offset: int | None) -> Gap | None:
        gap = self._gap
        if gap is None or (offset is not None and gap.last >= offset):
            return None
        self._gap = None
        return gap

    def miss(self, gap: Gap) -> None:
        """It finds what is missing by itself."""

    def oldest_ns(self) -> int | None:
        return self._ahead[0].entered_ns if self._ahead else None

    def discard(self, reason: str) -> None:  # noqa: ARG002 - of `Held`
        """Nothing is dropped, and nothing comes any more: the group goes on elsewhere."""
        self._kept = Kept(next_offset=self.next_offset)
        self._ahead.clear()
        self._gap = None

    def stats(self) -> BufferStats:
        return BufferStats(
            entered=self._left + self._evicted,
            left=self._left,
            dropped={EVICTED: self._evicted} if self._evicted else {},
            held=0,
            held_bytes=0,
            peak_held=0,
            refused=0,
            fill=0.0,
        )

    def _pass_over(self, first: int) -> None:
        """Nothing is there before `first`: it is gone, or newer messages of its keys took its place."""
        lost_before = min(first, self._kept.lost_before)
        if lost_before > self.next_offset:
            self._miss(lost_before)
        self.next_offset = first

    def _miss(self, end: int) -> None:
        messages = end - self.next_offset
        before = self._gap
        begin, missed = (before.first, before.messages) if before else (self.next_offset, 0)
        self._gap = Gap(begin, end - 1, missed + messages, EVICTED)
        self._evicted += messages
