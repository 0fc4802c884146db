"""What a member of a group of Kafka commits, and how each of it was answered.

librdkafka waits for a coordinator that is away as long as a member may be silent, ten seconds and more, and
its consumer lets no other thread in while one consumes. So the thread that consumes commits as well, without
waiting, and is told of the answer by librdkafka within `consume`.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final

from sightline.bus.kafka_client import bus_error, confluent_kafka
from sightline.bus.kafka_reader import KafkaReader
from sightline.bus.log import Position

_CHANGING: Final = frozenset({
    "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "REBALANCE_IN_PROGRESS",
    "STALE_MEMBER_EPOCH", "FENCED_MEMBER_EPOCH", "_ASSIGNMENT_LOST", "_STATE",
    "NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE", "_WAIT_COORD",
    "UNKNOWN_TOPIC_OR_PART", "UNKNOWN_TOPIC_ID",
})  # fmt: skip
"""How it is answered while the group is changing, its broker is another, or a topic has gone: by not yet."""

Stands = frozenset[str]


class KafkaCommits:
    """The commits under way. One thread uses it."""

    def __init__(self) -> None:
        self.reader: KafkaReader | None = None
        """To be set before the first; it is made with `heard` among its settings."""
        self._open: list[tuple[Any, Future[Stands]]] = []

    def begin(self, positions: Mapping[str, Position]) -> Future[Stands]:
        """Commits; the future tells of which topics it stands, or raises BusError."""
        assert self.reader is not None
        kafka = confluent_kafka()
        answer: Future[Stands] = Future()
        offsets = [
            kafka.TopicPartition(topic, 0, at.offset, metadata=at.metadata) for topic, at in positions.items()
        ]
        commit = (_key(offsets), answer)
        self._open.append(commit)
        try:
            self.reader.client.commit(offsets=offsets, asynchronous=True)
        except kafka.KafkaException as error:
            self._open.remove(commit)
            self._settle(answer, error.args[0], [])
        return answer

    def heard(self, error: Any, offsets: list[Any]) -> None:
        """What librdkafka calls as its `on_commit`."""
        key = _key(offsets)
        commit = next((each for each in self._open if each[0] == key), None)
        if commit is not None:
            self._open.remove(commit)
            self._settle(commit[1], error, offsets)

    def _settle(self, answer: Future[Stands], error: Any, offsets: list[Any]) -> None:
        assert self.reader is not None
        if error is not None and not any(each.error for each in offsets):
            wrong = [(error, None)]
        else:
            wrong = [(each.error, each.topic) for each in offsets if each.error is not None]
        lasting = next((each for each in wrong if each[0].name() not in _CHANGING), None)
        if lasting is not None:
            answer.set_exception(bus_error(lasting[0], self.reader.servers, lasting[1]))
        else:
            refused = {topic for _, topic in wrong}
            answer.set_result(
                frozenset() if None in refused else frozenset(each.topic for each in offsets) - refused
            )


def _key(offsets: list[Any]) -> frozenset[tuple[str, int]]:
    return frozenset((each.topic, each.offset) for each in offsets)
