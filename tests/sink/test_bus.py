"""Results and packets onto a bus: joined, in order, counted, and never in the way of the site."""

import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sightline import Detection, Frame, Packet, Result, Size
from sightline.bus import (
    MAX_RESULT_HEADER_BYTES,
    Bus,
    Message,
    PacketTopics,
    Subscription,
    is_end,
    open_bus,
    packet_of,
    publish_end,
    publish_packet,
    result_of,
)
from sightline.codec import Decoder
from sightline.errors import Closed, ConfigError, SinkError
from sightline.overflow import Capacity, Overflow
from sightline.scene import Scene, write_clip
from sightline.sink import open_sink
from sightline.sink.bus import BusSink
from sightline.site import Site
from sightline.site.running import RunningSite
from sightline.wire import MAX_RESULT_BYTES, result_from_json, result_to_json

MakeShown = Callable[..., tuple[Result, Frame]]
WaitFor = Callable[[Callable[[], object], float, str], object]

HERE, THERE = "memory://site-of-a-test", "memory://outside-of-a-test"
FRAMES = 40


@pytest.fixture
def here() -> Iterator[Bus]:
    """The bus with the cameras' packets."""
    with open_bus(HERE) as bus:
        yield bus


@pytest.fixture
def there() -> Iterator[Bus]:
    """The bus that a sink publishes on."""
    with open_bus(THERE) as bus:
        yield bus


def reader(bus: Bus, *topics: str) -> Subscription:
    return bus.subscribe(topics, capacity=Capacity(count=1000), overflow=Overflow.DROP_OLDEST)


def polled(subscription: Subscription, number: int) -> list[Message]:
    """The next messages, and no more than these."""
    found: list[Message] = []
    end = time.monotonic() + 10
    while len(found) < number and time.monotonic() < end:
        found += subscription.poll(number, 0.5)
    assert len(found) == number
    assert subscription.poll(1, 0.1) == []
    return found


def packet(index: int, camera_id: str = "gate") -> Packet:
    return Packet(
        camera_id=camera_id,
        epoch=1,
        index=index,
        data=b"\0\0\0\1\x41%d" % index,
        codec="h264",
        keyframe=index == 0,
        pts=index * 9000,
        dts=None,
        time_base=Fraction(1, 90_000),
        captured_at_ns=1_700_000_000_000_000_000 + index,
        captured_at_source="rtcp",
    )


def joining(here: Bus, packets: str, **options: Any) -> BusSink:
    sink = open_sink("bus", url=THERE, packets=packets, bus=here, cameras=("gate", "yard"), **options)
    assert isinstance(sink, BusSink)
    return sink


def test_results_are_messages_on_their_cameras_topics(
    no_leaks: None, there: Bus, make_shown: MakeShown
) -> None:
    results = reader(there, "results_gate", "results_yard")
    sink = open_sink("bus", url=THERE)
    shown = [make_shown(camera, index)[0] for index in range(3) for camera in ("gate", "yard")]
    for result in shown:
        sink.write(result, make_shown()[1])
    sink.close()
    sink.close()
    messages = polled(results, 6)
    for camera in ("gate", "yard"):
        mine = [message for message in messages if message.topic == f"results_{camera}"]
        assert [result_from_json(message.value) for message in mine] == [
            result for result in shown if result.camera_id == camera
        ]
        assert {message.key for message in mine} == {camera.encode()}
    with pytest.raises(Closed):
        sink.write(*make_shown())


def test_all_packets_pass_in_order_with_their_results(
    no_leaks: None, here: Bus, there: Bus, make_shown: MakeShown
) -> None:
    raw = reader(there, "seen_gate", "seen_yard")
    sink = joining(here, "all", wait_s=1)
    for index in range(6):
        for camera in ("gate", "yard"):
            publish_packet(here, packet(index, camera))
    for index in (4, 1):  # a model that looks at some, and answers in another order
        sink.write(*make_shown("gate", index))
    messages = [message for message in polled(raw, 12) if message.topic == "seen_gate"]
    assert [packet_of(message) for message in messages] == [packet(index) for index in range(6)]
    results = [result_of(message) for message in messages]
    assert [index for index, result in enumerate(results) if result is not None] == [1, 4]
    assert results[4] == make_shown("gate", 4)[0]
    assert {message.key for message in messages} == {b"gate"}
    stats = sink.packets()
    assert stats is not None
    assert (stats.published, stats.unwanted, stats.lines["gate"].joined) == (12, 0, 2)
    assert all(line.balanced for line in stats.lines.values())
    sink.close()


