"""What one reader asked for, the credit that it gave, and what it has of it in flight.

The reader tells how many messages its application took in all; they are counted off in the order in which
they were sent.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sightline.hub.broker.refusal import Cut
from sightline.hub.wire.header import Head

if TYPE_CHECKING:
    from sightline.hub.broker.connection import Connection
    from sightline.hub.broker.feed import Feed
    from sightline.hub.broker.groups import Group
    from sightline.hub.broker.names import Glob
    from sightline.hub.settings import ReaderBuffer


class Sent:
    """Messages of one frame that are in flight."""

    __slots__ = ("entered_ns", "feed", "messages")

    def __init__(self, feed: Feed, messages: int, entered_ns: int) -> None:
        self.feed = feed
        self.messages = messages
        self.entered_ns = entered_ns


class Subscription:
    """One reader's subscription.

    Attributes:
        names, glob: which channels; `proof` shows the key of a private one among `names`.
        feeds: by the channel's name; `draining` are those of channels that ended, which still hold something.
        credit_messages, credit_bytes: what it may have been sent since it began.
        sent_messages, sent_bytes: what it was sent; bytes are those of the bodies of DATA frames. As it may
            be sent while less was sent than it gave, the last message can go beyond the bytes.
        taken: messages that its application took.
        starved: feeds that wait for credit.
        awake: how many feeds may have something to send.
        passed: feeds that had their share of short credit, and let others go first.
    """

    __slots__ = (
        "awake",
        "buffer",
        "connection",
        "credit_bytes",
        "credit_messages",
        "draining",
        "excluded",
        "feeds",
        "flight",
        "glob",
        "group",
        "names",
        "number",
        "passed",
        "paused",
        "proof",
        "seen",
        "sent_bytes",
        "sent_messages",
        "start",
        "starved",
        "taken",
    )

    def __init__(
        self,
        connection: Connection,
        number: int,
        *,
        names: tuple[str, ...],
        glob: Glob | None,
        buffer: ReaderBuffer,
        start: str | int,
        group: Group | None,
        seen: dict[str, tuple[bytes, int, bool]],
        proof: bytes | None,
    ) -> None:
        self.connection = connection
        self.number = number
        self.names = frozenset(names)
        self.glob = glob
        self.buffer = buffer
        self.start = start
        self.group = group
        self.seen = seen
        self.proof = proof
        self.feeds: dict[str, Feed] = {}
        self.draining: dict[Feed, None] = {}
        self.excluded: set[str] = set()
        self.paused: set[str] = set()
        self.credit_messages = self.credit_bytes = 0
        self.sent_messages = self.sent_bytes = self.taken = 0
        self.flight: deque[Sent] = deque()
        self.starved: dict[Feed, None] = {}
        self.awake = 0
        self.passed: dict[Feed, None] = {}

    def covers(self, name: str, *, public: bool) -> bool:
        """Whether a channel of this name is asked for. A glob finds public ones alone."""
        if name in self.excluded:
            return False
        return name in self.names or (public and self.glob is not None and self.glob.matches(name))

    def allow(self, head: Head, now_ns: int) -> None:
        """A CREDIT frame came. Raises Cut where it counts more as taken than was sent, or less."""
        taken = head.offset - self.taken
        if taken < 0 or head.offset > self.sent_messages:
            raise Cut("credit", f"expected {self.taken} to {self.sent_messages} taken, got {head.offset}")
        self.credit_messages, self.credit_bytes, self.taken = head.seq, head.time_ns, head.offset
        while taken:
            sent = self.flight[0]
            messages = min(sent.messages, taken)
            taken -= messages
            sent.messages -= messages
            if not sent.messages:
                self.flight.popleft()
            sent.feed.count_taken(messages, now_ns - sent.entered_ns)
        if self.starved:
            starved, self.starved = self.starved, {}
            for feed in starved:
                feed.wake()

    def others_wait(self, feed: Feed) -> bool:
        """Whether another feed has messages that may go."""
        return any(
            other.buffer.held and other.channel.name not in self.paused and other is not feed
            for other in (*self.feeds.values(), *self.draining)
        )

    def go_on(self) -> None:
        """Others had their turn: those that let them go first are next."""
        passed, self.passed = self.passed, {}
        for feed in passed:
            feed.wake()

    def pause(self, names: tuple[str, ...], *, on: bool) -> None:
        """Pass over the feeds of these channels from now on, or no longer."""
        if on:
            self.paused.update(names)
            return
        self.paused.difference_update(names)
        for feed in (*self.feeds.values(), *self.draining):
            if feed.channel.name in names:
                feed.wake()

    def end(self, reason: str) -> None:
        """The reader is gone: what is in flight is lost."""
        while self.flight:
            sent = self.flight.popleft()
            sent.feed.lose(sent.messages, reason)
        self.starved.clear()
