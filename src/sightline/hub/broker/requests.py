"""What clients ask of the hub, each answered by one ANSWER or ERROR, in the order in which they came.

Three may be answered later: `CloseWriter` when all that the writer had sent was taken in, `Subscribe` and
`Want` when those who write, and were told that nobody reads, have heard that somebody does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sightline.hub.broker.channels import missing
from sightline.hub.broker.connection import encode
from sightline.hub.broker.hearing import Hearing
from sightline.hub.broker.names import checked_name
from sightline.hub.broker.readers import UNSUBSCRIBED
from sightline.hub.broker.refusal import Cut, Refusal
from sightline.hub.broker.session import Session
from sightline.hub.broker.statistics import statistics
from sightline.hub.wire.control import (
    Attach,
    ChannelChanged,
    ChannelInfo,
    ClientInfo,
    CloseWriter,
    Code,
    Commit,
    Committed,
    CreateChannel,
    DeleteChannel,
    Ends,
    Exclude,
    Failure,
    ListChannels,
    ListClients,
    OpenWriter,
    Pause,
    Request,
    Seek,
    Serve,
    Service,
    Statistics,
    Subscribe,
    SubscriptionStats,
    Unsubscribe,
    Want,
    WriterOpened,
)
from sightline.hub.wire.header import Frame, Head, Kind
from sightline.overflow import BufferStats

if TYPE_CHECKING:
    from sightline.hub.broker.channel import Channel
    from sightline.hub.broker.connection import Connection
    from sightline.hub.broker.machine import Hub
    from sightline.hub.broker.statistics import HubStats
    from sightline.hub.broker.subscription import Subscription

_REQUEST: Final = msgspec.msgpack.Decoder(Request)
_LATER: Final = object()


class Requests:
    """Answers requests out of the hub's tables."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._watching: dict[Connection, None] = {}
        self._figures: tuple[int, Session, HubStats] | None = None
        hub.channels.on_made.append(lambda channel, _now_ns: self._tell(channel, gone=False))
        hub.channels.on_ended.append(lambda channel, _now_ns: self._tell(channel, gone=True))
        self._answers: dict[type, Callable[[_Asked, Any], Any]] = {
            CreateChannel: self._create_channel,
            DeleteChannel: self._delete_channel,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            Want: self._want,
            Exclude: self._exclude,
            Pause: self._pause,
            OpenWriter: self._open_writer,
            CloseWriter: self._close_writer,
            ListChannels: self._list_channels,
            ListClients: self._list_clients,
            Statistics: self._statistics,
            SubscriptionStats: self._subscription_stats,
            Serve: self._serve,
            Attach: self._attach,
            Ends: self._ends,
            Commit: self._commit,
            Committed: self._committed,
            Seek: self._seek,
        }

    def received(self, connection: Connection, frame: Frame, now_ns: int) -> None:
        """A REQUEST came. Raises Cut where it is none."""
        number = frame.head.seq
        try:
            request = _REQUEST.decode(frame.body)
            answer = self._answers[type(request)](_Asked(connection, number, now_ns), request)
        except msgspec.ValidationError as error:
            connection.say(Kind.ERROR, Failure(code=Code.WRONG, message=str(error)), seq=number)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Cut("malformed", f"expected a request: {error}") from error
        except Refusal as refusal:
            connection.say(Kind.ERROR, refusal.failure, seq=number)
        else:
            if answer is not _LATER:
                connection.say(Kind.ANSWER, answer, seq=number)

    def lost(self, connection: Connection) -> None:
        self._watching.pop(connection, None)

    # Channels and their writers.

    def _create_channel(self, asked: _Asked, request: CreateChannel) -> ChannelInfo:
        return self._hub.channels.make(asked.session, request.name, request.settings, asked.now_ns).info()

    def _delete_channel(self, asked: _Asked, request: DeleteChannel) -> None:
        channel = self._hub.channels.find(request.name)
        if not channel.is_of(asked.session):
            raise Refusal(Code.DENIED, f"only {channel.owner.name} may delete channel {request.name!r}")
        self._hub.channels.end(channel, "deleted", asked.now_ns)

    def _open_writer(self, asked: _Asked, request: OpenWriter) -> WriterOpened:
        return self._hub.channels.open_writer(asked.connection, asked.session, request, asked.now_ns)

    def _close_writer(self, asked: _Asked, request: CloseWriter) -> object:
        def done() -> None:
            asked.connection.acknowledge()
            asked.connection.say(Kind.ANSWER, None, seq=asked.number)

        self._hub.channels.close_writer(asked.connection, request.channel, done)
        return _LATER

    def _list_channels(self, asked: _Asked, request: ListChannels) -> list[ChannelInfo]:
        if request.watch:
            self._watching[asked.connection] = None
        return [
            channel.info()
            for channel in self._hub.channels.by_name.values()
            if channel.settings.public or channel.is_of(asked.session)
        ]

    # Readers.

    def _subscribe(self, asked: _Asked, request: Subscribe) -> object:
        self._hub.readers.subscribe(asked.connection, request, asked.now_ns)
        return self._once_heard(asked, request.number)

    def _want(self, asked: _Asked, request: Want) -> object:
        self._hub.readers.want(asked.subscription(request.number), request.names, asked.now_ns)
        return self._once_heard(asked, request.number)

    def _once_heard(self, asked: _Asked, number: int) -> object:
        unheard = self._hub.readers.unheard(asked.subscription(number))
        if not unheard:
            return None

        def heard() -> None:
            asked.connection.say(Kind.ANSWER, None, seq=asked.number)

        Hearing(unheard, self._hub.timers, asked.now_ns, heard)
        return _LATER

    def _unsubscribe(self, asked: _Asked, request: Unsubscribe) -> None:
        self._hub.readers.unsubscribe(asked.subscription(request.number), UNSUBSCRIBED, asked.now_ns)

    def _exclude(self, asked: _Asked, request: Exclude) -> None:
        self._hub.readers.exclude(asked.subscription(request.number), request.feed, asked.now_ns)

    def _pause(self, asked: _Asked, request: Pause) -> None:
        subscription = asked.subscription(request.number)
        if len(subscription.paused) + len(request.names) > self._hub.limits.channels:
            raise Refusal(Code.LIMIT, f"expected at most {self._hub.limits.channels} names")
        for name in request.names:
            checked_name(name, self._hub.limits.name_bytes, "channel's name")
        subscription.pause(request.names, on=request.on)

    def _subscription_stats(self, asked: _Asked, request: SubscriptionStats) -> dict[str, BufferStats]:
        feeds = asked.subscription(request.number).feeds
        return {name: feed.buffer.stats() for name, feed in feeds.items()}

    # Groups, and places in a channel.

    def _commit(self, asked: _Asked, request: Commit) -> list[str]:
        return self._hub.readers.groups.commit(
            request.group, request.positions, lambda feed: feed.subscription.connection is asked.connection
        )

    def _committed(self, asked: _Asked, request: Committed) -> dict[str, tuple[int, str]]:
        names = [name for name in request.names if asked.knows(self._hub.channels.by_name.get(name))]
        return self._hub.readers.groups.committed(request.group, names)

    def _seek(self, asked: _Asked, request: Seek) -> object:
        feed = asked.subscription(request.number).feeds.get(request.name)
        if feed is None:
            raise Refusal(Code.MISSING, f"subscription {request.number} does not read {request.name!r}")
        offset, gap = self._hub.readers.seek(feed, request.offset, asked.now_ns)
        # In the line of the feed: what comes before the answer was sent before, what comes behind it is new.
        body = encode(offset)
        feed.answer((Head(len(body), Kind.ANSWER, seq=asked.number), (body,)))
        if gap is not None:
            feed.tell_gap(gap)
        return _LATER

    def _ends(self, asked: _Asked, request: Ends) -> dict[str, tuple[int, int]]:
        ends: dict[str, tuple[int, int]] = {}
        for name in request.names:
            channel = self._hub.channels.find(name)
            if not asked.knows(channel):
                raise missing(name)
            ends[name] = (channel.first_offset, channel.next_offset)
        return ends

    # Calls.

    def _serve(self, asked: _Asked, request: Serve) -> None:
        self._hub.calls.serve(asked.connection, asked.session, request)

    def _attach(self, asked: _Asked, request: Attach) -> Service:
        return self._hub.calls.attach(asked.connection, self._hub.sessions.by_name.get(request.name), request)

    # The hub.

    def _list_clients(self, _asked: _Asked, _request: ListClients) -> list[ClientInfo]:
        return [
            ClientInfo(
                name=session.name,
                address=session.connection.address,
                agent=session.agent,
                connected_at_ns=session.connected_at_ns,
                serves=session.service is not None,
            )
            for session in self._hub.sessions.by_name.values()
            if session.connection is not None
        ]

    def _statistics(self, asked: _Asked, _request: Statistics) -> HubStats:
        known = self._figures
        if known is None or known[:2] != (asked.now_ns, asked.session):
            figures = statistics(self._hub, asked.now_ns, asked.session)
            # Many that came in one read must not stop the hub for seconds.
            known = self._figures = (asked.now_ns, asked.session, figures)
        return known[2]

    def _tell(self, channel: Channel, *, gone: bool) -> None:
        if channel.settings.public and self._watching:
            notice = ChannelChanged(info=channel.info(), gone=gone)
            for connection in self._watching:
                connection.notify(notice)


class _Asked:
    """Who asked, under which number, and when."""

    __slots__ = ("connection", "now_ns", "number")

    def __init__(self, connection: Connection, number: int, now_ns: int) -> None:
        self.connection = connection
        self.number = number
        self.now_ns = now_ns

    @property
    def session(self) -> Session:
        session = self.connection.session
        assert session is not None  # who has none cannot get so far
        return session

    def knows(self, channel: Channel | None) -> bool:
        """Whether it may be told of the channel: it is there and needs no key, or is read or written to."""
        if channel is None:
            return False
        return (
            channel.settings.key_digest is None
            or channel.is_of(self.session)
            or channel.number in self.connection.writers
            or any(channel.name in read.feeds for read in self.connection.subscriptions.values())
        )

    def subscription(self, number: int) -> Subscription:
        subscription = self.connection.subscriptions.get(number)
        if subscription is None:
            raise Refusal(Code.MISSING, f"there is no subscription {number}")
        return subscription
