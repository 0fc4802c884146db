"""A channel: messages of its writers, in one order, into the feeds of all its readers.

It promises: messages have offsets without holes, the same for every reader; a message enters all feeds at
one moment; one that a blocking feed has no room for waits here, in its place in line, and is not
acknowledged; of each writer, at any moment, received = taken in + waiting + dropped as the channel ended.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from sightline.errors import WireError
from sightline.hub.broker.history import Kept
from sightline.hub.broker.refusal import Cut
from sightline.hub.broker.run import Run
from sightline.hub.wire.control import ChannelInfo, WriterIs
from sightline.hub.wire.header import Frame

if TYPE_CHECKING:
    from sightline.hub.broker.connection import Connection
    from sightline.hub.broker.feed import Feed
    from sightline.hub.broker.groups import Group
    from sightline.hub.broker.session import Session
    from sightline.hub.broker.timers import Timer
    from sightline.hub.settings import ChannelSettings, Limits
    from sightline.shm.held import Held

MOST_AUTHORS: Final = 1000
"""Writers of a channel of whom readers can be told who they are; the oldest are forgotten."""


class Tally:
    """Counts of feeds that are gone: entered = taken + dropped.

    Attributes:
        leaving: feeds that ended, of which something is in flight yet; not counted so far.
    """

    def __init__(self) -> None:
        self.leaving: dict[Feed, None] = {}
        self.entered = self.taken = 0
        self.dropped: Counter[str] = Counter()

    def add(self, feed: Feed) -> None:
        self.leaving.pop(feed, None)
        self.entered += feed.buffer.stats().entered
        self.taken += feed.taken
        self.dropped.update(feed.dropped())


class Writer:
    """One session's writing to one channel.

    Attributes:
        connection: what it writes on now; None: it is lost, and may come back.
        next_seq: of the first message that has not come yet.
        accepted_seq: of the first message that has not been taken in yet.
        received, taken_in, dropped: messages; dropped is what waited when the channel ended.
        farewell: set when it closes; called once nothing of it waits.
        wanted: whether the channel is wanted, as it was told last.
    """

    __slots__ = (
        "accepted_seq",
        "channel",
        "connection",
        "dropped",
        "farewell",
        "next_seq",
        "number",
        "received",
        "session",
        "taken_in",
        "waiting",
        "waiting_bytes",
        "wanted",
    )

    def __init__(self, number: int, channel: Channel, session: Session, next_seq: int) -> None:
        self.number = number
        self.channel = channel
        self.session = session
        self.connection: Connection | None = None
        self.next_seq = self.accepted_seq = next_seq
        self.received = self.taken_in = self.dropped = 0
        self.waiting = self.waiting_bytes = 0
        self.farewell: Callable[[], None] | None = None
        self.wanted = False


class Channel:
    """One channel.

    Attributes:
        owner: the session that made it or took it over; it may be lost.
        feeds, blocking: who reads it, and those of them that writers wait for.
        waiting: what could not enter yet, in order.
        groups: those that read it, with their positions.
        past, total: counts of the feeds that are gone; `total` is one for all channels.
        ended: why it is no more; None: it is.
        received, bytes_in, dropped: messages that came, bytes taken in, messages that waited when it ended;
            received = next_offset + waiting + dropped.
        shared_in, shared_out: messages whose payloads came shared, and as often as one was handed on so.
        copied: as often as a payload that came shared went on as bytes, by reason.
    """

    def __init__(
        self, number: int, name: str, settings: ChannelSettings, owner: Session, total: Tally
    ) -> None:
        self.number = number
        self.name = name
        self.settings = settings
        self.owner = owner
        self.total = total
        self.kept = Kept(settings.history) if settings.history else None
        self.feeds: list[Feed] = []
        self.blocking: list[Feed] = []
        self.writers: dict[int, Writer] = {}
        self.authors: dict[int, WriterIs] = {}
        self.waiting: deque[tuple[Writer, Run]] = deque()
        self.next_offset = 0
        self.received = self.bytes_in = self.dropped = 0
        self.shared_in = self.shared_out = 0
        self.copied: Counter[str] = Counter()
        self.groups: dict[Group, int] = {}
        self.past = Tally()
        self.wanted = False
        self.ended: str | None = None
        self.lifetime: Timer | None = None
        self.falling: Timer | None = None

    def add_writer(self, writer: Writer) -> None:
        self.writers[writer.number] = writer
        session = writer.session
        self.authors[writer.number] = WriterIs(
            writer=writer.number, client=session.name, session=session.public_id
        )
        if len(self.authors) > MOST_AUTHORS + len(self.writers):
            del self.authors[next(number for number in self.authors if number not in self.writers)]

    def receive(
        self, writer: Writer, frame: Frame, now_ns: int, limits: Limits, shared: Held | None = None
    ) -> None:
        """A DATA frame came. Raises Cut where it is not what it must be, or more than the window.

        `shared`: what the token in it stands for; None: it has bytes.
        """
        try:
            if shared is None:
                run = Run.of_frame(frame, self.next_offset, writer.number, now_ns)
            else:
                run = Run.of_shared(frame, shared, self.next_offset, writer.number, now_ns)
                self.shared_in += 1
        except WireError as error:
            raise Cut("malformed", str(error)) from error
        if run.seq < writer.next_seq:
            # Sent again after a reconnect, and known already.
            known = writer.next_seq - run.seq
            if known >= run.messages:
                return
            run = run.after(known).moved(self.next_offset)
        rest = run if self.waiting else self._enter(writer, run, now_ns)
        entered = run.messages - (rest.messages if rest else 0)
        if entered:
            self._count(writer, run.seq, entered)
        if rest is not None:
            self._wait(writer, rest, limits)

    def thaw(self, now_ns: int) -> None:
        """Take in what waits, as far as there is room."""
        waiting = self.waiting
        while waiting:
            writer, run = waiting[0]
            before = run.messages
            rest = self._enter(writer, run.moved(self.next_offset), now_ns)
            writer.waiting -= before - (rest.messages if rest else 0)
            writer.waiting_bytes -= run.size - (rest.size if rest else 0)
            if rest is not None:
                waiting[0] = (writer, rest)
                return
            waiting.popleft()
            if writer.farewell is not None and not writer.waiting:
                writer.farewell()

    def add_feed(self, feed: Feed) -> None:
        self.feeds.append(feed)
        if feed.blocks:
            self.blocking.append(feed)

    def remove_feed(self, feed: Feed) -> None:
        """It takes nothing in any more; it is counted among the past once nothing of it is in flight."""
        self.feeds.remove(feed)
        if feed.blocks:
            self.blocking.remove(feed)
        feed.left = True
        self.past.leaving[feed] = self.total.leaving[feed] = None
        if not feed.in_flight:
            self.settle(feed)

    def settle(self, feed: Feed) -> None:
        """Nothing of a feed that ended is in flight any more."""
        self.past.add(feed)
        self.total.add(feed)

    def retain(self) -> Kept | None:
        """Keep what groups have not committed: from the lowest of their positions on. Gives what keeps it.

        A group without a name commits nothing, and has to do with the history where there is one.
        """
        if self.kept is None and self.groups:
            self.kept = Kept(next_offset=self.next_offset)
        if self.kept is not None:
            history = self.settings.history is not None
            positions = [at for group, at in self.groups.items() if group.name or not history]
            self.kept.retain_from(min(positions, default=None))
            if not self.groups and self.settings.history is None:
                self.kept = None
        return self.kept

    def drop_waiting(self) -> None:
        """The channel ended: what waits enters nothing any more."""
        waiting, self.waiting = self.waiting, deque()
        for writer, run in waiting:
            writer.dropped += run.messages
            self.dropped += run.messages
            writer.waiting = writer.waiting_bytes = 0
        for writer in {writer: None for writer, _ in waiting}:
            if writer.farewell is not None:
                writer.farewell()

    @property
    def first_offset(self) -> int:
        """Of the oldest message that one can still get."""
        return self.next_offset if self.kept is None else self.kept.first_offset

    def is_of(self, session: Session) -> bool:
        """Whether it is this one's own: by name, but where it has a key, which a name does not show."""
        if self.settings.key_digest is not None:
            return self.owner is session
        return self.owner.name == session.name

    def info(self) -> ChannelInfo:
        settings = self.settings
        if settings.public:  # whoever has the digest can prove the key
            settings = msgspec.structs.replace(settings, key_digest=None)
        return ChannelInfo(
            name=self.name,
            number=self.number,
            owner=self.owner.name,
            settings=settings,
            readers=len(self.feeds),
            writers=sum(writer.connection is not None for writer in self.writers.values()),
            first_offset=self.first_offset,
            next_offset=self.next_offset,
        )

    def _enter(self, writer: Writer, run: Run, now_ns: int) -> Run | None:
        """Let `run` into all feeds. Gives what some feed had no room for."""
        rest = None
        room = run.messages
        for feed in self.blocking:
            room = min(room, feed.room(run, now_ns))
        if room < run.messages:
            if not room:
                return run
            run, rest = run.first(room), run.after(room)
        self.next_offset = run.offset + run.messages
        self.bytes_in += run.size
        writer.taken_in += run.messages
        writer.accepted_seq = run.seq + run.messages
        if writer.connection is not None:
            writer.connection.acks[writer] = None
            writer.connection.mark()
        if self.kept is not None:
            self.kept.add(run)
        for feed in self.feeds:
            feed.offer(run, now_ns)
        return rest

    def _count(self, writer: Writer, seq: int, messages: int) -> None:
        writer.next_seq = seq + messages
        writer.received += messages
        self.received += messages

    def _wait(self, writer: Writer, run: Run, limits: Limits) -> None:
        beyond = (
            writer.waiting + run.messages > limits.window_messages
            or writer.waiting_bytes + run.size > limits.window_bytes
        )
        if beyond and (writer.waiting or run.messages > 1):
            raise Cut("window", f"expected no more than the window, got {run.messages} messages more")
        self._count(writer, run.seq, run.messages)
        writer.waiting += run.messages
        writer.waiting_bytes += run.size
        self.waiting.append((writer, run))
