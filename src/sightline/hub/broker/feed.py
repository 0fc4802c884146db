"""What one subscription gets of one channel.

A feed holds what waits for its reader, and sends against the subscription's credit. It promises, at any
moment: entered = taken + dropped (by reason) + held + in flight. In the order of the channel come: who
writes (before the first message of a writer), gaps (before the message that lies behind one), messages, and
at the end of the feed the word that it ended.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from sightline.hub.broker.connection import encode
from sightline.hub.broker.run import Run
from sightline.hub.broker.subscription import Sent, Subscription
from sightline.hub.wire.control import Detached, GapBody, Notice
from sightline.hub.wire.header import Buffer, Head, Kind
from sightline.overflow import BufferStats, Overflow
from sightline.shm.token import Token

if TYPE_CHECKING:
    from sightline.hub.broker.channel import Channel
    from sightline.hub.broker.gaps import Gap
    from sightline.shm.held import Held as Payload

LATENCY_BUCKETS: Final = 32
"""Bucket n counts messages that needed less than 2 ** n µs from the hub into the application, and no less
than half of that; the last one all that needed longer too."""

MOST_TOLD: Final = 1000

_Frame: TypeAlias = tuple[Head, Sequence[Buffer]]


class Held(Protocol):
    """What a feed keeps its messages in: `RunBuffer`, or `GroupBuffer` for a group."""

    @property
    def held(self) -> int: ...
    @property
    def held_bytes(self) -> int: ...
    def room(self, run: Run, now_ns: int) -> int: ...
    def offer(self, run: Run, now_ns: int) -> None: ...
    def take(self, most_messages: int, most_bytes: float, now_ns: int) -> Run | None: ...
    def gap_before(self, offset: int | None) -> Gap | None: ...
    def miss(self, gap: Gap) -> None: ...
    def oldest_ns(self) -> int | None: ...
    def discard(self, reason: str) -> None: ...
    def stats(self) -> BufferStats: ...


class Chores:
    """What came up while frames were taken out for sending, and is done once that is over.

    Attributes:
        thaw: channels whose waiting messages may enter now.
        finished: feeds that have sent their last.
    """

    def __init__(self) -> None:
        self.thaw: dict[Channel, None] = {}
        self.finished: dict[Feed, None] = {}


class Feed:
    """One feed. A `Source` of its connection's lanes.

    Attributes:
        blocks: whether writers wait where it has no room.
        older: history that it has yet to take in; what writers send comes behind it.
        over: why it ends once it has sent what it holds; None: it goes on.
        left: whether it is no feed of its channel any more; what is in flight may still be taken.
        in_flight, taken: messages sent and not taken, and taken.
        lost: messages that were in flight when the reader went, by reason.
        latency: messages taken, by how long they needed; see `LATENCY_BUCKETS`.
    """

    __slots__ = (
        "_ahead",
        "_chores",
        "_gives_way",
        "_idle",
        "_told",
        "_writer",
        "blocks",
        "buffer",
        "channel",
        "in_flight",
        "latency",
        "left",
        "lost",
        "number",
        "older",
        "over",
        "subscription",
        "taken",
    )

    def __init__(
        self, number: int, subscription: Subscription, channel: Channel, buffer: Held, chores: Chores
    ) -> None:
        self.number = number
        self.subscription = subscription
        self.channel = channel
        self.buffer = buffer
        self.blocks = subscription.group is None and subscription.buffer.overflow is Overflow.BLOCK
        self.older: deque[Run] = deque()
        self.over: str | None = None
        self.left = False
        self.in_flight = self.taken = 0
        self.lost: Counter[str] = Counter()
        self.latency = [0] * LATENCY_BUCKETS
        self._ahead: deque[_Frame | Run] = deque()
        self._chores = chores
        self._gives_way = False
        self._idle = True
        self._told: set[int] = set()
        self._writer = -1

    def room(self, run: Run, now_ns: int) -> int:
        """How many messages of `run` may enter now."""
        return 0 if self.older else self.buffer.room(run, now_ns)

    def offer(self, run: Run, now_ns: int) -> None:
        self.buffer.offer(run, now_ns)
        if self._idle:
            self.wake()

    def wake(self) -> None:
        """There may be something to send again."""
        if self._idle:
            self._idle = False
            self.subscription.awake += 1
        connection = self.subscription.connection
        connection.lanes.wake(self)
        connection.mark()

    def catch_up(self, now_ns: int) -> None:
        """Take in as much of the history as there is room for."""
        older = self.older
        while older:
            run = older.popleft()
            room = self.buffer.room(run, now_ns)
            if room < run.messages:
                older.appendleft(run.after(room))
            if room:
                self.offer(run.first(room), now_ns)
            if room < run.messages:
                return

    def next_frame(self, now_ns: int) -> _Frame | None:
        """What is to be sent next. None: nothing now; `wake` says when there may be again."""
        if self._ahead:
            return self._next_ahead(now_ns)
        subscription = self.subscription
        if subscription.passed:
            subscription.go_on()
        messages = subscription.credit_messages - subscription.sent_messages
        most_bytes = subscription.credit_bytes - subscription.sent_bytes
        if messages <= 0 or most_bytes <= 0 or (subscription.paused and self._is_paused):
            return None if self._must_wait() else self._drained()
        if subscription.awake > 1:
            messages = self._share_of(messages)
            if not messages:
                return None
        run = self.buffer.take(messages, most_bytes, now_ns)
        if run is None:  # what was held may just have grown too old, which makes room as well
            if self.blocks:
                self._made_room(now_ns)
            return self.next_frame(now_ns) if self.buffer.held else self._drained()
        return self._sent(run, now_ns)

    def count_taken(self, messages: int, latency_ns: int) -> None:
        """The application took so many of what is in flight."""
        self.in_flight -= messages
        self.taken += messages
        self.latency[min((latency_ns // 1000).bit_length(), LATENCY_BUCKETS - 1)] += messages
        if self.left and not self.in_flight:
            self.channel.settle(self)

    def end(self, reason: str) -> None:
        """Nothing comes behind what it holds; the reader is told so then."""
        self.over = reason
        subscription = self.subscription
        if subscription.feeds.get(self.channel.name) is self:
            del subscription.feeds[self.channel.name]
        subscription.draining[self] = None
        self.wake()

    def drop(self, reason: str) -> None:
        """The reader is gone, or does not want it: nothing more is sent."""
        self.buffer.discard(reason)
        self.older.clear()
        self._ahead.clear()
        self.over = reason
        self.subscription.starved.pop(self, None)
        self._sleep()
        self.subscription.go_on()

    def lose(self, messages: int, reason: str) -> None:
        """So many of what is in flight will not be taken."""
        self.lost[reason] += messages
        self.in_flight -= messages
        if self.left and not self.in_flight:
            self.channel.settle(self)

    def answer(self, frame: _Frame) -> None:
        """Say this behind all that was sent so far, and before all that comes."""
        self._ahead.append(frame)
        self.wake()

    def tell_gap(self, gap: Gap) -> None:
        """Tell the reader of messages that never were in this feed."""
        self._ahead.append(self._gap(gap))
        self.wake()

    def dropped(self) -> Counter[str]:
        """All that did not and will not reach the application, by reason."""
        return self.lost + Counter(self.buffer.stats().dropped)

    @property
    def client(self) -> str:
        """Who reads it."""
        return self.subscription.connection.name

    @property
    def _is_paused(self) -> bool:
        return self.channel.name in self.subscription.paused

    def _share_of(self, messages: int) -> int:
        """What this feed may have of so much credit, short of messages; 0: others that wait go first.

        Lanes are fair by bytes only: a reader that asks for ten messages at a time would get all ten of its
        busiest channel.
        """
        subscription = self.subscription
        if self._gives_way:
            self._gives_way = False
            if subscription.others_wait(self):
                subscription.passed[self] = None
                return 0
        if messages < self.buffer.held * subscription.awake:
            self._gives_way = True
            return max(1, messages // subscription.awake)
        return messages

    def _sent(self, run: Run, now_ns: int) -> _Frame:
        """`run` goes out: in flight from now on. Its frame, or what is to be said before it."""
        subscription = self.subscription
        subscription.flight.append(Sent(self, run.messages, run.entered_ns))
        subscription.sent_messages += run.messages
        self.in_flight += run.messages
        if self.blocks:
            self._made_room(now_ns)
        subscription.sent_bytes += run.size + len(run.table)
        gap = self.buffer.gap_before(run.offset)
        if gap is not None or run.writer != self._writer:
            self._put_behind(gap, run)
            return self._next_ahead(now_ns)
        return run.to_frame(self.number) if run.shared is None else self._shared(run, run.shared, now_ns)

    def _shared(self, run: Run, held: Payload, now_ns: int) -> _Frame:
        """Its token where the reader can look at the payload, the payload where it cannot."""
        token = held.token_for(self.subscription.connection.share, now_ns)
        if isinstance(token, Token):
            self.channel.shared_out += 1
            return run.to_token_frame(self.number, token)
        self.channel.copied[token] += 1
        return run.to_copied_frame(self.number, held.copy())

    def _next_ahead(self, now_ns: int) -> _Frame:
        """What was put in line. A run becomes a frame only now: who has a token looks at the payload."""
        following = self._ahead.popleft()
        if not isinstance(following, Run):
            return following
        if following.shared is None:
            return following.to_frame(self.number)
        return self._shared(following, following.shared, now_ns)

    def _sleep(self) -> None:
        if not self._idle:
            self._idle = True
            self.subscription.awake -= 1

    def _must_wait(self) -> bool:
        """Whether a message is next that may not go. Without one, what is no message goes all the same."""
        if not self.buffer.held and not self.older:
            return False
        if not self._is_paused:
            self.subscription.starved[self] = None
        return True

    def _made_room(self, now_ns: int) -> None:
        if self.older:
            self.catch_up(now_ns)
        if self.channel.waiting and not self.older:
            self._chores.thaw[self.channel] = None

    def _drained(self) -> _Frame | None:
        """Nothing is held. What is to be said then, if anything."""
        gap = self.buffer.gap_before(None)
        if gap is not None:
            return self._gap(gap)
        if self.over is None:
            self._sleep()
            return None
        if self in self._chores.finished:
            return None
        self._chores.finished[self] = None
        subscription = self.subscription
        return _notice(
            Detached(
                subscription=subscription.number, feed=self.number, name=self.channel.name, reason=self.over
            )
        )

    def _put_behind(self, gap: Gap | None, run: Run) -> None:
        """`run` in line, behind all that has to be said before it."""
        ahead = self._ahead
        while gap is not None:
            ahead.append(self._gap(gap))
            gap = self.buffer.gap_before(run.offset)
        if run.writer != self._writer:
            self._writer = run.writer
            author = self.channel.authors.get(run.writer)
            if author is not None and run.writer not in self._told:
                if len(self._told) > MOST_TOLD:  # being told twice does no harm
                    self._told.clear()
                self._told.add(run.writer)
                ahead.append(_notice(author))
        ahead.append(run)

    def _gap(self, gap: Gap) -> _Frame:
        body = encode(GapBody(last_offset=gap.last, reason=gap.reason))
        head = Head(len(body), Kind.GAP, channel=self.number, messages=gap.messages, offset=gap.first)
        return head, (body,)


def _notice(notice: Notice) -> _Frame:
    body = encode(notice)
    return Head(len(body), Kind.NOTICE), (body,)
