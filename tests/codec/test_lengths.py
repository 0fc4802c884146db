"""Length-prefixed units and the records that go with them."""

import random
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.codec import ClipWriter, has_parameter_sets, split
from sightline.codec.forms import Form, form_of
from sightline.codec.lengths import LengthUnits, _makes_sense, follows, read_record
from sightline.codec.nal import START_CODE, nal_type
from sightline.packet import Packet

SPS, PPS = b"\x67\x42\xc0\x1e\xd9", b"\x68\xcb\x83\xcb\x20"
AVCC = b"\x01\x42\xc0\x1e\xff\xe1\0\x05" + SPS + b"\x01\0\x05" + PPS


def prefixed(data: bytes, length_bytes: int = 4) -> bytes:
    """A unit in Annex B with lengths instead."""
    return b"".join(len(nal).to_bytes(length_bytes, "big") + nal for nal in split(data))


def annex_b(data: bytes) -> bytes:
    """The same with start codes of four bytes throughout, as `LengthUnits` writes them."""
    return b"".join(b"\0" + START_CODE + nal for nal in split(data))


def test_an_avcc_record_is_read() -> None:
    assert read_record(AVCC) == ("h264", 4, b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS)


def test_the_record_of_a_real_clip_is_read(clips: Any) -> None:
    with av.open(clips / "car-detection.mp4") as container:
        extradata = container.streams.video[0].codec_context.extradata
    assert extradata is not None
    record = read_record(extradata)
    assert record is not None
    assert (record.codec, record.length_bytes) == ("h264", 4)
    assert [nal_type(nal[0], "h264") for nal in split(record.sets)] == [7, 8]


def test_the_record_of_an_hevc_file_is_read(film: Callable[..., Any], tmp_path: Any) -> None:
    path = tmp_path / "hevc.mp4"
    with ClipWriter(path) as clip:
        for packet in film("hevc").packets:
            clip.write(packet)
    with av.open(path) as container:
        extradata = container.streams.video[0].codec_context.extradata
    assert extradata is not None
    record = read_record(extradata)
    assert record is not None
    assert (record.codec, record.length_bytes) == ("hevc", 4)
    assert {nal_type(nal[0], "hevc") for nal in split(record.sets)} >= {32, 33, 34}


@pytest.mark.parametrize("end", range(len(AVCC)))
def test_a_record_that_breaks_off_is_none(end: int) -> None:
    assert read_record(AVCC[:end]) is None


@given(data=st.binary() | st.binary().map(lambda rest: b"\1\x42\0\x1e\xff\xe1" + rest))
def test_any_bytes_are_a_record_or_none(data: bytes) -> None:
    read_record(data)
    form_of(data)


@pytest.mark.parametrize(("codec", "b_frames"), [("h264", 2), ("hevc", 3)])
@pytest.mark.parametrize("length_bytes", [2, 4])
@pytest.mark.parametrize("step", [11, 1000, 4096, 10**6])
def test_units_come_as_annex_b_however_their_stream_was_cut(
    film: Callable[..., Any], codec: str, b_frames: int, length_bytes: int, step: int
) -> None:
    made = [packet.data for packet in film(codec, b_frames=b_frames).packets]
    stream = b"".join(prefixed(data, length_bytes) for data in made)
    units, ended = LengthUnits(codec, length_bytes), list[bytes | None]()
    first = step if step > 100 else 2000  # two NAL units must be seen at the beginning
    for start, end in [(0, first), *((at, at + step) for at in range(first, len(stream), step))]:
        ended += units.feed(stream[start:end]).ended
    assert [*ended, units.end()] == [annex_b(data) for data in made]


