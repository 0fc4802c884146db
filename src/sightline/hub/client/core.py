"""What both kinds of client do alike: the channels that are written and read, and the hub's other answers.

Coroutines run in the loop of the link. What is plain may be called from any thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from sightline.errors import BusError, Closed, ConfigError, SightlineError
from sightline.hub.broker.statistics import HubStats
from sightline.hub.client.faults import again
from sightline.hub.client.link import Link
from sightline.hub.client.positions import Gap
from sightline.hub.client.reading import Inbox, Prefetch, ReaderStats
from sightline.hub.client.receiving import Reader
from sightline.hub.client.sending import Sender, done_async
from sightline.hub.client.session import Session
from sightline.hub.client.subscription import Subscription
from sightline.hub.client.writers import Writer
from sightline.hub.client.writing import WriterStats
from sightline.hub.settings import ChannelSettings
from sightline.hub.wire.control import (
    ChannelChanged,
    ChannelInfo,
    CloseWriter,
    CreateChannel,
    DeleteChannel,
    ListChannels,
    Notice,
    Pause,
    Request,
    Seek,
    Statistics,
    Subscribe,
    SubscriptionStats,
)
from sightline.log import get_logger
from sightline.overflow import BufferStats

T = TypeVar("T")


class ClientStats(msgspec.Struct, frozen=True, kw_only=True):
    """What one client has done.

    Attributes:
        reconnects: connections after the first.
        ping_ms: of the last ping.
        shares: whether memory can be shared with the hub now.
        leases: payloads that this client looks at in place, of those that came over the present connection.
        calls: of methods that this client serves, in hand.
    """

    name: str
    alive: bool
    reconnects: int
    ping_ms: float | None
    writers: dict[str, WriterStats]
    readers: dict[str, ReaderStats]
    shares: bool = False
    leases: int = 0
    calls: int = 0


class Core:
    """One client's channels."""

    def __init__(self, link: Link, tto: float) -> None:
        self.link = link
        self.tto = tto
        self._logger = get_logger(__name__)
        self._session: Session = link.session
        self._senders: dict[str, Sender] = {}
        self._readers: dict[str, Reader] = {}
        self._next_seqs: dict[str, int] = {}  # of channels that were written to before
        self._opening = asyncio.Lock()

    # Writing.

    async def create(self, name: str, settings: ChannelSettings, key: str | None) -> ChannelInfo:
        request = CreateChannel(name=name, settings=settings)
        info: ChannelInfo = await self.link.request(request, self.tto)
        self._session.channels[name] = request
        await self.open(name, key)
        return info

    async def open(self, name: str, key: str | None) -> None:
        """Make this client one of the channel's writers."""
        async with self._opening:  # of two that ask for it at once, one does
            if name in self._session.writers.by_name:
                return
            outbox = self.link.outbox(name, self._first_seq(name))
            writer = Writer(outbox, key)
            await self.link.asked(
                lambda done, failed: self._session.writers.open(writer, done, failed), self.tto
            )
            self._session.writers.by_name[name] = writer
            self._senders[name] = Sender(self.link, outbox)

    def _first_seq(self, name: str) -> int:
        """Of a writer: the numbers go on where those of an earlier one to this name ended."""
        before = self._senders.get(name)
        return self._next_seqs.get(name, 0) if before is None else before.outbox.next_seq

    async def _close_writer(self, name: str) -> None:
        sender, outbox = self.sender(name), self.sender(name).outbox
        if outbox.failure is None:
            await done_async(sender.flush(), outbox.bell, self.tto, f"{name!r} taken in by the hub")
        self._senders.pop(name, None)
        self._next_seqs[name] = outbox.next_seq
        self._session.writers.by_name.pop(name, None)
        number = outbox.channel
        outbox.fail(Closed(f"this client does not write to {name!r} any more"))
        try:
            if number is not None:
                await self.link.request(CloseWriter(channel=number), self.tto)
        finally:
            outbox.share.end()

    async def watch(self, on_change: Callable[[ChannelChanged], object]) -> list[ChannelInfo]:
        channels: list[ChannelInfo] = await self.link.request(ListChannels(watch=True), self.tto)
        self._session.on_channel = self._guarded(on_change)
        return channels

    async def delete(self, name: str) -> None:
        await self.link.request(DeleteChannel(name=name), self.tto)
        self._session.channels.pop(name, None)
        self._session.writers.by_name.pop(name, None)
        if name in self._senders:
            self._senders[name].outbox.gone(BusError(f"the channel {name!r} was deleted"))

    def sender(self, name: str) -> Sender:
        """Raises ConfigError where this client does not write to it."""
        sender = self._senders.get(name)
        if sender is None:
            self._raise_failure()
            raise ConfigError(
                f"expected a channel that this client created or subscribed for writing, got {name!r}"
            )
        return sender

    def senders(self, name: str | None) -> list[Sender]:
        return list(self._senders.values()) if name is None else [self.sender(name)]

    async def flush_all(self, timeout_s: float) -> None:
        """Until the hub has what it can get of all channels. Raises TimeoutError."""
        flushing = (
            done_async(sender.flush(), sender.outbox.bell, timeout_s, f"{name!r} taken in by the hub")
            for name, sender in self._senders.items()
            if sender.outbox.failure is None
        )
        await asyncio.gather(*flushing, return_exceptions=True)
        left = sum(sender.outbox.unacknowledged for sender in self._senders.values())
        if left:
            self._logger.warning("messages did not reach the hub", client=self.link.name, messages=left)

    # Reading.

    async def subscribe(
        self,
        wish: Subscribe,
        *,
        key: str | None = None,
        prefetch: Prefetch | int | None = None,
        on_gap: Callable[[Gap], object] | None = None,
        on_notice: Callable[[Notice], object] | None = None,
    ) -> Reader:
        """A subscription of names or a glob; it is known by its first name, or its glob."""
        if wish.glob is None and not wish.names:
            raise ConfigError("expected names or a glob to read")
        known_by = wish.glob if wish.glob is not None else wish.names[0]
        if known_by in self._readers:
            raise ConfigError(f"expected one subscription of {known_by!r}, got another")
        credit = Prefetch.of(wish.buffer) if prefetch is None else prefetch
        credit = Prefetch(messages=credit) if isinstance(credit, int) else credit
        told = None if on_notice is None else self._guarded(on_notice)
        passed = None if on_gap is None else self._guarded(on_gap)
        subscription = Subscription(wish, Inbox(credit, passed), key=key, on_notice=told)
        reader = self._readers[known_by] = Reader(self.link, subscription)
        try:
            await self.link.asked(
                lambda done, failed: self._session.subscribe(subscription, done, failed), self.tto
            )
        except BaseException:  # also of who does not wait any more: the hub may have granted it
            del self._readers[known_by]
            self._session.leave(subscription)
            raise
        return reader

    async def unsubscribe(self, name: str) -> None:
        """What waits here may still be taken from the reader itself; then it raises Closed."""
        if name not in self._readers and name in self._senders:
            await self._close_writer(name)
            return
        reader = self.reader(name)
        del self._readers[name]
        reader.subscription.inbox.fail(Closed(f"this client does not read {name!r} any more"))
        if not self.link.alive:  # nor does the hub know of it any more
            self._session.leave(reader.subscription)
            return
        await self.link.asked(
            lambda done, failed: self._session.unsubscribe(reader.subscription, done, failed), self.tto
        )

    def reader(self, name: str) -> Reader:
        """Raises ConfigError where this client does not read it."""
        reader = self._readers.get(name)
        if reader is None:
            self._raise_failure()
            raise ConfigError(f"expected a channel that this client subscribed for reading, got {name!r}")
        return reader

    async def pause(self, name: str, channels: Sequence[str], *, on: bool) -> None:
        """Pass over these channels of a subscription, or no longer; kept over reconnects."""
        subscription = self.reader(name).subscription
        paused = subscription.paused
        paused.update(channels) if on else paused.difference_update(channels)
        request = Pause(number=subscription.number, names=tuple(channels), on=on)
        await self.link.request(request, self.tto)

    async def seek(self, name: str, channel: str, offset: int | None) -> int:
        """Go on at `offset` of a channel, None: its end. The offset that comes next."""
        subscription = self.reader(name).subscription
        request = Seek(number=subscription.number, name=channel, offset=offset)
        next_offset: int = await self.link.request(request, self.tto)
        subscription.inbox.drop("seek", channel)
        subscription.positions.moved(channel, next_offset)
        return next_offset

    async def subscription_stats(self, name: str) -> dict[str, BufferStats]:
        number = self.reader(name).subscription.number
        stats: dict[str, BufferStats] = await self.link.request(SubscriptionStats(number=number), self.tto)
        return stats

    # Other things.

    async def request(self, request: Request) -> Any:
        return await self.link.request(request, self.tto)

    async def server_statistics(self) -> HubStats:
        stats: HubStats = await self.link.request(Statistics(), self.tto)
        return stats

    def statistics(self) -> ClientStats:
        ping_ns = self._session.ping_ns
        return ClientStats(
            name=self.link.name,
            alive=self.link.alive,
            reconnects=max(0, self._session.reconnects),
            ping_ms=None if ping_ns is None else ping_ns / 1e6,
            writers={name: sender.outbox.stats() for name, sender in self._senders.items()},
            readers={name: reader.stats() for name, reader in self._readers.items()},
            shares=self.link.siding.shares,
            leases=self.link.siding.leases,
        )

    def end(self, error: SightlineError) -> None:
        """Whoever waits, or comes, gets `error`."""
        for sender in self._senders.values():
            sender.outbox.fail(error)
        for reader in self._readers.values():
            reader.subscription.inbox.fail(error)

    def disown(self, error: SightlineError) -> None:
        """As `end`, where a lock may be held by a thread that there is not: who comes gets `error`."""
        self.link.failure = error
        self.link.alive = False
        self._senders = {}
        self._readers = {}

    def _guarded(self, callback: Callable[[T], object]) -> Callable[[T], None]:
        """An error of the application's own must not end the connection: it is logged."""

        def called(notice: T) -> None:
            try:
                callback(notice)
            except Exception:
                self._logger.exception("a callback failed", client=self.link.name, notice=notice)

        return called

    def _raise_failure(self) -> None:
        if self.link.failure is not None:
            raise again(self.link.failure)
