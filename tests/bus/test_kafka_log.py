"""Kafka as a log, beyond what every log promises: what is deleted, and topics that come again."""

import re
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from sightline.bus import Consumer, Event, Gained, Gap, Log, Lost, Message, Position, kafka_ids, open_log
from sightline.bus.kafka import KafkaBus
from sightline.bus.kafka_lines import MOST_BYTES
from sightline.bus.kafka_reader import KafkaReader
from sightline.errors import BusError
from sightline.testing import check_log

LIMIT_S = 20.0
MIB = 1024 * 1024
PROTOCOLS = ("classic", "consumer")

pytestmark = pytest.mark.needs("kafka")


@pytest.fixture
def log(kafka: str) -> Iterator[Log]:
    with open_log(f"kafka://{kafka}") as log:
        yield log


@pytest.fixture
def topic() -> str:
    return f"log.{secrets.token_hex(4)}"


class Broker:
    """What a broker is told by its own tools."""

    def __init__(self, servers: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": servers})

    def create(self, topic: str, partitions: int = 1) -> None:
        self._admin.create_topics([NewTopic(topic, partitions)])[topic].result(LIMIT_S)

    def delete(self, topic: str) -> None:
        self._admin.delete_topics([topic])[topic].result(LIMIT_S)

    def lose(self, topic: str, first: int) -> None:
        """What stands before `first` goes, as by retention."""
        for answer in self._admin.delete_records([TopicPartition(topic, 0, first)]).values():
            answer.result(LIMIT_S)


@pytest.fixture
def broker(kafka: str) -> Broker:
    return Broker(kafka)


class Reading:
    """A consumer, and all that it was told and got, in order."""

    def __init__(self, log: Log, topics: str | list[str], group: str | None = None, start: str = "earliest"):
        self.told: list[Event] = []
        self.got: list[Message] = []
        self.consumer: Consumer = log.consume(
            topics,
            group=group,
            start=start,  # type: ignore[arg-type]
            on_event=lambda _consumer, event: self.told.append(event),
        )
        assert self.consumer.ready(LIMIT_S)

    def until(self, done: Callable[[], bool], most: int = 100) -> None:
        deadline_s = time.monotonic() + LIMIT_S
        while not done():
            assert time.monotonic() < deadline_s, (self.told, [message.offset for message in self.got])
            self.got += self.consumer.poll(most, 0.05)

    def get(self, count: int) -> list[bytes]:
        before = len(self.got)
        self.until(lambda: len(self.got) >= before + count, most=1)
        return [message.value for message in self.got[before:]]

    def told_of(self, kind: type) -> list[Event]:
        return [event for event in self.told if isinstance(event, kind)]


def put(log: Log, topic: str, *values: bytes) -> None:
    before = log.ends(topic)[topic].next if topic in log.ends(topic) else 0
    for value in values:
        log.publish(topic, value)
    deadline_s = time.monotonic() + LIMIT_S
    while topic not in (ends := log.ends(topic)) or ends[topic].next < before + len(values):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def numbers(count: int, prefix: str = "") -> list[bytes]:
    return [f"{prefix}{number}".encode() for number in range(count)]


def test_it_keeps_the_promise_of_a_log_by_both_protocols_of_groups(kafka: str, no_leaks: None) -> None:
    with ThreadPoolExecutor() as both:  # most of it is waiting
        checks = [
            both.submit(check_log, partial(open_log, f"kafka://{kafka}?protocol={protocol}"), timeout_s=20)
            for protocol in PROTOCOLS
        ]
        for check in checks:
            check.result()


@pytest.mark.parametrize("group", [None, "group"])
def test_what_retention_deleted_is_told_once_and_before_what_lies_behind_it(
    log: Log, broker: Broker, topic: str, group: str | None
) -> None:
    put(log, topic, *numbers(10))
    reading = Reading(log, topic, group and f"{group}.{topic}")
    reading.get(2)
    reading.consumer.pause(topic)  # nothing is fetched ahead
    broker.lose(topic, 7)
    reading.consumer.resume(topic)
    assert reading.get(3) == numbers(10)[7:]
    assert reading.told == [Gained({topic: Position(0)}), Gap(topic, 2, 7)]
    stats = reading.consumer.stats(topic)
    assert (stats.dropped["evicted"], stats.balanced) == (5, True)


def test_a_seek_to_what_is_gone_tells_of_it_and_goes_on_behind(log: Log, broker: Broker, topic: str) -> None:
    put(log, topic, *numbers(10))
    reading = Reading(log, topic)
    reading.get(10)
    broker.lose(topic, 6)
    assert reading.consumer.seek(topic, 3) == 6
    assert reading.get(4) == numbers(10)[6:]
    assert reading.told_of(Gap) == [Gap(topic, 3, 6)]


def test_a_group_whose_position_is_gone_tells_of_it(log: Log, broker: Broker, topic: str) -> None:
    put(log, topic, *numbers(10))
    first = Reading(log, topic, topic)
    first.get(10)
    first.consumer.commit({topic: Position(2, "text")})
    first.consumer.close()
    broker.lose(topic, 5)
    second = Reading(log, topic, topic)
    assert second.get(5) == numbers(10)[5:]
    assert second.told == [Gained({topic: Position(2, "text")}), Gap(topic, 2, 5)]


@pytest.mark.parametrize(
    ("protocol", "seen"), [(None, False), ("classic", False), ("classic", True), ("consumer", False)]
)
def test_a_topic_that_was_made_again_is_read_from_its_first_message(
    kafka: str, broker: Broker, topic: str, protocol: str | None, seen: bool
) -> None:
    with open_log(f"kafka://{kafka}?protocol={protocol or 'classic'}") as log:
        broker.create(topic)
        put(log, topic, *numbers(3, "old"))
        reading = Reading(log, topic, protocol and topic)
        reading.get(3)
        if protocol:
            reading.consumer.commit()
        # Its id is asked for beside the reading: known by the second look.
        reading.until(lambda: topic in reading.consumer._held.ids._known)  # type: ignore[attr-defined]
        broker.delete(topic)
        if seen:
            reading.until(lambda: bool(reading.told_of(Lost)))
        broker.create(topic)
        put(log, topic, *numbers(8, "new"))  # more than there were
        reading.until(lambda: len(reading.told) >= 3)
        assert reading.told[1:] == [Lost(frozenset({topic})), Gained({topic: Position(0)})]
        reading.until(lambda: [m.value for m in reading.got[-8:]] == numbers(8, "new"))
        assert [message.offset for message in reading.got[-8:]] == [*range(8)]
        if protocol:
            assert reading.consumer.commit() == {topic}
            assert log.committed(topic, topic) == {topic: Position(8)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_topic_that_was_made_again_is_read_from_its_first_message_also_if_it_was_taken_meanwhile(
    kafka: str, broker: Broker, topic: str, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_log(f"kafka://{kafka}?protocol={protocol}") as log:
        put(log, topic, *numbers(3, "old"))
        reading = Reading(log, topic, topic)
        reading.get(3)
        held, share = reading.consumer._held, reading.consumer._share  # type: ignore[attr-defined]
        reading.until(lambda: topic in held.ids._known)

        def look() -> None:
            """In the place of one look, and in its thread: so none comes between."""
            monkeypatch.undo()
            broker.delete(topic)
            broker.create(topic)
            put(log, topic, *numbers(8, "new"))
            _commit(held.reader, topic, 3)  # as the one for the old topic stays for a while
            share._taken(held.reader.client, [TopicPartition(topic, 0)])
            share._given(held.reader.client, [TopicPartition(topic, 0)])

        monkeypatch.setattr(share, "look", look)
        reading.until(lambda: len(reading.told) >= 3)
        assert reading.told[1:3] == [Lost(frozenset({topic})), Gained({topic: Position(0)})]
        reading.until(lambda: [m.value for m in reading.got[-8:]] == numbers(8, "new"))


def _commit(reader: KafkaReader, topic: str, offset: int) -> None:
    """Once the group is at rest."""
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        try:
            reader.client.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
        except KafkaException:
            assert time.monotonic() < deadline_s
            reader.consume(1, 0.05)
        else:
            return


@pytest.mark.parametrize("group", [None, "group"])
def test_the_id_of_what_is_not_wanted_any_more_is_forgotten(log: Log, topic: str, group: str | None) -> None:
    put(log, topic, b"1")
    reading = Reading(log, topic, group and f"{group}.{topic}")
    known = reading.consumer._held.ids._known  # type: ignore[attr-defined]
    reading.until(lambda: topic in known)
    reading.consumer.want([])
    reading.until(lambda: not known)


def test_of_topics_that_are_not_held_few_ids_are_kept(
    kafka: str, broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_ids, "MOST_KEPT", 1)
    topics = [f"{topic}.{number}" for number in range(4)]
    for each in topics:
        broker.create(each)
    with KafkaBus(f"kafka://{kafka}") as bus:
        ids = bus._log.ids()

        def known_of(held: list[str], count: int) -> set[str]:
            deadline_s = time.monotonic() + LIMIT_S
            while len(ids._known) != count:
                assert time.monotonic() < deadline_s, ids._known
                assert not ids.changed(held)
                time.sleep(0.01)
            return set(ids._known)

        assert known_of(topics, 4) == set(topics)
        assert topics[0] in known_of(topics[:1], 2)


def test_a_topic_that_cannot_be_read_ends_for_itself(
    log: Log, broker: Broker, topic: str, kafka: str
) -> None:
    split, plain = f"{topic}.split", f"{topic}.plain"
    broker.create(split, partitions=2)
    put(log, plain, b"1")
    reading = Reading(log, [split, plain])
    _put_in_partition(kafka, split, 1)
    with pytest.raises(BusError, match=f"topic {re.escape(split)} .* in one partition.*topics create"):
        reading.until(lambda: False)
    put(log, plain, b"2")
    reading.until(lambda: [m.value for m in reading.got] == [b"1", b"2"])
    assert Lost(frozenset({split})) in reading.told
    assert set(reading.consumer.positions()) == {plain}


def _put_in_partition(servers: str, topic: str, partition: int) -> None:
    from confluent_kafka import Producer  # noqa: PLC0415 - used here alone

    producer = Producer({"bootstrap.servers": servers})
    producer.produce(topic, b"stray", partition=partition)
    assert producer.flush(LIMIT_S) == 0


def test_a_reader_that_does_not_poll_holds_little_and_gets_all(log: Log, topic: str) -> None:
    count, size = 60, MIB // 2
    other = f"{topic}.other"
    put(log, topic, *[bytes([number]) * size for number in range(count)])
    put(log, other, b"1")
    reading = Reading(log, [topic, other], topic)
    held: list[int] = []
    deadline_s = time.monotonic() + LIMIT_S
    while not reading.consumer._lines.is_stalled:  # type: ignore[attr-defined]
        assert time.monotonic() < deadline_s
        held.append(reading.consumer.stats().held_bytes)
        time.sleep(0.02)
    assert MOST_BYTES < max(held) <= MOST_BYTES + 17 * MIB
    reading.until(lambda: len(reading.got) == count + 1)
    assert [m.value[:1] for m in reading.got if m.topic == topic] == [bytes([n]) for n in range(count)]
    assert reading.consumer.stats().balanced


def test_what_was_fetched_of_a_paused_topic_is_not_given_and_comes_again(log: Log, topic: str) -> None:
    put(log, topic, *numbers(100))
    reading = Reading(log, topic)
    reading.get(3)
    reading.consumer.pause(topic)
    assert reading.consumer.poll(100, 0.2) == []
    put(log, topic, b"more")
    reading.until(lambda: reading.consumer.lag() == {topic: 98})
    reading.consumer.resume(topic)
    assert reading.get(98) == [*numbers(100)[3:], b"more"]
    assert reading.consumer.stats().balanced


def test_where_a_group_begins_is_settled_with_its_first_member(log: Log, topic: str) -> None:
    put(log, topic, *numbers(5))
    first = Reading(log, topic, topic, "latest")
    first.until(lambda: bool(first.told))
    assert log.committed(topic, topic) == {topic: Position(5)}
    first.consumer.close()
    put(log, topic, b"meanwhile")
    second = Reading(log, topic, topic, "latest")
    assert second.get(1) == [b"meanwhile"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_a_named_member_held_waits_for_it(kafka: str, topic: str, protocol: str) -> None:
    topics = [f"{topic}.{number}" for number in range(4)]
    url = f"kafka://{kafka}?protocol={protocol}"
    with open_log(f"{url}&instance=one") as named, open_log(url) as log:
        for each in topics:
            put(log, each, b"1")
        one, other = Reading(named, topics, topic), Reading(log, topics, topic)

        def is_shared() -> bool:
            other.got += other.consumer.poll(100, 0.05)
            return len(one.consumer.positions()) == len(other.consumer.positions()) == 2

        one.until(is_shared)
        held, told = one.consumer.positions().keys(), len(other.told)
        one.consumer.close()
        again = Reading(named, topics, topic)
        again.until(lambda: again.consumer.positions().keys() == held)
        other.consumer.poll(100, 0)
        assert other.told[told:] == []


def test_a_topic_that_is_wanted_again_at_once_begins_again(log: Log, topic: str) -> None:
    put(log, topic, *numbers(3))
    for group in (None, topic):
        reading = Reading(log, topic, group)
        reading.get(3)
        reading.consumer.want([])
        reading.consumer.want(topic)
        assert reading.get(3) == numbers(3)
        assert [type(event) for event in reading.told] == [Gained, Lost, Gained]
        reading.consumer.close()
