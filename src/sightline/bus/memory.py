"""`memory://name`: a broker within this process, for one machine that needs no more.

Everyone who opens the same name meets; the broker goes when the last of them closes, its topics and
offsets with it. Values are passed on, not copied. It has every feature of both promises and reaches no other
process. As a log, `memory://name?history=64MiB`, it keeps so much of each topic; without, nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from sightline.bus.address import options, size_bytes
from sightline.bus.group import Change, Group
from sightline.bus.history import History, Kept, LastOfEachKey
from sightline.bus.inbox import Inbox
from sightline.bus.log import COMPACTED_BYTES, IGNORED, Ends, OnEvent, Position, Start, no_key, not_compacted
from sightline.bus.memory_log import MemoryConsumer
from sightline.bus.names import Topics, checked_group, checked_topic, topic_names, wanted_topics
from sightline.bus.promise import MAX_MESSAGE_BYTES, Feature, Message
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BufferFull, Closed, ConfigError, Unsupported
from sightline.overflow import Capacity, Overflow
from sightline.wire import Headers


class MemoryBus:
    """One handle on the broker that `url` names. `sightline.bus.Bus` and `Log` say what its methods do.

    Raises:
        ConfigError: `url` is not `memory://` or `memory://name`, with `?history=64MiB` or without, or others
            opened it with another limit or history.
    """

    features: frozenset[str] = frozenset(Feature)

    def __init__(
        self, url: str, *, max_message_bytes: int = MAX_MESSAGE_BYTES, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.max_message_bytes = max_message_bytes
        self._clock = clock
        self._readers: set[Inbox | MemoryConsumer] = set()
        self._closed = False
        name, history_bytes = _place(url)
        if not history_bytes:
            self.features = self.features - {Feature.LOG}
        self._broker = _join(name, max_message_bytes, history_bytes)

    def publish(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        keyframe: bool = False,
    ) -> None:
        message = Message(checked_topic(topic), value, key, headers, 0, self._clock.utc_ns(), keyframe)
        if message.size > self.max_message_bytes:
            raise BufferFull(
                f"expected a message of at most {self.max_message_bytes} bytes, got {message.size} "
                f"for topic {topic}"
            )
        with self._broker.lock:
            self._broker.check_keyed(message)
            while full := self._full(topic, message):
                full.wait_for_room()
            self._broker.deliver(message)

    def wait_wanted(self, topic: str, timeout_s: float) -> bool:
        checked_topic(topic)
        with self._broker.lock:
            self._broker.changed.wait_for(lambda: self._closed or self._broker.wants(topic), timeout_s)
            self._check_open()
            return self._broker.wants(topic)

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
            self._readers.add(inbox)
            self._broker.enter(inbox)
        return inbox

    def consume(
        self,
        topics: Topics,
        *,
        group: str | None = None,
        start: Start = "latest",
        on_event: OnEvent = IGNORED,
    ) -> MemoryConsumer:
        self._check_log()
        wanted = wanted_topics(topics)
        joined = None if group is None else checked_group(group)
        with self._broker.lock:
            self._check_open()
            consumer = self._broker.consumer(joined, on_event, self._leave)
            self._readers.add(consumer)
            self._broker.tell(consumer.group.enter(consumer, wanted, start))
        return consumer

    def compact(self, topics: str | Iterable[str]) -> None:
        self._check_log()
        with self._broker.lock:
            self._check_open()
            self._broker.compact(topic_names(topics))

    def committed(self, group: str, topics: str | Iterable[str]) -> dict[str, Position]:
        with self._broker.lock:
            self._check_open()
            known = self._broker.positions(checked_group(group))
            return {topic: known[topic] for topic in topic_names(topics) if topic in known}

    def ends(self, topics: str | Iterable[str]) -> dict[str, Ends]:
        with self._broker.lock:
            self._check_open()
            known = self._broker.histories
            return {topic: known[topic].ends for topic in topic_names(topics) if topic in known}

    def close(self) -> None:
        with self._broker.lock:
            first, self._closed = not self._closed, True
            self._broker.wake_publishers()
            self._broker.changed.notify_all()
            readers = tuple(self._readers)
        for reader in readers:
            reader.close()
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
            self._readers.discard(inbox)
            self._broker.forget(inbox)

    def _leave(self, consumer: MemoryConsumer) -> None:
        with self._broker.lock:
            self._readers.discard(consumer)
            self._broker.leave(consumer)

    def _check_log(self) -> None:
        if Feature.LOG not in self.features:
            raise Unsupported(
                f"memory:// is no {Feature.LOG} without a history, as in memory://?history=64MiB"
            )

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("this bus is closed")


class _Broker:
    """The topics of one name, and who reads them. All but `handles` is touched with its lock held.

    A message enters all its readers at one moment, with its offset: publishers that wait for room hold
    no turn, and yet no two readers see two orders.
    """

    def __init__(self, name: str, max_message_bytes: int, history_bytes: int) -> None:
        self.name = name
        self.max_message_bytes = max_message_bytes
        self.history_bytes = history_bytes
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        """Notified when a reader came, or a handle was closed."""
        self.handles = 0
        self.histories: dict[str, Kept] = {}
        self._inboxes: list[Inbox] = []
        self._inboxes_of: dict[str, tuple[Inbox, ...]] = {}
        self._groups: dict[str, Group[MemoryConsumer]] = {}
        self._alone: list[Group[MemoryConsumer]] = []

    def readers(self, topic: str) -> tuple[Inbox, ...]:
        readers = self._inboxes_of.get(topic)
        if readers is None:  # patterns are matched once a topic, not once a message
            readers = self._inboxes_of[topic] = tuple(each for each in self._inboxes if each.wants(topic))
        return readers

    def wants(self, topic: str) -> bool:
        return bool(self.history_bytes or self.readers(topic))

    def deliver(self, message: Message) -> None:
        history = self.histories.get(message.topic) or self._begun(message.topic, History(self.history_bytes))
        numbered = msgspec.structs.replace(message, offset=history.next)
        history.add(numbered)
        for inbox in self.readers(message.topic):
            inbox.put(numbered)
        for group in (*self._groups.values(), *self._alone):
            if message.topic in group.holders:
                group.holders[message.topic].wake()

    def enter(self, inbox: Inbox) -> None:
        self._inboxes.append(inbox)
        self._inboxes_of.clear()
        self.changed.notify_all()

    def forget(self, inbox: Inbox) -> None:
        if inbox in self._inboxes:
            self._inboxes.remove(inbox)
            self._inboxes_of.clear()

    def group(self, name: str | None) -> Group[MemoryConsumer]:
        """The group of that name, which outlives its members; None: one that nobody else is in."""
        if name is not None:
            return self._groups.setdefault(name, Group(self.histories))
        self._alone.append(Group(self.histories))
        return self._alone[-1]

    def positions(self, group: str) -> dict[str, Position]:
        return self._groups[group].positions if group in self._groups else {}

    def consumer(
        self, group: str | None, on_event: OnEvent, on_close: Callable[[MemoryConsumer], None]
    ) -> MemoryConsumer:
        return MemoryConsumer(
            self.group(group),
            self.histories,
            commits=group is not None,
            on_event=on_event,
            on_close=on_close,
            lock=self.lock,
        )

    def leave(self, consumer: MemoryConsumer) -> None:
        self.tell(consumer.group.leave(consumer))
        if consumer.group in self._alone:
            self._alone.remove(consumer.group)

    def tell(self, changes: Iterable[Change[MemoryConsumer]]) -> None:
        for consumer, event in changes:
            consumer.tell(event)

    def wake_publishers(self) -> None:
        for inbox in self._inboxes:
            inbox.give_up_waiting()

    def check_keyed(self, message: Message) -> None:
        history = self.histories.get(message.topic)
        if history is not None and history.compacted and not message.key:
            raise no_key(message.topic)

    def compact(self, topics: Iterable[str]) -> None:
        others = [name for name in topics if name in self.histories and not self.histories[name].compacted]
        if others:
            raise not_compacted(min(others), f"its last {self.history_bytes} bytes")
        for topic in sorted(topics):
            if topic not in self.histories:
                self._begun(topic, LastOfEachKey(COMPACTED_BYTES))

    def _begun(self, topic: str, history: Kept) -> Kept:
        self.histories[topic] = history
        for group in (*self._groups.values(), *self._alone):
            self.tell(group.appeared(topic))
        return history


_brokers: Final[dict[str, _Broker]] = {}
_brokers_lock: Final = threading.Lock()


def _place(url: str) -> tuple[str, int]:
    """The broker's name, and the bytes of history that each of its topics has."""
    parts = urlsplit(url)
    if parts.scheme != "memory" or parts.path or parts.fragment:
        raise ConfigError(f"expected memory:// or memory://name, perhaps with ?history=64MiB, got {url!r}")
    history = options(parts.query, ["history"]).get("history")
    name = checked_topic(parts.netloc) if parts.netloc else ""
    return name, 0 if history is None else size_bytes(history)


def _join(name: str, max_message_bytes: int, history_bytes: int) -> _Broker:
    with _brokers_lock:
        broker = _brokers.setdefault(name, _Broker(name, max_message_bytes, history_bytes))
        if (broker.max_message_bytes, broker.history_bytes) != (max_message_bytes, history_bytes):
            raise ConfigError(
                f"memory://{name} is open with messages of at most {broker.max_message_bytes} bytes, "
                f"not {max_message_bytes}, and a history of {broker.history_bytes} bytes, not {history_bytes}"
            )
        broker.handles += 1
        return broker


def _leave(broker: _Broker) -> None:
    with _brokers_lock:
        broker.handles -= 1
        if not broker.handles:
            del _brokers[broker.name]
