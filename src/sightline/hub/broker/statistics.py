"""The hub's figures at one moment. Counts only grow, so that who asks twice has the rates between."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from sightline.overflow import BufferStats
from sightline.shm.host import HostStats

if TYPE_CHECKING:
    from sightline.hub.broker.channel import Channel, Writer
    from sightline.hub.broker.connection import Connection
    from sightline.hub.broker.feed import Feed
    from sightline.hub.broker.machine import Hub
    from sightline.hub.broker.session import Session


class ClientStats(msgspec.Struct, frozen=True, kw_only=True):
    """One client. `pending_bytes`: to be sent and not with the system yet, data that waits in feeds aside."""

    name: str
    address: str
    agent: str
    connected_s: float
    sent_bytes: int
    received_bytes: int
    pending_bytes: int
    ping_ms: float | None
    subscriptions: int
    writers: int
    calls: int
    serves: bool


class WriterStats(msgspec.Struct, frozen=True, kw_only=True):
    """One writer of a channel, in messages: received = taken_in + waiting + dropped."""

    writer: int
    client: str
    connected: bool
    received: int
    taken_in: int
    waiting: int
    dropped: int


class ChannelStats(msgspec.Struct, frozen=True, kw_only=True):
    """One channel.

    Attributes:
        received, taken_in, waiting, dropped: of its writers, in messages; dropped is what waited as it ended.
        bytes_in: of what was taken in.
        entered, taken, lost, held, in_flight: of all its readers ever, in messages; lost is by reason:
            entered = taken + sum(lost) + held + in_flight.
        kept, kept_bytes: what its history holds.
        retained, retained_bytes: what its groups have not committed; it may be kept as well.
        shared_in, shared_out: messages whose payloads came in shared memory; how often one went out so.
        copied: how often one went out as bytes, by reason: the reader is `away` (shares nothing), has the
            memory `not_ready` or `refused` it, is `cut_off`, or the payload was `spilled` to free its place.
    """

    name: str
    owner: str
    readers: int
    writers: tuple[WriterStats, ...]
    wanted: bool
    received: int
    taken_in: int
    waiting: int
    dropped: int
    bytes_in: int
    entered: int
    taken: int
    lost: dict[str, int]
    held: int
    in_flight: int
    kept: int
    kept_bytes: int
    retained: int = 0
    retained_bytes: int = 0
    shared_in: int = 0
    shared_out: int = 0
    copied: dict[str, int] = {}


class FeedStats(msgspec.Struct, frozen=True, kw_only=True):
    """One reader of one channel.

    Attributes:
        buffer: of the hub; what left it was sent: left = taken + in_flight + sum(lost).
        lost: messages that were in flight when the reader went, by reason.
        oldest_s: how long the message that is next has been held; None: nothing is held.
        latency: of messages taken, from the hub in to the application; bucket n counts those that needed less
            than 2 ** n µs and no less than half of that.
        unbounded: whether it asked for no bounds.
        lag: of a group: messages that the channel keeps for it, or let go, and that it has not been sent.
    """

    client: str
    subscription: int
    channel: str
    group: str | None
    buffer: BufferStats
    in_flight: int
    taken: int
    lost: dict[str, int]
    oldest_s: float | None
    latency: tuple[int, ...]
    paused: bool
    unbounded: bool
    lag: int = 0


class HubStats(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        lag_ms, lag_peak_ms: how late the loop comes to what is due, of late and at most; set by the shell.
        dropped: messages that did not reach a reader, by reason, of all readers ever.
        refused: connections that were ended, by reason.
        refused_feeds: channels that appeared and that a subscription could not get.
        late_frames: for channels and subscriptions that had ended, and answers that nobody waited for.
        large: feeds without bounds that hold more than `Limits.warn_bytes`.
        shared: memory that clients share; None: they cannot.
    """

    uptime_s: float
    connections: int
    clients: tuple[ClientStats, ...]
    channels: tuple[ChannelStats, ...]
    feeds: tuple[FeedStats, ...]
    dropped: dict[str, int]
    refused: dict[str, int]
    refused_feeds: int
    late_frames: int
    calls: int
    calls_answered: int
    calls_in_flight: int
    large: tuple[str, ...]
    lag_ms: float = 0.0
    lag_peak_ms: float = 0.0
    shared: HostStats | None = None


