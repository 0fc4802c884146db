"""Cameras that send JPEG after JPEG over HTTP (multipart/x-mixed-replace)."""

from itertools import pairwise
from pathlib import Path

import pytest
from tests.capture.conftest import Run
from tests.capture.mjpeg import MjpegCamera
from tests.drawn import drawn_packets

from sightline.capture import CameraInput, probe
from sightline.clock import NS_PER_S
from sightline.codec import Decoder
from sightline.frame import Size
from sightline.scene import read_mark
from sightline.site import Site
from sightline.site.running import RunningSite


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    return [packet.data for packet in drawn_packets(0, 40, b_frames=0, codec="mjpeg")]  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [True, False], ids=["with length", "without length"])
@pytest.mark.parametrize(
    ("boundary", "declared"), [("frame", "frame"), ("--cam", "--cam"), ("cam", "--cam"), ("x y", '"x y"')]
)
def test_pictures_are_those_that_the_camera_sent(
    run: Run, pictures: list[bytes], length: bool, boundary: str, declared: str
) -> None:
    with MjpegCamera(pictures, 50, length=length, boundary=boundary, declared=declared) as camera:
        packets = run(camera.url).has(30)
    assert [packet.data for packet in packets] == (pictures * 2)[: len(packets)]
    assert {(packet.codec, packet.keyframe) for packet in packets} == {("mjpeg", True)}


@pytest.mark.parametrize("fps", [5, 20])
def test_time_is_that_of_arrival_and_the_rate_is_measured(
    run: Run, pictures: list[bytes], fps: float
) -> None:
    with MjpegCamera(pictures, fps) as camera:
        one = run(camera.url)
        one.has(1)
        packets = one.has(round(2.5 * fps))
        status = one.status
    assert {packet.captured_at_source for packet in packets} == {"arrival"}
    for before, after in pairwise(packets):
        assert before.media_ns is not None
        assert after.media_ns is not None
        stepped_ns = after.captured_at_ns - before.captured_at_ns
        assert after.media_ns - before.media_ns == pytest.approx(stepped_ns, abs=NS_PER_S / 90_000 + 1)
    assert status.fps == pytest.approx(fps, rel=0.2)
    assert status.size == Size(320, 180)


def test_a_rate_is_kept_although_the_camera_says_none(run: Run, pictures: list[bytes]) -> None:
    with MjpegCamera(pictures, 20) as camera:
        packets = run(camera.url).has(60)[:60]
    decoder = Decoder(rate=5)
    frames = [frame for packet in packets for frame in decoder.feed(packet)] + decoder.flush()
    assert 12 <= len(frames) <= 18  # of 3 s
    marks = {frame.index: read_mark(frame.image) for frame in frames}
    assert all(mark is not None and mark.frame == index % 40 for index, mark in marks.items())


def test_one_that_breaks_off_is_asked_again(run: Run, pictures: list[bytes]) -> None:
    with MjpegCamera(pictures, 50, count=10) as camera:
        one = run(camera.url)
        assert f"by {camera.url}" in one.until("backing_off").reason
        one.has(20)
        assert len(one.epochs) >= 2


def test_one_that_falls_silent_is_broken_off(run: Run, pictures: list[bytes]) -> None:
    with MjpegCamera(pictures, 50, count=10, silent=True) as camera:
        one = run(camera.url, read_timeout_s=0.5)
        one.has(9)
        assert "nothing came for 0.5 s" in one.until("backing_off").reason


def test_a_probe_tells_its_rate(pictures: list[bytes]) -> None:
    with MjpegCamera(pictures, 10) as camera:
        report = probe(CameraInput(camera_id="gate", url=camera.url), watch_s=2)
    assert (report.codec, report.size, report.clock) == ("mjpeg", Size(320, 180), "arrival")
    assert report.fps == pytest.approx(10, rel=0.25)
    assert report.still is not None


def test_our_own_preview_is_such_a_camera(run: Run, tmp_path: Path) -> None:
    preview = {"kind": "preview", "port": 0, "max_fps": 20}
    site = Site.model_validate(
        {
            "cameras": {name: {"url": f"synthetic://street?size={size}"} for name, size in SIZES.items()},
            "workers": {"w": {"model": {"kind": "motion"}, "sinks": [preview]}},
        }
    )
    with RunningSite(site) as running:
        one = run(f"{running.pages[0]}stream.mjpeg?camera=yard")
        packets = one.has(20)
        assert one.status.size == Size(160, 90)
    decoder = Decoder()
    frames = [frame for packet in packets for frame in decoder.feed(packet)] + decoder.flush()
    assert len(frames) == len(packets)
    assert {frame.size for frame in frames} == {Size(160, 90)}


SIZES = {"gate": "320x180", "yard": "160x90"}
