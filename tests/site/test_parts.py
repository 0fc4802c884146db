"""A site in parts: who captures and who looks know each other by the bus alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from tests.conftest import WaitFor

from sightline import Size
from sightline.bus import open_bus
from sightline.errors import ConfigError
from sightline.scene import Scene, write_clip
from sightline.site import Site
from sightline.site.capturing import Capturing, inputs_of
from sightline.site.running import RunningSite

FRAMES = 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parts") / "street.mp4"
    write_clip(Scene(size=Size(320, 180), fps=10), path, FRAMES, gop=10, b_frames=2)
    return path


@pytest.fixture(autouse=True)
def _bus_stays_open() -> Iterator[None]:
    with open_bus("memory://parts"):
        yield


def site(folder: Path, cameras: dict[str, Any], **workers: Any) -> Site:
    named = workers or {"w": {}}
    return Site.model_validate(
        {
            "bus": "memory://parts",
            "topics": {"main": "site.:camera_id", "detect": "small.:camera_id"},
            "cameras": cameras,
            "workers": {
                name: {
                    "model": {"kind": "motion"},
                    "sinks": [{"kind": "jsonl", "path": folder / f"{name}.jsonl"}],
                    **worker,
                }
                for name, worker in named.items()
            },
        }
    )


def capturing(of: Site) -> Capturing:
    return Capturing(of.bus, inputs_of(of), topics=of.topics.of_packets())


def seen(path: Path) -> list[tuple[str, int, list[Any]]]:
    """What was seen in each picture, without what depends on when it was captured."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted((line["camera_id"], line["index"], line["detections"]) for line in lines)


def test_parts_come_to_the_same_results_as_the_whole(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    cameras = {name: {"url": str(clip)} for name in ("a", "b")}
    cameras["b"]["detect_url"] = str(clip)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    with RunningSite(site(whole, cameras)) as running:
        assert running.wait(30)

    split = site(parts, cameras)
    with RunningSite(split, capture=False) as workers, capturing(split) as captures:
        assert captures.wait(30)
        assert workers.wait(30)

    assert seen(parts / "w.jsonl") == seen(whole / "w.jsonl")


def test_a_worker_tells_of_a_camera_what_it_hears(
    no_leaks: None, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    page = {"sinks": [{"kind": "preview", "port": 0}]}
    split = site(tmp_path, {"a": {"url": str(clip), "realtime": True}}, w=page)
    captures = capturing(split)
    with RunningSite(split, capture=False) as workers:
        assert (workers.status().cameras["a"].state, workers.ended) == ("waiting", False)
        captures.start()
        wait_for(lambda: workers.status().cameras["a"].state == "live", 10, "a live camera")
        with urlopen(workers.pages[0] + "status.json", timeout=5) as answer:
            told = json.load(answer)["cameras"]["a"]
        assert (told["state"], told["source"]) == ("live", "h264")
        assert captures.wait(10)
        assert workers.wait(10)
        view = workers.status().cameras["a"]
    captures.stop()
    assert (view.state, view.packets) == ("done", FRAMES)
    assert view.results + sum(view.dropped.values()) == FRAMES


def test_only_the_workers_that_are_named_run(clip: Path, tmp_path: Path) -> None:
    both = site(tmp_path, {"a": {"url": str(clip)}}, one={}, two={})
    with RunningSite(both, workers=["two"]) as running:
        assert running.wait(30)
    assert not (tmp_path / "one.jsonl").exists()
    assert len(seen(tmp_path / "two.jsonl")) == FRAMES
    with pytest.raises(ConfigError, match=r"no worker 'tow'; did you mean \"two\"\? \(known: one, two\)"):
        RunningSite(both, workers=["tow"])


def test_captures_say_what_cannot_be_read(no_leaks: None, tmp_path: Path) -> None:
    with capturing(site(tmp_path, {"a": {"url": str(tmp_path / "none.mp4")}})) as captures:
        assert captures.wait(10)
        assert captures.faults == [f"a: {captures.status()['a', 'main'].capture.reason}"]
        assert "no such file" in captures.faults[0].lower()
