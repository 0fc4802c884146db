"""`sightline up` from its start to its end: by itself, asked to, and killed."""

import json
import signal
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import monotonic
from urllib.request import urlopen

import cv2
import pytest
from tests.conftest import StartRtspServer, WaitFor
from tests.proof.conftest import FRAMES, MakeStreet, StartUp
from tests.proof.runs import results_in, settings_of

from sightline.wire import result_from_json

MOTION = {"model": {"kind": "motion"}}
WITHIN_S = 2.0
Grows = Callable[[Path, int], None]


@pytest.mark.needs("ffmpeg")
def test_it_ends_with_0_when_all_its_files_are_done_and_each_picture_is_accounted_for(
    clips: Path, up: StartUp, tmp_path: Path
) -> None:
    """`rate` counts media time: 2 pictures a second of 30.2 s, which are over in a fraction of that."""
    files = {"car": clips / "car-detection.mp4", "person": clips / "one-by-one-person-detection.mp4"}
    settings = settings_of(
        {name: {"url": str(file)} for name, file in files.items()},
        tmp_path,
        all={**MOTION, "size": "192x108"},
        two={**MOTION, "cameras": ["car"], "rate": 2},
    )
    began_s = monotonic()
    assert up(settings).ends(60) == 0
    assert monotonic() - began_s < 30.2  # what counts is not our time
    for name, file in files.items():
        results = results_in(tmp_path / "all.jsonl", name)
        assert sorted(result.index for result in results) == list(range(_pictures(file)))
        assert [result.pts for result in results] == sorted(result.pts or 0 for result in results)
        assert {result.captured_at_source for result in results} == {"media"}
    two = results_in(tmp_path / "two.jsonl")
    assert len(two) in (60, 61)
    times = [(result.pts or 0) * result.time_base for result in two]
    # Half a second from one to the next, as near as a picture every 0.08 s allows.
    assert all(0.3 <= b - a <= 0.6 for a, b in pairwise(times))


def test_it_ends_with_1_when_a_file_cannot_be_read(up: StartUp, street: MakeStreet, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no pictures")
    cameras = {"good": {"url": str(street(1).path)}, "text": {"url": str(text)}}
    started = up(settings_of(cameras, tmp_path, w=MOTION))
    assert started.ends(30) == 1
    assert len(results_in(tmp_path / "w.jsonl", "good")) == FRAMES
    assert "camera=text" in started.err.read_text()


@pytest.mark.needs("rtsp")
@pytest.mark.alone
@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_ends_within_2_s_and_its_files_are_whole(
    up: StartUp,
    rtsp_server: StartRtspServer,
    street: MakeStreet,
    silent_port: int,
    tmp_path: Path,
    wait_for: WaitFor,
    asked: signal.Signals,
) -> None:
    """With cameras that are live, silent and unreachable, a file at full speed, and somebody at the page."""
    server = rtsp_server({"live": street(1).path})
    cameras: dict[str, dict[str, object]] = {
        "live": {"url": server.url("live")},
        "silent": {"url": f"rtsp://127.0.0.1:{silent_port}/stream"},
        "gone": {"url": "rtsp://127.0.0.1:1/stream"},
        "file": {"url": str(street(2).path), "loop": True},
        "drawn": {"url": "synthetic://street?size=640x360&fps=25"},
    }
    sheet, lines = tmp_path / "sheet.png", tmp_path / "w.jsonl"
    sinks = [{"kind": "contact_sheet", "path": str(sheet)}, {"kind": "preview", "port": 0}]
    started = up(settings_of(cameras, tmp_path, w={**MOTION, "sinks": sinks}))
    wait_for(
        lambda: lines.exists() and {"live", "file", "drawn"} <= {one.camera_id for one in results_in(lines)},
        30,
        "results of all three that give pictures",
    )
    page = next(word for word in started.out.read_text().split() if word.startswith("http://"))
    with urlopen(page + "stream.mjpeg", timeout=5) as watched:
        watched.read(1000)
        started.tell(asked)
        asked_s = monotonic()
        assert started.ends(10) == 0
        took_s = monotonic() - asked_s
    print(f"{asked.name}: ended after {took_s:.2f} s")
    assert took_s <= WITHIN_S
    assert results_in(lines)
    assert lines.read_bytes().endswith(b"\n")
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape[0] > 3 * 180
    assert "Traceback" not in started.err.read_text()


@pytest.mark.parametrize("lines", [1, 50, 500])
def test_killed_at_any_moment_it_leaves_whole_lines(
    up: StartUp, street: MakeStreet, tmp_path: Path, grows: Grows, lines: int
) -> None:
    written, sheet = tmp_path / "w.jsonl", tmp_path / "sheet.png"
    cameras = {name: {"url": str(street(1).path), "loop": True} for name in "abc"}
    sinks = [{"kind": "contact_sheet", "path": str(sheet)}]
    started = up(settings_of(cameras, tmp_path, w={**MOTION, "sinks": sinks}))
    grows(written, lines)
    started.tell(signal.SIGKILL)
    assert started.ends(5) == -signal.SIGKILL
    data = written.read_bytes()
    assert data.endswith(b"\n")
    found = [result_from_json(line) for line in data.splitlines()]
    assert len(found) >= lines
    for name in cameras:  # and none is missing: a run that is killed has lost nothing before that
        mine = [
            result.index for result in found if result.camera_id == name and result.epoch == found[0].epoch
        ]
        assert mine == [*dict.fromkeys(mine)]
    # A sheet is written at the end or not at all, and no draft of it is left behind.
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["w.jsonl"]
    # What runs next goes on in the same file.
    again = up(settings_of({"a": {"url": str(street(1).path)}}, tmp_path, w=MOTION))
    assert again.ends(30) == 0
    assert len(results_in(written)) == len(found) + FRAMES


def _pictures(clip: Path) -> int:
    """How many pictures a clip holds, by ffprobe."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-count_frames", "-of", "json"]
    told = subprocess.run(
        [*command, "-show_entries", "stream=nb_read_frames", str(clip)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return int(json.loads(told.stdout)["streams"][0]["nb_read_frames"])
