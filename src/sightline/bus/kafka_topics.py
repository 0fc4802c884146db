"""The topics of a Kafka: made as video needs them, looked at, deleted.

A camera's topic has one partition, since order and offsets hold within one, and keeps an hour or a GiB,
whichever is reached first: by Kafka's own default it keeps a week, which at 4 Mbit/s is 300 GB. What is old
goes a segment at a time, so segments are small here: a sixteenth of what is kept.

A compacted topic keeps the last message of each key for good instead. It is meant for few and small messages
that everybody is to have: Kafka compacts only closed segments, so these are small and closed after a minute.

A topic that is there is never changed: other settings could throw away what somebody else keeps in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from sightline.bus.kafka_address import BATCH_ROOM, DEFAULT_MESSAGE_BYTES, MOST_MESSAGE_BYTES, KafkaAddress
from sightline.bus.kafka_client import bus_error, confluent_kafka, told
from sightline.bus.log import not_compacted
from sightline.bus.names import checked_topic
from sightline.errors import BusError, ConfigError
from sightline.log import redact

RETENTION_S: Final = 3600.0
RETENTION_BYTES: Final = 1024**3

_NO_LIMIT: Final = "-1"
_MOST_RETENTION_S: Final = 100 * 366 * 86400.0
_MS: Final = 1000
_SEGMENTS: Final = 16
_LEAST_SEGMENT_BYTES: Final = 1024**2  # brokers of version 4 take no less (KIP-1030)
_MOST_SEGMENT_BYTES: Final = 64 * 1024**2
_LEAST_SEGMENT_MS: Final = 1000
_AGAIN_S: Final = 0.05
_COMPACTED: Final = {
    "cleanup.policy": "compact",
    "retention.ms": _NO_LIMIT,
    "retention.bytes": _NO_LIMIT,
    "min.cleanable.dirty.ratio": "0.01",  # not half, as where much is rewritten
    "segment.ms": "60000",
    "delete.retention.ms": str(24 * 3600 * _MS),  # how long who reads slowly still hears that a key is gone
}

K = TypeVar("K")


class KafkaTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as its broker has it.

    Attributes:
        name: its name.
        replicas: how many brokers keep a copy.
        retention_s, retention_bytes: how much of each partition is kept at least; None: no limit.
        compacted: whether the last message of each key stays, however old it is.
        max_message_bytes: the most that a message may weigh, its key and headers included.
        offsets: of each partition, the offset of its first message and the one that its next will have.
    """

    name: str
    replicas: int
    retention_s: float | None
    retention_bytes: int | None
    compacted: bool = False
    max_message_bytes: int
    offsets: tuple[tuple[int, int], ...]

    @property
    def messages(self) -> int:
        """How many it holds at most: some may be a transaction's marks, or compacted away."""
        return sum(end - first for first, end in self.offsets)


