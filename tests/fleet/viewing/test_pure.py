"""What decides about live pictures, without threads, bus or browser."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.drawn import EPOCH, drawn_packets

from sightline import Detection, Packet, Result
from sightline.clock import ns
from sightline.errors import CodecError, WireError
from sightline.fleet.viewing import framing
from sightline.fleet.viewing.audience import LINGER_S, Audience
from sightline.fleet.viewing.beginning import Beginning
from sightline.fleet.viewing.condition import Condition, Note, Seat
from sightline.fleet.viewing.fence import Fence
from sightline.fleet.viewing.framing import Item, Kind, Parser
from sightline.fleet.viewing.line import Line
from sightline.fleet.viewing.stream import Stream
from sightline.packet import Identity

SECOND = ns(1)


def result_of(packet: Packet, term: int = 0) -> Result:
    return Result(
        camera_id=packet.camera_id,
        epoch=packet.epoch,
        index=packet.index,
        term=term,
        pts=packet.pts,
        time_base=packet.time_base,
        captured_at_ns=packet.captured_at_ns,
        captured_at_source=packet.captured_at_source,
        width=320,
        height=180,
        model="m",
        model_version="1",
        decoded_at_ns=0,
        inferred_at_ns=0,
        detections=(Detection(label="person", score=0.51239, x1=1, y1=2.26, x2=3, y2=4, track_id=5),),
    )


def parsed(items: list[Item]) -> list[tuple[Kind, bytes]]:
    return list(Parser().add(b"".join(item.data for item in items)))


# The frames


@given(st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=50))), st.data())
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    frames: list[tuple[Kind, bytes]], data: st.DataObject
) -> None:
    whole = b"".join(framing.framed(kind, payload) for kind, payload in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    parser = Parser()
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert [frame for part in parts for frame in parser.add(part)] == frames


def test_what_is_no_live_stream_is_refused() -> None:
    for wrong in (b"<html>", b"\x00\xff\xff\xff\xff"):
        with pytest.raises(WireError, match="frame of a live stream"):
            list(Parser().add(wrong))


def test_a_jpeg_has_its_time_before_it() -> None:
    ((kind, payload),) = parsed([framing.jpeg(b"picture", 12.25)])
    assert (kind, framing.jpeg_of(payload)) == (Kind.JPEG, (12.25, b"picture"))


# A viewer's line

ITEMS = {
    "head": Item(Kind.HEAD, b"h"),
    "init": Item(Kind.INIT, b"i"),
    "key": Item(Kind.MEDIA, b"K" * 10, keyframe=True),
    "media": Item(Kind.MEDIA, b"m" * 10),
    "boxes": Item(Kind.BOXES, b"b"),
    "jpeg": Item(Kind.JPEG, b"j"),
}
VIDEO = frozenset({Kind.HEAD, Kind.INIT, Kind.MEDIA, Kind.BOXES})


@given(st.lists(st.sampled_from([*ITEMS, "take"])), st.integers(5, 60))
def test_what_a_viewer_gets_can_always_be_played(script: list[str], most_bytes: int) -> None:
    line, given, openings = Line(VIDEO, most_bytes=most_bytes), b"", 0
    for step in script:
        if step == "take":
            given += line.take()
        else:
            line.put(ITEMS[step])
            openings += step in {"head", "init"}
        stats = line.stats()
        assert stats.entered == stats.taken + stats.dropped + stats.held
        held = [item.kind for item in line._held]
        assert line._bytes <= most_bytes or {Kind.HEAD, Kind.INIT}.issuperset(held[:-1])
    given += line.take()
    # The first picture is a keyframe, and none is missing behind one but before another one.
    order = [one for one in given.decode() if one in "Kmhi"]
    pictures = [one for one in order if one in "Km"]
    assert not pictures or pictures[0] == "K"
    assert "j" not in given.decode()


def test_who_is_too_slow_goes_on_at_a_keyframe_with_the_newest_initialization() -> None:
    line = Line(VIDEO, most_bytes=25)
    for name in ("head", "init", "key", "media", "media", "boxes", "media"):
        line.put(ITEMS[name])
    assert line.take() == b""
    line.put(Item(Kind.HEAD, b"H"))
    line.put(Item(Kind.INIT, b"I"))
    line.put(ITEMS["media"])
    line.put(ITEMS["key"])
    line.put(ITEMS["boxes"])
    assert line.take() == b"HI" + b"K" * 10 + b"b"
    assert line.stats().skips == 1


# What a new viewer begins with


@given(st.lists(st.sampled_from(["head", "init", "key", "media", "boxes"])), st.integers(10, 100))
def test_a_new_viewer_begins_at_the_last_keyframe(script: list[str], most_bytes: int) -> None:
    beginning = Beginning(most_bytes)
    for name in script:
        beginning.put(ITEMS[name])
    items = [item for item in beginning.items() if item.kind not in {Kind.HEAD, Kind.INIT}]
    assert sum(len(item.data) for item in items) <= most_bytes
    if items:
        assert items[0].keyframe
        assert sum(item.keyframe for item in items) == 1
        since = [ITEMS[name] for name in script]
        last = max(at for at, item in enumerate(since) if item.keyframe)
        assert items == since[last:]


# Who looks


@given(st.lists(st.tuples(st.floats(0, 3), st.sampled_from("ab"), st.booleans())))
def test_a_camera_is_wanted_while_somebody_looks_and_a_moment_longer(
    script: list[tuple[float, str, bool]],
) -> None:
    audience, looking, left_s, now_s = Audience(), {"a": 0, "b": 0}, {"a": -100.0, "b": -100.0}, 0.0
    for after_s, camera, comes in script:
        now_s += after_s
        if comes:
            audience.come(camera)
            looking[camera] += 1
        elif looking[camera]:
            audience.go(camera, ns(now_s))
            looking[camera] -= 1
            left_s[camera] = now_s
        lingers = {one for one in "ab" if ns(now_s) < ns(left_s[one]) + ns(LINGER_S)}
        assert audience.wanted(ns(now_s)) == {one for one in "ab" if looking[one]} | lingers
        assert len(audience) == sum(looking.values())


# Who may send


def test_a_packet_goes_on_once_and_the_higher_term_holds() -> None:
    fence = Fence()

    def lets(index: int, term: int, at_s: float) -> bool:
        return fence.lets(Identity("gate", 1, index), term, ns(at_s))

    assert lets(5, 1, 0)
    assert not lets(5, 1, 0.1)  # twice
    assert not lets(4, 1, 0.1)
    assert lets(0, 2, 0.2)  # it moved
    assert not lets(6, 1, 0.3)
    assert not lets(7, 1, 3.1)
    assert lets(7, 1, 3.3)  # who holds says nothing any more


# What goes out


def test_boxes_have_the_time_of_their_picture_and_come_behind_it() -> None:
    packets = drawn_packets(1, 40)
    stream, items = Stream(), []
    for packet in packets:
        if packet.index % 3 == 0:
            items += stream.result(result_of(packet))  # a model that is faster than its picture
        items += stream.packet(packet, 0, 0) or []
        if packet.index % 3 == 1:
            items += stream.result(result_of(packet))
    found = parsed(items)
    said = json.loads(found[0][1])
    assert said == {"codec": "avc1.4d400c", "width": 320, "height": 180, "offset_s": 0.0}
    assert [kind for kind, _ in found[:3]] == [Kind.HEAD, Kind.INIT, Kind.MEDIA]
    seen = [json.loads(payload) for kind, payload in found if kind is Kind.BOXES]
    assert seen[0]["boxes"] == [
        {"x1": 1, "y1": 2.3, "x2": 3, "y2": 4, "label": "person", "score": 0.512, "track_id": 5}
    ]
    first = min(packet.pts or 0 for packet in packets)
    delay = max((packet.pts or 0) - (packet.dts or 0) for packet in packets[:1]) * packets[0].time_base
    shown = {
        packet.index: float(((packet.pts or 0) - first) * packet.time_base + delay)
        for packet in packets
        if packet.index % 3 < 2
    }
    times = [one["media_s"] for one in seen]
    assert all(min(abs(at_s - one) for one in shown.values()) < 1e-6 for at_s in times)
    assert len(set(times)) == len(times) > 20


def test_times_rise_where_a_camera_begins_anew() -> None:
    first, second = drawn_packets(1, 30), drawn_packets(1, 30)
    stream, items = Stream(), []
    for packet in first:
        items += stream.packet(packet, 1, 0) or []
    for packet in second:
        moved = msgspec.structs.replace(packet, epoch=EPOCH + 5)
        items += stream.packet(moved, 2, 0) or []
        items += stream.result(result_of(moved, 2))
    heads = [json.loads(payload) for kind, payload in parsed(items) if kind is Kind.HEAD]
    assert heads[0]["offset_s"] == 0
    assert heads[1]["offset_s"] == pytest.approx(30 / 25 + 0.08, abs=0.05)
    times = [json.loads(payload)["media_s"] for kind, payload in parsed(items) if kind is Kind.BOXES]
    assert min(times) >= heads[1]["offset_s"]


def test_a_result_without_its_picture_is_forgotten() -> None:
    packets = drawn_packets(1, 60)
    stream = Stream()
    lost = packets[3]
    stream.result(result_of(lost))
    sent = [stream.packet(packet, 0, 0) for packet in packets if packet is not lost]
    kinds = [item.kind for items in sent for item in items or []]
    assert Kind.MEDIA in kinds
    assert Kind.BOXES not in kinds
    assert not stream._early


def test_a_codec_that_nobody_plays_is_told_and_the_next_packet_may_do() -> None:
    stream, packets = Stream(), drawn_packets(1, 30)
    with pytest.raises(CodecError, match="vp8"):
        stream.packet(msgspec.structs.replace(packets[0], codec="vp8", epoch=1), 0, 0)
    for packet in packets:
        stream.packet(packet, 0, 0)
    assert stream.time_of(packets[0].identity) is not None


# How it is


def test_a_viewer_is_told_how_it_is() -> None:
    condition = Condition()
    assert condition.note(0) == Note("waiting")
    condition.seat = Seat(why="machine: hall is lost")
    assert condition.note(0) == Note("waiting", "machine: hall is lost")
    condition.seat = Seat(why="it does not answer", broken=True)
    assert condition.note(0) == Note("gone", "it does not answer")
    condition.came(SECOND, 1_700_000_000 * SECOND)
    assert condition.note(3 * SECOND) == Note("live")
    assert condition.note(5 * SECOND) == Note("gone", "no picture since 22:13:20 UTC: it does not answer")
    condition.troubled("too large", 6 * SECOND)
    assert condition.note(7 * SECOND) == Note("no_video", "too large")
    condition.seat = Seat(possible=False, why="it is switched off")
    assert condition.note(20 * SECOND) == Note("no_video", "it is switched off")
