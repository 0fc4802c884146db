"""Topics that keep the last message of each key: what goes, what makes room, and what survives a broker."""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.bus import Consumer, Gap, Log, Message, open_log
from sightline.bus.history import LastOfEachKey
from sightline.bus.hub import HubBus
from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_topics import KafkaTopics
from sightline.bus.memory import MemoryBus
from sightline.errors import BusError, Closed, ConfigError, Unsupported
from sightline.hub import StreamClient, StreamServer
from sightline.hub.settings import History, Limits

LIMIT_S = 20.0


class Reading:
    """A consumer of one topic from its beginning, the gaps that it was told of, and what it got."""

    def __init__(self, log: Log, topic: str) -> None:
        self.gaps: list[Gap] = []
        self.got: list[Message] = []
        self.consumer: Consumer = log.consume(
            topic, start="earliest", on_event=lambda _, event: self._told(event)
        )

    def _told(self, event: object) -> None:
        if isinstance(event, Gap):
            self.gaps.append(event)

    def until(self, value: bytes) -> list[bytes]:
        """The values that came, of which the last is this one."""
        deadline_s = time.monotonic() + LIMIT_S
        while not self.got or self.got[-1].value != value:
            assert time.monotonic() < deadline_s, (self.gaps, self.values)
            self.got += self.consumer.poll(100, 0.05)
        return self.values

    @property
    def values(self) -> list[bytes]:
        return [message.value for message in self.got]


def message(offset: int, key: bytes, size: int) -> Message:
    return Message("t", bytes(size), key, (), offset, 0, False)


@given(
    st.integers(1, 60),
    st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.integers(0, 40))),
    st.integers(0, 30),
)
def test_what_is_kept_is_the_last_of_each_key_but_for_what_made_room(
    most: int, added: list[tuple[bytes, int]], since: int
) -> None:
    history = LastOfEachKey(most)
    kept: dict[bytes, Message] = {}
    lost_before = 0
    for offset, (key, size) in enumerate(added):
        history.add(message(offset, key, size))
        kept.pop(key, None)
        kept[key] = message(offset, key, size)
        while sum(each.size for each in kept.values()) > most and len(kept) > 1:
            lost_before = kept.pop(next(iter(kept))).offset + 1
    offsets = [each.offset for each in kept.values()]
    assert [each.offset for each in history.since(since)] == [at for at in offsets if at >= since]
    assert (history.lost_before, history.next) == (lost_before, len(added))
    assert history.first == min(offsets, default=history.next)


def test_keys_that_made_room_are_a_gap_and_those_that_were_replaced_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sightline.bus.memory.COMPACTED_BYTES", 3000)
    with open_log("memory://room?history=64KiB") as log:
        log.compact("t")
        reading = Reading(log, "t")
        for key in (b"a", b"b", b"b", b"c", b"d"):  # of 1 kB each: the last makes a and no other go
            log.publish("t", key * 999, key=key)
        log.publish("t", b"last", key=b"d")
        reading.until(b"last")
        assert reading.gaps == [Gap("t", 0, 1)]
        assert reading.values == [b"b" * 999, b"c" * 999, b"last"]
        assert reading.consumer.stats().dropped == {"evicted": 1}
        assert Reading(log, "t").until(b"last") == reading.values


@pytest.fixture
def hub() -> Iterator[StreamServer]:
    with StreamServer(port=0) as server:
        yield server


def test_a_hub_tells_of_keys_that_made_room_and_of_no_others(hub: StreamServer) -> None:
    with StreamClient("owner", port=hub.port) as owner, open_log(f"{hub.url}?history=1MiB") as log:
        owner.create_new_channel(
            "t", history=History(kind="per_key", messages=3), keep=True, many_writers=True
        )
        log.compact("t")  # it keeps the last of each key, and what bound it has is its maker's affair
        reading = Reading(log, "t")
        for key in (b"a", b"b", b"b", b"c", b"d"):
            log.publish("t", key, key=key)
        log.publish("t", b"last", key=b"d")
        reading.until(b"last")
        assert reading.gaps == [Gap("t", 0, 1)]
        assert reading.values == [b"b", b"c", b"last"]


@pytest.mark.parametrize("history", [None, History(), History(kind="keyframe")])
def test_a_channel_that_keeps_something_else_is_refused(hub: StreamServer, history: History | None) -> None:
    with StreamClient("owner", port=hub.port) as owner, HubBus(f"{hub.url}?history=1MiB") as log:
        owner.create_new_channel("t", history=history, keep=True, many_writers=True)
        with pytest.raises(ConfigError, match="expected topic t to keep the last message of each key"):
            log.compact("t")
        log.publish("t", b"1")  # as before, without a key


def test_a_hub_that_may_not_keep_so_much_says_so() -> None:
    with (
        StreamServer(port=0, limits=Limits(history_bytes=1024**2)) as server,
        HubBus(f"{server.url}?history=1MiB") as log,
        pytest.raises(BusError, match="at most 1048576 bytes"),
    ):
        log.compact("t")


def test_a_hub_that_lost_all_has_the_topic_compacted_again(free_port: Callable[[], int]) -> None:
    port = free_port()
    with StreamServer(port=port) as first, open_log(f"{first.url}?history=64KiB") as log:
        log.compact("t")
        log.publish("t", b"before", key=b"a")
        Reading(log, "t").until(b"before")
        first.stop()
        with StreamServer(port=port) as second, open_log(f"{second.url}?history=64KiB") as other:
            log.publish("t", b"quiet", key=b"a")
            for _ in range(20):
                log.publish("t", bytes(10_000), key=b"busy")
            log.publish("t", b"last", key=b"b")
            assert b"quiet" in Reading(other, "t").until(b"last")
            other.compact("t")  # which would be refused if it were not


