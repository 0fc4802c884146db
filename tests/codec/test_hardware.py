"""A device decodes where there is one; where there is none software does, and it is said."""

import logging

import numpy as np
import pytest
from tests.drawn import drawn_packets

from sightline.codec import Decoder
from sightline.codec.hardware import SOFTWARE, device_for
from sightline.errors import ConfigError
from sightline.frame import Frame
from sightline.scene import read_mark

FRAMES = 30


def decoded(hwaccel: str, codec: str = "h264") -> tuple[list[Frame], str | None]:
    decoder = Decoder(hwaccel=hwaccel)
    assert decoder.stats().device is None
    frames = [frame for packet in drawn_packets(0, FRAMES, codec=codec) for frame in decoder.feed(packet)]  # type: ignore[arg-type]
    frames += decoder.flush()
    return frames, decoder.stats().device


@pytest.mark.parametrize("hwaccel", ["auto", "cuda"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_every_frame_comes_whatever_decodes(hwaccel: str, codec: str) -> None:
    expected, device = decoded("none", codec)
    assert device == SOFTWARE
    frames, device = decoded(hwaccel, codec)
    assert [frame.identity for frame in frames] == [frame.identity for frame in expected]
    assert [read_mark(frame.image).frame for frame in frames] == list(range(FRAMES))  # type: ignore[union-attr]
    if device == SOFTWARE:
        assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, expected, strict=True))


@pytest.mark.parametrize(("hwaccel", "level"), [("auto", "INFO"), ("cuda", "WARNING")])
def test_what_decodes_is_said_once(hwaccel: str, level: str, caplog: pytest.LogCaptureFixture) -> None:
    device_for.cache_clear()
    caplog.set_level(logging.INFO, "sightline.codec")
    (device,) = {decoded(hwaccel)[1] for _ in range(3)}
    (said,) = [record for record in caplog.records if record.name == "sightline.codec"]
    assert f"hwaccel='{hwaccel}' on='{device}'" in said.getMessage()
    assert said.levelname == (level if device == SOFTWARE else "INFO")


def test_software_needs_no_word(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    decoded("none")
    assert not caplog.records


def test_a_codec_that_no_device_decodes_is_decoded_in_software() -> None:
    assert device_for("libdav1d", "auto") is None
    assert device_for("no such decoder", "auto") is None


def test_an_unknown_device_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"none, auto.*got 'gpu'"):
        Decoder(hwaccel="gpu")
