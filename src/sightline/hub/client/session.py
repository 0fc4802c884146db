"""One client's side of the protocol: who it is, what it asked for, and how all that is made again.

Pure: frames and a time go in, frames stand in `lanes`, outcomes are told by calls; no I/O, no sleeping. It
promises: after each (re)connection the hub is told again of the channels that this client made, its writers
with what was not acknowledged, its subscriptions with how far they came, and its methods, in that order and
before anything new; what waits for an answer when the connection ends gets an error, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from sightline.clock import NS_PER_S, ns
from sightline.errors import BusError, Closed, SightlineError, WireError
from sightline.hub.client.asking import Asking, Done, Failed, failure_of, ignore
from sightline.hub.client.positions import Gap
from sightline.hub.client.runs import Run, Shared
from sightline.hub.client.subscription import Subscription
from sightline.hub.client.writers import Writers
from sightline.hub.client.writing import Outbox
from sightline.hub.wire.control import (
    Attached,
    ChannelChanged,
    ChannelInfo,
    CreateChannel,
    Demand,
    Detached,
    GapBody,
    ListChannels,
    Notice,
    Pause,
    Serve,
    Unsubscribe,
    Welcome,
    WriterClosed,
    WriterIs,
)
from sightline.hub.wire.header import SHARED, Buffer, Frame, Head, Kind
from sightline.hub.wire.lanes import Lanes, LargeCalls
from sightline.shm.token import Token

SMALL_BYTES: Final = 64 * 1024
"""Frames up to this size go before all data."""
_notice: Final = msgspec.msgpack.Decoder(Notice)
_gap: Final = msgspec.msgpack.Decoder(GapBody)


class Calls(Protocol):
    """Who handles the frames of remote calls."""

    def received(self, frame: Frame) -> None: ...
    def lost(self, error: SightlineError) -> None: ...


class Session:
    """The state of one client. Used in one loop, but for what its outboxes and inboxes allow.

    Attributes:
        lanes: what is to be sent on the present connection; None: there is none.
        hub, nonce: its id, and what keys are proved with.
        channels, writers, subscriptions, service: what is made again.
        on_send: called when there is something in the lanes.
        at_once: called with a small frame where nothing is before it; whether it was sent past the lanes.
        on_channel: called when a channel comes or goes, where that is watched.
        memory_of: where the payload of a token lies; None: nothing is shared with us.
        reconnects: connections after the first; below 0 before that.
    """

    def __init__(self, calls: Calls) -> None:
        self.lanes: Lanes | None = None
        self.hub = b""
        self.nonce = b""
        self.channels: dict[str, CreateChannel] = {}
        self.asking = Asking(self.send)
        self.writers = Writers(self.asking, self.channels)
        self.subscriptions: dict[int, Subscription] = {}
        self.service: Serve | None = None
        self.on_send: Callable[[], object] = lambda: None
        self.at_once: Callable[[bytes], bool] = lambda _frame: False
        self.on_channel: Callable[[ChannelChanged], object] | None = None
        self.memory_of: Callable[[Token], memoryview] | None = None
        self.ping_ns: int | None = None
        self.reconnects = -1
        self._calls = calls
        self._large = LargeCalls()
        self._feeds: dict[int, tuple[Subscription, str]] = {}
        self._authors: dict[int, tuple[str, bytes]] = {}
        self._heard_ns = self._pinged_ns = self._silence_ns = 0
        self._receive: dict[int, Callable[[Frame, int], object]] = {
            Kind.DATA: self._data,
            Kind.ACK: self._ack,
            Kind.ANSWER: lambda frame, _now: self.asking.answered(frame),
            Kind.ERROR: self._error,
            Kind.NOTICE: self._told,
            Kind.GAP: self._missed,
            Kind.PONG: self._pong,
            Kind.PING: self._ping,
            Kind.BYE: self._bye,
            Kind.CALL: lambda frame, _now: self._calls.received(frame),
            Kind.REPLY: lambda frame, _now: self._calls.received(frame),
            Kind.CANCEL: lambda frame, _now: self._calls.received(frame),
        }

    # A connection begins and ends.

    def begin(self, nonce: bytes, welcome: Welcome, now_ns: int) -> None:
        """The hub took us: what this client had is made again."""
        self.lanes = Lanes()
        self.lanes.add(self._large)
        self.hub, self.nonce = welcome.hub, nonce
        self.reconnects += 1
        self._heard_ns = self._pinged_ns = now_ns
        self._silence_ns = ns(welcome.silence_s)
        for create in self.channels.values():
            self.asking.ask(create, ignore, self._not_made_again(create.name))
        self.writers.begin(self.lanes, nonce, welcome.message_bytes, now_ns)
        for subscription in tuple(self.subscriptions.values()):
            self.subscribe(subscription, ignore, subscription.inbox.fail, again=True)
        if self.service is not None:
            self.asking.ask(self.service, ignore, ignore)
        if self.on_channel is not None:
            self.asking.ask(ListChannels(watch=True), self._listed_again, ignore)

    def end(self, error: SightlineError) -> None:
        """The connection is gone, for `error`."""
        self.lanes = None
        self._large = LargeCalls()
        self._feeds.clear()
        self._authors.clear()
        self.writers.end()
        self.asking.lost(error)
        self._calls.lost(error)

    def tick(self, now_ns: int) -> str | None:
        """To be called a few times a second; why the connection is to be ended, if it is."""
        if now_ns - self._heard_ns > self._silence_ns:
            return f"nothing was heard of the hub for {(now_ns - self._heard_ns) / NS_PER_S:.1f} s"
        if now_ns - self._pinged_ns > self._silence_ns // 3:
            self._pinged_ns = now_ns
            self.send(Head(0, Kind.PING, time_ns=now_ns))
        for subscription in self.subscriptions.values():
            if subscription.inbox.unreported:
                self.give_credit(subscription)
        self.writers.tick(now_ns)
        return None

    # What goes out.

    def send(self, head: Head, *body: Buffer) -> bool:
        """A frame that is no data. False: there is no connection, and it is gone."""
        if self.lanes is None:
            return False
        if head.body_bytes <= SMALL_BYTES:
            frame = b"".join((head.packed(), *body))
            if not self.lanes.pending and self.at_once(frame):
                return True
            self.lanes.urgent(frame)
        else:
            self._large.put(head, body)
            self.lanes.wake(self._large)
        self.on_send()
        return True

    def subscribe(
        self, subscription: Subscription, done: Done, failed: Failed, *, again: bool = False
    ) -> None:
        """Make it known to the hub; it is made again until it is ended."""
        self.subscriptions.pop(subscription.number, None)
        request = subscription.request(self.asking.number(), self.nonce, again=again)
        self.subscriptions[subscription.number] = subscription

        def subscribed(answer: Any) -> None:
            self.give_credit(subscription)
            if subscription.paused:
                pause = Pause(number=subscription.number, names=tuple(subscription.paused), on=True)
                self.asking.ask(pause, ignore, ignore)
            done(answer)

        def refused(error: SightlineError) -> None:
            if not (again and self.lanes is None):  # else it is asked again on the next connection
                self.subscriptions.pop(subscription.number, None)
                failed(error)

        self.asking.ask(request, subscribed, refused)

    def unsubscribe(self, subscription: Subscription, done: Done, failed: Failed) -> None:
        self.subscriptions.pop(subscription.number, None)
        for feed in subscription.feeds:
            self._feeds.pop(feed, None)
        self.asking.ask(Unsubscribe(number=subscription.number), done, failed)

    def leave(self, subscription: Subscription) -> None:
        """As `unsubscribe`, whether the hub knows of it or not, and without an answer."""
        if self.subscriptions.get(subscription.number) is subscription:
            self.unsubscribe(subscription, ignore, ignore)

    def give_credit(self, subscription: Subscription) -> None:
        """Tell the hub what was taken, and what it may send."""
        if subscription.number in self.subscriptions:
            self.send(subscription.inbox.credit(subscription.number))

    def wake(self, outbox: Outbox) -> None:
        """It has something to send."""
        if self.lanes is not None:
            self.lanes.wake(outbox)

    # What comes in.

    def received(self, frame: Frame, now_ns: int) -> None:
        """Raises WireError where the hub does not keep to the protocol."""
        self._heard_ns = now_ns
        receive = self._receive.get(frame.head.kind)
        if receive is None:
            raise WireError(f"expected no frame of kind {frame.head.kind} of a hub")
        try:
            receive(frame, now_ns)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise WireError(
                f"expected a frame of kind {frame.head.kind} that can be read: {error}"
            ) from error

    def _data(self, frame: Frame, _now_ns: int) -> None:
        shared = self._shared(frame) if frame.head.flags & SHARED else None  # first: it is leased to us
        feed = self._feeds.get(frame.head.channel)
        if feed is None:
            return  # unsubscribed, and the hub did not know yet
        subscription, name = feed
        writer, session = self._authors.get(frame.head.writer, ("", None))
        arrival = subscription.positions.data(name, frame.head, session)
        for gap in (arrival.held, arrival.gap):
            if gap is not None:
                subscription.inbox.missed(gap)
        if subscription.inbox.arrived(Run(frame, name, writer, arrival.skip, shared)):
            self.give_credit(subscription)

    def _shared(self, frame: Frame) -> Shared:
        """What is not as its token says costs that message alone: its writer may have changed it.

        Raises:
            BusError: the side socket ended first, as it may where a hub is killed: the message is lost with
                the connection, as what had not come yet.
        """
        if self.memory_of is None or frame.head.messages != 1:
            raise WireError("expected payloads in their frames, got a token of one")
        token = Token.unpacked(memoryview(frame.body)[frame.head.ext_bytes :])
        try:
            return Shared(token.size, self.memory_of(token))
        except WireError as error:
            return Shared(token.size, error)
        except Closed as error:
            raise BusError(str(error)) from error

    def _missed(self, frame: Frame, _now_ns: int) -> None:
        feed = self._feeds.get(frame.head.channel)
        if feed is None:
            return
        subscription, name = feed
        body = _gap.decode(frame.body)
        told = Gap(
            channel=name,
            first_offset=frame.head.offset,
            last_offset=body.last_offset,
            messages=frame.head.messages,
            reason=body.reason,
        )
        gap = subscription.positions.gap(told)
        if gap is not None:
            subscription.inbox.missed(gap)

    def _ack(self, frame: Frame, _now_ns: int) -> None:
        if self.writers.acknowledged(frame.head.channel, frame.head.seq):
            self.on_send()

    def _error(self, frame: Frame, _now_ns: int) -> None:
        if self.asking.refused(frame):
            return
        if not frame.head.seq:  # of the connection: it ends
            raise failure_of(frame)
        self._calls.received(frame)

    def _ping(self, frame: Frame, _now_ns: int) -> None:
        self.send(Head(0, Kind.PONG, time_ns=frame.head.time_ns))

    def _bye(self, _frame: Frame, _now_ns: int) -> None:
        raise BusError("the hub said goodbye")

    def _pong(self, frame: Frame, now_ns: int) -> None:
        self.ping_ns = now_ns - frame.head.time_ns

    def _told(self, frame: Frame, now_ns: int) -> None:
        match _notice.decode(frame.body):
            case Attached() | Detached() as notice:
                self._fed(notice)
            case WriterIs() as notice:
                self._authors[notice.writer] = (notice.client, notice.session)
            case Demand() as notice:
                self.writers.demand(notice)
            case ChannelChanged() as notice:
                self._channel_changed(notice)
            case WriterClosed() as notice:
                self.channels.pop(notice.name, None)
                self.writers.closed(notice, now_ns)

    def _fed(self, notice: Attached | Detached) -> None:
        """A channel came to a subscription, or went from it."""
        if isinstance(notice, Detached):
            feed = self._feeds.pop(notice.feed, None)
            if feed is not None:
                feed[0].detached(notice)
            return
        subscription = self.subscriptions.get(notice.subscription)
        if subscription is not None:
            self._feeds[notice.feed] = (subscription, notice.name)
            subscription.attached(notice, self.hub)

    # Made again.

    def _not_made_again(self, name: str) -> Failed:
        def failed(error: SightlineError) -> None:
            if self.lanes is not None:
                self.channels.pop(name, None)
                self.writers.give_up(name, error)

        return failed

    def _listed_again(self, channels: list[ChannelInfo]) -> None:
        for info in channels:
            self._channel_changed(ChannelChanged(info=info))

    def _channel_changed(self, change: ChannelChanged) -> None:
        if self.on_channel is not None:
            self.on_channel(change)
