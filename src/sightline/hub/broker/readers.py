"""Who reads what: subscriptions, and a feed wherever one meets a channel.

A subscription gets a feed of each channel that it asked for, of those that are there and of those that
come; it reads such a one from its first message. What the channel keeps is delivered first to a reader that
wants it, or that lost its connection and comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from sightline.hub.broker.buffer import RunBuffer
from sightline.hub.broker.channels import Channels, check_key
from sightline.hub.broker.feed import Chores, Feed
from sightline.hub.broker.gaps import Gap
from sightline.hub.broker.group_buffer import GroupBuffer
from sightline.hub.broker.groups import Groups
from sightline.hub.broker.names import Glob, checked_name
from sightline.hub.broker.refusal import Refusal
from sightline.hub.broker.subscription import Subscription
from sightline.hub.wire.control import Attached, Code, Subscribe
from sightline.overflow import Overflow

if TYPE_CHECKING:
    from sightline.hub.broker.channel import Channel
    from sightline.hub.broker.connection import Connection
    from sightline.hub.broker.run import Run
    from sightline.hub.settings import Limits

DISCONNECTED: Final = "disconnected"
UNSUBSCRIBED: Final = "unsubscribed"
HISTORY: Final = "history"
SEEK: Final = "seek"
REASSIGNED: Final = "reassigned"


class Readers:
    """All subscriptions of the hub."""

    def __init__(self, hub: bytes, limits: Limits, channels: Channels, chores: Chores) -> None:
        self.feeds: dict[Feed, None] = {}
        self.refused = 0  # feeds that a limit, a key or the channel did not allow
        self.groups = Groups(limits, self, channels.by_name)
        self._aging: dict[Feed, None] = {}
        self._unbounded: dict[Feed, None] = {}
        self._hub = hub
        self._limits = limits
        self._channels = channels
        self._chores = chores
        self._numbers = count(1)
        self._by_name: dict[str, dict[Subscription, None]] = {}
        self._globs: dict[Subscription, None] = {}
        channels.on_made.append(self._channel_made)
        channels.on_ended.append(lambda channel, _now_ns: self.groups.channel_ended(channel))

    def subscribe(self, connection: Connection, asked: Subscribe, now_ns: int) -> None:
        subscription = self._checked(connection, asked)
        found = self._found(subscription)
        if not asked.wait:
            missing = [name for name in asked.names if name not in self._channels.by_name]
            if missing:
                raise Refusal(Code.MISSING, f"there is no channel {missing[0]!r}", missing)
        self._check_all(subscription, found)
        connection.subscriptions[subscription.number] = subscription
        if subscription.group is not None:
            self.groups.join(subscription.group, subscription, now_ns)
            return
        self._register(subscription)
        for channel in found:
            self.attach(subscription, channel, now_ns)

    def want(self, subscription: Subscription, names: tuple[str, ...], now_ns: int) -> None:
        """It reads the channels of these names from now on; the feeds that it keeps are untouched."""
        if subscription.glob is not None or subscription.group is None:
            raise Refusal(Code.WRONG, "expected a subscription by names in a group, perhaps one of its own")
        self._check_names(names)
        new = sorted(frozenset(names) - subscription.names)
        found = [self._channels.by_name[name] for name in new if name in self._channels.by_name]
        self._check_all(subscription, found)
        subscription.names = frozenset(names)
        for channel in self.groups.changed(subscription.group, now_ns):
            self._channels.weigh(channel, now_ns)

    def unheard(self, subscription: Subscription) -> set[Connection]:
        """The connections of writers who may not have heard yet that this one reads."""
        writers = (
            writer.connection
            for feed in subscription.feeds.values()
            for writer in feed.channel.writers.values()
        )
        return {
            connection
            for connection in writers
            if connection is not None
            and connection is not subscription.connection
            and connection.pongs < connection.pings
        }

    def unsubscribe(self, subscription: Subscription, reason: str, now_ns: int) -> None:
        """It is over: what its feeds held and what is in flight is dropped for this reason."""
        del subscription.connection.subscriptions[subscription.number]
        for feed in (*subscription.feeds.values(), *subscription.draining):
            self.detach(feed, reason, now_ns)
        subscription.end(reason)
        if subscription.group is not None:
            for channel in self.groups.leave(subscription.group, subscription, now_ns):
                self._channels.weigh(channel, now_ns)
            return
        self._unregister(subscription)

    def exclude(self, subscription: Subscription, number: int, now_ns: int) -> None:
        feed = next((feed for feed in subscription.feeds.values() if feed.number == number), None)
        if feed is None:
            raise Refusal(Code.MISSING, f"subscription {subscription.number} has no feed {number}")
        subscription.excluded.add(feed.channel.name)
        self.detach(feed, UNSUBSCRIBED, now_ns)
        if subscription.group is not None:
            self.groups.given_up(subscription.group, feed.channel, now_ns)

    def seek(self, feed: Feed, offset: int | None, now_ns: int) -> tuple[int, Gap | None]:
        """Go on at `offset`, None: the end. The offset that comes next, and what is missing before it."""
        if isinstance(feed.buffer, GroupBuffer):
            return feed.buffer.seek(offset), None
        channel = feed.channel
        feed.buffer.discard(SEEK)
        feed.older.clear()
        begin = channel.next_offset if offset is None else min(offset, channel.next_offset)
        past = _since(channel, begin, HISTORY)
        _begin(feed, past, now_ns)
        if feed.blocks and channel.waiting:
            self._chores.thaw[channel] = None
        return begin if past.before is None else past.before.last + 1, past.before

    def may_read(self, subscription: Subscription, channel: Channel) -> bool:
        """Whether it asked for the channel, has the key, and the channel allows what it asked for."""
        if not subscription.covers(channel.name, public=channel.settings.public):
            return False
        try:
            self._check_may_read(subscription, channel)
        except Refusal:
            return False
        return True

    def attach(
        self, subscription: Subscription, channel: Channel, now_ns: int, shared: GroupBuffer | None = None
    ) -> Feed:
        """Begin a feed. `shared`: from where in the channel its group goes on."""
        past = self._past(subscription, channel) if shared is None else _NO_PAST
        buffer = RunBuffer(subscription.buffer, whole=past.whole) if shared is None else shared
        feed = Feed(next(self._numbers), subscription, channel, buffer, self._chores)
        runs = past.runs
        first = runs[0].offset if runs else channel.next_offset
        if shared is not None:
            first = shared.next_offset
        self.feeds[feed] = None
        if feed.blocks and subscription.buffer.age_s is not None:
            self._aging[feed] = None
        if subscription.buffer.unbounded:
            self._unbounded[feed] = None
        subscription.feeds[channel.name] = feed
        channel.add_feed(feed)
        connection = subscription.connection
        connection.lanes.add(feed)
        connection.notify(
            Attached(subscription=subscription.number, feed=feed.number, name=channel.name, next_offset=first)
        )
        if past.before is not None:
            feed.tell_gap(past.before)
        _begin(feed, past, now_ns)
        if feed.buffer.held:
            feed.wake()
        self._channels.weigh(channel, now_ns)
        return feed

    def detach(self, feed: Feed, reason: str, now_ns: int) -> None:
        """It is over at once: what it held is dropped for this reason. What is in flight may be taken."""
        feed.drop(reason)
        subscription, channel = feed.subscription, feed.channel
        subscription.connection.lanes.remove(feed)
        subscription.draining.pop(feed, None)
        if subscription.feeds.get(channel.name) is feed:
            del subscription.feeds[channel.name]
        del self.feeds[feed]
        self._aging.pop(feed, None)
        self._unbounded.pop(feed, None)
        channel.remove_feed(feed)
        if feed.blocks and channel.waiting:
            self._chores.thaw[channel] = None
        self._channels.weigh(channel, now_ns)

    def reassign(self, feed: Feed) -> None:
        """Its member has the channel no more, another one perhaps: nothing more of it is begun."""
        feed.buffer.discard(REASSIGNED)
        feed.end(REASSIGNED)  # told behind a large message of which a part is sent

    def large(self) -> list[Feed]:
        """Those without bounds that hold more than is warned of."""
        return [feed for feed in self._unbounded if feed.buffer.held_bytes > self._limits.warn_bytes]

    def age(self, now_ns: int) -> None:
        """Time went by: what grew too old may have made room for what waits."""
        for feed in self._aging:
            feed.catch_up(now_ns)
            if feed.channel.waiting:
                self._chores.thaw[feed.channel] = None

    def _checked(self, connection: Connection, asked: Subscribe) -> Subscription:
        limits = self._limits
        if asked.number in connection.subscriptions:
            raise Refusal(Code.WRONG, f"subscription {asked.number} is there already")
        if len(connection.subscriptions) >= limits.subscriptions:
            raise Refusal(Code.LIMIT, f"expected at most {limits.subscriptions} subscriptions")
        if not asked.names and asked.glob is None:
            raise Refusal(Code.WRONG, "expected names or a glob to read")
        if isinstance(asked.start, str) and asked.start not in {"new", HISTORY}:
            raise Refusal(
                Code.WRONG, f"expected the start 'new', 'history' or an offset, got {asked.start!r}"
            )
        self._check_names(asked.names)
        whole = frozenset(asked.whole)
        if asked.glob is not None:
            checked_name(asked.glob, limits.name_bytes, "glob")
        return Subscription(
            connection,
            asked.number,
            names=asked.names,
            glob=None if asked.glob is None else Glob(asked.glob),
            buffer=asked.buffer,
            start=asked.start,
            group=None if asked.group is None else self.groups.named(asked.group),
            # A channel that is made later begins anew.
            seen={
                name: (*at, name in whole)
                for name, at in asked.seen.items()
                if name in self._channels.by_name
            },
            proof=asked.proof,
        )

    def _check_names(self, names: tuple[str, ...]) -> None:
        if len(names) > self._limits.channels:
            raise Refusal(Code.LIMIT, f"expected at most {self._limits.channels} names")
        for name in names:
            checked_name(name, self._limits.name_bytes, "channel's name")

    def _check_all(self, subscription: Subscription, channels: list[Channel]) -> None:
        for channel in channels:
            self._check_may_read(subscription, channel)
        if len(self.feeds) + len(channels) > self._limits.feeds:
            raise Refusal(Code.LIMIT, f"expected at most {self._limits.feeds} readers of channels")

    def _register(self, subscription: Subscription) -> None:
        """For the channels that are still to come."""
        for name in subscription.names:
            self._by_name.setdefault(name, {})[subscription] = None
        if subscription.glob is not None:
            self._globs[subscription] = None

    def _unregister(self, subscription: Subscription) -> None:
        for name in subscription.names:
            self._by_name[name].pop(subscription)
            if not self._by_name[name]:
                del self._by_name[name]
        self._globs.pop(subscription, None)

    def _found(self, subscription: Subscription) -> list[Channel]:
        table = self._channels.by_name
        if subscription.glob is None:
            return [table[name] for name in sorted(subscription.names) if name in table]
        return [
            channel
            for name, channel in table.items()
            if subscription.covers(name, public=channel.settings.public)
        ]

    def _check_may_read(self, subscription: Subscription, channel: Channel) -> None:
        if subscription.buffer.overflow is Overflow.BLOCK and not channel.settings.may_block:
            raise Refusal(Code.WRONG, f"channel {channel.name!r} does not let a reader make its writers wait")
        session = subscription.connection.session
        assert session is not None
        check_key(channel, subscription.connection, session, subscription.proof)

    def _channel_made(self, channel: Channel, now_ns: int) -> None:
        asked = [*self._by_name.get(channel.name, ()), *self._globs]
        for subscription in dict.fromkeys(asked):
            if not subscription.covers(channel.name, public=channel.settings.public):
                continue
            if len(self.feeds) < self._limits.feeds and self.may_read(subscription, channel):
                self.attach(subscription, channel, now_ns)
            else:
                self.refused += 1
        self.groups.channel_made(channel, now_ns)

    def _past(self, subscription: Subscription, channel: Channel) -> _Past:
        """What a new feed begins with."""
        hub, seen, whole = subscription.seen.pop(channel.name, (b"", 0, False))
        if hub == self._hub and seen <= channel.next_offset:
            past = _since(channel, seen, DISCONNECTED)
            return past._replace(whole=whole and past.before is None)
        if isinstance(subscription.start, int):
            return _since(channel, min(subscription.start, channel.next_offset), HISTORY)
        if subscription.start == HISTORY and channel.kept is not None:
            return _Past(channel.kept.runs())
        return _NO_PAST


class _Past(NamedTuple):
    """What there is of a channel's past, and what is missing: before all of that, and within.

    `whole`: nothing is before, and the reader has what that needs to be decoded.
    """

    runs: Sequence[Run] = ()
    before: Gap | None = None
    within: Sequence[Gap] = ()
    whole: bool = False


_NO_PAST: Final = _Past()


def _since(channel: Channel, offset: int, reason: str) -> _Past:
    runs = [] if channel.kept is None else channel.kept.runs(offset)
    ends = [offset, *(run.next_offset for run in runs)]
    begins = [*(run.offset for run in runs), channel.next_offset]
    gaps = [
        Gap(end, begin - 1, begin - end, reason)
        for end, begin in zip(ends, begins, strict=True)
        if begin > end
    ]
    before = gaps.pop(0) if begins[0] > offset else None
    return _Past(runs, before, gaps)


def _begin(feed: Feed, past: _Past, now_ns: int) -> None:
    """The last of each key leaves holes, which are told where they are."""
    for gap in past.within:
        feed.buffer.miss(gap)
    feed.older.extend(past.runs)
    feed.catch_up(now_ns)
