"""The bus in memory, beyond what every bus promises."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from sightline.bus import Bus, Feature, Message, Subscription, Topics, open_bus, open_log
from sightline.bus.memory import MemoryBus
from sightline.errors import BufferFull, Closed, ConfigError
from sightline.overflow import Capacity, Overflow
from sightline.testing import ManualClock, check_bus

FEW = Capacity(count=2)
MANY = Capacity(count=1000)
LIMIT_S = 10.0


@pytest.fixture
def bus(no_leaks: None) -> Iterator[Bus]:
    with open_bus("memory://") as bus:
        yield bus


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Threads in which a test waits for what it is about to bring about."""
    with ThreadPoolExecutor(8) as threads:
        yield threads


def live(
    bus: Bus,
    topics: Topics,
    capacity: Capacity = MANY,
    overflow: Overflow = Overflow.DROP_OLDEST,
    **more: Callable[[Message], Any],
) -> Subscription:
    return bus.subscribe(topics, capacity=capacity, overflow=overflow, **more)


def patient(bus: Bus, topics: Topics, capacity: Capacity = FEW) -> Subscription:
    return bus.subscribe(topics, capacity=capacity, overflow=Overflow.BLOCK)


def values(messages: Iterable[Message]) -> list[bytes]:
    return [message.value for message in messages]


def test_it_keeps_the_promise_of_a_bus(no_leaks: None) -> None:
    check_bus(lambda: open_bus("memory://promise"))


def test_it_has_every_feature(bus: Bus) -> None:
    assert bus.features == set(Feature) - {Feature.LOG}
    named: Bus = bus
    assert named is bus
    with open_log("memory://kept?history=1MiB") as log:
        assert log.features == set(Feature)


# Names and handles


def test_those_who_open_the_same_name_meet_and_others_do_not(bus: Bus) -> None:
    with open_bus("memory://yard") as yard, open_bus("memory://yard") as same, open_bus("memory://") as mine:
        readers = [live(each, "a") for each in (yard, same, bus, mine)]
        yard.publish("a", b"in the yard")
        bus.publish("a", b"at home")
        assert [values(reader.poll(9, 0)) for reader in readers] == [
            [b"in the yard"],
            [b"in the yard"],
            [b"at home"],
            [b"at home"],
        ]


def test_the_broker_lives_until_its_last_handle_is_closed() -> None:
    first, second = open_bus("memory://brief"), open_bus("memory://brief")
    first.publish("a", b"")
    first.close()
    first.close()  # again, and it still counts once
    with open_bus("memory://brief") as late:
        reader = live(late, "a")
        second.publish("a", b"")
        assert [message.offset for message in reader.poll(9, 0)] == [1]
    second.close()
    with open_bus("memory://brief") as third:
        reader = live(third, "a")
        third.publish("a", b"")
        assert [message.offset for message in reader.poll(9, 0)] == [0]


@pytest.mark.parametrize("url", ["memory://a/b", "memory://a?b", "memory://a b", "memory:///a"])
def test_a_name_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        open_bus(url)


@pytest.mark.parametrize("url", ["amqp://user:hunter2@host", "hunter2", "", "Memory://"])
def test_an_unknown_scheme_is_refused_with_those_that_exist_and_without_secrets(url: str) -> None:
    with pytest.raises(ConfigError, match="begins with hub://, kafka://, memory://") as refused:
        open_bus(url)
    assert "hunter2" not in str(refused.value)


def test_one_broker_has_one_limit() -> None:
    with open_bus("memory://limit", max_message_bytes=10) as bus:
        bus.publish("a", b"12345", key=b"67", headers=(("8", b"90"),))
        with pytest.raises(BufferFull, match="at most 10 bytes, got 11 for topic a"):
            bus.publish("a", b"12345678901")
        with pytest.raises(ConfigError, match="at most 10 bytes, not 11"):
            open_bus("memory://limit", max_message_bytes=11)


