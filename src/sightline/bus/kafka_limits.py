"""What a Kafka takes: asked when a bus is opened, and of a topic where its messages are large.

A broker has a limit for all topics (`message.max.bytes`, 1 MiB unless somebody raised it), and any topic may
have its own (`max.message.bytes`). Where a broker does not say, as it may forbid to ask, nothing is checked
here, and it refuses what is too large.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from sightline.bus.kafka_address import BATCH_ROOM, DEFAULT_MESSAGE_BYTES, KafkaAddress
from sightline.bus.kafka_client import bus_error, confluent_kafka, told
from sightline.errors import BusError, ConfigError
from sightline.log import redact

OPEN_S: Final = 5.0
"""How long the brokers may take to answer when a bus is opened."""
_ASK_S: Final = 2.0
_SLICE_S: Final = 0.5


class KafkaLimits:
    """Asks the brokers, and thereby finds out whether they answer.

    Args:
        address: of the brokers.
        asked: the most that a message may weigh, where somebody said so.

    Attributes:
        max_message_bytes: the most that a message may weigh, on any topic that there is.
        sure: what each topic takes that has no limit of its own.
        known: what these topics take, as far as it was asked.

    Raises:
        BusError: no broker answers there, or none takes us.
        ConfigError: more was asked for than any topic takes.
    """

    def __init__(self, address: KafkaAddress, asked: int | None) -> None:
        self._address = address
        self._servers = ",".join(address.servers)
        self.known: dict[str, int] = {}
        wish = DEFAULT_MESSAGE_BYTES if asked is None else asked
        admin = self._admin()
        there = self._reached(admin)
        broker = self._limits(admin, "broker", [str(number) for number in there.brokers][:1])
        self.sure = next(iter(broker.values()), wish)
        largest = self.sure if wish <= self.sure else self._largest(admin, there.topics)
        if asked is not None and asked > largest:
            raise ConfigError(self._too_much(asked))
        self.max_message_bytes = min(wish, largest)

    def of_topic(self, topic: str) -> int:
        """The most that a message of this topic may weigh; asked until the brokers have said it once."""
        if topic not in self.known:
            self.known.update(self._limits(self._admin(), "topic", [topic]))
        return self.known.get(topic, self.sure)

    def _largest(self, admin: Any, topics: Iterable[str]) -> int:
        """What the topic takes that takes most, or one that is new."""
        return max([self.sure, *self._limits(admin, "topic", list(topics)).values()])

    def _limits(self, admin: Any, kind: str, names: list[str]) -> dict[str, int]:
        """By name, as far as they are told."""
        if not names:
            return {}
        setting = {"broker": "message.max.bytes", "topic": "max.message.bytes"}[kind]
        asked = [confluent_kafka(".admin").ConfigResource(kind, name) for name in names]
        limits: dict[str, int] = {}
        for resource, answer in admin.describe_configs(asked, request_timeout=_ASK_S).items():
            try:
                limits[resource.name] = int(answer.result()[setting].value) - BATCH_ROOM
            except (confluent_kafka().KafkaException, KeyError, TypeError):
                continue
        return limits

    def _reached(self, admin: Any) -> Any:
        until_s = time.monotonic() + OPEN_S
        while True:
            try:
                return admin.list_topics(timeout=_SLICE_S)
            except confluent_kafka().KafkaException:
                admin.poll(0)  # calls `_hear`
                if self._denied is not None or time.monotonic() > until_s:
                    raise self._unreached() from None

    def _unreached(self) -> BusError:
        if self._denied is not None:
            return bus_error(self._denied, self._servers)
        why = "" if self._heard is None else f": {redact(self._heard.str())}"
        return BusError(f"expected a Kafka broker at {self._servers}; none answered within {OPEN_S} s{why}")

    def _admin(self) -> Any:
        """A client for a moment: one that stays would be threads and connections that nobody needs."""
        self._heard: Any = None
        self._denied: Any = None
        return told(
            confluent_kafka(".admin").AdminClient,
            {**self._address.admin(), "log_level": 0, "error_cb": self._hear},
        )

    def _hear(self, error: Any) -> None:
        """Told by librdkafka what it gets over by itself, or would."""
        kafka = confluent_kafka().KafkaError
        if error.code() in (kafka._AUTHENTICATION, kafka._SSL):  # noqa: SLF001 - so are its codes named
            self._denied = error
        elif error.code() != kafka._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._heard = error

    def _too_much(self, asked: int) -> str:
        return (
            f"max_message_bytes: expected at most {self.sure} bytes, as {self._servers} takes batches "
            f"of {self.sure + BATCH_ROOM} and no topic has a limit of its own above that; got {asked}. "
            "To raise it: message.max.bytes in the brokers' configuration, or for one topic "
            f"max.message.bytes={asked + BATCH_ROOM}"
        )
