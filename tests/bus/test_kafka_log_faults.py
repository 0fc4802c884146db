"""What a reader of Kafka goes through: brokers that die, members that come and go. Nothing may be missing."""

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import pairwise

import pytest
from tools.services.kafka import KafkaBroker

from sightline.bus import Consumer, Event, Gained, Log, Lost, Message, Position, open_log
from sightline.errors import BusError, Closed

LIMIT_S = 60.0

pytestmark = pytest.mark.needs("kafka")


def until(done: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not done():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.01)


class Publisher:
    """Publishes numbers on several topics until it is told to stop."""

    def __init__(self, log: Log, topics: Iterable[str]) -> None:
        self._log = log
        self._topics = tuple(topics)
        self._stop = threading.Event()
        self.count = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            for topic in self._topics:
                self._log.publish(topic, str(self.count).encode())
            self.count += 1

    def stop(self) -> int:
        self._stop.set()
        self._thread.join(LIMIT_S)
        return self.count


def reader(log: Log, topics: Iterable[str], group: str | None, told: list[Event]) -> Consumer:
    return log.consume(
        topics, group=group, start="earliest", on_event=lambda _consumer, event: told.append(event)
    )


def test_a_broker_that_is_killed_loses_no_reader_a_message(kafka_broker: KafkaBroker) -> None:
    topics = ["one", "two"]
    groups = {None: "classic", "old": "classic", "new": "consumer"}
    logs = {group: open_log(f"kafka://{kafka_broker.address}?protocol={by}") for group, by in groups.items()}
    told: dict[str | None, list[Event]] = {group: [] for group in groups}
    got: dict[str | None, list[Message]] = {group: [] for group in groups}
    stopping = threading.Event()

    def read(group: str | None) -> None:
        with reader(logs[group], topics, group, told[group]) as consumer:
            while not stopping.is_set():
                got[group] += consumer.poll(100, 0.05)
                if group:
                    consumer.commit()

    with ThreadPoolExecutor() as readers:
        reading = [readers.submit(read, group) for group in groups]
        publisher = Publisher(logs[None], topics)
        try:
            until(lambda: all(len(each) > 100 for each in got.values()), "messages before")
            kafka_broker.kill()
            kafka_broker.start()
            seen = {group: len(each) for group, each in got.items()}
            until(lambda: all(len(got[group]) > seen[group] + 100 for group in groups), "messages after")
            count = publisher.stop()
            expected = {(topic, str(number).encode()) for topic in topics for number in range(count)}
            until(lambda: all({(m.topic, m.value) for m in each} == expected for each in got.values()), "all")
        finally:
            publisher.stop()
            stopping.set()
        for each in reading:
            each.result(LIMIT_S)
    for topic in topics:  # nothing changed hands, so that nothing came twice to who is alone
        offsets = [message.offset for message in got[None] if message.topic == topic]
        assert offsets == [*range(count)]
    assert not [event for event in told[None] if not isinstance(event, Gained)]
    for log in logs.values():
        log.close()


def test_a_number_that_an_empty_broker_gives_to_two_publishers_ends_neither(
    kafka_broker: KafkaBroker,
) -> None:
    url = f"kafka://{kafka_broker.address}"
    lost: list[str] = []

    def published(log: Log, value: bytes) -> bool:
        """Whether it is there, in the end; what was told to be lost is published again."""
        for _ in range(10):
            try:
                log.publish("here", value)
            except BusError as error:
                lost.append(str(error))
        return any(message.value == value for message in seen.poll(100, 0.05))

    before = [open_log(url) for _ in range(4)]
    with open_log(url) as log, log.consume("here", start="earliest") as seen:
        for number, each in enumerate(before):
            until(partial(published, each, b"%d" % number), "what was published before")
    kafka_broker.kill()
    kafka_broker.forget()
    kafka_broker.start()
    after = [open_log(url) for _ in range(4)]
    with open_log(url) as log, log.consume("here", start="earliest") as seen:
        for number, each in enumerate([*before, *after]):
            until(partial(published, each, b"%d" % number), "what was published after")
    for each in [*before, *after]:
        with suppress(BusError):
            each.close()
    assert any("OUT_OF_ORDER_SEQUENCE_NUMBER" in each for each in lost), lost


