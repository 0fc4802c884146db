"""Publishing to Kafka: a bounded queue in this process, sent in order, nothing twice.

`publish` returns when a message is in the queue, and waits for room while that is full. librdkafka sends it
and sends it again for as long as `delivery.timeout.ms` says (30 s). What it gave up, or a broker refused, is
raised by the next `publish` on the same topic, or by `close`: one camera's error is not another's.

A fatal error of librdkafka (a broker that came back empty gave our producer's number to another one too) ends
its producer: what was in the queue is lost and told as above, and another producer takes its place.

All of a topic goes to its partition 0. Nothing is called for a message that was delivered.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_client import Complaints, bus_error, confluent_kafka, told
from sightline.errors import BufferFull, BusError, Closed
from sightline.wire import Headers

DELIVER_S: Final = 5.0
"""How long `close` waits for the brokers to take what was published."""
_ROOM_S: Final = 0.05
_LEFT_S: Final = 0.01
"""Nobody wakes who waits for the last message to be delivered."""
_QUEUE_KIB: Final = 64 * 1024


class KafkaPublisher:
    """One producer of librdkafka at a time. Any thread may use it.

    Args:
        address: of the brokers.
        max_message_bytes: the most that a message may weigh.
        limit_of: the most that a message of a topic may weigh; asked when one was too large for it.

    Raises:
        ConfigError: librdkafka does not take a setting.
    """

    def __init__(
        self, address: KafkaAddress, max_message_bytes: int, *, limit_of: Callable[[str], int]
    ) -> None:
        self._servers = ",".join(address.servers)
        self._kafka = confluent_kafka()
        self._complaints = Complaints(self._servers)
        self._settings = {
            **address.producer(max_message_bytes),
            # A message that is larger than the whole queue would wait for ever.
            "queue.buffering.max.kbytes": max(_QUEUE_KIB, 2 * max_message_bytes // 1024),
            "topic.metadata.propagation.max.ms": 10_000,  # after so long there is no such topic
            "reconnect.backoff.max.ms": 2000,
            "log_level": 0,  # it would print, and what matters is told to `error_cb` too
            **address.settings,
            "delivery.report.only.error": True,
            "on_delivery": self._refused,
            "error_cb": self._complaints.error,
        }
        self._limit_of = limit_of
        self._lock = threading.Lock()
        self._failures: dict[str, Any] = {}
        self._failed: Counter[str] = Counter()
        self._told: deque[tuple[str, Any]] = deque()
        self._closed = False
        self._producer = told(self._kafka.Producer, self._settings)

    def publish(self, topic: str, value: bytes | None, key: bytes | None, headers: Headers) -> None:
        """Puts a message in the queue.

        Raises:
            BufferFull: it is larger than librdkafka was told to send.
            Closed: the publisher was closed, before or while waiting for room.
            BusError: an earlier message of this topic was refused; this one was not sent.
        """
        if self._told or self._failures:
            self._raise_failure(topic)
        while not self._sent(topic, value, key, headers):
            self._serve(self._producer, _ROOM_S)
        self._serve(self._producer, 0)

    def close(self) -> None:
        """Waits until the brokers have what was published, for at most `DELIVER_S` seconds.

        Raises:
            BusError: they do not have all of it.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._wait_delivered(self._producer, DELIVER_S)
        left = len(self._producer)
        failures = {*self._failures, *(name for name, _ in self._told)}
        self._end(self._producer)
        if left:
            raise BusError(f"{self._servers} did not take {left} messages within {DELIVER_S} s")
        for topic in failures:
            self._raise_failure(topic)

    def _sent(self, topic: str, value: bytes | None, key: bytes | None, headers: Headers) -> bool:
        if self._closed:
            raise Closed("this bus is closed")
        producer = self._producer
        try:
            producer.produce(topic, value, key, 0, headers=list(headers))
        except BufferError:
            return False
        except RuntimeError:  # ended by another thread a moment ago: the bus is closed, or there is a new one
            return False
        except self._kafka.KafkaException as error:
            if error.args[0].code() != self._kafka.KafkaError._FATAL:  # noqa: SLF001 - librdkafka's own name
                self._not_sent(error.args[0], topic, len(value or b""))
            self._replace(producer)
            return False
        return True

    def _replace(self, producer: Any) -> None:
        """Another one for a producer that met a fatal error, unless somebody was faster."""
        with self._lock:
            if self._closed or self._producer is not producer:
                return
            self._producer = told(self._kafka.Producer, self._settings)
            self._end(producer)

    def _end(self, producer: Any) -> None:
        """What it still has is lost; `_refused` is told so."""
        producer.purge()
        self._wait_delivered(producer, DELIVER_S)
        producer.close()

    def _wait_delivered(self, producer: Any, timeout_s: float) -> None:
        # Not `flush`: it calls `_refused` with the exception of a fatal error pending, which nothing in there
        # gets over: `topic` of a message raises it, and a lock stays taken.
        until_s = time.monotonic() + timeout_s
        while len(producer) and time.monotonic() < until_s:
            self._serve(producer, _LEFT_S)

    def _serve(self, producer: Any, timeout_s: float) -> None:
        """Lets librdkafka say what became of messages, which also makes room."""
        try:
            producer.poll(timeout_s)
        except RuntimeError:  # ended by another thread a moment ago
            pass
        except self._kafka.KafkaException as error:  # so it tells of a fatal error, once
            self._complaints.error(error.args[0])

    def _not_sent(self, error: Any, topic: str, size: int) -> None:
        if error.code() == self._kafka.KafkaError.MSG_SIZE_TOO_LARGE:
            raise BufferFull(
                f"expected a message that fits into a batch of {self._settings['message.max.bytes']} bytes; "
                f"got one with a value of {size} bytes for topic {topic}"
            )
        raise bus_error(error, self._servers, topic)

    def _refused(self, error: Any, message: Any) -> None:
        """Called by librdkafka, in a thread that polls, for what was not delivered: it may not wait, as
        that thread may hold the lock.
        """
        self._told.append((message.topic(), error))

    def _raise_failure(self, topic: str) -> None:
        with self._lock:
            while self._told:
                name, each = self._told.popleft()
                self._failed[name] += 1
                self._failures.setdefault(name, each)
            error, count = self._failures.pop(topic, None), self._failed.pop(topic, 0)
        if error is None:
            return
        text = f"{bus_error(error, self._servers, topic)}; messages that were lost so: {count}"
        if error.code() == self._kafka.KafkaError.MSG_SIZE_TOO_LARGE:
            text += f"; by its max.message.bytes it takes {self._limit_of(topic)} bytes"
        raise BusError(text)