def test_a_packet_with_its_result_does_not_wait(here: Bus, there: Bus, make_shown: MakeShown) -> None:
    raw = reader(there, "seen_gate")
    sink = joining(here, "all", wait_s=60)
    for index in range(3):
        publish_packet(here, packet(index))
        sink.write(*make_shown("gate", index))
    assert [result_of(message) for message in polled(raw, 3)] == [
        make_shown("gate", index)[0] for index in range(3)
    ]
    publish_packet(here, packet(3))
    publish_end(here, "gate")
    sink.close()  # without waiting for a minute
    last, end = polled(raw, 2)
    assert (packet_of(last).index, result_of(last), is_end(last), is_end(end)) == (3, None, False, True)


def test_what_was_published_before_it_closes_is_passed_on(here: Bus, there: Bus) -> None:
    raw = reader(there, "seen_gate")
    sink = joining(here, "all", wait_s=60)
    for index in range(400):
        publish_packet(here, packet(index))
    sink.close()
    assert [packet_of(message).index for message in polled(raw, 400)] == list(range(400))


def test_one_that_cannot_be_opened_leaves_nothing_behind(no_leaks: None, here: Bus) -> None:
    wrong = PacketTopics(main="a b_:camera_id")
    with pytest.raises(ConfigError, match="got 'a b_gate'"):
        open_sink("bus", url="memory://alone", packets="all", bus=here, cameras=("gate",), topics=wrong)
    open_bus("memory://alone", max_message_bytes=1000).close()  # refused while another has it open


def test_only_packets_with_results_pass_where_that_is_asked_for(
    here: Bus, there: Bus, make_shown: MakeShown, wait_for: WaitFor
) -> None:
    raw = reader(there, "seen_gate")
    sink = joining(here, "with_results", wait_s=1)
    for index in range(6):
        publish_packet(here, packet(index))
    publish_end(here, "gate")
    for index in (5, 2):
        sink.write(*make_shown("gate", index))
    *messages, end = polled(raw, 3)
    assert is_end(end)
    assert [packet_of(message).index for message in messages] == [2, 5]
    assert all(result_of(message) is not None for message in messages)
    stats = sink.packets()
    assert stats is not None
    assert (stats.unwanted, stats.published) == (4, 3)
    sink.close()


def test_a_result_too_large_for_a_header_goes_alone(here: Bus, there: Bus, make_shown: MakeShown) -> None:
    results, raw = reader(there, "results_gate"), reader(there, "seen_gate")
    sink = joining(here, "all", wait_s=0)
    many = (Detection(label="x" * 60, score=1, x1=0, y1=0, x2=1, y2=1),) * 1000
    result, frame = make_shown("gate", 0, many)
    assert len(result_to_json(result)) > MAX_RESULT_HEADER_BYTES
    publish_packet(here, packet(0))
    sink.write(result, frame)
    assert result_from_json(polled(results, 1)[0].value) == result
    (message,) = polled(raw, 1)
    assert (packet_of(message), result_of(message)) == (packet(0), None)
    stats = sink.packets()
    assert stats is not None
    assert stats.too_large == 1
    sink.close()


def test_what_is_no_packet_is_counted_and_passed_over(here: Bus, there: Bus, wait_for: WaitFor) -> None:
    raw = reader(there, "seen_gate")
    sink = joining(here, "all", wait_s=0)
    here.publish("raw_gate", b"?", headers=(("sightline", b"{"),))
    publish_packet(here, packet(1))
    assert packet_of(polled(raw, 1)[0]).index == 1
    stats = sink.packets()
    assert stats is not None
    assert stats.unreadable == 1
    sink.close()


