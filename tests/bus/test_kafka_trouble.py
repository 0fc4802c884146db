"""A log over Kafka where others do what Sightline does not, and where wishes come in a hurry."""

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.conftest import WaitFor
from tools.services.kafka import KafkaBroker

from sightline.bus import Consumer, Event, Gained, Log, Lost, Message, Position, kafka_consumer, open_log
from sightline.bus.kafka_questions import KafkaQuestions
from sightline.errors import BusError

LIMIT_S = 20.0
MIB = 1024 * 1024

pytestmark = pytest.mark.needs("kafka")

MakeTopics = Callable[..., list[str]]


@pytest.fixture
def log(kafka: str) -> Iterator[Log]:
    with open_log(f"kafka://{kafka}") as log:
        yield log


@pytest.fixture
def topics(kafka: str) -> MakeTopics:
    """`topics(2, max_message_bytes="1000")` makes two."""
    admin = AdminClient({"bootstrap.servers": kafka})

    def make(count: int, **config: str) -> list[str]:
        settings = {name.replace("_", "."): value for name, value in config.items()}
        names = [f"trouble.{secrets.token_hex(4)}" for _ in range(count)]
        for made in admin.create_topics([NewTopic(name, 1, config=settings) for name in names]).values():
            made.result(LIMIT_S)
        return names

    return make


def until(consumer: Consumer, done: Callable[[list[Message]], bool]) -> list[Message]:
    """What comes until it is enough."""
    got: list[Message] = []
    deadline_s = time.monotonic() + LIMIT_S
    while not done(got):
        assert time.monotonic() < deadline_s, [(each.topic, each.offset) for each in got]
        got += consumer.poll(100, 0.05)
    return got


