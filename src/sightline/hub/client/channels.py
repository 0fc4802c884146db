"""What a client does with channels: make, list, read and write them. Coroutines of the client's loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sightline.hub.client.core import Core
from sightline.hub.client.positions import Gap
from sightline.hub.client.reading import Prefetch
from sightline.hub.client.receiving import Reader
from sightline.hub.client.wishes import channel_settings, reader_buffer
from sightline.hub.settings import MIB, History, ReaderBuffer
from sightline.hub.wire.control import (
    ChannelChanged,
    ChannelInfo,
    ClientInfo,
    ListChannels,
    ListClients,
    Notice,
    Subscribe,
)
from sightline.overflow import BufferStats, Overflow


class Channels:
    """One client's channels."""

    _core: Core

    async def create_new_channel(
        self,
        name: str,
        public: bool = True,
        *,
        key: str | None = None,
        lifetime_s: float | None = None,
        keep: bool = False,
        many_writers: bool = False,
        may_block: bool = True,
        history: History | int | None = None,
    ) -> ChannelInfo:
        """Make a channel that this client owns and writes to; after a reconnect it is made again.

        Args:
            name: of the channel.
            public: whether it is listed; else whoever uses it must know its name and `key`.
            key: of a private channel.
            lifetime_s: it ends by itself after so many seconds.
            keep: whether it outlives this client.
            many_writers: whether others may write as well.
            may_block: whether a reader may make the writers wait.
            history: what late readers get; a number: the last so many messages.

        Raises:
            ConfigError: these do not go together.
            HubError: it is another client's, or one too many.
        """
        settings = channel_settings(
            public=public,
            key=key,
            lifetime_s=lifetime_s,
            keep=keep,
            many_writers=many_writers,
            may_block=may_block,
            history=history,
        )
        return await self._core.create(name, settings, key)

    async def delete_channel(self, name: str) -> None:
        """The owner alone may. Raises HubError."""
        await self._core.delete(name)

    async def list_channels(self) -> list[ChannelInfo]:
        """The public channels, and this client's own."""
        channels: list[ChannelInfo] = await self._core.request(ListChannels())
        return channels

    async def watch_channels(self, on_change: Callable[[ChannelChanged], object]) -> list[ChannelInfo]:
        """As `list_channels`; from now on `on_change` is called in the loop when one comes or goes.

        After a reconnect it is called with all that are there.
        """
        return await self._core.watch(on_change)

    async def list_clients(self) -> list[ClientInfo]:
        clients: list[ClientInfo] = await self._core.request(ListClients())
        return clients

    async def subscribe_read_channel(
        self,
        name: str,
        *,
        server_buffer_size: int | None = 1000,
        server_buffer_bytes: int | None = 64 * MIB,
        server_full_behavior: Overflow | str = Overflow.DROP_OLDEST,
        fill_rate: int = 1,
        max_per_s: float | None = None,
        max_age_s: float | None = None,
        start: str | int = "new",
        key: str | None = None,
        wait: bool = False,
        prefetch: Prefetch | int | None = None,
        on_gap: Callable[[Gap], object] | None = None,
    ) -> Reader:
        """Read a channel, by way of a buffer that this client has on the hub.

        Args:
            name: of the channel.
            server_buffer_size: messages that the buffer holds; None: no bound at all, also not in bytes.
            server_buffer_bytes: what they may weigh.
            server_full_behavior: what happens beyond that: a word of `sightline.overflow.Overflow`.
            fill_rate: every so many-th message is taken into it.
            max_per_s: at most so many a second are.
            max_age_s: those that are older are dropped from it.
            start: "new", "history" (what the channel keeps comes first), or an offset: that from there on.
            key: of a private channel.
            wait: whether a channel that is not there is waited for; else that is an error.
            prefetch: messages that may be sent ahead of what the application asked for; 0: none, so that what
                it gets is what the buffer holds at that moment (asked with a time of 0: nothing); None: as
                suits the buffer, which is none for one of less than 64 messages.
            on_gap: called by whoever reads, when it comes past messages that this client does not get.

        Returns:
            What waits here, which may be used directly.

        Raises:
            ConfigError: these do not go together, or with the channel.
            HubError: there is no such channel, or the key is not right.
        """
        buffer = reader_buffer(
            server_buffer_size=server_buffer_size,
            server_buffer_bytes=server_buffer_bytes,
            server_full_behavior=server_full_behavior,
            fill_rate=fill_rate,
            max_per_s=max_per_s,
            max_age_s=max_age_s,
        )
        wish = Subscribe(number=0, names=(name,), buffer=buffer, start=start, wait=wait)
        return await self._core.subscribe(wish, key=key, prefetch=prefetch, on_gap=on_gap)

    subscribe_read_from_channel = subscribe_read_channel

    async def subscribe(
        self,
        names: Sequence[str] = (),
        *,
        glob: str | None = None,
        buffer: ReaderBuffer | None = None,
        start: str | int = "new",
        wait: bool = True,
        group: str | None = None,
        key: str | None = None,
        prefetch: Prefetch | int | None = None,
        on_gap: Callable[[Gap], object] | None = None,
        on_notice: Callable[[Notice], object] | None = None,
    ) -> Reader:
        """Read many channels as one: these, or all public ones that `glob` matches.

        In a glob `*` is any run of characters, and nothing else is special. The subscription is known by its
        glob, or its first name. `on_notice` is called in the loop when a channel comes to it or goes from it.
        The rest is as `subscribe_read_channel` has it.
        """
        wish = Subscribe(
            number=0,
            names=tuple(names),
            glob=glob,
            buffer=ReaderBuffer() if buffer is None else buffer,
            start=start,
            wait=wait,
            group=group,
        )
        return await self._core.subscribe(
            wish, key=key, prefetch=prefetch, on_gap=on_gap, on_notice=on_notice
        )

    async def subscribe_write_channel(self, name: str, key: str | None = None) -> None:
        """Write to another client's channel. Raises HubError where that is not allowed."""
        await self._core.open(name, key)

    subscribe_write_to_channel = subscribe_write_channel

    async def unsubscribe(self, name: str) -> None:
        """Read it no more; or, where it was not read, write to it no more."""
        await self._core.unsubscribe(name)

    async def subscription_stats(self, name: str) -> dict[str, BufferStats]:
        """The counts of the buffers on the hub behind one subscription, by channel."""
        return await self._core.subscription_stats(name)

    async def pause(self, name: str, channels: Sequence[str], *, on: bool = True) -> None:
        """Pass over these channels of the subscription `name`, or (`on` False) no longer."""
        await self._core.pause(name, channels, on=on)

    async def seek(self, name: str, channel: str, offset: int | None) -> int:
        """Read a channel of the subscription `name` on from `offset`, None: its end; gives where that is."""
        return await self._core.seek(name, channel, offset)
