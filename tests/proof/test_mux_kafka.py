"""The mux on a real Kafka, between tools that know nothing of it: every byte, and every result in place."""

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tests.proof.muxing import Camera, Clip, Muxing, checksum, holds, scene
from tests.proof.plain import Plain, Written, chunked, kcat_writes, lengths, played, whole

pytestmark = [pytest.mark.needs("kafka", "kcat", "ffmpeg")]


@pytest.fixture
def plain(kafka: str) -> Plain:
    return Plain(kafka)


@pytest.fixture
def name() -> Callable[[str], str]:
    """Names of cameras that no other test on this broker has."""
    suffix = secrets.token_hex(4)
    return lambda what: f"{what}-{suffix}"


def prove(plain: Plain, cameras: list[Camera], wait_for: WaitFor) -> None:
    plain.create(*(camera.out for camera in cameras))
    with Muxing(plain.servers, cameras) as muxing:
        muxing.take(lambda: all(camera.complete for camera in cameras))
        wait_for(
            lambda: all(plain.count(camera.out) == len(camera.written.values) for camera in cameras),
            30,
            "all messages to have gone on",
        )
    for camera in cameras:
        holds(plain, camera)


def test_scenes_in_every_form_find_their_pictures_and_results(
    plain: Plain, name: Callable[[str], str], wait_for: WaitFor, tmp_path: Path
) -> None:
    """H.264 and H.265 with B-frames, MJPEG; whole units and chunks of 4 KiB; Annex B and lengths; at once."""
    cameras = [
        Camera(name("h264"), whole(scene(1))),
        Camera(name("h264-chunks"), chunked(scene(2))),
        Camera(name("hevc"), whole(scene(3, "hevc"))),
        Camera(name("hevc-chunks"), chunked(scene(4, "hevc"))),
        Camera(name("avcc"), whole(scene(5), lengths)),
        Camera(name("avcc-chunks"), chunked(scene(6), lengths)),
        Camera(name("hvcc"), whole(scene(7, "hevc"), lengths)),
        Camera(name("mjpeg"), whole(scene(8, "mjpeg"))),
        Camera(name("mjpeg-chunks"), chunked(scene(9, "mjpeg"))),
    ]
    plain.create(*(camera.raw for camera in cameras))
    kcat_writes(plain.servers, cameras[0].raw, cameras[0].written.values, tmp_path)
    for camera in cameras[1:]:
        plain.write(camera.raw, camera.written.values)
    prove(plain, cameras, wait_for)
    for camera, codec in ((cameras[1], "h264"), (cameras[3], "hevc"), (cameras[8], "mjpeg")):
        assert len(played(plain.values(camera.out), codec)) == 100


def test_real_clips_as_plain_tools_write_them(
    clips: Path, plain: Plain, name: Callable[[str], str], wait_for: WaitFor
) -> None:
    """One whole as its file has it: lengths, and a record that comes first; one in chunks of Annex B."""
    car = Clip(clips / "car-detection.mp4", most=377)
    person = Clip(clips / "one-by-one-person-detection.mp4", most=600)
    as_its_file = Written([car.record, *car.samples], dict(enumerate(car.film.pictures, 1)))
    cameras = [
        Camera(name("car"), as_its_file, checksum),
        Camera(name("person"), chunked(person.film), checksum),
    ]
    plain.create(*(camera.raw for camera in cameras))
    for camera in cameras:
        plain.write(camera.raw, camera.written.values)
    prove(plain, cameras, wait_for)
    sent = plain.values(cameras[1].out)
    assert played(sent, "h264") == played(b"".join(person.film.units), "h264")
