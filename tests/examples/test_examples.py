"""Each example does what it says when it is run as it says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sightline import Size
from sightline.scene import Scene, write_clip
from sightline.site import load_site
from sightline.testing import check_model, check_sink
from sightline.wire import result_from_json

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BIN = Path(sys.executable).parent
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs an example, or the command, in an empty folder to its end, and gives what it printed."""

    def run(*command: str | Path) -> str:
        program = [BIN / "sightline"] if command[0] == "up" else [sys.executable]
        path = os.pathsep.join(filter(None, (str(EXAMPLES), os.environ.get("PYTHONPATH"))))
        environ = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error"}
        done = subprocess.run(
            [*program, *command],
            cwd=tmp_path,
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    return run


def of_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> type:
    monkeypatch.syspath_prepend(EXAMPLES)
    module = __import__(name)
    kind: type = vars(module)[name.title()]
    return kind


def test_frames_are_printed_at_the_rate_of_the_clip(run: Run, tmp_path: Path) -> None:
    write_clip(Scene(size=Size(320, 180)), tmp_path / "street.mp4", 100, b_frames=2)
    printed = run(EXAMPLES / "frames.py", "street.mp4")
    indices = [int(index) for index in re.findall(r"^camera/\d+/(\d+)  320x180  mean", printed, re.MULTILINE)]
    assert len(indices) in {8, 9}
    assert indices == sorted(indices)


def test_a_file_that_is_not_there_is_told() -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "frames.py", "nosuch.mp4"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Unreachable: no such file: nosuch.mp4" in done.stderr


def test_the_alarm_tells_of_movement_in_both_streets(run: Run) -> None:
    printed = run(EXAMPLES / "alarm.py", "4")
    assert "north: something moves" in printed
    assert "south: something moves" in printed


def test_the_alarm_keeps_the_promise_of_a_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    check_sink(of_examples("alarm", monkeypatch))


def test_rates_are_counted_off_the_bus(run: Run) -> None:
    printed = run(EXAMPLES / "packets.py", "3")
    assert {name for name, _ in re.findall(r"^(\w+): ([\d,]+) kbit/s$", printed, re.MULTILINE)} == {
        "busy",
        "day",
    }


def test_the_measurement_is_recorded_whole_and_shown_slowly(run: Run, tmp_path: Path) -> None:
    printed = run(EXAMPLES / "measurement.py", "2")
    assert set(printed.splitlines()) >= {"measure: 200 blocks sent", "record: 200 blocks recorded, 0 gaps"}
    assert re.search(r"^analyse: \d+ blocks analysed, mean level 0\.70[67]$", printed, re.MULTILINE)
    shown = re.search(r"^display: (\d+) values shown$", printed, re.MULTILINE)
    assert shown
    assert 1 <= int(shown[1]) <= 5
    recorded = np.load(tmp_path / "recording.npy")
    at = np.arange(200 * 100) / 10_000
    assert np.allclose(recorded, np.sin(2 * np.pi * 50 * at), atol=1e-6)


def test_latency_is_counted_by_the_numbers_in_the_pictures(run: Run) -> None:
    printed = run(EXAMPLES / "latency.py", "3")
    counted = re.search(
        r"^(\d+) pictures, (\d+) lost\nage when decoded: median \d+ ms, worst \d+ ms$", printed, re.MULTILINE
    )
    assert counted
    assert int(counted[1]) > 0


def test_the_busiest_moment_is_found_in_results(run: Run, tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "recordings.yaml", tmp_path)
    for seed, name in enumerate(("morning.mp4", "evening.mkv")):
        (tmp_path / "clips").mkdir(exist_ok=True)
        write_clip(Scene(seed=seed, mark=False), tmp_path / "clips" / name, 75)
    run("up", "recordings.yaml")
    printed = run(EXAMPLES / "busiest.py", "out/moving.jsonl")
    assert re.fullmatch(r"evening: [\d:]+ UTC, \d+ motion\nmorning: [\d:]+ UTC, \d+ motion\n", printed)
    assert (tmp_path / "out/moving.png").read_bytes().startswith(b"\x89PNG")


def test_covered_keeps_the_promise_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    check_model(of_examples("covered", monkeypatch))


def test_covered_runs_in_its_site(run: Run, tmp_path: Path) -> None:
    text = (EXAMPLES / "covered.yaml").read_text()
    (tmp_path / "covered.yaml").write_text(text.replace("port: 8766", "port: 0"))
    run("up", "covered.yaml", "--seconds", "4")
    results = [result_from_json(line) for line in (tmp_path / "out/covered.jsonl").read_bytes().splitlines()]
    assert {result.model for result in results} == {"covered"}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_site_file_is_right(path: Path) -> None:
    assert load_site(path, {"GATE_PASSWORD": "a value"}).workers


def test_every_example_is_in_the_list() -> None:
    listed = set(re.findall(r"\]\((\w[\w.-]+)\)", (EXAMPLES / "README.md").read_text()))
    assert listed == {path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".yaml"}}


def test_many_cameras_go_on_with_what_was_measured(run: Run) -> None:
    printed = run(EXAMPLES / "many.py", "3")
    sent = dict(re.findall(r"^(\w+): (\d+) packets went on with their brightness$", printed, re.MULTILINE))
    assert sent.keys() == {"north", "south"}
    assert all(int(count) >= 5 for count in sent.values())


def test_a_pipe_counts_every_word(run: Run, tmp_path: Path) -> None:
    for name, times in (("one.txt", 3000), ("two.txt", 500)):
        (tmp_path / name).write_text("the owl saw the Owl\n" * times)
    assert (
        run(EXAMPLES / "pipe_words.py", "one.txt", "two.txt") == "17500 words: the 7000, owl 7000, saw 3500\n"
    )


def test_a_pipe_looks_at_a_film_in_three_processes(run: Run, tmp_path: Path) -> None:
    write_clip(Scene(size=Size(320, 180), mark=False), tmp_path / "street.mp4", 100, b_frames=2)
    printed = run(EXAMPLES / "pipe_film.py", "street.mp4", "out/moving.jsonl")
    results = [result_from_json(line) for line in (tmp_path / "out/moving.jsonl").read_bytes().splitlines()]
    told = re.fullmatch(r"(\d+) pictures, something moves in (\d+): out/moving\.jsonl\n", printed)
    assert told
    assert int(told[1]) in {20, 21}
    assert 0 < int(told[2]) == len(results) < int(told[1])  # it has to see some before it knows what moves
    assert all(result.detections for result in results)
    assert {(result.camera_id, result.model) for result in results} == {("film", "motion")}


def test_pictures_are_looked_at_by_two_other_processes(run: Run) -> None:
    printed = sorted(run(EXAMPLES / "shared.py", "100").splitlines())
    assert printed == [
        "first: 100 pictures, brightness 49.5",
        "second: 100 pictures, brightness 49.5",
        "sent 100, missed 0",
    ]


def test_a_fleet_says_why_it_runs_what_it_was_told(run: Run) -> None:
    told = dict(line.split(": ", 1) for line in run(EXAMPLES / "fleet.py").splitlines())
    assert told["camera"] == "put on look by hand"
    assert told["instance"] == "look: here is the least loaded of those that take it"
    assert told["state"] == "running"
