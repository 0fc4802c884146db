"""Kafka as a bus: on a real broker, and on the mock cluster that librdkafka brings."""

import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.conftest import WaitFor
from tools.services.kafka import KafkaBroker

from sightline.bus import Bus, Message, Subscription, Topics, open_bus
from sightline.bus import kafka_limits as opening
from sightline.bus import kafka_publisher as publishing
from sightline.bus.kafka import KafkaBus
from sightline.bus.kafka_client import Complaints
from sightline.bus.kafka_subscription import KafkaSubscription
from sightline.errors import BufferFull, BusError, Closed, ConfigError, MissingExtra
from sightline.overflow import Capacity, Overflow
from sightline.testing import ManualClock, check_bus

MANY = Capacity(count=100_000)
LIMIT_S = 20.0
KIB, MIB = 1024, 1024 * 1024


MOCK = """
import sys, confluent_kafka
settings = {"test.mock.num.brokers": 1, "bootstrap.servers": "ignored", "log_level": 0}
cluster = confluent_kafka.Producer(settings)
broker = next(iter(cluster.list_topics(timeout=20).brokers.values()))
print(f"{broker.host}:{broker.port}", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    """A cluster of one mock broker, in a process of its own; its topics have four partitions each."""
    with subprocess.Popen(
        [sys.executable, "-c", MOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture
def bus(kafka: str) -> Iterator[Bus]:
    with open_bus(f"kafka://{kafka}") as bus:
        yield bus


@pytest.fixture
def topic() -> str:
    return f"bus.{secrets.token_hex(4)}"


@pytest.fixture
def make_topic(kafka: str) -> Callable[..., None]:
    def make(name: str, partitions: int = 1, **config: str) -> None:
        settings = {key.replace("_", "."): value for key, value in config.items()}
        admin = AdminClient({"bootstrap.servers": kafka})
        made = admin.create_topics([NewTopic(name, partitions, config=settings)])
        made[name].result(LIMIT_S)

    return make


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def live(
    bus: Bus, topics: Topics, capacity: Capacity = MANY, overflow: Overflow = Overflow.DROP_OLDEST
) -> Subscription:
    reader = bus.subscribe(topics, capacity=capacity, overflow=overflow)
    assert reader.ready(LIMIT_S)
    return reader


def values(messages: Iterable[Message]) -> list[bytes]:
    return [message.value for message in messages]


def read(reader: Subscription, count: int) -> list[Message]:
    got: list[Message] = []
    while len(got) < count:
        fresh = reader.poll(count - len(got), LIMIT_S)
        assert fresh, f"only {len(got)} of {count} came"
        got += fresh
    return got


def numbers(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


# The promise


@pytest.mark.needs("kafka")
def test_it_keeps_the_promise_of_a_bus(kafka: str, no_leaks: None) -> None:
    check_bus(lambda: open_bus(f"kafka://{kafka}"))


def test_it_keeps_the_promise_of_a_bus_on_a_mock_cluster(mock: str, no_leaks: None) -> None:
    check_bus(lambda: open_bus(f"kafka://{mock}"))


# Opening


def test_a_broker_that_is_not_there_or_says_nothing_is_named_within_seconds(
    free_port: Callable[[], int], silent_port: int, monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> None:
    assert opening.OPEN_S <= 5
    monkeypatch.setattr(opening, "OPEN_S", 1.0)
    for port, why in ((free_port(), ": .*refused"), (silent_port, "$")):
        begun_s = time.monotonic()
        with pytest.raises(BusError, match=rf"broker at 127.0.0.1:{port}; none answered within 1.0 s{why}"):
            open_bus(f"kafka://127.0.0.1:{port}")
        assert time.monotonic() - begun_s < 4


@pytest.mark.needs("kafka")
def test_a_broker_that_takes_no_login_is_an_error_at_once_that_shows_none(kafka: str) -> None:
    begun_s = time.monotonic()
    with pytest.raises(BusError, match=r"_AUTHENTICATION") as refused:
        open_bus(f"kafka://user:geheim@{kafka}?sasl=PLAIN")
    assert time.monotonic() - begun_s < 3
    assert "geheim" not in str(refused.value)


def test_a_setting_that_librdkafka_does_not_take_is_named(mock: str, tmp_path: Path) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text("queued.min.messages=lots\n")
    with pytest.raises(ConfigError, match=r"queued\.min\.messages"):
        open_bus(f"kafka://{mock}?settings={path}")


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[kafka\]'"):
        open_bus("kafka://127.0.0.1")


# Sizes


@pytest.mark.needs("kafka")
def test_more_than_any_topic_takes_is_refused_when_it_is_asked_for(kafka: str) -> None:
    with pytest.raises(ConfigError, match=r"at most 10485248 .*got 67108864.*max\.message\.bytes=67109376"):
        open_bus(f"kafka://{kafka}?max_message_bytes=64MiB")
    with pytest.raises(ConfigError, match=r"got 20971520"):
        open_bus(f"kafka://{kafka}", max_message_bytes=20 * MIB)


@pytest.mark.needs("kafka")
def test_a_message_may_be_as_large_as_its_topic_takes(
    kafka: str, topic: str, make_topic: Callable[..., None]
) -> None:
    make_topic(f"{topic}.large", max_message_bytes=str(30 * MIB))
    with open_bus(f"kafka://{kafka}?max_message_bytes=20MiB") as bus:
        assert bus.max_message_bytes == 20 * MIB
        reader = live(bus, [f"{topic}.large", topic])
        sizes = {f"{topic}.large": 20 * MIB, topic: 10 * MIB - 512}
        for name, size in sizes.items():
            bus.publish(name, bytes(size))
        assert {each.topic: len(each.value) for each in read(reader, 2)} == sizes
        with pytest.raises(BufferFull, match=rf"at most {10 * MIB - 512} bytes for topic {topic}, got"):
            bus.publish(topic, bytes(10 * MIB - 511))


@pytest.mark.needs("kafka")
def test_by_default_a_message_is_at_most_8_mib_and_what_the_broker_takes(
    kafka: str, tmp_path: Path, no_leaks: None
) -> None:
    with open_bus(f"kafka://{kafka}") as bus:
        assert bus.max_message_bytes == 8 * MIB
    with (
        KafkaBroker(tmp_path, message_max_bytes=MIB) as modest,
        open_bus(f"kafka://{modest.address}") as bus,
    ):
        assert bus.max_message_bytes == MIB - 512


@pytest.mark.needs("kafka")
def test_a_broker_that_makes_no_topics_is_an_error_that_says_how_to_make_one(
    tmp_path: Path, topic: str, no_leaks: None, wait_for: WaitFor
) -> None:
    settings = tmp_path / "kafka.properties"
    settings.write_text("topic.metadata.propagation.max.ms=200\n")
    with (
        KafkaBroker(tmp_path, settings={"auto.create.topics.enable": "false"}) as strict,
        open_bus(f"kafka://{strict.address}?settings={settings}") as bus,
    ):
        reader = live(bus, topic)

        def refused() -> str:
            try:
                bus.publish(topic, b"nowhere")
            except BusError as error:
                return str(error)
            return ""

        why = wait_for(refused, LIMIT_S, "word from the broker")
        assert f"sightline topics create {topic} --bus kafka://{strict.address}" in why
        admin = AdminClient({"bootstrap.servers": strict.address})
        admin.create_topics([NewTopic(topic, 1)])[topic].result(LIMIT_S)
        wait_for(lambda: refused() == "" and reader.poll(1, 0.1), LIMIT_S, "a topic that takes messages")
        refused()  # what was lost meanwhile
        bus.publish(topic, b"somewhere")


@pytest.mark.needs("kafka")
def test_what_was_refused_later_is_raised_by_the_next_on_its_topic_alone(
    kafka: str, bus: KafkaBus, topic: str, make_topic: Callable[..., None], wait_for: WaitFor
) -> None:
    small, other = f"{topic}.small", f"{topic}.other"
    make_topic(small, max_message_bytes=str(100 * KIB))
    reader = live(bus, [small, other])
    bus.publish(small, bytes(200 * KIB))

    def refused() -> bool:
        bus.publish(other, b"goes on")
        return small in (bus._publisher or pytest.fail("no publisher"))._failures

    wait_for(refused, LIMIT_S, "word from the broker")
    with pytest.raises(
        BusError, match=rf"topic {small} at {kafka}.*lost so: 1.*takes {100 * KIB - 512} bytes"
    ):
        bus.publish(small, b"not sent")
    bus.publish(small, b"sent")
    with pytest.raises(BufferFull, match=rf"at most {100 * KIB - 512} bytes for topic {small}"):
        bus.publish(small, bytes(200 * KIB))
    mine: list[bytes] = []
    while not mine:
        mine = [message.value for message in read(reader, 1) if message.topic == small]
    assert mine == [b"sent"]


@pytest.mark.needs("kafka")
def test_what_was_refused_last_is_raised_by_close(
    kafka: str, topic: str, make_topic: Callable[..., None], no_leaks: None
) -> None:
    make_topic(topic, max_message_bytes=str(100 * KIB))
    bus = open_bus(f"kafka://{kafka}")
    bus.publish(topic, bytes(200 * KIB))
    with pytest.raises(BusError, match=rf"topic {topic} at {kafka}.*MSG_SIZE_TOO_LARGE"):
        bus.close()
    bus.close()


# What others publish


@pytest.mark.needs("kafka")
def test_a_keyframe_is_a_header_to_others_and_none_to_us(kafka: str, bus: Bus, topic: str) -> None:
    reader = live(bus, topic)
    bus.publish(topic, b"picture", headers=(("a", b"1"),), keyframe=True)
    [message] = read(reader, 1)
    assert (message.keyframe, message.headers) == (True, (("a", b"1"),))
    other = confluent_kafka.Consumer({"bootstrap.servers": kafka, "group.id": topic})
    other.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    theirs = other.poll(LIMIT_S)
    assert theirs is not None
    assert theirs.headers() == [("sightline.keyframe", b"1"), ("a", b"1")]
    other.close()


@pytest.mark.needs("kafka", "kcat")
def test_headers_that_cannot_be_read_cost_no_message(
    kafka: str, bus: Bus, topic: str, found_at: Callable[[str], str]
) -> None:
    reader = live(bus, topic)
    publish_all(
        bus, topic, numbers(20)
    )  # until the interpreter takes its short ways, on which it would crash
    assert values(read(reader, 20)) == numbers(20)
    for header in (b"n\xffme=1", b"name=1"):
        subprocess.run(
            [found_at("kcat"), "-P", "-b", kafka, "-t", topic, "-H", os.fsdecode(header)],
            input=b"picture",
            timeout=LIMIT_S,
            check=True,
        )
    got = read(reader, 2)
    assert values(got) == [b"picture", b"picture"]
    assert [message.headers for message in got] == [(), (("name", b"1"),)]


@pytest.mark.needs("kafka")
def test_a_topic_of_several_partitions_is_read_until_one_beside_the_first_has_something(
    kafka: str, bus: Bus, topic: str, make_topic: Callable[..., None], no_leaks: None
) -> None:
    make_topic(f"{topic}.three", partitions=3)
    make_topic(f"{topic}.one")
    by_name = live(bus, f"{topic}.three")
    by_pattern = live(bus, re.compile(re.escape(topic) + ".*"))
    bus.publish(f"{topic}.three", b"ours")
    assert values(read(by_name, 1) + read(by_pattern, 1)) == [b"ours", b"ours"]
    theirs = confluent_kafka.Producer({"bootstrap.servers": kafka})
    theirs.produce(f"{topic}.three", b"theirs", partition=2)
    assert theirs.flush(LIMIT_S) == 0
    theirs.close()
    for _ in range(2):
        with pytest.raises(
            BusError, match=rf"got one in partition 2.*sightline topics create {topic}\.three"
        ):
            by_name.poll(1, LIMIT_S)
    assert not by_name.ready(0)
    bus.publish(f"{topic}.one", b"beside")
    assert values(read(by_pattern, 1)) == [b"beside"]
    bus.close()


# Where nothing may be lost


@pytest.mark.needs("kafka")
def test_a_full_topic_stops_no_other_and_loses_nothing(
    bus: Bus, topic: str, elsewhere: ThreadPoolExecutor
) -> None:
    topics = [f"{topic}.{number}" for number in range(4)]
    count = 1500  # several times what waits aside
    reader = live(bus, topics, Capacity(count=16), Overflow.BLOCK)
    reader.pause(topics[0])
    published = [elsewhere.submit(partial(publish_all, bus, name, numbers(count))) for name in topics]
    got: dict[str, list[bytes]] = {name: [] for name in topics}

    def take(most: int) -> None:
        for message in read(reader, most):
            got[message.topic].append(message.value)

    take(3 * count)
    assert [len(got[name]) for name in topics] == [0, count, count, count]
    assert reader.stats(topics[0]).held == 16
    assert isinstance(reader, KafkaSubscription)
    assert len(reader._aside[topics[0]]._messages) <= 128 + 16
    reader.resume(topics[0])
    take(count)
    assert all(got[name] == numbers(count) for name in topics)
    stats = reader.stats()
    assert (stats.entered, stats.left, stats.dropped, stats.balanced) == (4 * count, 4 * count, {}, True)
    assert all(each.result(LIMIT_S) is None for each in published)


def publish_all(bus: Bus, topic: str, messages: Iterable[bytes]) -> None:
    for value in messages:
        bus.publish(topic, value)


def test_a_message_that_would_never_fit_stops_nothing(mock: str, topic: str, wait_for: WaitFor) -> None:
    with (
        open_bus(f"kafka://{mock}", max_message_bytes=KIB) as bus,
        open_bus(f"kafka://{mock}") as generous,
    ):
        reader = live(bus, topic, Capacity(bytes=KIB), Overflow.BLOCK)
        for value in (b"before", bytes(2 * KIB), b"after"):
            generous.publish(topic, value)
        assert values(read(reader, 2)) == [b"before", b"after"]
        stats = reader.stats()
        assert (stats.entered, stats.refused, stats.balanced) == (2, 1, True)


# Brokers that go


@pytest.mark.needs("kafka")
def test_a_broker_that_was_killed_costs_nothing_and_nothing_comes_twice(
    no_leaks: None, kafka_broker: KafkaBroker, elsewhere: ThreadPoolExecutor
) -> None:
    with open_bus(f"kafka://{kafka_broker.address}") as bus:
        topics = ["a", "b"]
        reader = live(bus, topics)
        done = threading.Event()
        publishers = [elsewhere.submit(partial(publish_until, bus, name, done)) for name in topics]
        got: dict[str, list[bytes]] = {name: [] for name in topics}
        for message in read(reader, 100):
            got[message.topic].append(message.value)
        kafka_broker.restart()
        for message in read(reader, 500):
            got[message.topic].append(message.value)
        done.set()
        sent = [publisher.result(LIMIT_S) for publisher in publishers]
        for message in read(reader, sum(sent) - 600):
            got[message.topic].append(message.value)
        assert [got[name] == numbers(count) for name, count in zip(topics, sent, strict=True)] == [True, True]


def publish_until(bus: Bus, topic: str, done: threading.Event) -> int:
    """Gives how many it published."""
    count = 0
    while not done.wait(0.002):
        bus.publish(topic, str(count).encode())
        count += 1
    return count


@pytest.mark.needs("kafka")
def test_a_broker_that_is_away_holds_up_publishers_and_no_one_who_closes(
    no_leaks: None,
    kafka_broker: KafkaBroker,
    tmp_path: Path,
    elsewhere: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    wait_for: WaitFor,
) -> None:
    monkeypatch.setattr(publishing, "DELIVER_S", 0.5)
    path = tmp_path / "kafka.properties"
    path.write_text("queue.buffering.max.messages=10\n")
    bus = open_bus(f"kafka://{kafka_broker.address}?settings={path}")
    bus.publish("away", b"before")
    reader = live(bus, "away")
    kafka_broker.kill()
    waiting: Future[Any] = elsewhere.submit(partial(publish_all, bus, "away", numbers(20)))
    with pytest.raises(TimeoutError):
        waiting.result(0.5)
    begun_s = time.monotonic()
    reader.close()
    with pytest.raises(BusError, match=rf"{kafka_broker.address} did not take 10 messages within 0\.5 s"):
        bus.close()
    assert time.monotonic() - begun_s < 5
    with pytest.raises(Closed):
        waiting.result(LIMIT_S)


@pytest.mark.needs("kafka")
def test_a_topic_that_was_deleted_and_made_again_is_read_again(
    kafka: str, bus: Bus, topic: str, wait_for: WaitFor
) -> None:
    reader = live(bus, topic)
    publish_all(bus, topic, numbers(5))
    assert values(read(reader, 5)) == numbers(5)
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_topics([topic])[topic].result(LIMIT_S)
    wait_for(lambda: topic not in admin.list_topics(timeout=LIMIT_S).topics, LIMIT_S, "a topic gone")
    with open_bus(f"kafka://{kafka}") as other:
        publish_all(other, topic, numbers(3))
        got = read(reader, 3)
    assert [(message.offset, message.value) for message in got] == list(enumerate(numbers(3)))


@pytest.mark.needs("kafka")
def test_nothing_is_passed_over_of_a_topic_that_was_made_again_and_has_more_than_before(
    bus: Bus, topic: str, make_topic: Callable[..., None], kafka: str, wait_for: WaitFor
) -> None:
    make_topic(topic)
    reader = live(bus, topic)
    publish_all(bus, topic, numbers(3))
    read(reader, 3)
    assert isinstance(reader, KafkaSubscription)
    wait_for(lambda: topic in reader._ids._known, LIMIT_S, "the id of the topic")
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_topics([topic])[topic].result(LIMIT_S)
    wait_for(lambda: topic not in admin.list_topics(timeout=LIMIT_S).topics, LIMIT_S, "a topic gone")
    make_topic(topic)
    with open_bus(f"kafka://{kafka}") as other:
        publish_all(other, topic, numbers(9))
    got: list[Message] = []
    deadline_s = time.monotonic() + LIMIT_S
    while [message.offset for message in got][-9:] != list(range(9)):
        assert time.monotonic() < deadline_s, [message.offset for message in got]
        got += reader.poll(100, 0.1)


# What is not seen from outside


def test_a_handle_that_only_reads_has_no_producer(mock: str, topic: str) -> None:
    with KafkaBus(f"kafka://{mock}") as bus:
        live(bus, topic)
        assert bus._publisher is None
        bus.publish(topic, b"one")
        assert bus._publisher is not None


def test_a_complaint_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    complaints = Complaints("host:9092", clock)
    down = confluent_kafka.KafkaError(confluent_kafka.KafkaError._ALL_BROKERS_DOWN)
    for _ in range(1000):
        complaints.error(down)
    assert caplog.text.count("_ALL_BROKERS_DOWN") == 1
    complaints.error(confluent_kafka.KafkaError(confluent_kafka.KafkaError._TRANSPORT))
    clock.move(60.0)
    complaints.error(down)
    assert caplog.text.count("_ALL_BROKERS_DOWN") == 2
    assert "host:9092" in caplog.text
