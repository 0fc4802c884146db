"""`memory://name`: a broker within this process, for one machine that needs no more.

Everyone who opens the same name meets; the broker goes when the last of them closes, its topics and
offsets with it. Values are passed on, not copied. It has every feature of the promise, keeps nothing
for those who come later, and reaches no other process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from sightline.bus.inbox import Inbox
from sightline.bus.names import Topics, checked_topic
from sightline.bus.promise import MAX_MESSAGE_BYTES, Feature, Message
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BufferFull, Closed, ConfigError
from sightline.overflow import Capacity, Overflow
from sightline.wire import Headers


class MemoryBus:
    """One handle on the broker that `url` names. `sightline.bus.Bus` says what its methods do.

    Raises:
        ConfigError: `url` is not `memory://` or `memory://name`, or others opened it with another limit.
    """

    features: frozenset[str] = frozenset(Feature)

    def __init__(
        self, url: str, *, max_message_bytes: int = MAX_MESSAGE_BYTES, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.max_message_bytes = max_message_bytes
        self._clock = clock
        self._inboxes: set[Inbox] = set()
        self._closed = False
        self._broker = _join(_name(url), max_message_bytes)

    def publish(self, topic: str, value: bytes, *, key: bytes | None = None, headers: Headers = ()) -> None:
        message = Message(checked_topic(topic), value, key, headers, 0, self._clock.utc_ns())
        if message.size > self.max_message_bytes:
            raise BufferFull(
                f"expected a message of at most {self.max_message_bytes} bytes, got {message.size} "
                f"for topic {topic}"
            )
        with self._broker.lock:
            while full := self._full(topic, message):
                full.wait_for_room()
            self._broker.deliver(message)

    def subscribe(
        self,
        topics: Topics,
        *,
        capacity: Capacity,
        overflow: Overflow,
        key: Callable[[Message], Hashable] | None = None,
        keyframe: Callable[[Message], bool] | None = None,
    ) -> Inbox:
        inbox = Inbox(
            topics,
            capacity,
            overflow,
            key=key,
            keyframe=keyframe,
            max_message_bytes=self.max_message_bytes,
            on_close=self._forget,
            lock=self._broker.lock,
            clock=self._clock,
        )
        with self._broker.lock:
            self._check_open()
            self._inboxes.add(inbox)
            self._broker.enter(inbox)
        return inbox

    def close(self) -> None:
        with self._broker.lock:
            first, self._closed = not self._closed, True
            self._broker.wake_publishers()
            inboxes = tuple(self._inboxes)
        for inbox in inboxes:
            inbox.close()
        if first:
            _leave(self._broker)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _full(self, topic: str, message: Message) -> Inbox | None:
        """A reader of `topic` that has no room and must not lose anything; asked again after each wait."""
        self._check_open()
        return next((inbox for inbox in self._broker.readers(topic) if not inbox.has_room(message)), None)

    def _forget(self, inbox: Inbox) -> None:
        with self._broker.lock:
            self._inboxes.discard(inbox)
            self._broker.forget(inbox)

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("this bus is closed")


class _Broker:
    """The topics of one name, and who reads them. All but `handles` is touched with its lock held.

    A message enters all its readers at one moment, with its offset: publishers that wait for room hold
    no turn, and yet no two readers see two orders.
    """

    def __init__(self, name: str, max_message_bytes: int) -> None:
        self.name = name
        self.max_message_bytes = max_message_bytes
        self.lock = threading.Lock()
        self.handles = 0
        self._inboxes: list[Inbox] = []
        self._readers: dict[str, tuple[Inbox, ...]] = {}
        self._offsets: dict[str, int] = {}

    def readers(self, topic: str) -> tuple[Inbox, ...]:
        readers = self._readers.get(topic)
        if readers is None:  # patterns are matched once a topic, not once a message
            readers = self._readers[topic] = tuple(inbox for inbox in self._inboxes if inbox.wants(topic))
        return readers

    def deliver(self, message: Message) -> None:
        offset = self._offsets.get(message.topic, 0)
        self._offsets[message.topic] = offset + 1
        numbered = msgspec.structs.replace(message, offset=offset)
        for inbox in self.readers(message.topic):
            inbox.put(numbered)

    def enter(self, inbox: Inbox) -> None:
        self._inboxes.append(inbox)
        self._readers.clear()

    def forget(self, inbox: Inbox) -> None:
        if inbox in self._inboxes:
            self._inboxes.remove(inbox)
            self._readers.clear()

    def wake_publishers(self) -> None:
        for inbox in self._inboxes:
            inbox.give_up_waiting()


_brokers: Final[dict[str, _Broker]] = {}
_brokers_lock: Final = threading.Lock()


def _name(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "memory" or parts.path or parts.query or parts.fragment:
        raise ConfigError(f"expected memory:// or memory://name, got {url!r}")
    return checked_topic(parts.netloc) if parts.netloc else ""


def _join(name: str, max_message_bytes: int) -> _Broker:
    with _brokers_lock:
        broker = _brokers.setdefault(name, _Broker(name, max_message_bytes))
        if broker.max_message_bytes != max_message_bytes:
            raise ConfigError(
                f"memory://{name} is open with messages of at most {broker.max_message_bytes} bytes, "
                f"not {max_message_bytes}"
            )
        broker.handles += 1
        return broker


def _leave(broker: _Broker) -> None:
    with _brokers_lock:
        broker.handles -= 1
        if not broker.handles:
            del _brokers[broker.name]