def test_a_reader_of_a_broker_that_is_away_waits_and_closes_at_once(kafka_broker: KafkaBroker) -> None:
    with open_log(f"kafka://{kafka_broker.address}") as log:
        log.publish("here", b"1")
        until(lambda: "here" in log.ends("here"), "a message")
        consumers = [reader(log, "here", group, []) for group in (None, "group")]
        for consumer in consumers:
            assert [message.value for message in consumer.poll(1, LIMIT_S)] == [b"1"]
        kafka_broker.kill()
        begun_s = time.monotonic()
        for consumer in consumers:
            assert consumer.poll(1, 0.2) == []
            assert consumer.positions() == {"here": 1}
            consumer.close()
            with pytest.raises(Closed):
                consumer.poll(1, 0)
        assert time.monotonic() - begun_s < 10


@pytest.mark.waits
def test_a_group_outlives_that_its_broker_is_away_longer_than_a_member_may_be_silent(
    kafka_broker: KafkaBroker,
) -> None:
    """Its member has lost the topic by then, and has to learn again where the group is."""
    told: list[Event] = []
    with open_log(f"kafka://{kafka_broker.address}") as log, reader(log, "here", "group", told) as consumer:
        log.publish("here", b"1")
        until(lambda: consumer.poll(1, 0.1) != [], "a message before")
        assert consumer.commit() == {"here"}
        kafka_broker.kill()
        until(lambda: consumer.poll(1, 0.1) == [] and isinstance(told[-1], Lost), "the topic to be lost")
        with pytest.raises(BusError):
            log.committed("group", "here")
        kafka_broker.start()
        log.publish("here", b"2")
        got: list[Message] = []

        def polled() -> bool:
            got.extend(consumer.poll(1, 0.1))
            return bool(got)

        until(polled, "a message after")
        assert [message.value for message in got] == [b"2"]
        assert log.committed("group", "here") == {"here": Position(1)}


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_members_that_come_and_go_miss_nothing_between_them(kafka: str, protocol: str) -> None:
    prefix, rnd = f"faults.{secrets.token_hex(4)}", random.Random(6)
    topics = [f"{prefix}.{number}" for number in range(6)]
    with open_log(f"kafka://{kafka}?protocol={protocol}") as log:
        publisher = Publisher(log, topics)
        members: list[Consumer] = []
        seen: dict[str, set[bytes]] = {topic: set() for topic in topics}
        told: dict[Consumer, list[Event]] = {}

        def turn() -> None:
            for member in members:
                for message in member.poll(200, 0.01):
                    seen[message.topic].add(message.value)
                member.commit()

        try:
            for _ in range(8):
                if len(members) < 2 or (len(members) < 4 and rnd.random() < 0.6):
                    events: list[Event] = []
                    members.append(reader(log, topics, prefix, events))
                    told[members[-1]] = events
                else:
                    gone = members.pop(rnd.randrange(len(members)))
                    gone.poll(200, 0)  # got, and not committed: it comes again
                    gone.close()
                over_s = time.monotonic() + rnd.uniform(0.1, 1.2)
                while time.monotonic() < over_s:
                    turn()
            count = publisher.stop()
            expected = {str(number).encode() for number in range(count)}
            deadline_s = time.monotonic() + LIMIT_S
            while any(each != expected for each in seen.values()):
                assert time.monotonic() < deadline_s, {topic: len(expected - seen[topic]) for topic in topics}
                turn()
        finally:
            publisher.stop()
        assert all(member.stats().balanced for member in members)
        for events in told.values():
            _no_topic_twice(events)


def _no_topic_twice(events: list[Event]) -> None:
    """Each topic is gained and lost by turns."""
    for topic in {topic for event in events if isinstance(event, Gained) for topic in event.positions}:
        turns = [
            type(event)
            for event in events
            if (isinstance(event, Gained) and topic in event.positions)
            or (isinstance(event, Lost) and topic in event.topics)
        ]
        assert turns[0] is Gained
        assert all(one is not other for one, other in pairwise(turns))