def statistics(hub: Hub, now_ns: int, asker: Session | None = None) -> HubStats:
    """The figures of `hub` now. Private channels stand in them without their names, but for `asker`'s own."""

    def name_of(channel: Channel) -> str:
        if channel.settings.public or (asker is not None and channel.is_of(asker)):
            return channel.name
        return f"(private {channel.number})"

    feeds = tuple(_feed(feed, name_of(feed.channel), now_ns) for feed in hub.readers.feeds)
    dropped = Counter(hub.channels.past.dropped)
    for feed in (*hub.readers.feeds, *hub.channels.past.leaving):
        dropped.update(feed.dropped())
    return HubStats(
        uptime_s=(now_ns - hub.began_ns) / 1e9,
        connections=len(hub.connections),
        clients=tuple(_client(connection, now_ns) for connection in hub.connections if connection.session),
        channels=tuple(channel_stats(channel, name_of(channel)) for channel in hub.channels.by_name.values()),
        feeds=feeds,
        dropped=dict(dropped),
        refused=dict(hub.refused),
        refused_feeds=hub.readers.refused,
        late_frames=hub.late_frames + hub.calls.late,
        calls=hub.calls.made,
        calls_answered=hub.calls.answered,
        calls_in_flight=hub.calls.in_flight,
        large=tuple(f"{feed.client}: {name_of(feed.channel)}" for feed in hub.readers.large()),
        lag_ms=hub.lag_ms,
        lag_peak_ms=hub.lag_peak_ms,
        shared=None if hub.shares.host is None else hub.shares.host.stats(),
    )


def channel_stats(channel: Channel, name: str) -> ChannelStats:
    feeds = (*channel.feeds, *channel.past.leaving)
    lost = Counter(channel.past.dropped)
    for feed in feeds:
        lost.update(feed.dropped())
    return ChannelStats(
        name=name,
        owner=channel.owner.name,
        readers=len(channel.feeds),
        writers=tuple(_writer(writer) for writer in channel.writers.values()),
        wanted=channel.wanted,
        received=channel.received,
        taken_in=channel.next_offset,
        waiting=sum(run.messages for _, run in channel.waiting),
        dropped=channel.dropped,
        bytes_in=channel.bytes_in,
        entered=channel.past.entered + sum(feed.buffer.stats().entered for feed in feeds),
        taken=channel.past.taken + sum(feed.taken for feed in feeds),
        lost=dict(lost),
        held=sum(feed.buffer.stats().held for feed in feeds),
        in_flight=sum(feed.in_flight for feed in feeds),
        kept=0 if channel.kept is None else channel.kept.messages,
        kept_bytes=0 if channel.kept is None else channel.kept.bytes,
        retained=0 if channel.kept is None else channel.kept.retained_messages,
        retained_bytes=0 if channel.kept is None else channel.kept.retained_bytes,
        shared_in=channel.shared_in,
        shared_out=channel.shared_out,
        copied=dict(channel.copied),
    )


def _writer(writer: Writer) -> WriterStats:
    return WriterStats(
        writer=writer.number,
        client=writer.session.name,
        connected=writer.connection is not None,
        received=writer.received,
        taken_in=writer.taken_in,
        waiting=writer.waiting,
        dropped=writer.dropped,
    )


def _feed(feed: Feed, channel: str, now_ns: int) -> FeedStats:
    subscription = feed.subscription
    oldest_ns = feed.buffer.oldest_ns()
    return FeedStats(
        client=feed.client,
        subscription=subscription.number,
        channel=channel,
        group=None if subscription.group is None else subscription.group.name,
        buffer=feed.buffer.stats(),
        in_flight=feed.in_flight,
        taken=feed.taken,
        lost=dict(feed.lost),
        oldest_s=None if oldest_ns is None else (now_ns - oldest_ns) / 1e9,
        latency=tuple(feed.latency),
        paused=feed.channel.name in subscription.paused,
        unbounded=subscription.buffer.unbounded,
        lag=feed.buffer.held if subscription.group is not None else 0,
    )


def _client(connection: Connection, now_ns: int) -> ClientStats:
    session = connection.session
    assert session is not None
    return ClientStats(
        name=session.name,
        address=connection.address,
        agent=session.agent,
        connected_s=(now_ns - connection.connected_ns) / 1e9,
        sent_bytes=connection.sent_bytes,
        received_bytes=connection.received_bytes,
        pending_bytes=connection.pending_bytes,
        ping_ms=None if connection.ping_ns is None else connection.ping_ns / 1e6,
        subscriptions=len(connection.subscriptions),
        writers=len(connection.writers),
        calls=len(connection.calls),
        serves=session.service is not None,
    )
