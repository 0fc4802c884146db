"""One consumer of librdkafka: what a subscription and a member of a group have in common.

It fetches ahead within a bound (16 MiB and a batch), translates messages and errors, finds topics and their
ends, and pauses and seeks by topic. It decides nothing: who reads what, what is kept, and what an error means
is for its user. One thread consumes; the other methods may be called from any.

Order and offsets hold within one partition, so that a topic is its partition 0. One that has more is read all
the same, as brokers may make them so, until something stands in another of its partitions: that is an error.

librdkafka goes on by itself after a lost connection, and tells of it in a callback: such trouble is logged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from operator import methodcaller
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import msgspec

from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_client import (
    NO_TOPIC,
    Complaints,
    bus_error,
    confluent_kafka,
    how_to_make,
    told,
)
from sightline.bus.log import Ends, Position
from sightline.bus.names import Wanted, is_wanted
from sightline.bus.promise import Message
from sightline.clock import NS_PER_MS
from sightline.errors import BusError

ALONE: Final = "sightline.alone"
"""The group of those that are in none: librdkafka asks for a name, and nothing is ever committed to it."""
KEYFRAME: Final = ("sightline.keyframe", b"1")
"""The first header of a message at which decoding may begin; `Message.keyframe` stands for it."""
ASK_S: Final = 2.0
"""How long the broker may take for an answer."""

_FETCH_BYTES: Final = 2 * 1024 * 1024
_DEFAULTS: Final[dict[str, Any]] = {
    "queued.min.messages": 1000,
    "fetch.queue.backoff.ms": 20,  # not 1 s, for which a reader that has emptied the queue would wait
    "fetch.message.max.bytes": _FETCH_BYTES,  # of a topic at once; a larger message comes all the same, alone
    "fetch.wait.max.ms": 100,  # not 500: what is resumed waits until the fetch under way has ended
    "fetch.error.backoff.ms": 100,
    "reconnect.backoff.max.ms": 2000,
    "log_level": 0,  # it would print, and what matters is told to `error_cb` too
}
_HEADERS: Final = methodcaller("headers")
# Called so, and not as `raw.headers()`: where the name of a header is not UTF-8, the library returns a broken
# list with an error set. The interpreter sees that here; a call that it has specialised goes on, and crashes.
_FEW: Final = 8
"""So many topics are asked for by name; more, and the broker is asked for all that it has."""


class Trouble(msgspec.Struct, frozen=True):
    """What came in the place of messages.

    Attributes:
        topic: of which it is; None: of the whole consumer.
        code: librdkafka's number (`KafkaError.code()`); 0 for a message in a partition that is not read.
        offset: at which it stands, where that is known; else below 0.
        lasting: whether librdkafka does not get over it by itself.
        error: what to raise, should it be for good.
    """

    topic: str | None
    code: int
    offset: int
    lasting: bool
    error: BusError


class Reached(msgspec.Struct, frozen=True):
    """All of a topic before `offset` was given; what lies there unseen is no message, but a transaction's."""

    topic: str
    offset: int


Item: TypeAlias = Message | Trouble | Reached