def test_a_value_is_passed_on_and_not_copied(bus: Bus) -> None:
    reader, value = live(bus, "a"), bytes(1000)
    bus.publish("a", value)
    assert reader.poll(1, 0)[0].value is value


def test_a_message_is_stamped_by_the_clock_of_the_bus() -> None:
    clock = ManualClock(utc_s=1_750_000_000)
    with MemoryBus("memory://clock", clock=clock) as bus:
        reader = live(bus, "a")
        bus.publish("a", b"")
        assert reader.poll(1, 0)[0].timestamp_ns == 1_750_000_000 * 10**9


def test_a_closed_reader_is_kept_by_nobody(bus: Bus) -> None:
    reader = live(bus, "a")
    bus.publish("a", b"")
    reader.close()
    left = weakref.ref(reader)
    del reader
    gc.collect()
    assert left() is None


# Bounds


def test_a_busy_topic_takes_nothing_from_its_neighbour(bus: Bus) -> None:
    reader = live(bus, ["busy", "quiet"], FEW)
    bus.publish("quiet", b"one")
    for number in range(10):
        bus.publish("busy", b"%d" % number)
    assert values(reader.poll(9, 0)) == [b"one", b"8", b"9"]
    assert reader.stats("quiet").dropped == {}
    assert reader.stats("busy").dropped == {"overflow": 8}
    assert reader.stats().entered == 11
    assert reader.stats("neither").entered == 0


def test_a_paused_topic_goes_on_dropping_under_its_policy(bus: Bus) -> None:
    reader = live(bus, ["a", "b"], FEW)
    reader.pause("a")
    for number in range(5):
        bus.publish("a", b"%d" % number)
    assert reader.poll(9, 0) == []
    assert reader.stats().dropped == {"overflow": 3}
    reader.resume("a")
    assert values(reader.poll(9, 0)) == [b"3", b"4"]


def test_drops_reach_to_the_newest_keyframe_of_that_camera_alone(bus: Bus) -> None:
    reader = live(
        bus, ["a", "b"], Capacity(count=3), Overflow.DROP_TO_KEYFRAME,
        keyframe=lambda message: message.value.isupper(),
    )  # fmt: skip
    bus.publish("b", b"K")
    for value in (b"K", b"p", b"K", b"p"):
        bus.publish("a", value)
    got = reader.poll(9, 0)
    assert values(message for message in got if message.topic == "a") == [b"K", b"p"]
    assert values(message for message in got if message.topic == "b") == [b"K"]


def test_the_latest_of_each_key_stays(bus: Bus) -> None:
    reader = live(bus, "a", MANY, Overflow.LATEST_PER_KEY, key=lambda message: message.key)
    for key, value in ((b"x", b"1"), (b"y", b"2"), (b"x", b"3")):
        bus.publish("a", value, key=key)
    assert values(reader.poll(9, 0)) == [b"3", b"2"]


def test_what_grew_too_old_is_not_given_out() -> None:
    clock = ManualClock()
    with MemoryBus("memory://age", clock=clock) as bus:
        reader = live(bus, ["a", "b"], Capacity(count=9, age_s=1.0))
        bus.publish("a", b"old")
        clock.move(1.5)
        bus.publish("b", b"new")
        assert values(reader.poll(9, 0)) == [b"new"]
        assert reader.stats().dropped == {"too_old": 1}