class Followed:
    """What comes of a stream in pieces of 4 KiB that begin at byte `at`, and where each unit began."""

    def __init__(self, codec: str, stream: bytes, at: int = 0) -> None:
        units = LengthUnits(codec, 4)
        self.ended, self.begun = list[bytes | None](), list[int]()
        for place in range(at, len(stream), 4096):
            cut = units.feed(stream[place : place + 4096])
            self.ended += cut.ended
            self.begun += [place] * cut.begun
            assert len(self.begun) - len(self.ended) == units.open
        self.ended.append(units.end())


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("seed", range(12))
def test_who_joins_in_the_middle_of_a_stream_gets_into_step(
    film: Callable[..., Any], codec: str, seed: int
) -> None:
    made = [packet.data for packet in film(codec, b_frames=2, size=(640, 360)).packets] * 2
    samples = list(map(prefixed, made))
    at = random.Random(seed).randrange(len(b"".join(samples)) // 4)
    followed = Followed(codec, b"".join(samples), at)
    count = len(followed.ended)
    first, *rest = followed.ended
    assert count > len(made) // 2
    assert first is not None
    assert annex_b(made[-count]).endswith(first)  # of the first its parameter sets may be missing
    assert rest == [annex_b(data) for data in made[1 - count :]]
    starts = list(accumulate(map(len, samples), initial=0))[-count:-1]
    # A parameter set is known by its header, a slice by the byte behind it.
    header = 1 if codec == "h264" else 2
    by_header = [has_parameter_sets(unit, codec) for unit in made[1 - count :]]
    shown = [start + 4 + header - sets for start, sets in zip(starts, by_header, strict=True)]
    assert followed.begun[1:] == [at + (place - at) // 4096 * 4096 for place in shown]


@pytest.mark.parametrize("seed", range(4))
def test_after_each_hole_it_gets_into_step_again_and_tells_what_it_lost(
    film: Callable[..., Any], seed: int
) -> None:
    made = [packet.data for packet in film(size=(640, 360)).packets] * 6
    stream, rnd = b"".join(map(prefixed, made)), random.Random(seed)
    third = len(stream) // 3
    holes = [rnd.randrange(third), third + rnd.randrange(third)]
    stream = b"".join([stream[: holes[0]], stream[holes[0] + 5000 : holes[1]], stream[holes[1] + 5000 :]])
    ended = Followed("h264", stream).ended
    whole = [annex_b(data) for data in made]
    assert ended.count(None) == 2
    assert len(ended) > len(made) * 3 / 5
    hurt = [unit for unit in ended if unit not in whole]
    assert len(hurt) <= 2 * 3  # lost, and cut to either side
    assert ended[-60:] == whole[-60:]


def test_noise_is_never_in_step() -> None:
    rnd, units = random.Random(5), LengthUnits("h264", 4)
    for _ in range(500):
        cut = units.feed(rnd.randbytes(4096))
        assert (cut.ended, cut.begun) == ([], 0)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(("noise", "looks"), [(b"\0", 0.001), (b"\0\0\0\5\x41", 6.0)])
def test_noise_that_looks_like_lengths_is_not_looked_at_for_ever(
    monkeypatch: pytest.MonkeyPatch, codec: str, noise: bytes, looks: float
) -> None:
    looked = 0

    def makes_sense(*args: Any) -> bool:
        nonlocal looked
        looked += 1
        return _makes_sense(*args)

    monkeypatch.setattr("sightline.codec.lengths._makes_sense", makes_sense)
    units, piece = LengthUnits(codec, 4), 4096 * noise
    for _ in range(2**20 // len(piece)):
        units.feed(piece)
    assert looked < looks * 2**20


def test_a_unit_that_breaks_off_does_not_end(film: Callable[..., Any]) -> None:
    units = LengthUnits("h264", 4)
    units.feed(prefixed(film().packets[0].data)[:-10])
    assert units.open
    assert units.end() is None


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_annex_b_does_not_look_like_lengths_nor_the_other_way_round(
    film: Callable[..., Any], codec: str
) -> None:
    for packet in film(codec, b_frames=2).packets:
        assert not follows(packet.data, codec)
        assert follows(prefixed(packet.data), codec)
        assert form_of(packet.data) == (Form(codec) if packet.keyframe else None)
        assert form_of(prefixed(packet.data)) == (Form(codec, 4) if packet.keyframe else None)


def test_a_length_of_a_few_hundred_bytes_is_no_start_code(film: Callable[..., Any]) -> None:
    """00 00 01 2C is a length of 300, and begins like a NAL unit."""
    keyframe: Packet = film().packets[0]
    nals = split(keyframe.data)
    nals.insert(0, b"\x06\x05" + b"\x55" * 298)
    assert (
        form_of(b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)) is None
    )  # SEI: of either codec
    nals[0] = b"\x67" + nals[1][1:] + b"\x80" * (300 - len(nals[1]))
    assert form_of(b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)) == Form("h264", 4)
