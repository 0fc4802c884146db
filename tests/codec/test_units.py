"""Streams cut anywhere: the same units, each begun in the piece that shows it."""

import random
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from hypothesis import given
from hypothesis import strategies as st

from sightline.codec import units as of_units
from sightline.codec.forms import Form
from sightline.codec.units import Units
from sightline.packet import Packet

# Header and what follows it, of NAL units that are one thing or the other to their access unit.
FIRST = {"h264": [b"\x41\x80", b"\x65\x88", b"\x01\xff"], "hevc": [b"\x02\x01\x80", b"\x26\x01\xaf"]}
SLICE = {"h264": [b"\x41\x40", b"\x65\x02", b"\x03\x90"], "hevc": [b"\x02\x01\x70", b"\x2a\x01\x2f"]}
OPENS = {
    "h264": [b"\x06\x05", b"\x67\x42", b"\x68\xce", b"\x09\xf0", b"\x0f\x01", b"\x12\x01"],
    "hevc": [b"\x40\x01", b"\x42\x01", b"\x44\x01", b"\x46\x01", b"\x4e\x01", b"\x52\x01", b"\x60\x01"],
}
OTHER = {  # filler, ends, prefix, extensions; suffix SEI, ends, and first slice and VPS of a higher layer
    "h264": [b"\x0c\xff", b"\x0a\x01", b"\x0e\x80", b"\x14\x80", b"\x13\x80"],
    "hevc": [b"\x50\x01", b"\x48\x01", b"\x02\x09\x80", b"\x40\x09"],
}
NAL_CODECS = ["h264", "hevc"]


class Unit(NamedTuple):
    """An access unit, and how many of its bytes show that it begins."""

    data: bytes
    shows: int


# As H.264 7.4.1 and H.265 7.4.2 have it: no start code within, no zero at the end.
PAYLOAD = st.binary(min_size=2, max_size=20).filter(
    lambda data: data[-1] and not any(bytes([0, 0, last]) in data for last in range(4))
)
CODE = st.sampled_from([b"\0\0\1", b"\0\0\0\1"])
FILL = st.sampled_from([b"", b"\0", b"\0\0\0"])


@st.composite
def access_units(draw: Any, codec: str) -> Unit:
    opening = draw(st.lists(st.sampled_from(OPENS[codec]), max_size=3))
    closing = draw(st.lists(st.sampled_from(SLICE[codec] + OTHER[codec]), max_size=3))
    heads = [*opening, draw(st.sampled_from(FIRST[codec])), *closing]
    codes = [draw(CODE) for _ in heads]
    data = b"".join(
        (draw(FILL) if number and len(code) == 4 else b"") + code + head + draw(PAYLOAD)
        for number, (code, head) in enumerate(zip(codes, heads, strict=True))
    )
    header = 1 if codec == "h264" else 2
    return Unit(data, len(codes[0]) + header + (not opening))


def jpeg(rnd: random.Random) -> Unit:
    """Segments with anything in them, a preview too; two scans with stuffing, restarts and fill."""

    def segment(kind: int) -> bytes:
        body = rnd.randbytes(rnd.randrange(9)) + rnd.choice([b"", b"\xff\xd8\xff\xdb\xff\xd9"])
        return bytes([0xFF, kind]) + (len(body) + 2).to_bytes(2, "big") + body

    def scan() -> bytes:
        coded = rnd.randbytes(rnd.randrange(40)).replace(b"\xff", b"\xff\0")
        return segment(0xDA) + coded + bytes([0xFF, rnd.randrange(0xD0, 0xD8)]) + coded + b"\xff" * 2

    head = b"".join(segment(rnd.choice([0xE0, 0xE1, 0xDB, 0xC0, 0xC4])) for _ in range(rnd.randrange(1, 4)))
    return Unit(b"\xff\xd8" + head + scan() + segment(0xC4) + scan() + b"\xff\xd9", 3)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[a:b] for a, b in pairwise(places)]