@pytest.mark.parametrize("make", ["memory://plain", "hub"])
def test_a_bus_that_keeps_nothing_compacts_nothing(make: str, hub: StreamServer) -> None:
    with (
        MemoryBus(make) if make != "hub" else HubBus(hub.url) as bus,
        pytest.raises(Unsupported, match=r"without a history, as in (memory|hub)://"),
    ):
        bus.compact("t")


def test_a_closed_bus_compacts_nothing(hub: StreamServer) -> None:
    for bus in (MemoryBus("memory://closed?history=1KiB"), HubBus(f"{hub.url}?history=1KiB")):
        bus.close()
        with pytest.raises(Closed):
            bus.compact("t")


# A real Kafka


@pytest.fixture
def topics(kafka: str) -> KafkaTopics:
    return KafkaTopics(KafkaAddress.of(f"kafka://{kafka}"))


@pytest.fixture
def name(topics: KafkaTopics) -> Iterator[str]:
    name = f"compacted_{secrets.token_hex(4)}"
    yield name
    topics.delete(name)


def alter(kafka: str, topic: str, **settings: str) -> None:
    admin_module = pytest.importorskip("confluent_kafka.admin")
    resource = admin_module.ConfigResource(admin_module.ResourceType.TOPIC, topic)
    for key, value in settings.items():
        resource.add_incremental_config(
            admin_module.ConfigEntry(
                key.replace("_", "."),
                value,
                incremental_operation=admin_module.AlterConfigOpType.SET,
            )
        )
    admin = admin_module.AdminClient({"bootstrap.servers": kafka})
    for answer in admin.incremental_alter_configs([resource]).values():
        answer.result(LIMIT_S)


@pytest.mark.needs("kafka")
def test_kafka_lets_go_of_what_was_replaced_and_a_reader_hears_of_no_gap(
    kafka: str, topics: KafkaTopics, name: str, wait_for: Callable[..., Any]
) -> None:
    with open_log(f"kafka://{kafka}") as log:
        log.compact(name)
        assert wait_for(lambda: topics.describe([name]), LIMIT_S, "the topic")[0].compacted
        slow = Reading(log, name)
        log.publish(name, b"stays", key=b"quiet")
        log.publish(name, b"goes", key=b"gone")
        slow.until(b"goes")
        # A minute is too long for a test, and tombstones would stay for a day.
        alter(kafka, name, segment_ms="1000", delete_retention_ms="100")
        log.publish(name, b"", key=b"gone")
        for number in range(100):
            log.publish(name, b"%d" % number, key=b"busy")

        def closed_and_compacted() -> bool:
            log.publish(name, b"last", key=b"busy")  # it takes a new message to close a segment
            time.sleep(0.2)
            late = Reading(log, name)
            values = late.until(b"last")
            late.consumer.close()
            return not late.gaps and b"99" not in values and b"goes" not in values

        wait_for(closed_and_compacted, 90.0, "compaction")
        log.publish(name, b"the end", key=b"end")
        late = Reading(log, name)
        late.until(b"the end")
        assert {each.key: each.value for each in late.got}.keys() <= {b"quiet", b"gone", b"busy", b"end"}
        assert {each.key: each.value for each in late.got if each.value} == {
            b"quiet": b"stays",
            b"busy": b"last",
            b"end": b"the end",
        }
        slow.until(b"the end")
        assert (slow.gaps, late.gaps) == ([], [])
        assert slow.consumer.stats().dropped == late.consumer.stats().dropped == {}


@pytest.mark.needs("kafka")
def test_kafka_is_told_that_a_key_is_gone_by_a_value_that_is_none(kafka: str, name: str) -> None:
    library = pytest.importorskip("confluent_kafka")
    with open_log(f"kafka://{kafka}") as log:
        log.compact(name)
        log.publish(name, b"", key=b"gone")
        Reading(log, name).until(b"")
    raw = library.Consumer({"bootstrap.servers": kafka, "group.id": name})
    try:
        raw.assign([library.TopicPartition(name, 0, 0)])
        found = raw.poll(LIMIT_S)
        assert found is not None
        assert (found.error(), found.key(), found.value()) == (None, b"gone", None)
    finally:
        raw.close()


@pytest.mark.needs("kafka")
@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_a_kafka_topic_that_deletes_what_is_old_is_told_and_left_as_it_is(
    kafka: str, topics: KafkaTopics, name: str, policy: str
) -> None:
    assert topics.create(name)
    alter(kafka, name, cleanup_policy=policy)
    with open_log(f"kafka://{kafka}") as log, pytest.raises(ConfigError, match=f"cleanup.policy={policy}"):
        log.compact(name)
    assert not topics.describe([name])[0].compacted


@pytest.mark.needs("kafka")
def test_a_compacted_kafka_topic_is_made_once(kafka: str, topics: KafkaTopics, name: str) -> None:
    makers = [KafkaTopics(KafkaAddress.of(f"kafka://{kafka}")) for _ in range(4)]
    with ThreadPoolExecutor() as at_once:
        made = list(at_once.map(lambda maker: maker.create(name, compacted=True), makers))
    assert sorted(made) == [False, False, False, True]
    (there,) = topics.describe([name])
    assert (there.compacted, there.retention_s, there.retention_bytes) == (True, None, None)


@pytest.mark.needs("kafka")
def test_one_that_is_compacted_and_has_several_partitions_is_refused(
    kafka: str, topics: KafkaTopics, name: str
) -> None:
    topics.create(name, compacted=True, partitions=3)
    with open_log(f"kafka://{kafka}") as log, pytest.raises(ConfigError, match="with 3 partitions"):
        log.compact(name)