def test_a_result_that_the_bus_does_not_take_is_told_counted_and_survived(
    there: Bus, make_shown: MakeShown
) -> None:
    results = reader(there, "results_gate")
    sink = BusSink(THERE)

    def labelled(letters: int) -> tuple[Result, Frame]:
        return make_shown(detections=(Detection(label="x" * letters, score=1, x1=0, y1=0, x2=1, y2=1),))

    fits = MAX_RESULT_BYTES - len(result_to_json(labelled(0)[0]))
    with pytest.raises(SinkError, match=r"cannot publish a result to results_gate: .*at most 16777216 bytes"):
        sink.write(*labelled(fits))  # with the key it is larger than a message may be
    nan = Detection(label="a", score=float("nan"), x1=0, y1=0, x2=1, y2=1)
    with pytest.raises(SinkError, match="this result cannot be written"):
        sink.write(*make_shown(detections=(nan,)))
    sink.write(*make_shown(index=1))
    sink.close()
    assert (sink.written, sink.failed) == (1, 2)
    assert result_from_json(polled(results, 1)[0].value).index == 1


def test_a_reader_who_takes_nothing_does_not_keep_it_from_closing(
    no_leaks: None, here: Bus, there: Bus, wait_for: WaitFor
) -> None:
    stuck = there.subscribe("seen_gate", capacity=Capacity(count=1), overflow=Overflow.BLOCK)
    sink = joining(here, "all", wait_s=0)
    for index in range(4):
        publish_packet(here, packet(index))  # the site goes on: it waits for nobody
    wait_for(lambda: stuck.stats().held == 1, 5, "the reader to be full")
    closing = threading.Thread(target=sink.close)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()


def test_the_bus_of_the_cameras_may_close_first(no_leaks: None, there: Bus, make_shown: MakeShown) -> None:
    with open_bus(HERE) as here:
        sink = joining(here, "all")
    sink.write(*make_shown())
    sink.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"results_topic": "results"}, "with :camera_id in it once, such as raw_:camera_id, got 'results'"),
        ({"packets_topic": ":camera_id:camera_id"}, "in it once"),
        ({"packets_topic": "a/:camera_id"}, "expected a topic of 1 to 249 letters"),
        ({"packets_topic": "x" * 190 + ":camera_id"}, "expected a topic of 1 to 249 letters"),
        ({"results_topic": "seen_:camera_id"}, "expected two topics"),
        ({"packets": "some"}, "packets: input should be 'none', 'all' or 'with_results'"),
        ({"packets": "all"}, "expected the bus= and cameras="),
        ({"url": "gopher://"}, "expected the URL of a bus"),
    ],
)
def test_wrong_settings_are_refused(no_leaks: None, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        open_sink("bus", **({"url": THERE} | options))


@pytest.mark.parametrize("url", [THERE, HERE])
def test_a_site_gives_others_its_pictures_with_what_was_seen_in_them(
    no_leaks: None, tmp_path: Path, url: str
) -> None:
    """Every packet of two files with B-frames, its result beside it, decoded by who only knows the topic."""
    clip = tmp_path / "street.mp4"
    write_clip(Scene(size=Size(320, 180), fps=10), clip, FRAMES, gop=10, b_frames=2)
    sinks = [
        {"kind": "bus", "url": url, "packets": "all", "wait_s": 30},
        {"kind": "jsonl", "path": tmp_path / "results.jsonl"},
    ]
    worker = {"model": {"kind": "motion"}, "sinks": sinks}
    cameras = {name: {"url": str(clip)} for name in ("gate", "yard")}
    site = Site.model_validate({"bus": HERE, "cameras": cameras, "workers": {"w": worker}})
    with open_bus(url) as outside:
        raw = {name: reader(outside, f"seen_{name}") for name in cameras}
        with RunningSite(site) as running:
            assert running.wait(60)
        written = [result_from_json(line) for line in (tmp_path / "results.jsonl").read_bytes().splitlines()]
        for name, subscription in raw.items():
            *messages, end = polled(subscription, FRAMES + 1)
            assert is_end(end)
            assert [packet_of(message).index for message in messages] == list(range(FRAMES))
            seen = [result_of(message) for message in messages]
            assert [result and result.index for result in seen] == list(range(FRAMES))
            assert sorted(seen, key=lambda result: result.index if result else -1) == sorted(
                (result for result in written if result.camera_id == name), key=lambda result: result.index
            )
            decoder = Decoder()
            frames = [frame for message in messages for frame in decoder.feed(packet_of(message))]
            frames += decoder.flush()
            decoder.close()
            assert sorted(frame.index for frame in frames) == list(range(FRAMES))
