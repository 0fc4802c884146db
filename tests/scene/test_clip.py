"""Clips play elsewhere, and appear whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.frame import Image, Size
from sightline.scene import Scene, read_mark, write_clip

SCENE = Scene(seed=3, size=Size(320, 180), camera=7)
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("a.mp4", {}),
    ("b.mp4", {"b_frames": 2}),
    ("c.mp4", {"codec": "hevc", "b_frames": 2}),
    ("d.mkv", {"b_frames": 2}),
    ("e.mkv", {"codec": "mjpeg"}),
    ("f.h264", {"b_frames": 2}),
    ("g.h265", {}),
    ("h.mjpeg", {}),
]


def picture(frame: av.VideoFrame) -> Image:
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def time_s(packet: av.Packet[Any]) -> float:
    assert packet.pts is not None
    return float(packet.pts * packet.time_base)


@pytest.mark.parametrize(("name", "encoding"), KINDS, ids=[name for name, _ in KINDS])
def test_a_clip_plays_frame_by_frame_in_two_players(
    tmp_path: Path, name: str, encoding: dict[str, Any]
) -> None:
    path = write_clip(SCENE, tmp_path / name, 40, gop=10, **encoding)
    with av.open(str(path)) as container:
        shown = [read_mark(picture(frame)) for frame in container.decode(video=0)]
    assert shown == [(7, n) for n in range(40)]
    player = cv2.VideoCapture(str(path))
    again = []
    while (read := player.read())[0]:
        again.append(read_mark(np.asarray(read[1], np.uint8)))
    assert again == shown
    assert player.get(cv2.CAP_PROP_FPS) == 25


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_container_has_the_times_and_keyframes_of_the_scene(tmp_path: Path, name: str) -> None:
    path = write_clip(SCENE, tmp_path / name, 40, gop=10, b_frames=2)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert stream.average_rate == 25
    times = sorted(time_s(packet) for packet in packets)
    assert [time - times[0] for time in times] == pytest.approx([n / 25 for n in range(40)], abs=0.001)
    assert [i for i, packet in enumerate(packets) if packet.is_keyframe] == [0, 10, 20, 30]


def test_bare_files_have_access_unit_delimiters_unless_told(tmp_path: Path) -> None:
    delimiter = b"\0\0\0\1\x09"  # ITU-T H.264 7.4.1.2.4: nal_unit_type 9 begins an access unit
    assert write_clip(SCENE, tmp_path / "a.h264", 30).read_bytes().count(delimiter) == 30
    assert write_clip(SCENE, tmp_path / "b.h264", 30, aud=False).read_bytes().count(delimiter) == 0


def test_a_clip_may_begin_at_any_frame(tmp_path: Path) -> None:
    path = write_clip(SCENE, str(tmp_path / "late.mp4"), 5, start=777)
    with av.open(str(path)) as container:
        marks = [read_mark(picture(frame)) for frame in container.decode(video=0)]
    assert marks == [(7, n) for n in range(777, 782)]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.h264"])
def test_a_clip_that_fails_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    class Ending(Scene):
        def frame(self, n: int) -> Any:
            if n == 20:
                raise RuntimeError("the street is closed")
            return super().frame(n)

    (tmp_path / name).write_bytes(b"yesterday's")
    with pytest.raises(RuntimeError, match="closed"):
        write_clip(Ending(size=Size(320, 180)), tmp_path / name, 40)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"yesterday's"}


def test_a_name_that_says_nothing_or_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"clip\.avi: expected a file name that ends in one of \.mp4, \.mkv"
    ):
        write_clip(SCENE, tmp_path / "clip.avi", 5)
    with pytest.raises(ConfigError, match=r"expected codec h264 or none for \.h264, got hevc"):
        write_clip(SCENE, tmp_path / "clip.h264", 5, codec="hevc")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_clip(SCENE, tmp_path / "nowhere" / "clip.mp4", 5)
