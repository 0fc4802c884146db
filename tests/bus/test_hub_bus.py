"""The bus over a hub, which is a process of its own."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import pytest
from tests.conftest import WaitFor

from sightline import Packet
from sightline.bus import (
    Bus,
    Consumer,
    Event,
    Gained,
    Gap,
    Lost,
    Message,
    Position,
    Subscription,
    Topics,
    open_bus,
    open_log,
    packet_of,
    packets_topic,
    publish_packet,
)
from sightline.bus.hub import HubBus
from sightline.errors import BusError, Closed, ConfigError, Unsupported
from sightline.hub import Limits, StreamServer
from sightline.hub.broker.loops import new_loop
from sightline.hub.client.writing import Outbox
from sightline.overflow import Capacity, Overflow
from sightline.testing import check_bus, check_log

MANY = Capacity(count=10_000)
LIMIT_S = 20.0


@pytest.fixture(scope="module")
def hub() -> Iterator[StreamServer]:
    new_loop().close()  # libuv has a pipe for life from its first loop on
    with StreamServer(port=0) as server:
        yield server


@pytest.fixture
def bus(hub: StreamServer) -> Iterator[HubBus]:
    with HubBus(hub.url) as bus:
        yield bus


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.fixture
def mortal_hub(free_port: Callable[[], int]) -> Iterator[Callable[[], StreamServer]]:
    """A hub that can be killed and started again, at one address."""
    port = free_port()
    running: list[StreamServer] = []

    def start() -> StreamServer:
        server = StreamServer(port=port)
        server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()


def kill(server: StreamServer) -> None:
    assert server._process is not None
    assert server._process._process is not None
    server._process._process.send_signal(signal.SIGKILL)
    server.join(LIMIT_S)


def live(
    bus: Bus,
    topics: Topics,
    capacity: Capacity = MANY,
    overflow: Overflow = Overflow.DROP_OLDEST,
) -> Subscription:
    return bus.subscribe(topics, capacity=capacity, overflow=overflow)


def values(messages: Iterable[Message]) -> list[bytes]:
    return [message.value for message in messages]


def read(reader: Subscription, count: int) -> list[Message]:
    got: list[Message] = []
    while len(got) < count:
        fresh = reader.poll(count - len(got), LIMIT_S)
        assert fresh, f"only {len(got)} of {count} came"
        got += fresh
    return got


# The promises


def test_it_keeps_the_promise_of_a_bus_over_tcp(hub: StreamServer, no_leaks: None) -> None:
    check_bus(lambda: open_bus(hub.url))


def test_it_keeps_the_promise_of_a_log_over_tcp(hub: StreamServer, no_leaks: None) -> None:
    check_log(lambda: open_bus(f"{hub.url}?history=1MiB"))


def test_it_keeps_both_promises_over_a_unix_socket(tmp_path: Path, no_leaks: None) -> None:
    with StreamServer(host=None, unix_path=str(tmp_path / "hub.sock")):
        url = f"hub://{tmp_path}/hub.sock"
        check_bus(lambda: open_bus(url))
        check_log(lambda: open_bus(f"{url}?history=64KiB"), history_bytes=64 * 1024)


def test_a_hub_with_a_token_takes_those_who_know_it(free_port: Callable[[], int]) -> None:
    with StreamServer(port=0, token="geheim") as server:
        with open_bus(f"hub://:geheim@127.0.0.1:{server.port}") as bus:
            reader = live(bus, "a")
            bus.publish("a", b"1")
            assert values(reader.poll(1, LIMIT_S)) == [b"1"]
        with pytest.raises(BusError) as refused:
            open_bus(f"hub://:falsch@127.0.0.1:{server.port}")
        assert "falsch" not in str(refused.value)


def test_what_is_wrong_with_an_address_is_told(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.bus.hub_thread.CONNECT_S", 0.3)
    with pytest.raises(ConfigError, match="got .'histroy'."):
        open_bus("hub://127.0.0.1:1?histroy=1MiB")
    with pytest.raises(BusError, match="no hub answers at hub://127.0.0.1:.*refused"):
        open_bus(f"hub://127.0.0.1:{free_port()}")


def test_a_handle_without_a_history_is_no_log(bus: HubBus) -> None:
    with pytest.raises(Unsupported, match=r"no log .*hub://host\?history=8MiB"):
        bus.consume("a")


# What is not sent


def test_what_nobody_reads_is_counted_and_not_sent(bus: HubBus, hub: StreamServer) -> None:
    for _ in range(10):
        bus.publish("unread", bytes(1000))
    assert bus.unread == 10
    with HubBus(hub.url) as other:
        reader = live(other, "unread")
        bus.publish("unread", b"read")
        assert values(reader.poll(9, LIMIT_S)) == [b"read"]
    assert bus.unread == 10


def is_unwanted(outbox: Outbox) -> bool:
    return not outbox.wanted


def is_taken_in(outbox: Outbox) -> bool:
    return outbox.unacknowledged == 0


def test_what_a_pattern_does_not_match_is_given_back(
    bus: HubBus, hub: StreamServer, wait_for: WaitFor
) -> None:
    with HubBus(hub.url) as other:
        reader = live(other, re.compile(r"back\.[ab]"))
        for topic in ("back.a", "back.x", "back.ab"):
            bus.publish(topic, topic.encode())
        assert values(read(reader, 1)) == [b"back.a"]
        for topic in ("back.x", "back.ab"):
            outbox = bus._senders[topic].outbox
            wait_for(partial(is_unwanted, outbox), LIMIT_S, f"nobody who reads {topic}")
        assert reader.poll(9, 0.1) == []


def test_nothing_of_a_slow_reader_waits_here(bus: HubBus, hub: StreamServer, wait_for: WaitFor) -> None:
    with HubBus(hub.url) as other:
        reader = live(other, "slow", Capacity(count=3))
        for number in range(100):
            bus.publish("slow", b"%d" % number)
        wait_for(lambda: reader.stats().entered == 100, LIMIT_S, "all of them counted")
        assert reader.stats().dropped == {"overflow": 97}
        assert len(reader._feed.inbox) == 0  # type: ignore[attr-defined]  # of the hub's reader
        assert values(reader.poll(9, 0)) == [b"97", b"98", b"99"]


# Much


def test_forty_topics_come_on_one_subscription(bus: HubBus, hub: StreamServer) -> None:
    topics = [f"forty.{number}" for number in range(40)]
    with HubBus(hub.url) as other:
        reader = other.subscribe(topics, capacity=Capacity(count=50), overflow=Overflow.BLOCK)
        with ThreadPoolExecutor(1) as elsewhere:
            publishing = elsewhere.submit(publish_in_turn, bus, topics, 100)
            got = read(reader, 4000)
            publishing.result(LIMIT_S)
        for topic in topics:
            assert values(message for message in got if message.topic == topic) == [
                b"%d" % n for n in range(100)
            ]
        stats = reader.stats()
        assert (stats.entered, stats.left, stats.dropped, stats.held) == (4000, 4000, {}, 0)


def publish_in_turn(bus: Bus, topics: list[str], count: int) -> None:
    for number in range(count):
        for topic in topics:
            bus.publish(topic, b"%d" % number)


def test_the_packets_of_a_real_clip_come_byte_for_byte(bus: HubBus, hub: StreamServer, clips: Path) -> None:
    sent = list(packets(clips / "car-detection.mp4"))
    with HubBus(hub.url) as other:
        reader = other.subscribe(packets_topic("gate"), capacity=Capacity(count=10), overflow=Overflow.BLOCK)
        with ThreadPoolExecutor(1) as elsewhere:
            publishing = elsewhere.submit(publish_packets, bus, sent)
            got = read(reader, len(sent))
            publishing.result(LIMIT_S)
        assert [packet_of(message) for message in got] == sent
        assert [message.keyframe for message in got] == [packet.keyframe for packet in sent]


def packets(clip: Path) -> Iterator[Packet]:
    with av.open(str(clip)) as container:
        for index, packet in enumerate(each for each in container.demux(video=0) if each.size):
            yield Packet(
                camera_id="gate",
                epoch=1,
                index=index,
                data=bytes(packet),
                codec="h264",
                keyframe=packet.is_keyframe,
                pts=packet.pts,
                dts=packet.dts,
                time_base=packet.time_base or Fraction(1, 90_000),
                captured_at_ns=0,
                captured_at_source="media",
            )


# Waiting, and closing


def test_a_publisher_waits_when_the_window_is_full_and_what_was_sent_comes_after_close(
    hub: StreamServer, elsewhere: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.bus.hub.DELIVER_S", 0.2)
    window = Limits().window_bytes // 2**20
    bus, other = HubBus(hub.url), HubBus(hub.url)
    reader = other.subscribe("window", capacity=Capacity(count=1), overflow=Overflow.BLOCK)
    publishing = elsewhere.submit(publish_all, bus, "window", [bytes(2**20)] * (2 * window))
    assert waits(publishing)
    bus_closing = elsewhere.submit(bus.close)
    with pytest.raises(Closed):
        publishing.result(LIMIT_S)
    bus_closing.result(LIMIT_S)
    assert len(read(reader, window)) == window
    other.close()


def test_close_tells_what_a_hub_that_died_did_not_take_in(
    mortal_hub: Callable[[], StreamServer], monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    monkeypatch.setattr("sightline.bus.hub.DELIVER_S", 0.2)
    server = mortal_hub()
    bus, other = HubBus(server.url), HubBus(server.url)
    other.subscribe("full", capacity=Capacity(count=1), overflow=Overflow.BLOCK)
    assert bus.wait_wanted("full", LIMIT_S)
    publish_all(bus, "full", [b"a", b"b", b"c"])
    outbox = bus._senders["full"].outbox
    wait_for(lambda: outbox.unacknowledged == 2, LIMIT_S, "two for which there is no room")
    kill(server)
    with pytest.raises(BusError, match="did not take in 2 messages"):
        bus.close()
    other.close()


def note(events: list[Event], _consumer: Consumer, event: Event) -> None:
    events.append(event)


def publish_all(bus: Bus, topic: str, messages: Iterable[bytes]) -> None:
    for value in messages:
        bus.publish(topic, value)


def publish_packets(bus: Bus, packets: Iterable[Packet]) -> None:
    for packet in packets:
        publish_packet(bus, packet)


def waits(future: Future[Any]) -> bool:
    with pytest.raises(TimeoutError):
        future.result(0.5)
    return True


# A hub that goes


def test_publishing_and_reading_go_on_after_the_hub_was_killed(
    mortal_hub: Callable[[], StreamServer], elsewhere: ThreadPoolExecutor, wait_for: WaitFor
) -> None:
    server = mortal_hub()
    with HubBus(server.url) as bus, HubBus(server.url) as other:
        reader = live(other, "a")
        done = Flag()
        publishing = elsewhere.submit(publish_until, bus, "a", done)
        before = read(reader, 100)
        kill(server)
        mortal_hub()
        after: list[Message] = []
        while not after or int(after[-1].value) < int(before[-1].value) + 5000:
            after += read(reader, 1)
        done.set = True
        published = publishing.result(LIMIT_S)
        numbers = [int(message.value) for message in before + after]
        assert numbers == sorted(set(numbers))  # in order, and none twice
        assert published >= numbers[-1]
        wait_for(lambda: reader.poll(1000, 0) == [], LIMIT_S, "an end")
        stats = reader.stats()
        assert stats.balanced
        assert stats.held == 0


class Flag:
    set = False


def publish_until(bus: Bus, topic: str, done: Flag) -> int:
    number = 0
    while not done.set:
        bus.publish(topic, b"%d" % number)
        number += 1
    return number


def test_a_consumer_is_told_that_the_log_is_lost_and_reads_the_next(
    mortal_hub: Callable[[], StreamServer], wait_for: WaitFor
) -> None:
    server = mortal_hub()
    url = f"{server.url}?history=1MiB"
    for group in ("g", None):
        with open_log(url) as log, open_log(url) as other:
            events: list[Event] = []
            consumer = other.consume("a", group=group, start="earliest", on_event=partial(note, events))
            for number in range(10):
                log.publish("a", b"%d" % number)
            assert len(read(consumer, 10)) == 10
            assert isinstance(log, HubBus)
            # What it has no word of it would send to the next hub too.
            wait_for(partial(is_taken_in, log._senders["a"].outbox), LIMIT_S, "the hub's word of all")
            kill(server)
            log.publish("a", b"again")
            server = mortal_hub()
            assert values(read(consumer, 1)) == [b"again"]
            assert events == [
                Gained({"a": Position(0)}),
                Lost(frozenset({"a"})),
                Gained({"a": Position(0)}),
                Gap("a", 10, 10, "hub_restart"),
            ]
        kill(server)
        server = mortal_hub()


MEMBER = """
import sys
from sightline.bus import open_log
with open_log(sys.argv[1]) as log:
    consumer = log.consume("dies", group="g", start="earliest")
    while True:
        for message in consumer.poll(10, 10):
            print(message.offset, flush=True)
