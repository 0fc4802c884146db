"""`kafka://host:port`: Kafka as a bus and as a log.

A topic of ours is partition 0 of Kafka's: order and offsets hold there. A reader has one consumer of
librdkafka, whatever number of topics it reads; what is published goes through one producer, and a handle that
publishes nothing has none. Topics are made by the broker with their first message where it does so by itself,
else by `sightline topics create`; how long they keep is the broker's or the topic's setting.

That decoding may begin at a message is a header, `sightline.keyframe`, which no reader of ours shows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from types import TracebackType
from typing import Self

from sightline.bus.inbox import Inbox, check_policy
from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_consumer import KafkaConsumer
from sightline.bus.kafka_limits import KafkaLimits
from sightline.bus.kafka_log import KafkaLog
from sightline.bus.kafka_publisher import KafkaPublisher
from sightline.bus.kafka_reader import KEYFRAME, KafkaReader
from sightline.bus.kafka_subscription import KafkaSubscription
from sightline.bus.kafka_topics import KafkaTopics
from sightline.bus.log import IGNORED, Ends, OnEvent, Position, Start, no_key
from sightline.bus.names import Topics, checked_topic, topic_names, wanted_topics
from sightline.bus.promise import Feature, Message
from sightline.errors import BufferFull, Closed
from sightline.overflow import Capacity, Overflow
from sightline.wire import Headers


class KafkaBus:
    """One handle on a Kafka. `sightline.bus.Bus` and `Log` say what its methods do.

    Args:
        url: as `KafkaAddress` has it, or one.
        max_message_bytes: the most that a message may weigh; with one in the URL, the less of both. None
            and none there: 8 MiB, or less where no topic takes so much.

    Raises:
        MissingExtra: confluent-kafka is not installed.
        ConfigError: `url` is no such address, a setting is wrong, or no topic takes messages of that size.
        BusError: no broker answers there, or none takes us.
    """

    features: frozenset[str] = frozenset(Feature)

    def __init__(self, url: str | KafkaAddress, *, max_message_bytes: int | None = None) -> None:
        self._address = KafkaAddress.of(url) if isinstance(url, str) else url
        asked = [each for each in (max_message_bytes, self._address.max_message_bytes) if each is not None]
        self._limits = KafkaLimits(self._address, min(asked, default=None))
        self.max_message_bytes = self._limits.max_message_bytes
        self._sure_bytes = min(self.max_message_bytes, self._limits.sure)
        self._lock = threading.Lock()
        self._publisher: KafkaPublisher | None = None
        self._log = KafkaLog(self._address, self.max_message_bytes)
        self._readers: set[Inbox | KafkaConsumer] = set()
        self._compacted: frozenset[str] = frozenset()
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
        publisher = self._publisher or self._begun()
        size = len(value) + len(key or b"") + sum([len(name) + len(text) for name, text in headers])
        checked_topic(topic)
        if size > self._sure_bytes or topic in self._limits.known:
            self._check_size(topic, size)
        gone = topic in self._compacted and _is_gone(topic, key, value)
        beside = (KEYFRAME, *headers) if keyframe else headers
        publisher.publish(topic, None if gone else value, key, beside)

    def wait_wanted(self, topic: str, timeout_s: float) -> bool:  # noqa: ARG002 - a log keeps it
        checked_topic(topic)
        self._check_open()
        return True

    def subscribe(
        self,
        topics: Topics,
        *,
        capacity: Capacity,
        overflow: Overflow,
        key: Callable[[Message], Hashable] | None = None,
        keyframe: Callable[[Message], bool] | None = None,
    ) -> KafkaSubscription:
        check_policy(capacity, overflow, self.max_message_bytes)
        wanted = wanted_topics(topics)
        with self._lock:
            self._check_open()
            reader = KafkaSubscription(
                KafkaReader(self._address, self.max_message_bytes),
                self._log.ids(),
                wanted,
                capacity,
                overflow,
                key=key,
                keyframe=keyframe,
                max_message_bytes=self.max_message_bytes,
                on_close=self._readers.discard,
            )
            self._readers.add(reader)
        return reader

    def consume(
        self,
        topics: Topics,
        *,
        group: str | None = None,
        start: Start = "latest",
        on_event: OnEvent = IGNORED,
    ) -> KafkaConsumer:
        with self._lock:
            self._check_open()
            consumer = self._log.consume(
                topics, group=group, start=start, on_event=on_event, on_close=self._readers.discard
            )
            self._readers.add(consumer)
        return consumer

    def compact(self, topics: str | Iterable[str]) -> None:
        names = topic_names(topics)
        self._check_open()
        broker = KafkaTopics(self._address)
        # Who may write to a topic need not have the right to make one.
        there = {each.name for each in broker.describe(names) if each.compacted and len(each.offsets) == 1}
        for topic in sorted(names - there):
            broker.create(topic, compacted=True)
        self._compacted |= names

    def committed(self, group: str, topics: str | Iterable[str]) -> dict[str, Position]:
        self._check_open()
        return self._log.committed(group, topics)

    def ends(self, topics: str | Iterable[str]) -> dict[str, Ends]:
        self._check_open()
        return self._log.ends(topics)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            readers = tuple(self._readers)
        for reader in readers:
            reader.close()
        self._log.close()
        if self._publisher is not None:
            self._publisher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begun(self) -> KafkaPublisher:
        with self._lock:
            self._check_open()
            if self._publisher is None:
                self._publisher = KafkaPublisher(
                    self._address, self.max_message_bytes, limit_of=self._limits.of_topic
                )
            return self._publisher

    def _check_size(self, topic: str, size: int) -> None:
        """Of a message that not each topic takes."""
        most = self.max_message_bytes
        if size <= most:
            most = min(most, self._limits.of_topic(topic))
        if size > most:
            raise BufferFull(f"expected a message of at most {most} bytes for topic {topic}, got {size}")

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("this bus is closed")


def _is_gone(topic: str, key: bytes | None, value: bytes) -> bool:
    """Whether a message says that its key is gone: Kafka knows that by a value which is none."""
    if not key:
        raise no_key(topic)
    return not value