def check(units: Units, made: list[Unit], cuts: list[int], before: bytes = b"") -> None:
    """All units come out as they went in, and each begins in the piece with the byte that shows it."""
    stream = before + b"".join(unit.data for unit in made)
    fed = pieces(stream, cuts)
    ends = list(accumulate(len(piece) for piece in fed))
    ended, begun = list[bytes | None](), list[int]()
    for number, piece in enumerate(fed):
        cut = units.feed(piece)
        ended += cut.ended
        begun += [number] * cut.begun
        assert len(begun) - len(ended) == units.open
    ended += [units.end()] if units.open else []
    starts = accumulate((len(unit.data) for unit in made), initial=len(before))
    shown = [start + unit.shows - 1 for start, unit in zip(starts, made, strict=False)]
    assert ended == [unit.data for unit in made]
    assert begun == [bisect_right(ends, place) for place in shown]


CUTS = st.lists(st.integers(0, 2**16), max_size=40)


@pytest.mark.parametrize("codec", NAL_CODECS)
@given(data=st.data())
def test_units_are_the_same_however_their_stream_was_cut(codec: str, data: st.DataObject) -> None:
    made = data.draw(st.lists(access_units(codec), min_size=1, max_size=6))
    check(Form(codec).units(), made, data.draw(CUTS))


@given(seeds=st.lists(st.integers(0, 2**32), min_size=1, max_size=5), cuts=CUTS)
def test_jpegs_are_the_same_however_their_stream_was_cut(seeds: list[int], cuts: list[int]) -> None:
    check(Form("mjpeg").units(), [jpeg(random.Random(seed)) for seed in seeds], cuts)


@pytest.mark.parametrize("codec", NAL_CODECS)
@given(data=st.data())
def test_what_stands_before_the_first_unit_is_left_out(codec: str, data: st.DataObject) -> None:
    """The rest of a picture whose beginning nobody saw."""
    rest = data.draw(st.sampled_from(SLICE[codec] + OTHER[codec]))
    before = data.draw(PAYLOAD) + b"\0\0\1" + rest + data.draw(PAYLOAD)
    made = data.draw(st.lists(access_units(codec), min_size=1, max_size=3))
    check(Form(codec).units(), made, data.draw(CUTS), before)


@given(
    form=st.sampled_from([Form("h264"), Form("hevc"), Form("mjpeg"), Form("h264", 4), Form("hevc", 2)]),
    fed=st.lists(
        st.binary(max_size=50)
        | st.sampled_from([b"\0\0\1", b"\x65\x88", b"\x26\x01\xaf", b"\xff\xd8\xff", b"\0\0\0\2\x67\x42"])
    ),
)
def test_any_bytes_are_taken_and_the_counts_add_up(form: Form, fed: list[bytes]) -> None:
    units, begun, ended = form.units(), 0, 0
    for piece in fed:
        cut = units.feed(piece)
        begun += cut.begun
        ended += len(cut.ended)
        assert begun - ended == units.open
        if len(piece) % 7 == 3:
            ended += units.end() is not None
            assert begun - ended == units.open


@pytest.mark.parametrize(
    ("codec", "head"),
    [("h264", b"\0\0\1\x65\x88"), ("hevc", b"\0\0\1\x26\x01\xaf"), ("mjpeg", b"\xff\xd8\xff\xe0\0\4")],
)
@pytest.mark.parametrize("step", [7, 1000])
def test_a_unit_that_never_ends_is_given_up_and_its_memory_freed(
    monkeypatch: pytest.MonkeyPatch, codec: str, head: bytes, step: int
) -> None:
    monkeypatch.setattr(of_units, "MAX_UNIT_BYTES", 1000)
    units = Form(codec).units()
    ended = list(units.feed(head).ended)
    for _ in range(0, 5000, step):
        ended += units.feed(b"\x55" * step).ended
    assert ended == [None]
    assert not units.open
    assert units.feed(head).begun == 1


def test_a_jpeg_without_its_end_ends_where_the_next_begins() -> None:
    picture = b"\xff\xd8\xff\xda\0\2coded"
    cut = Form("mjpeg").units().feed(picture * 3)
    assert cut.ended == [picture, picture]
    assert cut.begun == 3