def test_who_reads_is_told_that_its_broker_is_too_old_for_its_group(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    def told() -> str:
        try:
            consumer.poll(1, 0.1)
        except BusError as error:
            return str(error)
        return ""

    with (
        KafkaBroker(tmp_path, settings={"group.coordinator.rebalance.protocols": "classic"}) as old,
        open_log(f"kafka://{old.address}?protocol=consumer") as log,
        log.consume("any", group="some") as consumer,
    ):
        assert "_FATAL" in wait_for(told, LIMIT_S, "the fatal error")


def test_marks_of_transactions_and_what_was_aborted_are_no_lag(
    kafka: str, log: Log, topics: MakeTopics, wait_for: WaitFor
) -> None:
    (topic,) = topics(1)
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(LIMIT_S)
    for value, end in (
        (b"kept", producer.commit_transaction),
        (b"not", producer.abort_transaction),
    ):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(LIMIT_S)
        end(LIMIT_S)
    with log.consume(topic, group=topic, start="earliest") as consumer:
        assert [each.value for each in until(consumer, bool)] == [b"kept"]
        end_of = log.ends(topic)[topic].next
        assert end_of == 4
        until(consumer, lambda _: consumer.lag() == {topic: 0})
        assert consumer.positions() == {topic: end_of}
        assert consumer.commit() == {topic}
        assert log.committed(topic, topic) == {topic: Position(end_of)}
        producer.begin_transaction()
        producer.produce(topic, b"more")
        producer.flush(LIMIT_S)
        assert log.ends(topic)[topic].next == end_of + 1
        (answer,) = consumer._held.questions.ask_ends([topic]).values()  # type: ignore[attr-defined]
        assert answer.result(LIMIT_S).offset == end_of  # nobody is behind who waits for its end
        producer.commit_transaction(LIMIT_S)
        assert [(each.offset, each.value) for each in until(consumer, bool)] == [(end_of, b"more")]
        until(consumer, lambda _: consumer.lag() == {topic: 0})


def test_a_message_of_others_above_all_our_limits_holds_up_no_topic(
    kafka: str, log: Log, topics: MakeTopics
) -> None:
    (huge,) = topics(1, max_message_bytes=str(32 * MIB))
    (small,) = topics(1)
    producer = Producer({"bootstrap.servers": kafka, "message.max.bytes": 32 * MIB})
    with log.consume([huge, small], start="earliest") as consumer:
        for topic, size in ((huge, 24 * MIB), (huge, 2), (small, 1)):
            producer.produce(topic, bytes(size))
        assert producer.flush(LIMIT_S) == 0
        got = until(consumer, lambda got: len(got) == 3)
    assert [len(each.value) for each in got if each.topic == huge] == [24 * MIB, 2]


@pytest.mark.parametrize("has_group", [False, True])
def test_each_topic_begins_as_start_says_however_soon_another_is_wanted(
    log: Log, topics: MakeTopics, *, has_group: bool
) -> None:
    names = topics(3)
    for name in names:
        log.publish(name, b"old")
    while not all(each.next for each in log.ends(names).values()):
        time.sleep(0.01)
    with log.consume(names[:1], group=names[0] if has_group else None, start="latest") as consumer:
        consumer.want(names[:2])
        consumer.want(names)
        assert consumer.ready(LIMIT_S)
        for name in names:
            log.publish(name, b"new")
        got = until(consumer, lambda got: len(got) >= 3)
    assert {(each.topic, each.value) for each in got} == {(name, b"new") for name in names}


def test_what_is_not_wanted_any_more_does_not_come_back_from_a_look_under_way(
    log: Log, topics: MakeTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, goes = topics(2)
    told: list[Event] = []
    ask = KafkaQuestions.topics
    consumers: list[Consumer] = []

    def topics_and_meanwhile(self: KafkaQuestions, wanted: object) -> dict[str, int]:
        there = ask(self, wanted)  # type: ignore[arg-type]
        if consumers:
            consumers.pop().want([stays])
        return there

    with log.consume(
        [stays, goes], start="earliest", on_event=lambda _, event: told.append(event)
    ) as consumer:
        until(consumer, lambda _: len(told) == 1)
        monkeypatch.setattr(KafkaQuestions, "topics", topics_and_meanwhile)
        consumers.append(consumer)
        until(consumer, lambda _: not consumers)
        assert consumer.ready(LIMIT_S)
        consumer.poll(100, 0.1)
    assert told == [Gained({stays: Position(0), goes: Position(0)}), Lost(frozenset({goes}))]


@pytest.mark.parametrize("protocol", [None, "classic", "consumer"])
def test_a_client_that_stands_still_is_replaced_where_it_is(
    kafka: str, topics: MakeTopics, monkeypatch: pytest.MonkeyPatch, protocol: str | None
) -> None:
    monkeypatch.setattr(kafka_consumer, "_SILENT", 4)
    (topic,) = topics(1)
    with (
        open_log(f"kafka://{kafka}?protocol={protocol or 'classic'}") as log,
        log.consume(topic, group=protocol and topic, start="earliest") as consumer,
    ):
        log.publish(topic, b"before")
        until(consumer, bool)
        if protocol:
            assert consumer.commit() == {topic}
        client = consumer._held.reader.client  # type: ignore[attr-defined]
        client.pause([TopicPartition(topic, 0)])  # it hears nothing more, and does not know why
        for value in (b"1", b"2"):
            log.publish(topic, value)
        got = until(consumer, lambda got: len(got) == 2)
        assert [(each.offset, each.value) for each in got] == [(1, b"1"), (2, b"2")]
        assert consumer._held.reader.client is not client  # type: ignore[attr-defined]
        if protocol:
            assert consumer.commit() == {topic}
            assert log.committed(topic, topic) == {topic: Position(3)}
        log.publish(topic, b"3")
        assert [each.value for each in until(consumer, bool)] == [b"3"]


@pytest.mark.parametrize("has_group", [False, True])
def test_a_topic_that_could_not_be_read_is_tried_again_when_it_is_wanted_anew(
    kafka: str, log: Log, topics: MakeTopics, *, has_group: bool
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    (good,) = topics(1)
    bad = f"{good}.bad"
    admin.create_topics([NewTopic(bad, 2)])[bad].result(LIMIT_S)
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(bad, b"beside", partition=1)
    producer.flush(LIMIT_S)
    with log.consume([good, bad], group=good if has_group else None, start="earliest") as consumer:
        with pytest.raises(BusError, match="in one partition"):
            until(consumer, lambda _: False)
        admin.delete_topics([bad])[bad].result(LIMIT_S)
        while bad in admin.list_topics(timeout=LIMIT_S).topics:
            time.sleep(0.01)
        admin.create_topics([NewTopic(bad, 1)])[bad].result(LIMIT_S)
        log.publish(bad, b"first")
        consumer.want([good])
        consumer.want([good, bad])
        assert [each.value for each in until(consumer, bool)] == [b"first"]


@pytest.mark.parametrize("has_group", [False, True])
def test_a_topic_that_nobody_leads_holds_up_no_other_and_begins_as_start_says(
    log: Log, topics: MakeTopics, monkeypatch: pytest.MonkeyPatch, *, has_group: bool
) -> None:
    good, away = topics(2)
    log.publish(away, b"old")
    while not log.ends(away)[away].next:
        time.sleep(0.01)
    nobody: Future[object] = Future()
    nobody.set_exception(KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE)))
    is_away = threading.Event()
    is_away.set()
    ask = KafkaQuestions._ask_offsets

    def ask_offsets(
        self: KafkaQuestions, names: Collection[str], which: str, **settings: Any
    ) -> Mapping[Any, Future[Any]]:
        answers = ask(self, names, which, **settings)
        return {at: nobody if at.topic == away and is_away.is_set() else answers[at] for at in answers}

    monkeypatch.setattr(KafkaQuestions, "_ask_offsets", ask_offsets)
    with log.consume([good, away], group=good if has_group else None, start="latest") as consumer:
        assert until(consumer, lambda _: good in consumer.positions()) == []
        log.publish(good, b"new")
        assert [each.value for each in until(consumer, bool)] == [b"new"]
        assert not consumer.ready(0.1)
        is_away.clear()
        assert consumer.ready(LIMIT_S)
        log.publish(away, b"new")
        assert [(each.topic, each.value) for each in until(consumer, bool)] == [(away, b"new")]
