"""Messages of any writer to packets."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.codec import (
    AssembledPacket,
    Assembler,
    ClipWriter,
    Decoder,
    DropReason,
    Framing,
    coded_slices,
    split,
)
from sightline.codec import units as of_units
from sightline.codec.lengths import read_record
from sightline.codec.nal import PARAMETER_SETS, nal_type
from sightline.errors import ConfigError
from sightline.frame import Frame
from sightline.packet import Identity, Packet
from sightline.scene import read_mark
from sightline.wire import HEADER, packet_to_message

MakeFilm = Callable[..., Any]
STREAMS = [("h264", 0), ("h264", 3), ("hevc", 0), ("hevc", 3), ("mjpeg", 0)]
MS = 1_000_000


class Reading:
    """All that an assembler says of the messages of a topic, held against its promises at every step."""

    def __init__(self, assembler: Assembler) -> None:
        self.assembler = assembler
        self.packets: list[AssembledPacket] = []
        self.begun: list[Identity] = []
        self.lost: list[Identity] = []
        self.late: list[int] = []  # by message: packets given out less than told of
        self.offset = 0

    def feed(self, messages: Iterable[bytes]) -> "Reading":
        for value in messages:
            made = self.assembler.feed(value, (), self.offset, self.offset * 40 * MS)
            assert made.begins == (made.identity is not None)
            self.begun += [made.identity] if made.identity else []
            self._took(made.packets, made.lost)
            self.late.append(len(self.begun) - len(self.wanted) - len(self.lost))
            assert self.late[-1] in {0, 1}
            self.offset += 1
        return self

    def end(self) -> "Reading":
        made = self.assembler.flush()
        assert made.identity is None
        self._took(made.packets, made.lost)
        assert [*Counter(self.begun).values()].count(1) == len(self.begun)
        assert sorted(self.begun) == sorted([*(p.identity for p in self.wanted), *self.lost])
        assert self.assembler.stats().held == 0
        return self

    def _took(self, packets: list[AssembledPacket], lost: list[Identity]) -> None:
        self.packets += packets
        self.lost += lost
        stats = self.assembler.stats()
        assert stats.balanced
        assert (stats.packets, stats.unwanted) == (len(self.packets), len(self.packets) - len(self.wanted))

    @property
    def wanted(self) -> list[Packet]:
        return [packet for packet, wanted in self.packets if wanted]

    @property
    def data(self) -> list[bytes]:
        return [packet.data for packet, _ in self.packets]


def units_of(film: MakeFilm, codec: str, b_frames: int = 0, **how: Any) -> list[bytes]:
    return [packet.data for packet in film(codec, b_frames=b_frames, **how).packets]


def chunks(stream: bytes, step: int) -> list[bytes]:
    return [stream[at : at + step] for at in range(0, len(stream), step)]


def prefixed(data: bytes) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in split(data))


def slices(units: Iterable[bytes], codec: str) -> list[bytes]:
    return [coded_slices(unit, codec) for unit in units]


def numbers(frames: Iterable[Frame]) -> list[int]:
    return [mark.frame for mark in map(read_mark, (frame.image for frame in frames)) if mark is not None]


# Framing


@pytest.mark.parametrize(("codec", "b_frames"), STREAMS)
@pytest.mark.parametrize("framing", ["auto", "chunks"])
@pytest.mark.parametrize("step", [100, 1316, 4096, 100_000])
def test_chunks_of_any_size_give_the_units_that_were_cut(
    film: MakeFilm, codec: str, b_frames: int, framing: Framing, step: int
) -> None:
    made = units_of(film, codec, b_frames)
    reading = Reading(Assembler("gate", framing=framing)).feed(chunks(b"".join(made), step)).end()
    assert reading.data == made
    assert reading.assembler.stats().codec == codec
    assert not reading.lost


@pytest.mark.parametrize(("codec", "b_frames"), STREAMS)
@pytest.mark.parametrize("framing", ["auto", "whole", "chunks"])
@pytest.mark.parametrize("form", [bytes, prefixed])
def test_messages_of_whole_units_give_those_units_with_their_offsets(
    film: MakeFilm, codec: str, b_frames: int, framing: Framing, form: Callable[[bytes], bytes]
) -> None:
    made = units_of(film, codec, b_frames)
    messages = made if codec == "mjpeg" else [form(unit) for unit in made]
    reading = Reading(Assembler("gate", framing=framing)).feed(messages)
    # Late by a message until it is sure, and never again.
    assert reading.late[10:] == [framing == "chunks" and codec != "mjpeg"] * 50
    assert any(reading.late) == (codec != "mjpeg" and framing != "whole")
    reading.end()
    assert slices(reading.data, codec) == slices(made, codec)
    assert [packet.index for packet in reading.wanted] == list(range(60))
    assert [packet.captured_at_ns for packet in reading.wanted] == [n * 40 * MS for n in range(60)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_message_a_nal_unit_is_not_late_where_pictures_have_one_slice(film: MakeFilm, codec: str) -> None:
    made = units_of(film, codec)
    messages = [b"\0\0\0\1" + nal for unit in made for nal in split(unit)]
    reading = Reading(Assembler("gate")).feed(messages)
    # Parameter sets are told of, and wait for their picture.
    assert reading.assembler.stats().whole
    assert reading.late[-1] == 0
    assert reading.end().assembler.stats().cut == 0
    assert len(reading.packets) == 60


def test_a_message_a_slice_is_never_taken_for_a_whole_unit(
    reencoded: Callable[..., list[Packet]],
) -> None:
    """Keyframes of four slices, other pictures of one: eight messages that begin a unit prove nothing."""
    packets = reencoded("libx264", (("x264-params", "slices=4:keyint=15:scenecut=0"),))
    messages = list[bytes]()
    for packet in packets:
        nals = [b"\0\0\0\1" + nal for nal in split(packet.data)]
        messages += nals if packet.keyframe else [b"".join(nals)]
    reading = Reading(Assembler("gate")).feed(messages).end()
    stats = reading.assembler.stats()
    assert (stats.whole, stats.cut) == (False, 0)
    assert slices(reading.data, "h264") == slices((packet.data for packet in packets), "h264")


def test_where_whole_units_turn_into_pieces_it_waits_again(film: MakeFilm) -> None:
    made = units_of(film, "h264", size=(640, 360))
    stream = b"".join(made)
    assembler = Assembler("gate")
    reading = Reading(assembler).feed(made)
    assert assembler.stats().whole
    reading.feed(chunks(stream, 500))
    assert not assembler.stats().whole
    assert assembler.stats().cut == 1
    reading.end()
    assert reading.data[:60] == made
    assert reading.data[-59:] == made[1:]  # the first of them was cut, and taken for whole
    reading.feed(made[:15])
    assert not assembler.stats().whole  # it asks for twice as much now
    reading.feed(made[15:])
    assert assembler.stats().whole


def test_until_a_keyframe_was_seen_nothing_is_taken_for_whole(film: MakeFilm) -> None:
    made = units_of(film, "h264", gop=25)
    reading = Reading(Assembler("gate", codec="h264")).feed(made[1:25])
    assert not reading.assembler.stats().whole
    assert len(reading.packets) == 23
    assert reading.feed(made[25:40]).assembler.stats().whole


def test_of_several_units_in_a_message_the_last_is_wanted(film: MakeFilm) -> None:
    made = units_of(film, "h264")
    reading = Reading(Assembler("gate")).feed([made[0] + made[1] + made[2], made[3], made[4] + made[5]]).end()
    assert [(packet.index, wanted) for packet, wanted in reading.packets] == [
        (0, False),
        (0, False),
        (0, True),
        (1, True),
        (2, False),
        (2, True),
    ]
    assert reading.begun == [Identity("gate", 0, n) for n in range(3)]


def test_told_that_messages_are_whole_it_cuts_none(film: MakeFilm) -> None:
    """So the two fields of an interlaced picture stay together."""
    made = units_of(film, "h264")
    reading = Reading(Assembler("gate", framing="whole")).feed([made[0], made[1] + made[2], made[3]]).end()
    assert reading.data == [made[0], made[1] + made[2], made[3]]


def test_told_that_messages_are_whole_parameter_sets_go_with_the_next(film: MakeFilm) -> None:
    made = units_of(film, "h264")
    *sets, picture = (b"\0\0\0\1" + nal for nal in split(made[0]))
    reading = Reading(Assembler("gate", framing="whole")).feed([b"".join(sets), picture, made[1]]).end()
    assert reading.data == [b"".join(sets) + picture, made[1]]
    assert [packet.index for packet in reading.wanted] == [1, 2]


# What becomes of the pictures


@pytest.mark.parametrize(("codec", "b_frames"), STREAMS)
@pytest.mark.parametrize("step", [700, 4096, None])
def test_each_picture_is_that_of_the_message_in_which_its_unit_begins(
    film: MakeFilm, codec: str, b_frames: int, step: int | None
) -> None:
    packets, drawn = film(codec, b_frames=b_frames)
    made = [packet.data for packet in packets]
    stream = b"".join(made)
    messages = made if step is None else chunks(stream, step)
    drops = list[tuple[int, str]]()
    decoder = Decoder(on_drop=lambda packet, reason: drops.append((packet.index, reason)))
    reading, frames = Reading(Assembler("gate")).feed(messages).end(), list[Frame]()
    for packet, wanted in reading.packets:
        frames += decoder.feed(packet, wanted=wanted)
    frames += decoder.flush()
    if step is None:
        last_in = dict(enumerate(range(60)))
    else:
        shown = [len(b"".join(made[:n])) + (2 if codec == "mjpeg" else 5) for n in range(60)]
        last_in = {place // step: n for n, place in enumerate(shown)}
    assert {frame.index: number for frame, number in zip(frames, numbers(frames), strict=True)} == {
        offset: drawn[n] for offset, n in last_in.items()
    }
    assert len(frames) == len(last_in)
    assert {reason for _, reason in drops} <= {DropReason.UNWANTED}
    assert len(frames) + len(drops) == 60


def bare(sample: bytes, codec: str) -> bytes:
    """A sample of an MP4 file in Annex B, without parameter sets."""
    nals, at = list[bytes](), 0
    while at < len(sample):
        end = at + 4 + int.from_bytes(sample[at : at + 4], "big")
        nals.append(sample[at + 4 : end])
        at = end
    sets = PARAMETER_SETS[codec]
    return b"".join(b"\0\0\0\1" + nal for nal in nals if nal_type(nal[0], codec) not in sets)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("by", ["option", "message", "annex b"])
@pytest.mark.parametrize("framing", ["auto", "whole"])
def test_parameter_sets_that_stand_apart_are_put_before_each_keyframe(
    film: MakeFilm, tmp_path: Path, codec: str, by: str, framing: Framing
) -> None:
    """As in MP4: the record in its header, and samples without parameter sets."""
    with ClipWriter(tmp_path / "film.mp4") as clip:
        for packet in film(codec, b_frames=2).packets:
            clip.write(packet)
    with av.open(tmp_path / "film.mp4") as container:
        stream = container.streams.video[0]
        extradata = stream.codec_context.extradata
        samples = [bare(bytes(packet), codec) for packet in container.demux(stream) if packet.size]
    assert extradata is not None
    record = read_record(extradata)
    assert record is not None
    given = {"option": extradata, "annex b": record.sets}.get(by)
    reading = Reading(Assembler("gate", framing=framing, extradata=given))
    reading.feed([extradata] if by == "message" else [])
    reading.feed(samples if by == "annex b" else map(prefixed, samples)).end()
    decoder = Decoder()
    frames = [frame for packet, _ in reading.packets for frame in decoder.feed(packet)] + decoder.flush()
    assert numbers(frames) == list(range(60))
    second = [packet for packet in reading.wanted if packet.keyframe][1]
    assert len(Decoder(pictures="key").feed(second)) == 1  # it is enough to begin with


@pytest.mark.parametrize("step", [4096, None])
def test_a_real_clip_as_its_file_has_it(
    clip: Callable[[str], list[Packet]], clips: Any, step: int | None
) -> None:
    with av.open(clips / "car-detection.mp4") as container:
        stream = container.streams.video[0]
        record = stream.codec_context.extradata
        samples = [bytes(packet) for packet in container.demux(stream) if packet.size]
    messages = samples if step is None else chunks(b"".join(samples), step)
    reading = Reading(Assembler("gate", extradata=record)).feed(messages).end()
    expected = slices((packet.data for packet in clip("car-detection")), "h264")
    assert slices(reading.data, "h264") == expected
    assert [p.keyframe for p, _ in reading.packets] == [p.keyframe for p in clip("car-detection")]


# What is wrong


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
@pytest.mark.parametrize("framing", ["auto", "whole", "chunks"])
@pytest.mark.parametrize("seed", range(4))
def test_damaged_messages_lose_no_more_than_they_must(
    film: MakeFilm, codec: str, framing: Framing, seed: int
) -> None:
    """Everything stays told and counted, and the pictures of the last GOP come whole."""
    made, rnd = units_of(film, codec, gop=20, frames=80), random.Random(seed)
    hurt = list(made)
    for n in rnd.sample(range(59), 8):
        hurt[n] = rnd.choice([b"", b"\0\0\1", rnd.randbytes(500), made[n][:200], made[n][100:]])
    reading = Reading(Assembler("gate", framing=framing)).feed(hurt).end()
    decoder = Decoder()
    frames = [frame for packet, _ in reading.packets for frame in decoder.feed(packet)] + decoder.flush()
    clean = Decoder()
    whole = [frame for p in film(codec, gop=20, frames=80).packets for frame in clean.feed(p)] + clean.flush()
    assert [frame.index for frame in frames][-20:] == list(range(60, 80))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames[-19:], whole[-19:], strict=True))


@pytest.mark.parametrize(("codec", "b_frames"), STREAMS)
@pytest.mark.parametrize("form", [bytes, prefixed])
@pytest.mark.parametrize("seed", range(3))
def test_where_messages_are_whole_a_damaged_one_is_a_damaged_picture(
    film: MakeFilm, codec: str, b_frames: int, form: Callable[[bytes], bytes], seed: int
) -> None:
    """Else the pictures after it would refer to one that nobody knows to be missing."""
    packets, drawn = film(codec, b_frames=b_frames)
    made = [packet.data if codec == "mjpeg" else form(packet.data) for packet in packets]
    rnd = random.Random(seed)
    for n in rnd.sample(range(1, 60), 4):
        made[n] = rnd.choice([rnd.randbytes(300), b"\0\0\1\x65", made[n][60:], b"\xff"])
    reading = Reading(Assembler("gate", framing="whole")).feed(made).end()
    assert [packet.index for packet in reading.wanted] == list(range(60))
    decoder = Decoder()
    frames = [frame for packet, _ in reading.packets for frame in decoder.feed(packet)] + decoder.flush()
    assert numbers(frames) == [drawn[frame.index] for frame in frames]
    assert decoder.stats().dropped["corrupt"] > 0


@pytest.mark.parametrize("extra", [b"", b"\0\0\1\x0c\xff\x80", b"\0\0\0\1\x09\xf0", b"\0\0\1\x0a"])
@pytest.mark.parametrize("framing", ["auto", "whole"])
def test_a_message_without_anything_of_a_picture_damages_none(
    film: MakeFilm, framing: Framing, extra: bytes
) -> None:
    made = units_of(film, "h264")
    made[20:20] = [extra]
    reading = Reading(Assembler("gate", framing=framing)).feed(made).end()
    decoder = Decoder()
    frames = [frame for packet, _ in reading.packets for frame in decoder.feed(packet)] + decoder.flush()
    assert numbers(frames) == list(range(60))


def test_a_unit_that_is_too_large_is_lost_and_told(film: MakeFilm, monkeypatch: pytest.MonkeyPatch) -> None:
    made = units_of(film, "h264")
    monkeypatch.setattr(of_units, "MAX_UNIT_BYTES", 20_000)
    large = b"\0\0\0\1\x41\x88" + b"\x55" * 30_000
    stream = [*chunks(made[0], 1000), *chunks(large, 1000), *chunks(made[1], 1000)]
    reading = Reading(Assembler("gate")).feed(stream).end()
    assert slices(reading.data, "h264") == slices(made[:2], "h264")
    assert reading.lost == [Identity("gate", 0, len(chunks(made[0], 1000)))]


@pytest.mark.parametrize(
    "forms",
    [
        ("h264", "hevc"),
        ("hevc", "h264"),
        ("mjpeg", "h264"),
        ("h264", "mjpeg"),
        ("h264", "lengths"),
        ("lengths", "hevc"),
    ],
)
def test_the_writer_may_be_another_one_after_a_restart(film: MakeFilm, forms: tuple[str, str]) -> None:
    films = {codec: units_of(film, codec) for codec in ("h264", "hevc", "mjpeg")}
    made = films | {"lengths": [prefixed(unit) for unit in films["h264"]]}
    reading = Reading(Assembler("gate"))
    for form in forms:
        reading.feed(made[form])
    reading.end()
    assert len(reading.packets) == 120
    assert [packet.index for packet in reading.wanted] == list(range(120))
    assert reading.assembler.stats().codec == forms[1].replace("lengths", "h264")


@pytest.mark.parametrize(("codec", "b_frames"), STREAMS)
def test_who_joins_in_the_middle_begins_with_the_next_parameter_sets(
    film: MakeFilm, codec: str, b_frames: int
) -> None:
    made = units_of(film, codec, b_frames, gop=20)
    stream = b"".join(made)
    at = len(b"".join(made[:10])) + 10
    reading = Reading(Assembler("gate")).feed(chunks(stream[at:], 500)).end()
    first = 11 if codec == "mjpeg" else 20
    assert reading.data == made[first:]
    assert reading.assembler.stats().strays > 0
    if codec != "mjpeg":
        assert reading.wanted[0].keyframe


@pytest.mark.parametrize("size", [0x140, 0x142, 0x144, 0x146])
def test_a_length_that_looks_like_a_start_code_and_a_header_changes_nothing(
    film: MakeFilm, size: int
) -> None:
    """00 00 01 40 01 is a length of 320 bytes and a B-frame, or the head of an H.265 VPS."""
    made = [prefixed(unit) for unit in units_of(film, "h264")]
    made[5:5] = [size.to_bytes(4, "big") + b"\x01\x9a" + b"\x55" * (size - 2)]
    reading = Reading(Assembler("gate")).feed(made).end()
    assert reading.assembler.stats().codec == "h264"
    assert len(reading.wanted) == 61


def test_a_form_is_found_across_messages(film: MakeFilm) -> None:
    made = units_of(film, "h264")
    reading = Reading(Assembler("gate")).feed(chunks(b"".join(made), 3)).end()
    assert reading.data == made


@given(
    messages=st.lists(
        st.binary(max_size=80)
        | st.sampled_from(
            [
                b"\0\0\0\1\x67\x42\0\x1e\x80\0\0\1\x65\x88\x80",
                b"\0\0\1\x41\x9a\x80",
                b"\0\0\1\x40\x01\x0c\0\0\1\x26\x01\xaf\x80",
                b"\xff\xd8\xff\xe0\0\x10JFIF",
                b"\0\0\0\2\x67\x42\0\0\0\3\x65\x88\x80",
                b"\x01\x42\xc0\x1e\xff\xe1\0\x02\x67\x42\x01\0\x02\x68\xcb",
            ]
        ),
        max_size=40,
    ),
    framing=st.sampled_from(["auto", "whole", "chunks"]),
    codec=st.sampled_from([None, "h264", "hevc", "mjpeg"]),
)
def test_any_messages_at_all_are_taken_and_told_of(
    messages: list[bytes], framing: Framing, codec: str | None
) -> None:
    Reading(Assembler("gate", framing=framing, codec=codec)).feed(messages).end()


# With our header


def test_our_own_messages_are_their_packets(film: MakeFilm) -> None:
    assembler = Assembler("gate")
    for offset, packet in enumerate(film("hevc", b_frames=2).packets, 100):
        made = assembler.feed(*packet_to_message(packet), offset, 5)
        assert made == (packet.identity, [(packet, True)], [])
    assert assembler.flush() == (None, [], [])
    assert assembler.stats().packets == 60


def test_a_packet_is_of_the_camera_whose_topic_it_is_on(
    film: MakeFilm, replaced: Callable[..., Packet]
) -> None:
    packet = film().packets[0]
    made = Assembler("door").feed(*packet_to_message(packet), 0, 0)
    assert made.packets == [(replaced(packet, camera_id="door"), True)]
    assert made.identity == ("door", packet.epoch, 0)


def test_a_header_of_ours_that_is_none_is_counted_and_the_message_passed_over() -> None:
    assembler = Assembler("gate")
    assert assembler.feed(b"\0\0\1\x65\x88", ((HEADER, b"{"),), 0, 0) == (None, [], [])
    assert assembler.stats().malformed == 1


def test_before_a_message_of_ours_what_was_held_comes_out(film: MakeFilm) -> None:
    first, second = film().packets[:2]
    assembler = Assembler("gate")
    assert assembler.feed(first.data, (("other", b"1"),), 0, 0).packets == []
    made = assembler.feed(*packet_to_message(second), 1, 0)
    assert [(packet.epoch, packet.index) for packet, _ in made.packets] == [(0, 0), (second.epoch, 1)]


# Settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"codec": "vp9"}, "codec to be one of h264, hevc, mjpeg, got 'vp9'"),
        ({"framing": "half"}, "framing"),
        ({"extradata": b"nonsense"}, "extradata"),
        ({"extradata": b"\0\0\0\1\x67\x42\0\x1e", "codec": "hevc"}, "extradata"),
    ],
)
def test_settings_that_do_not_exist_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Assembler("gate", **settings)


def test_a_codec_that_was_said_is_not_doubted(film: MakeFilm) -> None:
    reading = Reading(Assembler("gate", codec="h264")).feed(units_of(film, "hevc")).end()
    assert reading.assembler.stats().codec == "h264"
