"""Kafka as a log: consumers, alone or in groups, positions, ends. `sightline.bus.Log` says what is promised.

A consumer has one client of librdkafka and one thread, whatever number of topics it reads. librdkafka fetches
ahead (16 MiB and a batch), the thread takes from it, and up to 4 MiB and what comes at once wait for `poll`.
Who does not poll for half a second is not fetched for, and stays in its group: the thread answers for it.

What Kafka does not say by itself:

- Retention has deleted what was next: a `Gap`, told before what lies behind it.
- A topic was deleted: it is `Lost`. One was made by the same name: it is `Gained`, at its first message,
  within a second, and also where nobody saw it missing; offsets begin anew. Until then a few of its messages
  may come that come again after that.
- A topic cannot be read, since it has messages in several partitions, or we may not: one `poll` raises, the
  topic is `Lost`, and the others go on. It is tried again when it is wanted anew.
- Nobody leads a topic, as its broker is away: it begins when somebody does, and the others go on.
- The broker is away: nothing comes. Positions stay, and so do the messages that wait.

A topic that appears is its group's from its first message on, unless a member comes in the very second in
which it appears, and gets it: to that one it was there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_commits import KafkaCommits
from sightline.bus.kafka_consumer import KafkaConsumer
from sightline.bus.kafka_ids import KafkaIds
from sightline.bus.kafka_questions import KafkaQuestions
from sightline.bus.kafka_reader import ALONE, KafkaReader
from sightline.bus.kafka_share import Alone, Held, Member, Share
from sightline.bus.log import Ends, OnEvent, Position, Start
from sightline.bus.names import Topics, checked_group, topic_names, wanted_topics

_CLASSIC: Final[dict[str, Any]] = {
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 10_000,  # 45 s, in which the topics of a member that died would wait
    "heartbeat.interval.ms": 500,  # 3 s, in which its fellows would not hear of who comes
    "topic.metadata.refresh.interval.ms": 1000,  # 5 minutes, in which a new topic would have no reader
}
_ENDS: Final[dict[str, Any]] = {"enable.partition.eof": True}  # or a transaction's mark would lag for ever
_CONSUMER: Final[dict[str, Any]] = {"group.protocol": "consumer"}


class KafkaLog:
    """What `KafkaBus` is beyond a bus.

    Args:
        address: of the brokers.
        max_message_bytes: the most that a message may weigh.
    """

    def __init__(self, address: KafkaAddress, max_message_bytes: int) -> None:
        self._address = address
        self._max_message_bytes = max_message_bytes
        self._questions = KafkaQuestions(address)

    def consume(
        self,
        topics: Topics,
        *,
        group: str | None,
        start: Start,
        on_event: OnEvent,
        on_close: Callable[[KafkaConsumer], None],
    ) -> KafkaConsumer:
        wanted = wanted_topics(topics)
        name = None if group is None else checked_group(group)
        by_consumer = self._address.protocol == "consumer"
        of_group, commits = _CONSUMER if by_consumer else _CLASSIC, KafkaCommits()
        static = {"group.instance.id": self._address.instance} if self._address.instance else {}
        reader = KafkaReader(
            self._address,
            self._max_message_bytes,
            group=ALONE if name is None else name,
            lost="error",
            settings=_ENDS | ({} if name is None else {**of_group, **static, "on_commit": commits.heard}),
        )
        commits.reader = reader
        held = Held(reader, self._questions, commits)
        share: Share = (
            Alone(held, wanted, start)
            if name is None
            else Member(held, wanted, start, name, is_told=not by_consumer)
        )
        return KafkaConsumer(held, share, wanted, group=name, on_event=on_event, on_close=on_close)

    def ids(self) -> KafkaIds:
        """For one reader."""
        return KafkaIds(self._questions)

    def committed(self, group: str, topics: str | Iterable[str]) -> dict[str, Position]:
        reader = KafkaReader(self._address, self._max_message_bytes, group=checked_group(group))
        try:
            return reader.committed(topic_names(topics))
        finally:
            reader.close()

    def ends(self, topics: str | Iterable[str]) -> dict[str, Ends]:
        return self._questions.ends(topic_names(topics))

    def close(self) -> None:
        """Asks nothing more; its consumers are to be closed before."""
        self._questions.close()
