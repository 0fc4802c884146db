"""What has come for one subscription and waits for the application, and the credit that it gives the hub.

Pure but for its lock: frames go in, values come out, no I/O. A batch stays whole, as it came, until its
values are asked for. It promises: what waits here is bounded by the credit (`prefetch`); gaps stand in line
with the messages; every message that came is taken, waiting, or dropped with a reason. It does not wait:
`bell` rings when something came.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from sightline.errors import SightlineError
from sightline.hub.client.bell import Bell
from sightline.hub.client.faults import again
from sightline.hub.client.positions import Gap
from sightline.hub.client.runs import Message, Run
from sightline.hub.settings import KIB, MIB, ReaderBuffer
from sightline.hub.wire.header import Head, Kind
from sightline.overflow import Overflow


class Prefetch(msgspec.Struct, frozen=True, kw_only=True):
    """What may be on its way or wait here. `messages` 0: only while somebody waits for some."""

    messages: int
    bytes: int = 16 * MIB

    @classmethod
    def of(cls, buffer: ReaderBuffer) -> Prefetch:
        """What suits the buffer on the hub: what waits here is beyond the reach of its policy.

        Nothing is lost with `BLOCK` or without bounds, so much may wait. A buffer of few messages, of an age,
        or of the latest of each key is chosen to get what is new: there nothing waits here. Else at most half
        as much as there.
        """
        exact = buffer.age_s is not None or buffer.overflow is Overflow.LATEST_PER_KEY
        endless = buffer.messages is None and buffer.bytes is None
        if buffer.overflow is Overflow.BLOCK or (endless and not exact):
            return cls(messages=65_536)
        if exact or (buffer.messages is not None and buffer.messages < 64):
            return cls(messages=0)
        messages = 1024 if buffer.messages is None else min(1024, buffer.messages // 2)
        return cls(messages=messages, bytes=min(4 * MIB, max(64 * KIB, (buffer.bytes or 8 * MIB) // 2)))


class ReaderStats(msgspec.Struct, frozen=True, kw_only=True):
    """What came from the hub: received = taken + held + dropped.

    Attributes:
        missed: messages of gaps, by reason.
        shared, shared_bytes: those that were received in memory shared with their writers.
    """

    received: int
    taken: int
    held: int
    held_bytes: int
    dropped: dict[str, int]
    missed: dict[str, int]
    shared: int = 0
    shared_bytes: int = 0


SHARED_AHEAD: Final = 3
"""Messages that may wait here while they are in shared memory: there is little of it, and what waits on the
hub can be copied out of it."""


class Inbox:
    """What waits for the application, in the order in which it came, and what the hub may send.

    Args:
        prefetch: what may wait here.
        on_gap: called by whoever takes, when it comes past a gap.
    """

    def __init__(self, prefetch: Prefetch, on_gap: Callable[[Gap], object] | None = None) -> None:
        self.prefetch = prefetch
        self.bell = Bell()
        self.failure: SightlineError | None = None
        self.gaps: deque[Gap] = deque(maxlen=1000)
        self._on_gap = on_gap
        self._lock = threading.Lock()
        self._line: deque[Run | Gap] = deque()
        self._wanted = 0
        self._came = self._came_bytes = self._done = self._done_bytes = 0
        self._told = self._told_bytes = 0
        self._claimed = False
        self._received = self._taken = self._held_bytes = self._shared = self._shared_bytes = 0
        self._sharing = False
        self._dropped: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._received - self._taken - self._dropped.total()

    # For the session; in its loop.

    def begin(self) -> None:
        """A new connection: what is counted for its credit begins anew.

        What waits here of an earlier one was not sent over this one, and takes room all the same: below 0.
        """
        with self._lock:
            self._came = self._came_bytes = 0
            self._done = self._told = -len(self)
            self._done_bytes = self._told_bytes = -self._held_bytes
            self._claimed = False

    def arrived(self, run: Run) -> bool:
        """Whether the hub is to be told at once what it may send: shared messages began or ended to come."""
        with self._lock:
            size = run.size
            shared = run.shared is not None
            changed, self._sharing = self._sharing != shared, shared
            self._shared += shared
            self._shared_bytes += size if shared else 0
            self._came += run.head.messages
            self._came_bytes += size
            self._received += run.left
            if run.left:
                self._held_bytes += size
                self._line.append(run)
            self._done += run.next
            self._done_bytes += 0 if run.left else size
        self.bell.ring()
        return changed and self.prefetch.messages > SHARED_AHEAD

    def missed(self, gap: Gap) -> None:
        with self._lock:
            self._missed[gap.reason] += gap.messages
            self._line.append(gap)
        self.bell.ring()

    def drop(self, reason: str, channel: str | None = None) -> None:
        """What waits here is not wanted any more: all, or that of one channel."""
        with self._lock:
            kept: deque[Run | Gap] = deque()
            for item in self._line:
                if channel not in (None, item.channel):
                    kept.append(item)
                elif isinstance(item, Run):
                    left, item.next = item.left, item.head.messages
                    self._dropped[reason] += left
                    self._settle(item, left)
            self._line = kept

    def fail(self, error: SightlineError) -> None:
        """Nothing comes any more; whoever has taken what waits gets `error`."""
        with self._lock:
            for run in self._line:
                if isinstance(run, Run):
                    run.keep()  # perhaps nobody ever takes it
            self.failure = error
        self.bell.ring()

    def credit(self, number: int) -> Head:
        """The CREDIT frame that says where things stand."""
        with self._lock:
            self._claimed = False
            self._told, self._told_bytes = self._done, self._done_bytes
            if self.prefetch.messages:
                messages = max(0, self._done + self._ahead)
                size = max(0, self._done_bytes + self.prefetch.bytes)
            else:
                messages = self._came + self._wanted
                size = self._came_bytes + (self.prefetch.bytes if self._wanted else 0)
            done = max(0, self._done)
        return Head(0, Kind.CREDIT, channel=number, seq=messages, time_ns=size, offset=done)

    @property
    def unreported(self) -> bool:
        return self._done != self._told

    @property
    def _ahead(self) -> int:
        """Messages that may be on their way or wait here."""
        return min(SHARED_AHEAD, self.prefetch.messages) if self._sharing else self.prefetch.messages

    # For who reads; from any thread.

    def want(self, messages: int) -> None:
        """Without prefetch: somebody waits for so many, or (less than 0) no longer does."""
        with self._lock:
            self._wanted += messages

    @property
    def something(self) -> bool:
        """Whether it makes sense to take: something waits, or nothing ever comes."""
        return bool(self._line) or self.failure is not None

    def claim_credit(self) -> bool:
        """Whether half of what may wait was taken, so that the hub is to be told. True once each time."""
        due = (
            not self._claimed
            and self.prefetch.messages > 0
            and (
                2 * (self._done - self._told) >= self._ahead
                or 2 * (self._done_bytes - self._told_bytes) >= self.prefetch.bytes
            )
        )
        self._claimed = self._claimed or due
        return due

    def values(self, most: int) -> list[Any]:
        """At most so many of the next values; gaps are passed over.

        Raises:
            WireError: the next one is no value; it is passed.
            SightlineError: nothing waits, and what ended it.
        """
        return self._take(most, Run.values)

    def messages(self, most: int) -> list[Message]:
        return self._take(most, Run.messages)

    def next_or_gap(self, _most: int = 1) -> list[Message | Gap]:
        """The next message or gap in a list, or an empty list."""
        with self._lock:
            gap = self._line[0] if self._line else None
            if isinstance(gap, Gap):
                self._line.popleft()
        if isinstance(gap, Gap):
            self._passed([gap])
            return [gap]
        return list(self._take(1, Run.messages))

    def stats(self) -> ReaderStats:
        with self._lock:
            return ReaderStats(
                received=self._received,
                taken=self._taken,
                held=len(self),
                held_bytes=self._held_bytes,
                dropped=dict(self._dropped),
                missed=dict(self._missed),
                shared=self._shared,
                shared_bytes=self._shared_bytes,
            )

    def _take(self, most: int, of: Callable[[Run, int], list[Any]]) -> list[Any]:
        gaps: list[Gap] = []
        try:
            with self._lock:
                taken = self._taken_of(most, of, gaps)
                if not taken and self.failure is not None:
                    raise again(self.failure)
        finally:
            self._passed(gaps)
        return taken

    def _taken_of(self, most: int, of: Callable[[Run, int], list[Any]], gaps: list[Gap]) -> list[Any]:
        taken: list[Any] = []
        line = self._line
        while line and len(taken) < most:
            run = line[0]
            if isinstance(run, Gap):
                gaps.append(run)
                line.popleft()
                continue
            before = run.left
            try:
                part = of(run, most - len(taken))
            except SightlineError:
                if taken:  # it is raised again when it is the first in line
                    break
                run.skip()
                raise
            finally:
                self._taken += before - run.left
                self._settle(run, before - run.left)
                if not run.left:
                    line.popleft()
            taken = taken + part if taken else part
        return taken

    def _settle(self, run: Run, messages: int) -> None:
        """So many of it left the line."""
        self._done += messages
        if not run.left:
            self._held_bytes -= run.size
            self._done_bytes += run.size

    def _passed(self, gaps: Sequence[Gap]) -> None:
        for gap in gaps:
            self.gaps.append(gap)
            if self._on_gap is not None:
                self._on_gap(gap)
