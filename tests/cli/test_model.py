"""`sightline model` on small files made here."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Invoke, Run
from tests.detect.onnx.graphs import constant, finder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return finder(tmp_path / "street.onnx")


def test_a_file_is_described_in_a_table(invoke: Invoke, file: Path) -> None:
    shown = invoke("model", "describe", file)

    assert shown.exit_code == 0
    for told in (
        "images tensor(float) (?, 3, 64, 96)",
        "output0 tensor(float) (?, 7, 126)",
        "yolov8: YOLOv8, v9, 11, 12",
        "3: red, green, blue",
        "96x64, letterbox, batches of any size",
        "a test, opset 17",
        "cpu (of ",
    ):
        assert told in shown.stdout


def test_a_file_is_described_for_a_program(invoke: Invoke, file: Path) -> None:
    told = json.loads(invoke("model", "describe", file, "--json").stdout)

    assert (told["head"], told["classes"], told["labels"]) == ("yolov8", 3, ["red", "green", "blue"])
    assert told["inputs"] == [{"name": "images", "type": "tensor(float)", "shape": [None, 3, 64, 96]}]
    assert (told["width"], told["height"], told["fit"], told["batch"]) == (96, 64, "letterbox", None)
    assert (told["opset"], told["providers"], len(told["version"])) == (17, ["cpu"], 12)


def test_a_head_that_is_not_known_is_one_plain_refusal(sightline_command: Run, tmp_path: Path) -> None:
    path = constant(tmp_path / "m.onnx", {"o": np.zeros((1, 3, 5, 7), np.float32)})
    done = sightline_command("model", "describe", path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("unknown head: no layout that is known\nfound inputs: images")
    assert "\n  rtdetr-boxes " in done.stderr
    assert "Traceback" not in done.stderr


def test_whoever_knows_better_names_head_and_size(invoke: Invoke, tmp_path: Path) -> None:
    path = finder(tmp_path / "open.onnx", "rtdetr", shape=("n", 3, "h", "w"))
    told = json.loads(
        invoke("model", "describe", path, "--head", "rtdetr", "--size", "320x192", "--json").stdout
    )

    assert (told["head"], told["fit"], told["width"], told["height"]) == ("rtdetr", "stretch", 320, 192)


def test_it_is_measured_at_each_batch(invoke: Invoke, file: Path) -> None:
    done = invoke(
        "model", "bench", file, "--batch", "1, 3", "--seconds", "0.1", "--provider", "cpu", "--json"
    )
    told = json.loads(done.stdout)

    assert [run["batch"] for run in told["runs"]] == [1, 3]
    for run in told["runs"]:
        assert run["frames"] % run["batch"] == 0
        assert run["frames"] >= run["frames_per_s"] * 0.1 * 0.99
        assert run["frames_per_s"] * run["ms_per_frame"] == pytest.approx(1000, rel=0.9)
    shown = invoke("model", "bench", file, "--batch", "2", "--seconds", "0.1").stdout
    assert "on cpu" in shown
    assert "batch 2" in shown
    assert "ms a frame" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("describe", "none.onnx"), 1, "no such file: none.onnx"),
        (("describe", "FILE", "--head", "yolo"), 1, "head: input should be 'auto'"),
        (
            ("describe", "FILE", "--provider", "gpu"),
            1,
            "providers: 'gpu' is not in the installed onnxruntime",
        ),
        (("describe", "FILE", "--size", "big"), 2, "expected WIDTHxHEIGHT"),
        (("bench", "FILE", "--batch", "0"), 2, "expected numbers from 1 to 1024"),
        (("bench", "FILE", "--batch", "one"), 2, "expected numbers from 1 to 1024"),
    ],
)
def test_what_is_wrong_is_told(
    sightline_command: Run, file: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done: subprocess.CompletedProcess[str] = sightline_command(
        "model", *(str(file) if word == "FILE" else word for word in arguments)
    )

    assert done.returncode == code
    assert told in done.stderr