"""


def test_what_a_killed_member_did_not_commit_comes_again(hub: StreamServer) -> None:
    url = f"{hub.url}?history=1MiB"
    with open_log(url) as log:
        for number in range(10):
            log.publish("dies", b"%d" % number)
        member = subprocess.Popen([sys.executable, "-c", MEMBER, url], stdout=subprocess.PIPE, text=True)
        assert member.stdout is not None
        with member.stdout:
            assert [int(member.stdout.readline()) for _ in range(10)] == [*range(10)]
            consumer = log.consume("dies", group="g")
            assert consumer.poll(9, 0) == []
            member.kill()
            assert [message.offset for message in read(consumer, 10)] == [*range(10)]
            member.wait(LIMIT_S)


def test_a_consumer_without_a_group_goes_on_where_it_was_when_its_connection_is_cut(
    hub: StreamServer,
) -> None:
    url = f"{hub.url}?history=1MiB"
    with open_log(url) as log:
        consumer = log.consume("cut", start="latest")
        for number in range(10):
            log.publish("cut", b"%d" % number)
        assert len(read(consumer, 4)) == 4
        link = log._thread.link  # type: ignore[attr-defined]  # of the hub's bus
        log._thread._loop.call_soon_threadsafe(link._connection.end, BusError("cut"))  # type: ignore[attr-defined]
        assert values(read(consumer, 6)) == [b"%d" % number for number in range(4, 10)]


def test_what_a_consumer_wants_now_it_reads_of_a_hub_that_began_anew_as_well(
    mortal_hub: Callable[[], StreamServer],
) -> None:
    server = mortal_hub()
    url = f"{server.url}?history=1MiB"
    with open_log(url) as log, open_log(url) as other:
        consumer = other.consume("a")
        kill(server)
        server = mortal_hub()
        consumer.want(["b"])
        for topic in ("a", "b"):
            log.publish(topic, topic.encode())
        assert values(read(consumer, 1)) == [b"b"]
        assert consumer.poll(1, 0) == []
        assert set(consumer.positions()) == {"b"}