class KafkaReader:
    """One consumer.

    Args:
        address: of the brokers.
        max_message_bytes: the most that a message may weigh.
        group: that `subscribe` joins; `ALONE`: it is assigned by hand.
        lost: what librdkafka does where its next offset is not there (any more): goes on at the earliest, or
            gives a `Trouble` with the code `_AUTO_OFFSET_RESET`.
        settings: librdkafka's, of the group. With `enable.partition.eof`, ends are told: `Reached`.

    Raises:
        MissingExtra: confluent-kafka is not installed.
        ConfigError: librdkafka does not take a setting.
    """

    def __init__(
        self,
        address: KafkaAddress,
        max_message_bytes: int,
        *,
        group: str = ALONE,
        lost: Literal["earliest", "error"] = "earliest",
        settings: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.servers = ",".join(address.servers)
        self._like_it = partial(KafkaReader, address, max_message_bytes, group=group, lost=lost)
        self._settings = settings
        self._kafka = confluent_kafka()
        self._end = self._kafka.KafkaError._PARTITION_EOF  # noqa: SLF001 - so it is named
        self._complaints = Complaints(self.servers)
        self._partitions: dict[str, int] = {}
        self._assigned: dict[str, int] = {}
        self.client = told(
            self._kafka.Consumer,
            {
                **address.consumer(max_message_bytes),
                **_DEFAULTS,
                **address.settings,
                **settings,
                "group.id": group,
                "auto.offset.reset": lost,
                "error_cb": self._complaints.error,
            },
        )
        """librdkafka's consumer, for what is not here: groups, and what is committed."""

    # What there is.

    def topics(self, wanted: Wanted, timeout_s: float = ASK_S) -> dict[str, int]:
        """Of the topics that are wanted, those that are there, and how many partitions each has.

        The broker's own (`__consumer_offsets`) match no pattern.

        Raises:
            BusError: no answer came.
        """
        by_pattern = not isinstance(wanted, frozenset)
        few = wanted if isinstance(wanted, frozenset) and len(wanted) <= _FEW else None
        questions = [[]] if few is None else [[name] for name in few]
        there: dict[str, int] = {}
        for question in questions:
            answer = self._asked(self.client.list_topics, *question, timeout=timeout_s)
            for name, topic in answer.topics.items():
                own = by_pattern and name.startswith("__")
                if topic.partitions and is_wanted(name, wanted) and not own:
                    there[name] = len(topic.partitions)
        self._partitions.update(there)
        return there

    def ends(self, topics: Collection[str], timeout_s: float = ASK_S) -> dict[str, Ends]:
        """What the broker has of these topics, in two questions for all; those it does not know are missing.

        Raises:
            BusError: no answer came.
        """
        first, after = (
            self._offsets(topics, which, timeout_s)
            for which in (self._kafka.OFFSET_BEGINNING, self._kafka.OFFSET_END)
        )
        return {name: Ends(first[name], after[name]) for name in first.keys() & after.keys()}

    def committed(self, topics: Iterable[str], timeout_s: float = 2 * ASK_S) -> dict[str, Position]:
        """The positions of its group in these topics, of those where it has one.

        Raises:
            BusError: no answer came.
        """
        found = self._asked(self.client.committed, self._placed(sorted(topics)), timeout=timeout_s)
        for each in found:
            if each.error is not None and each.error.name() not in NO_TOPIC:
                raise bus_error(each.error, self.servers, each.topic)
        return {each.topic: Position(each.offset, each.metadata or "") for each in found if each.offset >= 0}

    # What is read.

    def assign(
        self,
        offsets: Mapping[str, int | Literal["earliest"]],
        partitions: Mapping[str, int] | None = None,
    ) -> None:
        """Reads these topics too, from these offsets on; by hand, also what a group gave.

        Args:
            offsets: of partition 0 of each.
            partitions: how many each has, where `topics` was not asked.
        """
        begin = self._kafka.OFFSET_BEGINNING
        counts = self._partitions if partitions is None else partitions
        self._assigned.update({topic: counts.get(topic, 1) for topic in offsets})
        self.client.incremental_assign(
            [
                self._kafka.TopicPartition(topic, number, at if number == 0 and at != "earliest" else begin)
                for topic, at in offsets.items()
                for number in range(self._assigned[topic])
            ]
        )

    def unassign(self, topics: Iterable[str]) -> None:
        """Reads these no more; what was fetched of them is thrown away, but for what `consume` has given."""
        self.client.incremental_unassign(
            [
                self._kafka.TopicPartition(topic, number)
                for topic in topics
                for number in range(self._assigned.pop(topic, 0))
            ]
        )

    def pause(self, topics: Iterable[str]) -> None:
        """Fetches no more of these. What was fetched is thrown away, but for what `consume` has given."""
        self.client.pause(self._placed(topics))

    def resume(self, topics: Iterable[str]) -> None:
        """Goes on behind the last message that `consume` gave, or from where it was sought to."""
        self.client.resume(self._placed(topics))

    def seek(self, topic: str, offset: int) -> None:
        """`consume` gives this offset of the topic next."""
        self.client.seek(self._kafka.TopicPartition(topic, 0, offset))

    def consume(self, most: int, timeout_s: float) -> list[Item]:
        """1 to `most` as soon as there is one; [] when none came within `timeout_s` seconds."""
        # It would wait for all of `most`, where `timeout` is not 0.
        raw = self.client.consume(1, timeout_s)
        if raw and most > 1:
            raw += self.client.consume(most - 1, 0)
        return [item for each in raw if (item := self._item(each)) is not None]

    def close(self) -> None:
        """Leaves its group, if any, and ends librdkafka's threads and connections."""
        self.client.close()

    def again(self, settings: Mapping[str, Any]) -> KafkaReader:
        """One like it, but for these settings, that reads nothing so far."""
        return self._like_it(settings={**self._settings, **settings})

    def abandon(self) -> threading.Thread:
        """Closes it in a thread that no process waits for: by a fault of librdkafka's it may never end."""
        closing = threading.Thread(target=self.close, name="kafka reader closing", daemon=True)
        closing.start()
        return closing

    def _item(self, raw: Any) -> Item | None:
        error = raw.error()
        if error is not None and error.code() == self._end:
            return None if raw.partition() else Reached(raw.topic(), raw.offset())
        if error is not None or raw.partition():
            return self._trouble(raw)
        try:
            headers = _HEADERS(raw)
        except SystemError:
            self._complaints.say("headers that are not UTF-8 were left out", topic=raw.topic())
            headers = None
        return message_of(raw, headers)

    def _trouble(self, raw: Any) -> Trouble:
        topic, error = raw.topic(), raw.error()
        offset = -1 if raw.offset() is None else raw.offset()
        if error is not None:
            lasting = error.code() in (
                self._kafka.KafkaError._FATAL,  # noqa: SLF001 - librdkafka's own name; `fatal()` is for producers
                self._kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED,
            )
            if not lasting:
                self._complaints.error(error)
            return Trouble(
                topic or None, error.code(), offset, lasting, bus_error(error, self.servers, topic)
            )
        return Trouble(
            topic,
            0,
            offset,
            True,
            BusError(
                f"expected the messages of topic {topic} at {self.servers} in one partition, as their order "
                f"and offsets need it; got one in partition {raw.partition()}. To make a topic with one: "
                f"{how_to_make(topic, self.servers)}"
            ),
        )

    def _placed(self, topics: Iterable[str]) -> list[Any]:
        return [self._kafka.TopicPartition(topic, 0) for topic in topics]

    def _offsets(self, topics: Collection[str], which: int, timeout_s: float) -> dict[str, int]:
        """The first or the next offset of each; a time stamp of -2 or -1 asks for them (KIP-79)."""
        if not topics:
            return {}
        asked = [self._kafka.TopicPartition(topic, 0, which) for topic in topics]
        answers = self._asked(self.client.offsets_for_times, asked, timeout=timeout_s)
        return {each.topic: each.offset for each in answers if each.error is None and each.offset >= 0}

    def _asked(self, question: Callable[..., Any], *what: Any, timeout: float) -> Any:
        try:
            return question(*what, timeout=timeout)
        except self._kafka.KafkaException as error:
            raise bus_error(error.args[0], self.servers) from None


def message_of(raw: Any, headers: Iterable[tuple[str, bytes | None]] | None) -> Message:
    """A message of librdkafka as one of ours. A value or a header that is absent reads as `b""`."""
    beside = tuple([(name, value or b"") for name, value in headers]) if headers else ()
    keyframe = bool(beside) and beside[0] == KEYFRAME
    return Message(
        raw.topic(),
        raw.value() or b"",
        raw.key(),
        beside[1:] if keyframe else beside,
        raw.offset(),
        raw.timestamp()[1] * NS_PER_MS,
        keyframe,
    )
