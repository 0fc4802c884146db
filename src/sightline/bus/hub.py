"""`hub://host:port`, `hub:///path/of/its.sock`: a broker of our own, between processes and machines.

A topic is a channel that stays when its maker goes and that anybody may write to. What waits for a reader
waits on the hub, under the reader's bounds and policy; publishers wait only for readers that asked for it,
and for a hub that takes nothing in: so much of each topic is on its way as its window allows. A topic that
nobody reads costs nothing: what is published there is counted and goes nowhere. A lost hub is connected to
again; what it did not acknowledge is sent again; what it had is lost with it.

With `?history=8MiB` topics that this handle makes keep so much each, and it is a log. The hub also keeps,
within a bound of its own, what groups have not committed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable
from types import TracebackType
from typing import Final, Self, TypeAlias

from sightline.bus.address import size_bytes
from sightline.bus.hub_log import HubConsumer
from sightline.bus.hub_subscription import HubInbox, HubSubscription
from sightline.bus.hub_thread import HubThread
from sightline.bus.inbox import check_policy
from sightline.bus.log import (
    COMPACTED_BYTES,
    IGNORED,
    Ends,
    OnEvent,
    Position,
    Start,
    no_key,
    not_compacted,
)
from sightline.bus.names import Topics, checked_group, checked_topic, topic_names, wanted_topics
from sightline.bus.promise import MAX_MESSAGE_BYTES, Feature, Message
from sightline.errors import BufferFull, BusError, Closed, ConfigError, HubError, Unsupported
from sightline.hub.address import HubAddress
from sightline.hub.client.sending import Brief, Sender
from sightline.hub.settings import KIB, ChannelSettings, History
from sightline.hub.wire.control import ChannelInfo, Code, Committed, ListChannels
from sightline.overflow import Capacity, Overflow
from sightline.wire import Headers

_Reader: TypeAlias = HubSubscription | HubInbox | HubConsumer

DELIVER_S: Final = 5.0
"""How long `close` waits for the hub to take in what was published."""
_COMPACTED: Final = ChannelSettings(
    keep=True, many_writers=True, history=History(kind="per_key", bytes=COMPACTED_BYTES)
)
_BESIDE_BYTES: Final = 64 * KIB
"""What key and headers may take on the wire beyond their own bytes."""


class HubBus:
    """One handle on a hub. `sightline.bus.Bus` and `Log` say what its methods do.

    Raises:
        ConfigError: `url` is no address of a hub, or has an option that is not known.
        BusError: no hub answers there, or it does not take us.
    """

    features: frozenset[str] = frozenset(Feature)

    def __init__(self, url: str, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        address = HubAddress.of(url)
        if unknown := address.rest.keys() - {"history"}:
            raise ConfigError(f"expected history, tls_ca, tls_certificate or tls_key, got {sorted(unknown)}")
        history = address.rest.get("history")
        if history is None:
            self.features = self.features - {Feature.LOG}
        self._settings = ChannelSettings(
            keep=True,
            many_writers=True,
            history=None if history is None else History(bytes=size_bytes(history)),
        )
        self._thread = HubThread(address)
        self.max_message_bytes = min(max_message_bytes, self._thread.link.message_bytes - _BESIDE_BYTES)
        self._compacted: frozenset[str] = frozenset()
        self._senders: dict[str, Sender] = {}
        self._opening = threading.Lock()
        self._readers: set[_Reader] = set()
        self._closed = False

    def publish(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        keyframe: bool = False,
    ) -> None:
        sender = self._sender(topic)
        if not key and topic in self._compacted:
            raise no_key(topic)
        size = len(value) + len(key or b"") + sum(len(name) + len(text) for name, text in headers)
        if size > self.max_message_bytes:
            raise BufferFull(
                f"expected a message of at most {self.max_message_bytes} bytes, got {size} for topic {topic}"
            )
        message = sender.encoded(value, key=key, headers=headers, keyframe=keyframe)
        if message is None:  # nobody reads it
            return
        for step in sender.put(message):
            self._wait(sender, step)

    def wait_wanted(self, topic: str, timeout_s: float) -> bool:
        outbox = self._sender(topic).outbox
        outbox.bell.wait(lambda: self._closed or outbox.is_active(), timeout_s)
        self._check_open()
        return outbox.wanted

    @property
    def unread(self) -> int:
        """Messages that were published where nobody read; they were not sent."""
        return sum(sender.outbox.stats().unwanted for sender in tuple(self._senders.values()))

    def subscribe(
        self,
        topics: Topics,
        *,
        capacity: Capacity,
        overflow: Overflow,
        key: Callable[[Message], Hashable] | None = None,
        keyframe: Callable[[Message], bool] | None = None,
    ) -> HubSubscription | HubInbox:
        self._check_open()
        check_policy(capacity, overflow, self.max_message_bytes)
        wanted = wanted_topics(topics)
        by_own = (overflow is Overflow.LATEST_PER_KEY and key is not None) or (
            overflow is Overflow.DROP_TO_KEYFRAME and keyframe is not None
        )
        reader: HubSubscription | HubInbox
        if by_own:
            reader = HubInbox(
                self._thread,
                topics,
                capacity,
                overflow,
                self._readers.discard,
                key=key,
                keyframe=keyframe,
            )
        else:
            reader = HubSubscription(self._thread, wanted, capacity, overflow, self._readers.discard)
        self._readers.add(reader)
        return reader

    def consume(
        self,
        topics: Topics,
        *,
        group: str | None = None,
        start: Start = "latest",
        on_event: OnEvent = IGNORED,
    ) -> HubConsumer:
        self._check_log()
        self._check_open()
        wanted = wanted_topics(topics)
        joined = None if group is None else checked_group(group)
        consumer = HubConsumer(
            self._thread,
            wanted,
            group=joined,
            start=start,
            on_event=on_event,
            on_close=self._readers.discard,
        )
        self._readers.add(consumer)
        return consumer

    def compact(self, topics: str | Iterable[str]) -> None:
        self._check_log()
        self._check_open()
        names = topic_names(topics)
        self._refuse_others(names)
        self._compacted |= names
        for topic in sorted(names):  # its writer makes it, also again on a hub that lost all
            self._sender(topic)
        self._refuse_others(names)  # who made one meanwhile

    def committed(self, group: str, topics: str | Iterable[str]) -> dict[str, Position]:
        self._check_open()
        request = Committed(group=checked_group(group), names=tuple(topic_names(topics)))
        try:
            found: dict[str, tuple[int, str]] = self._thread.run(self._thread.asked(request))
        except HubError as error:
            if error.code == Code.MISSING:
                return {}
            raise
        return {topic: Position(*position) for topic, position in found.items()}

    def ends(self, topics: str | Iterable[str]) -> dict[str, Ends]:
        self._check_open()
        return self._thread.run(self._thread.ends(topic_names(topics)))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        left = 0
        for sender in tuple(self._senders.values()):
            sender.outbox.bell.ring()
        try:
            left = self._thread.run(self._ended())
        finally:
            self._thread.end()
        if left:
            raise BusError(f"the hub did not take in {left} messages within {DELIVER_S} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _ended(self) -> int:
        """Gives how many messages the hub does not have."""
        for reader in tuple(self._readers):
            await reader.end()
        until_s = time.monotonic() + DELIVER_S
        outboxes = [sender.outbox for sender in self._senders.values()]
        for outbox in outboxes:
            await outbox.bell.wait_async(outbox.is_flushed, max(0.0, until_s - time.monotonic()))
        # What a hub that lives was sent waits there for a reader's room, also when we are gone.
        alive = self._thread.link.alive
        left = [outbox for outbox in outboxes if outbox.failure is None]
        return sum(outbox.backlog if alive else outbox.unacknowledged for outbox in left)

    def _sender(self, topic: str) -> Sender:
        self._check_open()
        sender = self._senders.get(topic)
        return self._opened(topic) if sender is None or sender.outbox.failure is not None else sender

    def _opened(self, topic: str) -> Sender:
        checked_topic(topic)
        with self._opening:
            sender = self._senders.get(topic)
            if sender is None or sender.outbox.failure is not None:
                settings = _COMPACTED if topic in self._compacted else self._settings
                sender = self._senders[topic] = self._thread.run(self._thread.open(topic, settings))
            return sender

    def _wait(self, sender: Sender, step: Callable[[], object] | Brief) -> None:
        may_go_on, most_s = step if isinstance(step, Brief) else (step, None)
        sender.outbox.bell.wait(lambda: self._closed or may_go_on(), most_s)
        self._check_open()

    def _refuse_others(self, topics: frozenset[str]) -> None:
        """Raises ConfigError where a channel is there that keeps something else."""
        channels: list[ChannelInfo] = self._thread.run(self._thread.asked(ListChannels()))
        for channel in channels:
            history = channel.settings.history
            if channel.name in topics and (history is None or history.kind != "per_key"):
                self._compacted -= {channel.name}
                keeps = "nothing" if history is None else f"'{history.kind}' of {history.bytes} bytes"
                raise not_compacted(channel.name, keeps)

    def _check_log(self) -> None:
        if Feature.LOG not in self.features:
            raise Unsupported(f"hub:// is no {Feature.LOG} without a history, as in hub://host?history=8MiB")

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("this bus is closed")
