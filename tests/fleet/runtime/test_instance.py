"""A site as an agent runs it: its program, what it prints, how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.conftest import WaitFor

from sightline import Size
from sightline.scene import Scene, write_clip

FRAMES = 30
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("instance") / "street.mp4"
    write_clip(Scene(size=Size(320, 180), fps=10), path, FRAMES, gop=10)
    return path


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Runs an instance; what a test leaves is killed."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "sightline.fleet.instance", *map(str, arguments)]
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return begun[-1]

    yield run
    for each in begun:
        each.kill()
        each.communicate()


def write(folder: Path, camera: object, **worker: Any) -> Path:
    path = folder / "site.yaml"
    sinks = [{"kind": "jsonl", "path": "seen.jsonl"}]
    workers = {"w": {"model": {"kind": "motion"}, "sinks": sinks, **worker}}
    path.write_text(json.dumps({"cameras": {"door": {"url": str(camera)}}, "workers": workers}))
    return path


def test_it_ends_well_once_its_files_are_played_and_says_how_it_went(
    no_leaks: None, begin: Begin, clip: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    running = begin(write(tmp_path, clip), "--folder", work)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    statuses = [json.loads(line) for line in out.splitlines()]
    assert statuses[-1]["cameras"]["door"]["results"] == FRAMES
    assert statuses[-1]["cameras"]["door"]["state"] == "done"
    assert len((work / "seen.jsonl").read_text().splitlines()) == FRAMES
    assert not (tmp_path / "seen.jsonl").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_asked_to_and_leaves_no_process(
    begin: Begin, tmp_path: Path, number: signal.Signals, wait_for: WaitFor
) -> None:
    running = begin(write(tmp_path, "synthetic://?fps=5&size=160x120"))
    assert running.stdout is not None
    first = json.loads(running.stdout.readline())
    children = psutil.Process(running.pid).children(recursive=True)
    assert {process["state"] for process in first["processes"].values()} == {"running"}
    assert children
    os.kill(running.pid, number)
    assert running.wait(30) == 0
    wait_for(lambda: not any(child.is_running() for child in children), 10, "no process to be left")


def test_a_killed_one_takes_all_of_its_processes_along(
    begin: Begin, tmp_path: Path, wait_for: WaitFor
) -> None:
    running = begin(write(tmp_path, "synthetic://?fps=5&size=160x120"))
    assert running.stdout is not None
    assert running.stdout.readline()
    children = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    wait_for(lambda: not any(child.is_running() for child in children), 10, "no process to be left")


def test_what_is_wrong_is_told_without_secrets(begin: Begin, tmp_path: Path) -> None:
    running = begin(write(tmp_path, "rtsp://admin:geheim@127.0.0.1:9/x", model={"kind": "nothing"}))
    out, err = running.communicate(timeout=30)
    assert running.returncode == 1
    assert out == ""
    assert "nothing" in err
    assert "geheim" not in err
    missing = begin(tmp_path / "nowhere.yaml")
    _, err = missing.communicate(timeout=30)
    assert missing.returncode == 1
    assert "nowhere.yaml" in err


def test_a_camera_that_cannot_be_read_at_all_is_a_failure(begin: Begin, tmp_path: Path) -> None:
    running = begin(write(tmp_path, tmp_path / "none.mp4"))
    out, err = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "none.mp4" in err
    assert json.loads(out.splitlines()[-1])["cameras"]["door"]["results"] == 0


def test_models_of_the_user_are_found_beside_the_file(begin: Begin, clip: Path, tmp_path: Path) -> None:
    own = Path(__file__).parents[2] / "site" / "steady_model.py"
    (tmp_path / "own_model.py").write_text(own.read_text())
    model = {"kind": "python", "class": "own_model:Steady"}
    running = begin(write(tmp_path, clip, model=model))
    _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err


def test_of_a_camera_with_debug_the_log_says_all_and_of_others_nothing(
    begin: Begin, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    path = tmp_path / "site.yaml"
    of = {"url": "synthetic://?fps=5&size=160x120"}
    workers = {"w": {"model": {"kind": "motion"}}}
    path.write_text(json.dumps({"cameras": {"door": {**of, "debug": True}, "yard": of}, "workers": workers}))
    running = begin(path)
    assert running.stdout is not None
    for _ in range(7):  # one a second
        running.stdout.readline()
    os.kill(running.pid, signal.SIGTERM)
    _, err = running.communicate(timeout=30)
    assert "camera live" in err, "its capture"
    assert "camera=door" in err.replace("\x1b[0m", "")
    assert "results_per_s=" in err, "its figures"
    assert "yard" not in err
