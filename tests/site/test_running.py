"""A site at work in one process, on files, drawn cameras and what cannot be read."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from sightline import Size
from sightline.errors import ConfigError, ModelError, SinkError
from sightline.scene import Scene, write_clip
from sightline.site import Site
from sightline.site.running import RunningSite

FRAMES = 40


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("running") / "street.mp4"
    write_clip(Scene(size=Size(320, 180), fps=10), path, FRAMES, gop=10, b_frames=2)
    return path


def site(cameras: dict[str, Any], folder: Path, /, **worker: Any) -> Site:
    sinks = [{"kind": "jsonl", "path": folder / "results.jsonl"}]
    settings = {"model": {"kind": "motion"}, "sinks": sinks} | worker
    return Site.model_validate({"cameras": cameras, "workers": {"w": settings}})


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_files_are_read_whole_and_then_the_site_has_ended(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    cameras = {name: {"url": str(clip)} for name in ("a", "b", "c")}
    with RunningSite(site(cameras, tmp_path)) as running:
        assert running.wait(30)
        status = running.status()
        assert running.ended
    written = lines(tmp_path)
    assert Counter(line["camera_id"] for line in written) == dict.fromkeys(cameras, FRAMES)
    for name in cameras:
        mine = [line for line in written if line["camera_id"] == name]
        assert sorted(line["index"] for line in mine) == list(range(FRAMES))
        assert [line["pts"] for line in mine] == sorted(line["pts"] for line in mine)
        assert len({line["epoch"] for line in mine}) == 1
        assert {line["captured_at_source"] for line in mine} == {"media"}
        times = [line["captured_at_ns"] for line in mine]
        assert [at - times[0] for at in times] == [n * 100_000_000 for n in range(FRAMES)]
        assert (status.cameras[name].state, status.cameras[name].results) == ("done", FRAMES)
        assert status.cameras[name].dropped == {}
        assert status.cameras[name].age_s is None


def test_the_status_says_what_decodes(clip: Path, tmp_path: Path) -> None:
    with RunningSite(site({"a": {"url": str(clip)}}, tmp_path, hwaccel="auto")) as running:
        assert running.wait(30)
        assert running.status().cameras["a"].decoded_by in {"software", "cuda"}
    assert len(lines(tmp_path)) == FRAMES


def test_a_worker_that_tracks_tells_what_is_the_same(clip: Path, tmp_path: Path) -> None:
    cameras = {name: {"url": str(clip)} for name in ("a", "b")}
    for track in (True, False):
        with RunningSite(site(cameras, tmp_path, track=track)) as running:
            assert running.wait(30)
        ids = {
            camera_id: [
                seen["track_id"]
                for line in lines(tmp_path)
                if line["camera_id"] == camera_id
                for seen in line["detections"]
            ]
            for camera_id in cameras
        }
        assert ids["a"] == ids["b"]  # one picture is like another: two cameras, the same things
        assert any(ids["a"]) is track
        assert not track or 2 * len({*ids["a"]} - {None}) < len(ids["a"])
        (tmp_path / "results.jsonl").unlink()


def test_what_cannot_be_read_ends_with_a_reason_and_harms_nobody(clip: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("these are no pictures")
    cameras = {
        "good": {"url": str(clip)},
        "text": {"url": str(text)},
        "gone": {"url": str(tmp_path / "no.mp4")},
    }
    with RunningSite(site(cameras, tmp_path)) as running:
        assert running.wait(30)
        status = running.status()
    assert status.cameras["good"].results == FRAMES
    for name in ("text", "gone"):
        assert status.cameras[name].state == "disabled"
        assert status.cameras[name].reason


def test_a_camera_is_opened_once_for_two_workers(clip: Path, tmp_path: Path) -> None:
    def sinks(name: str) -> list[dict[str, Any]]:
        return [{"kind": "jsonl", "path": tmp_path / f"{name}.jsonl"}]

    worker = {"model": {"kind": "motion"}}
    both = Site.model_validate(
        {
            "cameras": {"a": {"url": str(clip)}},
            "workers": {name: worker | {"sinks": sinks(name)} for name in ("one", "two")},
        }
    )
    with RunningSite(both) as running:
        assert running.wait(30)
        status = running.status()
    assert status.cameras["a"].packets == FRAMES
    assert status.cameras["a"].results == 2 * FRAMES
    one, two = ((tmp_path / f"{name}.jsonl").read_text().splitlines() for name in ("one", "two"))
    assert [json.loads(line)["index"] for line in one] == [json.loads(line)["index"] for line in two]


def test_the_page_shows_what_the_status_says(
    clip: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    camera = {"url": str(clip), "loop": True, "realtime": True}
    sinks = [{"kind": "preview", "port": 0}]
    shown = site({"a": camera, "another": camera}, tmp_path, sinks=sinks, cameras=["a"])
    with RunningSite(shown) as running:
        (page,) = running.pages
        wait_for(lambda: running.status().cameras["a"].results, 20, "a result")
        with urlopen(page + "status.json", timeout=5) as answer:
            told = json.load(answer)["cameras"]
    assert list(told) == ["a"]
    assert told["a"]["state"] == "live"
    assert told["a"]["fps"] == pytest.approx(10, rel=0.2)


def test_a_looping_camera_runs_until_it_is_stopped(clip: Path, tmp_path: Path) -> None:
    running = RunningSite(site({"a": {"url": str(clip), "loop": True}}, tmp_path))
    with running:
        assert not running.wait(0.3)
        stopper = threading.Timer(0.1, running.request_stop)
        stopper.start()
        assert running.wait(10)
        assert not running.ended
    stopper.join()


def test_rate_counts_media_time(clip: Path, tmp_path: Path) -> None:
    with RunningSite(site({"a": {"url": str(clip)}}, tmp_path, rate=2)) as running:
        assert running.wait(30)
    assert len(lines(tmp_path)) in (8, 9)  # 4 s of media time, read in a fraction of that


def test_of_a_drawn_street_that_ends_nothing_is_dropped(tmp_path: Path) -> None:
    with RunningSite(site({"a": {"url": "synthetic://street?frames=200&size=160x90"}}, tmp_path)) as running:
        assert running.wait(60)
    assert [line["index"] for line in lines(tmp_path)] == list(range(200))


def test_a_worker_without_an_enabled_camera_is_passed_over(clip: Path, tmp_path: Path) -> None:
    worker = {"model": {"kind": "motion"}}
    mixed = Site.model_validate(
        {
            "cameras": {"a": {"url": str(clip)}, "b": {"url": str(clip), "enabled": False}},
            "workers": {"idle": worker | {"cameras": ["b"]}, "busy": worker | {"cameras": ["a"]}},
        }
    )
    with RunningSite(mixed) as running:
        assert running.wait(30)
        assert running.status().cameras["a"].results == FRAMES


def test_a_site_can_be_stopped_while_a_file_waits_for_a_slow_model(clip: Path, tmp_path: Path) -> None:
    slow = {"kind": "python", "class": "tests.site.slow_model:Slow"}
    with RunningSite(site({"a": {"url": str(clip)}}, tmp_path, model=slow)) as running:
        began_s = time.monotonic()
        assert not running.wait(1.0)
        assert time.monotonic() - began_s < 2.0


def test_a_disabled_camera_is_not_opened(clip: Path, tmp_path: Path) -> None:
    cameras = {"a": {"url": str(clip)}, "b": {"url": str(clip), "enabled": False}}
    with RunningSite(site(cameras, tmp_path)) as running:
        assert running.wait(30)
        assert list(running.status().cameras) == ["a"]


def test_a_site_without_an_enabled_camera_is_refused(clip: Path, tmp_path: Path) -> None:
    idle = site({"a": {"url": str(clip), "enabled": False}}, tmp_path)
    with pytest.raises(ConfigError, match="enabled"):
        RunningSite(idle).start()


def test_what_was_started_before_a_failure_is_stopped(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    broken = Site.model_validate(
        {
            "cameras": {"a": {"url": str(clip)}},
            "workers": {
                "good": {"model": {"kind": "motion"}, "sinks": [{"kind": "preview", "port": 0}]},
                "bad": {
                    "model": {"kind": "motion"},
                    "sinks": [
                        {"kind": "preview", "port": 0},
                        {"kind": "jsonl", "path": tmp_path / "file" / "results.jsonl"},
                    ],
                },
            },
        }
    )
    with pytest.raises(SinkError, match="results.jsonl"):
        RunningSite(broken).start()


def test_a_model_that_does_not_load_is_said_at_the_start(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    model = {"kind": "python", "class": "tests.site.broken_model:Broken"}
    with pytest.raises(ModelError, match="no weights"):
        RunningSite(site({"a": {"url": str(clip)}}, tmp_path, model=model)).start()
