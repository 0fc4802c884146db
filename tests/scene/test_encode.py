"""Each access unit holds the frame that it claims, in GOPs of the length asked for."""

import gc
import threading
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from sightline.errors import ConfigError
from sightline.frame import Image, Size
from sightline.scene import Codec, EncodedUnit, Scene, encode, read_mark

SCENE = Scene(seed=3, size=Size(320, 180), camera=12)
KINDS = [
    {"codec": "h264"},
    {"codec": "h264", "b_frames": 2},
    {"codec": "h264", "b_frames": 3, "preset": "veryfast", "aud": True},
    {"codec": "hevc"},
    {"codec": "hevc", "b_frames": 2, "aud": True},
    {"codec": "mjpeg"},
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
with_gops = pytest.mark.parametrize("kind", KINDS[:-1], ids=str)

# nal_unit_type: ITU-T H.264 table 7-1, H.265 table 7-1
NAL_TYPES = {"h264": {9: "aud", 7: "sps", 8: "pps", 5: "idr", 1: "slice", 6: "sei"},
             "hevc": {35: "aud", 32: "vps", 33: "sps", 34: "pps", 19: "idr", 20: "idr", 39: "sei", 40: "sei",
                      **dict.fromkeys(range(10), "slice")}}  # fmt: skip


def nal_names(unit: EncodedUnit) -> list[str]:
    starts = unit.data.split(b"\0\0\1")[1:]
    numbers = [nal[0] & 31 if unit.codec == "h264" else nal[0] >> 1 & 63 for nal in starts]
    return [NAL_TYPES[unit.codec][number] for number in numbers]


def decoded(units: Iterable[EncodedUnit]) -> Iterator[tuple[int, int | None, Image]]:
    """Frame number claimed, pts and picture, as a decoder gives them; the claim rides through it."""
    decoder: Any = None
    for unit in units:
        if decoder is None:
            decoder = av.CodecContext.create(unit.codec, "r")
            decoder.thread_count, decoder.copy_opaque = 1, True
        packet = av.Packet(unit.data)
        packet.pts, packet.dts, packet.time_base, packet.opaque = (
            unit.pts,
            unit.dts,
            unit.time_base,
            unit.frame,
        )
        yield from ((p.opaque, p.pts, p.to_ndarray(format="bgr24")) for p in decoder.decode(packet))
    yield from ((p.opaque, p.pts, p.to_ndarray(format="bgr24")) for p in decoder.decode(None))


@every_kind
def test_every_decoded_picture_is_the_one_that_its_unit_claims(kind: dict[str, Any]) -> None:
    units = list(encode(SCENE, 60, start=1000, gop=20, **kind))
    assert sorted(unit.frame for unit in units) == list(range(1000, 1060))
    pictures = list(decoded(units))
    assert [read_mark(image) for _, _, image in pictures] == [(12, n) for n in range(1000, 1060)]
    assert [(claimed, pts) for claimed, pts, _ in pictures] == [(n, n * 3600) for n in range(1000, 1060)]


@every_kind
def test_a_decoded_picture_looks_like_the_drawn_one(kind: dict[str, Any]) -> None:
    for n, _, image in decoded(encode(SCENE, 12, **kind)):
        off = image.astype(int) - SCENE.frame(n)
        assert np.abs(off).mean() < 7
        assert (np.abs(off.mean(axis=(0, 1))) < 2).all(), "blue, green and red are those that were drawn"


@with_gops
def test_keyframes_stand_where_they_were_asked_for_with_parameter_sets_before_them(
    kind: dict[str, Any],
) -> None:
    units = list(encode(SCENE, 60, gop=20, **kind))
    assert [unit.frame for unit in units if unit.keyframe] == [0, 20, 40]
    sets = ["sps", "pps"] if kind["codec"] == "h264" else ["vps", "sps", "pps"]
    for unit in units:
        names = [name for name in nal_names(unit) if name not in ("sei", "aud")]
        assert names == ([*sets, "idr"] if unit.keyframe else ["slice"])
        assert (nal_names(unit)[0] == "aud") == kind.get("aud", False)


@with_gops
def test_each_gop_is_decodable_by_itself(kind: dict[str, Any]) -> None:
    units = list(encode(SCENE, 60, gop=20, **kind))
    starts = [i for i, unit in enumerate(units) if unit.keyframe]
    for start, end in zip(starts, [*starts[1:], len(units)], strict=True):
        first = units[start].frame
        alone = list(decoded(units[start:end]))
        assert [read_mark(image) for _, _, image in alone] == [(12, n) for n in range(first, first + 20)]


@every_kind
def test_times_rise_in_decoding_order_and_no_picture_is_due_before_it_is_decoded(
    kind: dict[str, Any],
) -> None:
    units = list(encode(SCENE, 40, gop=20, **kind))
    assert all(one.dts < next_.dts for one, next_ in pairwise(units))
    assert all(unit.dts <= unit.pts == unit.frame * 3600 for unit in units)
    assert all(unit.time_base.denominator == 90_000 and unit.codec == kind["codec"] for unit in units)


def test_b_frames_come_after_the_later_picture_that_they_need() -> None:
    units = list(encode(SCENE, 9, b_frames=2))
    assert [unit.frame for unit in units][:4] in ([0, 3, 1, 2], [0, 3, 2, 1])
    assert units[0].dts < 0 == units[0].pts


def test_without_b_frames_a_unit_comes_as_soon_as_its_frame_was_drawn() -> None:
    drawn: list[int] = []

    class Watched(Scene):
        def frame(self, n: int) -> Image:
            drawn.append(n)
            return super().frame(n)

    for unit in encode(Watched(size=Size(320, 180)), 10):
        assert drawn[-1] == unit.frame


@every_kind
def test_the_same_settings_give_the_same_bytes(kind: dict[str, Any]) -> None:
    assert list(encode(SCENE, 30, **kind)) == list(encode(SCENE, 30, **kind))


def test_no_two_frames_have_the_same_bytes() -> None:
    units = list(encode(SCENE, 200))
    assert len({unit.data for unit in units}) == 200


def test_a_bit_rate_is_kept_to() -> None:
    scene = Scene(seed=3)
    for bit_rate in (200_000, 800_000):
        units = list(encode(scene, 250, bit_rate=bit_rate))
        assert sum(len(unit.data) for unit in units) * 8 / 10 == pytest.approx(bit_rate, rel=0.3)


@pytest.mark.parametrize("fps", [1, 7, 30, 240])
def test_any_rate_of_frames_has_its_times(fps: int) -> None:
    scene = Scene(size=Size(160, 90), fps=fps)
    assert [unit.pts for unit in encode(scene, 30)] == [n * 90_000 // fps for n in range(30)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_the_parameter_sets_name_rate_and_colours_for_readers_of_bare_files(codec: Codec) -> None:
    decoder = av.CodecContext.create(codec, "r")
    decoder.thread_count = 1
    for unit in encode(Scene(size=Size(160, 90), fps=30), 2, codec=codec):
        decoder.decode(av.Packet(unit.data))
    assert decoder.framerate == 30
    assert (decoder.colorspace, decoder.color_range) == (Colorspace.ITU601, ColorRange.MPEG)


@every_kind
def test_a_street_without_end_may_be_left_at_any_time(no_leaks: None, kind: dict[str, Any]) -> None:
    tasks = len(list(Path("/proc/self/task").iterdir()))
    threads = threading.active_count()
    for taken in (0, 1, 5):
        units = encode(SCENE, **kind)
        assert len(list(islice(units, taken))) == taken
        units.close()
        del units
    gc.collect()
    assert threading.active_count() == threads
    assert len(list(Path("/proc/self/task").iterdir())) <= tasks


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"codec": "h246"}, r"expected one of h264, hevc, mjpeg, got 'h246'; did you mean \"h264\"\?"),
        ({"preset": "superfats"}, r'did you mean "superfast"\?'),
        ({"gop": 0, "b_frames": 9}, r"gop: .* from 1 to 10000, got 0; b_frames: .* from 0 to 8, got 9"),
        ({"gop": 2, "b_frames": 2}, "b_frames: expected fewer than gop, which is 2, got 2"),
        (
            {"codec": "mjpeg", "b_frames": 1, "bit_rate": 10**6},
            "b_frames: expected none.*; bit_rate: expected none",
        ),
        ({"frames": 0}, "frames: expected a whole number from 1 to 4294967296, got 0"),
        ({"frames": 2, "start": 2**32 - 1}, "at most 4294967295, got 4294967296"),
        ({"bit_rate": 64}, "bit_rate: .* from 10000 to"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_drawn(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        encode(SCENE, **wrong)
