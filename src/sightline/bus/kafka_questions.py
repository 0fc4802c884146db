"""What a Kafka is asked beside what is read: topics, their ids and ends, and groups' members.

A connection answers in order, and a fetch may wait for a tenth of a second: so who reads asks on another. Of
a broker that answers to less than others (librdkafka's mock has no controller) ids and members stay unknown.

Groups' positions are asked by a consumer of the group (`KafkaReader.committed`): where a group's broker was
away, librdkafka's admin client finds it no more, and may abort the process when it comes back (2.16.0).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import Any, Final

from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_client import Complaints, bus_error, confluent_kafka, told
from sightline.bus.log import Ends
from sightline.bus.names import Wanted, is_wanted
from sightline.errors import BusError, Closed

_ASK_S: Final = 2.0
_AGAIN_S: Final = 0.05
_UNKNOWN: Final = ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION", "_NOENT")
_COMING: Final = ("NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE", "UNKNOWN_LEADER_EPOCH")


class KafkaQuestions:
    """One client for all questions of a handle, made with the first. Any thread may ask.

    Args:
        address: of the brokers.
    """

    def __init__(self, address: KafkaAddress) -> None:
        self._address = address
        self._servers = ",".join(address.servers)
        self._lock = threading.Lock()
        self._made: Any = None
        self._closed = False

    def topics(self, wanted: Wanted) -> dict[str, int]:
        """Of the topics that are wanted, those that are there, and how many partitions each has.

        The broker's own (`__consumer_offsets`) match no pattern.

        Raises:
            BusError: no answer came.
        """
        kafka = confluent_kafka()
        try:
            known = self._admin().list_topics(timeout=_ASK_S).topics
        except kafka.KafkaException as error:
            raise bus_error(error.args[0], self._servers) from None
        return {
            name: len(topic.partitions)
            for name, topic in known.items()
            if topic.partitions
            and is_wanted(name, wanted)
            and (isinstance(wanted, frozenset) or not name.startswith("__"))
        }

    def ends(self, topics: Collection[str]) -> dict[str, Ends]:
        """What the broker has of these topics; those that it does not know are missing.

        Raises:
            BusError: no answer came.
        """
        until_s = time.monotonic() + _ASK_S
        while True:
            ends, errors = self._ends(topics)
            if not errors:
                return ends
            if time.monotonic() > until_s or any(each.name() not in _COMING for each in errors.values()):
                topic, error = next(iter(errors.items()))
                raise bus_error(error, self._servers, topic)
            time.sleep(_AGAIN_S)

    def ends_now(self, topics: Collection[str]) -> dict[str, Ends]:
        """As `ends`, but of those only that have an answer now: while nobody leads one, others go on.

        Raises:
            BusError: no broker answers.
        """
        ends, _ = self._ends(topics)
        return ends

    def ask_ids(self, topics: Collection[str]) -> Mapping[str, Future[Any]]:
        """The `topic_id` of each topic, told by its future."""
        answers = self._admin().describe_topics(
            confluent_kafka().TopicCollection(sorted(topics)), request_timeout=_ASK_S
        )
        told: Mapping[str, Future[Any]] = answers
        return told

    def ask_members(self, group: str) -> Future[Any]:
        """The `members` of a group, each with its `member_id`."""
        told: Future[Any] = self._admin().describe_consumer_groups([group], request_timeout=_ASK_S)[group]
        return told

    def ask_ends(self, topics: Collection[str]) -> Mapping[Any, Future[Any]]:
        """The `offset` up to which each topic can be read, by its `topic`, told by its future.

        What stands in a transaction that goes on cannot.
        """
        committed = confluent_kafka().IsolationLevel.READ_COMMITTED
        return self._ask_offsets(topics, "latest", isolation_level=committed)

    def _ask_offsets(self, topics: Collection[str], which: str, **settings: Any) -> Mapping[Any, Future[Any]]:
        if not topics:
            return {}
        kafka = confluent_kafka()
        spec = getattr(confluent_kafka(".admin").OffsetSpec, which)()
        asked = {kafka.TopicPartition(topic, 0): spec for topic in topics}
        answers: Mapping[Any, Future[Any]] = self._admin().list_offsets(
            asked, request_timeout=_ASK_S, **settings
        )
        return answers

    def _ends(self, topics: Collection[str]) -> tuple[dict[str, Ends], dict[str, Any]]:
        """Of these topics, those that are there: their ends, or the error that tells why there is none."""
        there = self.topics(frozenset(topics)) if topics else {}
        errors: dict[str, Any] = {}
        asked = [self._ask_offsets(there, which) for which in ("earliest", "latest")]
        first, after = (self._told_offsets(each, errors) for each in asked)
        ends = {topic: Ends(first[topic], after[topic]) for topic in first.keys() & after.keys()}
        return ends, errors

    def _told_offsets(self, answers: Mapping[Any, Future[Any]], errors: dict[str, Any]) -> dict[str, int]:
        offsets: dict[str, int] = {}
        for asked, answer in answers.items():
            try:
                offsets[asked.topic] = answer.result(2 * _ASK_S).offset
            except confluent_kafka().KafkaException as error:
                if error.args[0].name() not in _UNKNOWN:  # else deleted since it was listed
                    errors[asked.topic] = error.args[0]
            except TimeoutError:
                raise BusError(
                    f"the broker at {self._servers} did not answer within {2 * _ASK_S} s"
                ) from None
        return offsets

    def close(self) -> None:
        """Ends its client, with the last answer that is under way. Again is allowed."""
        with self._lock:
            self._closed, self._made = True, None

    def _admin(self) -> Any:
        with self._lock:
            if self._closed:
                raise Closed("this bus is closed")
            if self._made is None:
                self._made = told(
                    confluent_kafka(".admin").AdminClient,
                    {
                        **self._address.admin(),
                        "log_level": 0,
                        "allow.auto.create.topics": False,
                        "error_cb": Complaints(self._servers).error,
                    },
                )
            return self._made