class KafkaTopics:
    """Makes, shows and deletes topics. Any thread may use it. Nothing has to be closed.

    Every call raises BusError where no broker answers in time, or where it refuses.
    """

    def __init__(self, address: KafkaAddress, *, timeout_s: float = 5.0) -> None:
        """Reaches a broker.

        Raises:
            BusError: none answers within `timeout_s`; the reason is the first that librdkafka told.
            ConfigError: librdkafka does not take a setting of the address.
            MissingExtra: confluent-kafka is not installed.
        """
        self._kafka = confluent_kafka()
        self._asking = confluent_kafka(".admin")
        self._servers = ",".join(address.servers)
        self._timeout_s = timeout_s
        self._trouble = ""
        settings = address.admin() | {"error_cb": self._heard, "log_level": 0}
        self._admin = told(self._asking.AdminClient, settings)
        self._metadata()

    def create(
        self,
        name: str,
        *,
        retention_s: float | None = RETENTION_S,
        retention_bytes: int | None = RETENTION_BYTES,
        max_message_bytes: int = DEFAULT_MESSAGE_BYTES,
        partitions: int = 1,
        replicas: int | None = None,
        compacted: bool = False,
    ) -> bool:
        """Makes a topic; False where it is there, which is left as it is.

        Args:
            name: the topic.
            retention_s: how long its messages are kept; None: no limit.
            retention_bytes: how much of each partition is kept; None: no limit.
            max_message_bytes: the most that a message may weigh, its key and headers included.
            partitions: a bus reads topics of one.
            replicas: how many brokers keep a copy; None: as the broker is set.
            compacted: keep the last message of each key for good; no retention counts then.

        Raises:
            ConfigError: a value is wrong, or the topic is there with other partitions, or it is to be
                compacted and keeps its messages in another way.
        """
        topic = self._asking.NewTopic(
            checked_topic(name),
            num_partitions=_from_1("partitions", partitions),
            replication_factor=-1 if replicas is None else _from_1("replicas", replicas),
            config=_compacted(max_message_bytes)
            if compacted
            else _settings(retention_s, retention_bytes, max_message_bytes),
        )
        (made,) = self._admin.create_topics([topic], **self._within()).values()
        try:
            made.result()
        except self._kafka.KafkaException as error:
            if error.args[0].code() != self._kafka.KafkaError.TOPIC_ALREADY_EXISTS:
                raise bus_error(error.args[0], self._servers, name) from None
        else:
            return True
        self._check_there(name, partitions)
        if compacted:
            self._check_compacted(name)
        return False

    def names(self) -> tuple[str, ...]:
        """All topics but the broker's own, sorted."""
        return tuple(sorted(name for name in self._metadata().topics if not name.startswith("__")))

    def describe(self, names: Iterable[str]) -> tuple[KafkaTopic, ...]:
        """Those of these topics that are there, and that we may look at, in their order."""
        wanted = [checked_topic(name) for name in names]
        known = self._metadata().topics
        found = [name for name in wanted if name in known and known[name].error is None]
        partitions = {name: sorted(known[name].partitions) for name in found}
        settings = self._settings_of(found)
        first = self._offsets(partitions, self._asking.OffsetSpec.earliest())
        end = self._offsets(partitions, self._asking.OffsetSpec.latest())
        return tuple(
            KafkaTopic(
                name=name,
                replicas=len(known[name].partitions[0].replicas),
                retention_s=_limit(settings[name]["retention.ms"], _MS),
                retention_bytes=_limit(settings[name]["retention.bytes"]),
                compacted=_is_compacted(settings[name]),
                max_message_bytes=_room(settings[name]["max.message.bytes"]),
                offsets=tuple((first[name, number], end[name, number]) for number in partitions[name]),
            )
            for name in found
            # One that was deleted meanwhile lacks something.
            if name in settings and all((name, n) in first and (name, n) in end for n in partitions[name])
        )

    def delete(self, name: str) -> bool:
        """Deletes a topic with all that is in it; False where there is none."""
        (gone,) = self._admin.delete_topics([checked_topic(name)], **self._within()).values()
        try:
            gone.result()
        except self._kafka.KafkaException as error:
            if error.args[0].code() == self._kafka.KafkaError.UNKNOWN_TOPIC_OR_PART:
                return False
            raise bus_error(error.args[0], self._servers, name) from None
        return True

    def _within(self) -> dict[str, float]:
        return {"request_timeout": self._timeout_s, "operation_timeout": self._timeout_s}

    def _heard(self, error: Any) -> None:
        """Keeps the first trouble: those that come later are of the kind "all brokers are down"."""
        self._trouble = self._trouble or error.str()

    def _metadata(self) -> Any:
        try:
            return self._admin.list_topics(timeout=self._timeout_s)
        except self._kafka.KafkaException as error:
            self._admin.poll(0)  # which calls `_heard`
            raise BusError(
                f"no Kafka answers at {self._servers}: {redact(self._trouble or error.args[0].str())}"
            ) from None

    def _check_there(self, name: str, partitions: int) -> None:
        there = len(self._partitions(name))
        if there != partitions:
            raise ConfigError(
                f"topic {name} is there with {there} partitions, expected {partitions}: delete it, or take "
                "another name"
            )

    def _check_compacted(self, name: str) -> None:
        settings = self._settings_of([name]).get(name)
        if settings is None:  # deleted meanwhile, or none of ours
            raise BusError(
                f"topic {name} at {self._servers}: it is there, but its settings are not to be seen"
            )
        if not _is_compacted(settings):
            raise not_compacted(name, f"messages by cleanup.policy={settings['cleanup.policy']}")

    def _partitions(self, name: str) -> Mapping[int, Any]:
        """Of a topic that is there, though its broker may not know it yet: another made it a moment ago."""
        until_s = time.monotonic() + self._timeout_s
        while name not in (known := self._metadata().topics):
            if time.monotonic() > until_s:
                raise BusError(f"topic {name} at {self._servers}: it is there, and is not shown")
            time.sleep(_AGAIN_S)
        partitions: Mapping[int, Any] = known[name].partitions
        return partitions

    def _settings_of(self, names: list[str]) -> dict[str, dict[str, str]]:
        kind = self._asking.ResourceType.TOPIC
        resources = [self._asking.ConfigResource(kind, name) for name in names]
        return {
            resource.name: {name: entry.value for name, entry in entries.items()}
            for resource, entries in self._asked(self._admin.describe_configs, resources).items()
        }

    def _offsets(self, partitions: Mapping[str, Iterable[int]], spec: Any) -> dict[tuple[str, int], int]:
        partition = self._kafka.TopicPartition
        places = {partition(name, number): spec for name in partitions for number in partitions[name]}
        found = self._asked(self._admin.list_offsets, places)
        return {(place.topic, place.partition): at.offset for place, at in found.items()}

    def _asked(self, ask: Callable[..., Mapping[K, Any]], what: Collection[Any]) -> dict[K, Any]:
        """The answers, but of topics that are not there or that we may not look at."""
        if not what:
            return {}
        again = Retrying(
            retry=retry_if_exception(self._is_passing),
            stop=stop_after_delay(self._timeout_s),
            wait=wait_fixed(_AGAIN_S),
            reraise=True,
        )
        try:
            return again(lambda: self._answered(ask(what, request_timeout=self._timeout_s)))
        except self._kafka.KafkaException as error:
            raise bus_error(error.args[0], self._servers) from None

    def _is_passing(self, error: BaseException) -> bool:
        """A broker may not know yet that it leads a partition that was made a moment ago."""
        codes = self._kafka.KafkaError
        passing = {codes.NOT_LEADER_FOR_PARTITION, codes.LEADER_NOT_AVAILABLE}
        return isinstance(error, self._kafka.KafkaException) and error.args[0].code() in passing

    def _answered(self, answers: Mapping[K, Any]) -> dict[K, Any]:
        codes = self._kafka.KafkaError
        unknown = {codes.UNKNOWN_TOPIC_OR_PART, codes.TOPIC_AUTHORIZATION_FAILED}
        got = {}
        for asked, answer in answers.items():
            try:
                got[asked] = answer.result()
            except self._kafka.KafkaException as error:
                if error.args[0].code() not in unknown:
                    raise
        return got


