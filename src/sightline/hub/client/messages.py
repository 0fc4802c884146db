"""Putting and getting. Coroutines of whatever loop they are called in, not only the client's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sightline.hub.client.core import Core
from sightline.hub.client.positions import Gap
from sightline.hub.client.receiving import Reader
from sightline.hub.client.runs import Message
from sightline.hub.client.sending import Headers, done_async
from sightline.hub.wire.payload import Compress

TURN_MESSAGES: Final = 1024
"""Messages that were put and not sent, after which others get their turn of the loop."""


class Messages:
    """What goes through one client's channels."""

    _core: Core

    async def put_data(
        self,
        name: str,
        value: Any,
        compress: Compress | None = None,
        *,
        key: bytes | None = None,
        keyframe: bool = False,
        headers: Headers = (),
        timeout_s: float | None = None,
    ) -> bool:
        """Put a value into a channel. False: nobody wants it; it was counted and is gone.

        What can change is copied, but for large arrays that are set read-only, and bytes: these are sent from
        where they are.

        Args:
            name: of the channel.
            value: bytes, an array, or None, numbers, text, and lists, tuples, sets and dicts of all these.
            compress: "zstd" or "gzip"; of a value of some KiB, where it helps.
            key: what it is the newest of, for buffers and histories of the last of each key.
            keyframe: whether decoding may begin at it.
            headers: what goes beside it.
            timeout_s: how long to wait for room; None: for ever.

        Raises:
            TypeError: it cannot be sent; the message has the path to what in it.
            BufferFull: it is larger than the hub takes.
            ConfigError: this client does not write to the channel.
            TimeoutError: there was no room.
            BusError: the channel is gone.
        """
        sender = self._core.sender(name)
        message = sender.encoded(value, compress, key=key, keyframe=keyframe, headers=headers)
        if message is None:
            return False
        taken = await done_async(sender.put(message), sender.outbox.bell, timeout_s, f"room in {name!r}")
        if sender.outbox.backlog >= TURN_MESSAGES:
            await asyncio.sleep(0)
        return taken

    async def put_many(
        self,
        name: str,
        values: Sequence[Any],
        compress: Compress | None = None,
        *,
        timeout_s: float | None = None,
    ) -> int:
        """Put values into a channel, as few frames; how many of them were wanted.

        Raises as `put_data`: where one cannot be sent, none is put; where the time or the channel ends, those
        that had their place in line stay there, and `statistics` says how many.
        """
        sender = self._core.sender(name)
        steps = sender.put_many(values, compress)
        taken = await done_async(steps, sender.outbox.bell, timeout_s, f"room in {name!r}")
        await asyncio.sleep(0)
        return taken

    async def new_array(
        self, name: str, shape: int | Sequence[int], dtype: DTypeLike = np.uint8
    ) -> NDArray[Any]:
        """An array to write a picture into and put: where memory is shared, it is not copied on its way.

        What it holds at first is anything. Put it whole, and once: it cannot be written to any more then, nor
        may it be through views that were made of it. Where no memory can be shared, it is an ordinary array.

        Args:
            name: of the channel that it is put into.
            shape: as numpy has it.
            dtype: as numpy has it.

        Raises:
            ConfigError: this client does not write to the channel.
            TypeError: such an array cannot be sent.
        """
        sender = self._core.sender(name)
        return await done_async(sender.new_array(shape, dtype), sender.outbox.bell, None, name)

    async def wait_for_active(self, name: str, timeout_s: float | None = None) -> None:
        """Until somebody reads a channel that this client writes to. Raises TimeoutError."""
        sender = self._core.sender(name)
        await done_async(sender.active(), sender.outbox.bell, timeout_s, f"a reader of {name!r}")

    async def flush(self, name: str | None = None, timeout_s: float | None = None) -> None:
        """Until the hub has all that was put into this channel; None: into all.

        Raises:
            TimeoutError: not within so long.
            BusError: a channel went before the hub had all.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        for sender in self._core.senders(name):
            left_s = None if until is None else max(0.0, until - time.monotonic())
            what = f"{sender.outbox.name!r} taken in by the hub"
            await done_async(sender.flush(), sender.outbox.bell, left_s, what)

    async def get_data(self, name: str, timeout_s: float | None = None) -> Any:
        """The next value of a channel. Raises TimeoutError, and WireError for one that cannot be read."""
        reader = self._core.reader(name)
        return first(await reader.get_async(reader.values, 1, timeout_s), name, timeout_s)

    async def get_message(self, name: str, timeout_s: float | None = None) -> Message:
        """As `get_data`, with all that is known of it."""
        reader = self._core.reader(name)
        message: Message = first(await reader.get_async(reader.messages, 1, timeout_s), name, timeout_s)
        return message

    async def get_message_or_gap(self, name: str, timeout_s: float | None = None) -> Message | Gap:
        """As `get_message`; messages that this client does not get are told of in their place in line."""
        reader = self._core.reader(name)
        found = await reader.get_async(reader.messages_and_gaps, 1, timeout_s)
        message: Message | Gap = first(found, name, timeout_s)
        return message

    async def get_many(self, name: str, most: int, timeout_s: float | None = None) -> list[Any]:
        """What there is, at most so many values, once there is something; empty where the time ends."""
        reader = self._core.reader(name)
        return await reader.get_async(reader.values, most, timeout_s)

    async def get_messages(self, name: str, most: int, timeout_s: float | None = None) -> list[Message]:
        """As `get_many`, with all that is known of each."""
        reader = self._core.reader(name)
        return await reader.get_async(reader.messages, most, timeout_s)

    def get_read_channel_buffer(self, name: str) -> Reader:
        """What waits here of a channel, which may be used directly."""
        return self._core.reader(name)


def first(found: list[Any], name: str, timeout_s: float | None) -> Any:
    """Raises TimeoutError where nothing was found."""
    if not found:
        raise TimeoutError(f"{name!r}: nothing came within {timeout_s} s")
    return found[0]