@pytest.mark.parametrize(
    ("data", "aligned"),
    [
        (b"\0\0\0\1\x65\x88", True),
        (b"\0\0\1\x65\x88", True),
        (b"\0\0\0\0\1\x65\x88", True),
        (b"\1\0\0\1\x65\x88", False),
        (b"\0\0\1\x65\x40", False),
        (b"\0\0\1\x65\x40\0\0\1\x65\x88", False),
    ],
)
def test_it_is_told_whether_a_piece_begins_with_a_unit(data: bytes, aligned: bool) -> None:
    assert Form("h264").units().feed(data).aligned is aligned


def test_a_piece_that_begins_within_a_start_code_is_not_aligned() -> None:
    units = Form("h264").units()
    units.feed(b"\0\0\1\x65\x88\0\0")
    assert units.feed(b"\1\x41\x88").aligned is False


# Real encoders. libav's own parser is the judge from outside.


def parsed(stream: bytes, codec: str) -> list[bytes]:
    libav = av.CodecContext.create(codec, "r")
    assert isinstance(libav, VideoCodecContext)
    return [bytes(packet) for packet in (*libav.parse(stream), *libav.parse(None))]


def cut_at_random(units: Units, stream: bytes, seed: int) -> list[bytes | None]:
    rnd, ended, at = random.Random(seed), list[bytes | None](), 0
    while at < len(stream):
        step = rnd.choice([1, 5, 188, 1400, 4096, 4096, 70_000])
        ended += units.feed(stream[at : at + step]).ended
        at += step
    return [*ended, units.end()] if units.open else ended


@pytest.mark.parametrize(
    ("codec", "b_frames", "aud"),
    [("h264", 0, False), ("h264", 3, True), ("hevc", 0, True), ("hevc", 3, False), ("mjpeg", 0, False)],
)
def test_units_of_a_scene(film: Callable[..., Any], codec: str, b_frames: int, aud: bool) -> None:
    packets = film(codec, b_frames=b_frames, size=(640, 360)).packets
    made = [packet.data for packet in packets]
    if aud:
        add = av.BitStreamFilterContext(f"{codec}_metadata=aud=insert", in_stream=codec)
        made = [bytes(one) for data in made for one in add.filter(av.Packet(data))]
    stream = b"".join(made)
    assert cut_at_random(Form(codec).units(), stream, seed=b_frames) == made
    assert codec == "mjpeg" or parsed(stream, codec) == made


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("libx264", (("x264-params", "slices=4:keyint=10:bframes=2"),)),
        ("libx264", (("x264-params", "open-gop=1:keyint=10:min-keyint=10:slice-max-size=300:aud=1"),)),
        ("libx264", (("x264-params", "interlaced=1:keyint=10"),)),  # both fields in one picture
        ("libx265", (("x265-params", "slices=4:keyint=10:repeat-headers=1:log-level=none"),)),
        (
            "libx265",
            (
                (
                    "x265-params",
                    "temporal-layers=3:keyint=20:hrd=1:vbv-maxrate=800:vbv-bufsize=800:aud=1:log-level=none",
                ),
            ),
        ),
    ],
)
def test_units_of_other_encoders_are_those_of_libavs_parser(
    reencoded: Callable[..., list[Packet]], encoder: str, options: tuple[tuple[str, str], ...]
) -> None:
    made = [packet.data for packet in reencoded(encoder, options)]
    codec = "h264" if encoder == "libx264" else "hevc"
    stream = b"".join(made)
    assert cut_at_random(Form(codec).units(), stream, seed=3) == made == parsed(stream, codec)


@pytest.mark.parametrize("name", ["car-detection", "one-by-one-person-detection"])
def test_units_of_real_clips(clip: Callable[[str], list[Packet]], name: str) -> None:
    made = [packet.data for packet in clip(name)]
    stream = b"".join(made)
    assert cut_at_random(Form("h264").units(), stream, seed=1) == made == parsed(stream, "h264")
