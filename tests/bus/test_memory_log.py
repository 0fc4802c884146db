"""The log in memory, beyond what every log promises."""

import gc
import weakref
from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.bus import Ends, Event, Gained, Gap, Log, Lost, Message, Position, open_bus, open_log
from sightline.bus.history import History
from sightline.bus.memory import MemoryBus
from sightline.errors import ConfigError, Unsupported
from sightline.testing import check_bus, check_log

URL = "memory://log?history=1KiB"


@pytest.fixture
def log(no_leaks: None) -> Iterator[Log]:
    with open_log(URL) as log:
        yield log


def values(messages: list[Message]) -> list[bytes]:
    return [message.value for message in messages]


def test_it_keeps_the_promise_of_a_log_and_of_a_bus(no_leaks: None) -> None:
    check_log(lambda: open_bus("memory://promise?history=64KiB"), history_bytes=64 * 1024)
    check_bus(lambda: open_bus("memory://promise?history=64KiB"))


def test_a_bus_without_a_history_is_no_log_and_says_how_to_have_one() -> None:
    with pytest.raises(Unsupported, match="no log.*add .history=64MiB"):
        open_log("memory://")
    with MemoryBus("memory://") as bus, pytest.raises(Unsupported, match="no log .*memory://.history=64MiB"):
        bus.consume("a")


def test_one_broker_has_one_history() -> None:
    with open_log(URL), pytest.raises(ConfigError, match="history of 1024 bytes, not 0"):
        open_bus("memory://log")


@pytest.mark.parametrize("wrong", ["?histroy=1MiB", "?history=lots", "?history="])
def test_a_wrong_option_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError):
        open_bus(f"memory://log{wrong}")


def test_what_comes_first_is_what_waits_longest_when_topics_are_more_than_are_asked_for(log: Log) -> None:
    topics = [f"t{number}" for number in range(4)]
    for topic in topics:
        for _ in range(2):
            log.publish(topic, topic.encode())
    consumer = log.consume(topics, start="earliest")
    turns = [values(consumer.poll(3, 0)) for _ in range(3)]
    assert turns == [[b"t0", b"t1", b"t2"], [b"t3", b"t0", b"t1"], [b"t2", b"t3"]]


def test_a_gap_is_told_before_what_lies_behind_it_and_once(log: Log) -> None:
    told: list[tuple[Event, int]] = []
    consumer = log.consume("a", start="earliest", on_event=lambda _consumer, event: told.append((event, got)))
    got = 0
    log.publish("a", b"0")
    got += len(consumer.poll(9, 0))
    for _ in range(9):
        log.publish("a", bytes(500))
    got += len(consumer.poll(9, 0))
    assert told == [(Gained({"a": Position(0)}), 0), (Gap("a", 1, 8), 1)]
    assert (got, consumer.stats().dropped) == (3, {"evicted": 7})


def test_an_error_of_who_is_told_reaches_who_polls_and_loses_nothing(log: Log) -> None:
    events: list[Event] = []

    def tell(_consumer: object, event: Event) -> None:
        events.append(event)
        raise ValueError("mine")

    consumer = log.consume(["a", "b"], on_event=tell)
    for topic in "ab":
        log.publish(topic, b"1")
        with pytest.raises(ValueError, match="mine"):
            consumer.poll(9, 0)
    assert values(consumer.poll(9, 0)) == [b"1", b"1"]
    assert events == [Gained({"a": Position(0)}), Gained({"b": Position(0)})]


def test_a_member_that_wants_other_topics_gets_those(log: Log) -> None:
    for topic in "abc":
        log.publish(topic, topic.encode())
    one = log.consume(["a", "b"], group="g", start="earliest")
    other = log.consume(["b", "c"], group="g", start="earliest")
    assert sorted(values(one.poll(9, 0) + other.poll(9, 0))) == [b"a", b"b", b"c"]
    one.close()
    assert other.positions() == {"c": 1, "b": 0}


def test_a_topic_is_lost_before_it_is_told(log: Log) -> None:
    log.publish("a", b"1")
    log.publish("b", b"1")
    told: list[Event] = []
    one = log.consume([*"ab"], group="g", start="earliest", on_event=lambda _one, event: told.append(event))
    assert len(one.poll(9, 0)) == 2
    other = log.consume([*"ab"], group="g")
    (lost,) = {"a", "b"} - one.positions().keys()
    assert one.seek(lost, 0) is None
    assert one.commit({lost: Position(1)}) == frozenset()
    assert values(other.poll(9, 0)) == [b"1"]
    assert one.poll(9, 0) == []
    assert told[1:] == [Lost(frozenset({lost}))]


def test_a_closed_consumer_is_kept_by_nobody_and_its_group_stays(log: Log) -> None:
    log.publish("a", b"1")
    alone, member = log.consume("a"), log.consume("a", group="g", start="earliest")
    member.poll(1, 0)
    member.commit()
    left = [weakref.ref(alone), weakref.ref(member)]
    for consumer in (alone, member):
        consumer.close()
    del alone, member, consumer
    gc.collect()
    assert [ref() for ref in left] == [None, None]
    assert log.committed("g", "a") == {"a": Position(1)}


@given(st.lists(st.integers(0, 12)), st.integers(1, 30))
def test_a_history_keeps_the_newest_within_its_bytes_and_one_at_least(sizes: list[int], most: int) -> None:
    history = History(most)
    for offset, size in enumerate(sizes):
        history.add(Message("a", bytes(size), None, (), offset, 0))
    kept = list(history.since(history.first))
    assert history.ends == Ends(len(sizes) - len(kept), len(sizes))
    assert [message.offset for message in kept] == [*range(history.first, history.next)]
    if sizes:
        fits = 0
        for many in range(1, len(sizes) + 1):
            if sum(sizes[-many:]) <= most:
                fits = many
        assert len(kept) == max(fits, 1)
    assert list(islice(history.since(history.next), 1)) == []