@pytest.mark.parametrize("wrong", [
    {"capacity": Capacity(bytes=1000), "overflow": Overflow.BLOCK},
    {"capacity": MANY, "overflow": Overflow.RAISE},
])  # fmt: skip
def test_a_policy_that_cannot_hold_is_refused_when_subscribing(bus: Bus, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        bus.subscribe("a", **wrong)


# Waiting for a slow reader


def filled(bus: Bus, topics: Topics = "a") -> Subscription:
    """A reader with no room left in topic a."""
    reader = patient(bus, topics)
    for number in range(2):
        bus.publish("a", b"%d" % number)
    return reader


def waits(future: Future[None]) -> bool:
    with pytest.raises(TimeoutError):
        future.result(0.1)
    return True


def test_a_publisher_waits_for_a_reader_that_may_lose_nothing(
    bus: Bus, elsewhere: ThreadPoolExecutor
) -> None:
    reader = filled(bus)
    publishing = elsewhere.submit(bus.publish, "a", b"2")
    assert waits(publishing)
    bus.publish("other", b"")  # others go on
    assert values(reader.poll(1, 0)) == [b"0"]
    publishing.result(LIMIT_S)
    assert values(reader.poll(9, 0)) == [b"1", b"2"]
    assert reader.stats().dropped == {}


def test_a_full_topic_does_not_hold_up_the_others_of_its_reader(bus: Bus) -> None:
    reader = filled(bus, ["a", "b"])
    bus.publish("b", b"not held up")
    assert b"not held up" in values(reader.poll(9, 0))


def test_closing_the_slow_reader_lets_the_publisher_go(bus: Bus, elsewhere: ThreadPoolExecutor) -> None:
    reader = filled(bus)
    publishing = elsewhere.submit(bus.publish, "a", b"2")
    assert waits(publishing)
    reader.close()
    publishing.result(LIMIT_S)
    assert reader.stats().dropped == {"closed": 2}


def test_closing_its_own_bus_wakes_a_waiting_publisher(bus: Bus, elsewhere: ThreadPoolExecutor) -> None:
    with open_bus("memory://") as mine:
        filled(bus)
        publishing = elsewhere.submit(mine.publish, "a", b"2")
        assert waits(publishing)
        mine.close()
        with pytest.raises(Closed):
            publishing.result(LIMIT_S)


def test_a_message_that_grew_too_old_makes_room_for_a_waiting_publisher(
    bus: Bus, elsewhere: ThreadPoolExecutor
) -> None:
    reader = patient(bus, "a", Capacity(count=1, age_s=0.2))
    bus.publish("a", b"old")
    elsewhere.submit(bus.publish, "a", b"new").result(LIMIT_S)
    assert reader.stats().dropped == {"too_old": 1}


def test_all_readers_see_one_order_however_many_publishers_wait(
    bus: Bus, elsewhere: ThreadPoolExecutor
) -> None:
    readers = [patient(bus, "a", Capacity(count=count)) for count in (1, 3)] + [live(bus, "a")]

    def publish_some(name: bytes) -> None:
        for number in range(50):
            bus.publish("a", b"%s %d" % (name, number))

    def read_all(reader: Subscription) -> list[tuple[int, bytes]]:
        got: list[Message] = []
        while len(got) < 200:
            fresh = reader.poll(7, LIMIT_S)
            assert fresh, f"only {len(got)} came"
            got += fresh
        return [(message.offset, message.value) for message in got]

    reading = [elsewhere.submit(read_all, reader) for reader in readers]
    publishing = [elsewhere.submit(publish_some, name) for name in (b"p", b"q", b"r", b"s")]
    for each in publishing:
        each.result(LIMIT_S)
    first, second, third = (each.result(LIMIT_S) for each in reading)
    assert first == second == third
    assert [offset for offset, _ in first] == list(range(200))


def test_two_threads_that_poll_one_reader_share_its_messages(bus: Bus, elsewhere: ThreadPoolExecutor) -> None:
    reader, together = live(bus, "a"), threading.Barrier(2)

    def poll() -> list[Message]:
        together.wait(LIMIT_S)
        return reader.poll(1, LIMIT_S)

    polls = [elsewhere.submit(poll) for _ in range(2)]
    for value in (b"1", b"2"):
        bus.publish("a", value)
    assert sorted(value for each in polls for value in values(each.result(LIMIT_S))) == [b"1", b"2"]
