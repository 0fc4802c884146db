"""Topics of a real Kafka: made, shown, filled, deleted, and refused."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sightline.bus.kafka_address import BATCH_ROOM, KafkaAddress
from sightline.bus.kafka_topics import KafkaTopic, KafkaTopics
from sightline.errors import BusError, ConfigError

kafka_library = pytest.importorskip("confluent_kafka")
MIB = 1024 * 1024


@pytest.fixture
def topics(kafka: str) -> KafkaTopics:
    return KafkaTopics(KafkaAddress.of(f"kafka://{kafka}"))


@pytest.fixture
def name(topics: KafkaTopics) -> Iterator[str]:
    """A name that nobody has; the topic is deleted after the test."""
    name = f"raw_{secrets.token_hex(4)}"
    yield name
    topics.delete(name)


def publish(kafka: str, topic: str, size: int, *, headers: int = 0) -> Any:
    """What comes of one message: None, or the error."""
    outcome: list[Any] = []
    address = KafkaAddress.of(f"kafka://{kafka}")
    # Large enough that the broker says no, and not the client.
    producer = kafka_library.Producer(address.producer(64 * MIB))
    pairs = [("name-of-a-header", b"")] * headers
    producer.produce(
        topic, b"x" * size, partition=0, headers=pairs, on_delivery=lambda error, _: outcome.append(error)
    )
    producer.flush(10)
    (error,) = outcome
    return error


@pytest.mark.needs("kafka")
def test_a_topic_of_a_camera_has_one_partition_and_keeps_an_hour_or_a_gib(
    topics: KafkaTopics, name: str
) -> None:
    assert topics.create(name)
    assert name in topics.names()
    assert topics.describe([name]) == (
        KafkaTopic(
            name=name,
            replicas=1,
            retention_s=3600.0,
            retention_bytes=1024 * MIB,
            max_message_bytes=8 * MIB,
            offsets=((0, 0),),
        ),
    )


@pytest.mark.needs("kafka")
def test_what_is_there_is_left_as_it_is(topics: KafkaTopics, name: str) -> None:
    assert topics.create(name, retention_s=None, retention_bytes=None)
    assert not topics.create(name, retention_s=60, retention_bytes=MIB)
    (there,) = topics.describe([name])
    assert (there.retention_s, there.retention_bytes) == (None, None)


@pytest.mark.needs("kafka")
def test_another_number_of_partitions_is_refused(topics: KafkaTopics, name: str) -> None:
    assert topics.create(name, partitions=30)
    with pytest.raises(ConfigError, match="is there with 30 partitions, expected 1"):
        topics.create(name)
    assert topics.describe([name])[0].offsets == ((0, 0),) * 30  # asked for before each has its leader


@pytest.mark.needs("kafka")
@pytest.mark.parametrize("size", [1000, 10 * MIB])
def test_a_topic_takes_messages_up_to_its_room_and_no_larger(
    kafka: str, topics: KafkaTopics, name: str, size: int
) -> None:
    topics.create(name, max_message_bytes=size)
    assert publish(kafka, name, size - 20 * len("name-of-a-header"), headers=20) is None
    assert publish(kafka, name, size + BATCH_ROOM).name() == "MSG_SIZE_TOO_LARGE"
    (there,) = topics.describe([name])
    assert (there.max_message_bytes, there.messages) == (size, 1)


@pytest.mark.needs("kafka")
def test_what_is_old_goes(
    kafka: str, topics: KafkaTopics, name: str, wait_for: Callable[..., object]
) -> None:
    topics.create(name, retention_s=None, retention_bytes=2 * MIB, max_message_bytes=MIB // 2)
    for _ in range(8):
        assert publish(kafka, name, MIB // 2) is None

    def gone() -> bool:
        ((first, end),) = topics.describe([name])[0].offsets
        return end == 8 and 0 < first <= 4

    wait_for(gone, 20.0, "the oldest segments to be deleted")


@pytest.mark.needs("kafka")
def test_a_deleted_topic_is_gone(topics: KafkaTopics, name: str, wait_for: Callable[..., object]) -> None:
    topics.create(name)
    assert topics.delete(name)
    wait_for(lambda: name not in topics.names(), 10.0, "the topic to be gone")
    assert not topics.delete(name)
    assert topics.describe([name]) == ()


@pytest.mark.needs("kafka")
@pytest.mark.parametrize(
    "settings",
    [
        {"partitions": 0},
        {"replicas": 0},
        {"retention_s": 0.0},
        {"retention_s": float("inf")},
        {"retention_bytes": 1000},
        {"max_message_bytes": 0},
        {"max_message_bytes": 2**30},
    ],
)
def test_a_wrong_value_is_refused(topics: KafkaTopics, name: str, settings: Any) -> None:
    with pytest.raises(ConfigError, match="expected"):
        topics.create(name, **settings)
    with pytest.raises(ConfigError, match="expected a topic of"):
        topics.create(f"{name}/x")
    assert name not in topics.names()


@pytest.mark.needs("kafka")
def test_what_the_broker_refuses_is_a_bus_error(topics: KafkaTopics, name: str) -> None:
    with pytest.raises(BusError, match=rf"topic {name} at .*replication"):
        topics.create(name, replicas=2)


def test_nobody_there_is_a_bus_error_with_the_reason(free_port: Callable[[], int]) -> None:
    with pytest.raises(BusError, match=r"no Kafka answers at 127\.0\.0\.1:\d+: .*Connection refused"):
        KafkaTopics(KafkaAddress.of(f"kafka://127.0.0.1:{free_port()}"), timeout_s=0.5)


def test_a_setting_that_librdkafka_does_not_know_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text("security.protocols=SSL\n")
    with pytest.raises(ConfigError, match=r"security\.protocols"):
        KafkaTopics(KafkaAddress.of(f"kafka://h?settings={path}"))