def _compacted(message_bytes: int) -> dict[str, str]:
    batch = _batch(message_bytes)
    segment = str(max(batch, _LEAST_SEGMENT_BYTES))
    return _COMPACTED | {"max.message.bytes": str(batch), "segment.bytes": segment}


def _is_compacted(settings: Mapping[str, str]) -> bool:
    """By `compact,delete` the last of a key goes too, once it is old."""
    return settings["cleanup.policy"] == "compact"


def _batch(message_bytes: int) -> int:
    if not 1 <= message_bytes <= MOST_MESSAGE_BYTES:
        raise ConfigError(f"expected messages of 1 to {MOST_MESSAGE_BYTES} bytes, got {message_bytes}")
    return message_bytes + BATCH_ROOM


def _settings(retention_s: float | None, retention_bytes: int | None, message_bytes: int) -> dict[str, str]:
    if retention_s is not None and not 1 <= retention_s <= _MOST_RETENTION_S:
        raise ConfigError(f"expected a retention of 1 to {_MOST_RETENTION_S:g} seconds, got {retention_s:g}")
    if retention_bytes is not None and retention_bytes < _LEAST_SEGMENT_BYTES:
        raise ConfigError(f"expected a retention of 1 MiB or more, got {retention_bytes} bytes")
    batch = _batch(message_bytes)
    share = _MOST_SEGMENT_BYTES if retention_bytes is None else retention_bytes // _SEGMENTS
    settings = {
        "cleanup.policy": "delete",
        "max.message.bytes": str(batch),
        "retention.ms": _NO_LIMIT if retention_s is None else str(round(retention_s * _MS)),
        "retention.bytes": _NO_LIMIT if retention_bytes is None else str(retention_bytes),
        "segment.bytes": str(max(batch, _LEAST_SEGMENT_BYTES, min(share, _MOST_SEGMENT_BYTES))),
    }
    if retention_s is not None:
        settings["segment.ms"] = str(max(_LEAST_SEGMENT_MS, round(retention_s * _MS / _SEGMENTS)))
    return settings


def _from_1(name: str, value: int) -> int:
    if not 1 <= value <= 32767:
        raise ConfigError(f"{name}: expected 1 to 32767, got {value}")
    return value


def _limit(text: str, unit: int = 1) -> Any:
    """A retention in units; None: no limit."""
    return None if int(text) < 0 else int(text) / unit if unit != 1 else int(text)


def _room(text: str) -> int:
    """What a message may weigh where a batch may weigh that."""
    return max(0, int(text) - BATCH_ROOM)
