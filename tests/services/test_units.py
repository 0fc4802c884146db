"""Clips as access units."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from tools.services.units import read_units

FRAMES = 40


def test_a_raw_file_gives_the_order_that_the_container_knew(made: Path) -> None:
    raw, contained = read_units(made / "raw.h264"), read_units(made / "h264.mp4")
    assert raw.shown == contained.shown
    assert raw.shown[:4] == (0, 3, 1, 2)
    assert (raw.width, raw.height) == (contained.width, contained.height) == (192, 112)


@pytest.mark.parametrize("name", ["raw.h264", "h264.mp4", "hevc.mp4"])
def test_every_unit_is_annex_b_and_has_a_place(made: Path, name: str) -> None:
    units = read_units(made / name)
    assert len(units.data) == FRAMES
    assert sorted(units.shown) == list(range(FRAMES))
    assert all(unit.startswith((b"\0\0\0\1", b"\0\0\1")) for unit in units.data)


def test_a_raw_file_keeps_every_byte(made: Path) -> None:
    assert b"".join(read_units(made / "raw.h264").data) == (made / "raw.h264").read_bytes()


def test_the_clips_own_rate_holds_unless_another_is_said(made: Path) -> None:
    assert read_units(made / "h264.mp4").fps == 25
    assert read_units(made / "h264.mp4", fps=Fraction(10)).fps == 10


def test_mjpeg_has_standard_huffman_tables(made: Path) -> None:
    units = read_units(made / "h264.mp4", codec="mjpeg")
    assert len(units.data) == FRAMES
    assert units.shown == tuple(range(FRAMES))
    # ITU T.81, table K.3: the start of the standard DC luminance table, after the marker and its length.
    standard = bytes.fromhex("ffc4 01a2 00 00010501010101010100000000000000")
    assert all(standard in unit for unit in units.data)


def test_what_cannot_be_served_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one of"):
        read_units(made / "h264.mp4", codec="vp9")
    sound = tmp_path / "sound.wav"
    with av.open(sound, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame(format="s16", layout="mono", samples=800)
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(ValueError, match="found none"):
        read_units(sound)
    headless = tmp_path / "headless.h264"
    headless.write_bytes(b"".join(read_units(made / "raw.h264").data[1:]))
    with pytest.raises(ValueError, match="expected a keyframe first"):
        read_units(headless)
