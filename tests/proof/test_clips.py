"""Clips of real events: a person who comes in, a drawn event known picture by picture, a camera on RTSP."""

import json
import subprocess
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from tests.conftest import WaitFor
from tests.proof.conftest import MakeStreet
from tests.proof.runs import results_in, site_of
from tools.services import RtspServer
from tools.services.units import read_units

from sightline import Detection, Frame, Packet
from sightline.capture import CameraInput, Capture
from sightline.clock import NS_PER_S
from sightline.codec import ClipWriter, coded_slices, is_keyframe
from sightline.scene import read_mark
from sightline.site.running import RunningSite

PRE_S, POST_S = 2, 1


class Guard:
    """Sees a person in the drawn pictures of these numbers, as they are in the pictures."""

    name, version = "guard", "1"

    def __init__(self, numbers: list[int]) -> None:
        self._numbers = frozenset(numbers)

    def load(self) -> None: ...

    def warm_up(self) -> None: ...

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        return [self._seen(frame) for frame in frames]

    def _seen(self, frame: Frame) -> tuple[Detection, ...]:
        mark = read_mark(frame.image)
        if mark is None or mark.frame not in self._numbers:
            return ()
        return (Detection(label="person", score=1, x1=0, y1=0, x2=1, y2=1),)

    def close(self) -> None: ...


def run(url: Path, folder: Path, model: dict[str, Any], **worker: Any) -> list[dict[str, Any]]:
    """A file through a site with a clip sink, to its end; the reports of its clips."""
    clip = {
        "kind": "clip",
        "path": str(folder / "clips"),
        "pre_s": PRE_S,
        "post_s": POST_S,
        "labels": ["person"],
    }
    site = site_of({"door": {"url": str(url)}}, folder, w={"model": model, "sinks": [clip], **worker})
    with RunningSite(site) as running:
        assert running.wait(60)
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("clips/door/*.json"))]


def files_of(report: dict[str, Any], folder: Path) -> list[Path]:
    return [folder / "clips" / "door" / file["file"] for file in report["files"]]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_drawn_event_has_exactly_the_pictures_around_it(
    no_leaks: None, street: MakeStreet, tmp_path: Path, codec: Any
) -> None:
    """Seen in 88 to 95: from 38 on, so from keyframe 25, to 120, a B-frame that needs 121."""
    drawn = street(3, codec=codec)
    guard = {
        "kind": "python",
        "class": "tests.proof.test_clips:Guard",
        "options": {"numbers": [*range(88, 96)]},
    }
    (report,) = run(drawn.path, tmp_path, guard)

    (file,) = files_of(report, tmp_path)
    units = read_units(file).data
    numbers = [drawn.frame_of[coded_slices(data, codec)] for data in units]
    first = drawn.frames.index(25)
    assert tuple(numbers) == drawn.frames[first : first + len(numbers)]
    assert _marks(file) == sorted(numbers) == list(range(25, 122))
    assert report["results"] == 8
    assert report["trigger"]["captured_at_ns"] - report["start_ns"] == (88 - 25) * NS_PER_S // 25
    assert report["wanted_start_ns"] == report["trigger"]["captured_at_ns"] - PRE_S * NS_PER_S


def _marks(file: Path) -> list[int]:
    with av.open(file) as container:
        images = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    marks = [read_mark(image) for image in images]  # type: ignore[arg-type]
    return [mark.frame for mark in marks if mark]


def test_a_real_person_is_in_a_clip(
    no_leaks: None, clips: Path, found_at: Callable[[str], str], tmp_path: Path
) -> None:
    """The whole way: file, bus, decoder, people detector, clips; every event of the run is in one."""
    source = clips / "one-by-one-person-detection.mp4"
    reports = run(source, tmp_path, {"kind": "hog"}, rate=1)
    units = read_units(source)
    sent = [coded_slices(data, "h264") for data in units.data]

    seen_ns = [result.captured_at_ns for result in results_in(tmp_path / "w.jsonl") if result.detections]
    assert len(seen_ns) > 20
    assert 1 < len(reports) < len(seen_ns)
    assert sum(report["results"] for report in reports) == len(seen_ns)
    for report in reports:
        (file,) = files_of(report, tmp_path)
        first, last = report["files"][0]["first_index"], report["files"][0]["last_index"]
        assert [coded_slices(data, "h264") for data in read_units(file).data] == sent[first : last + 1]
        assert is_keyframe(units.data[first], "h264")
        assert report["start_ns"] <= max(report["wanted_start_ns"], _first_ns(tmp_path))
        assert (
            report["end_ns"] >= report["wanted_end_ns"] - NS_PER_S // 10 or report["ended"] == "source_ended"
        )
        check = [found_at("ffmpeg"), "-v", "error", "-xerror", "-i", str(file), "-f", "null", "-"]
        assert subprocess.run(check, capture_output=True, check=False).stderr == b""
    for at_ns in seen_ns:
        assert any(report["wanted_start_ns"] <= at_ns <= report["wanted_end_ns"] for report in reports)


def _first_ns(folder: Path) -> int:
    return min(result.captured_at_ns for result in results_in(folder / "w.jsonl"))


@pytest.mark.needs("rtsp")
@pytest.mark.parametrize("mount", ["person", "car"])
def test_packets_of_an_rtsp_camera_are_a_file_that_plays(
    no_leaks: None, clips: Path, person_and_car: RtspServer, tmp_path: Path, wait_for: WaitFor, mount: str
) -> None:
    """With B-frames (car has none): the first packet has no stamps, some more no dts."""
    packets: list[Packet] = []
    capture = Capture(CameraInput(camera_id="gate", url=person_and_car.url(mount)), packets.append)
    capture.start()
    wait_for(lambda: len(packets) > 60, 30, "packets of the camera")
    capture.stop(5)
    assert packets[0].pts is None
    with ClipWriter(tmp_path / "gate.mp4") as clip:
        for packet in packets:
            clip.write(packet)
    (part,) = clip.parts
    units = read_units(part.path)
    assert [coded_slices(data, "h264") for data in units.data] == [
        coded_slices(p.data, "h264") for p in packets
    ]
    with av.open(part.path) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == len(packets)
    steps = [b - a for a, b in pairwise(times)]
    assert max(steps) < 1.5 * min(steps), steps
