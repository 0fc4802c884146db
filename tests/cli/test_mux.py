"""`sightline mux`: what it is told, by what, what it refuses, and how it runs and ends."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sightline import Size
from sightline.cli.mux_settings import MuxCamera, MuxSettings, load_settings
from sightline.errors import ConfigError
from sightline.mux.settings import CameraSettings
from sightline.site.model_kinds import HogModel, MotionModel, OnnxModel, PythonModel

BUS = {"bus": "memory://", "cameras": "gate", "model": "motion"}


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "mux.yaml"
    path.write_text(text)
    return path


def mistakes(options: dict[str, Any], environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load_settings(options, environ or {})
    return str(error.value).splitlines()


def test_an_option_counts_more_than_a_variable_and_that_more_than_the_file(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "bus: memory://\ncameras: [gate]\nmodel: motion\nrate: 1\nmax_wait_s: 1\n")
    environ = {
        "SIGHTLINE_MUX_RATE": "2",
        "SIGHTLINE_MUX_SIZE": "64x36",
        "SIGHTLINE_MUX_CODEC": "",
        "OTHER": "x",
    }

    told = load_settings({"settings": file, "size": "128x72", "codec": None}, environ)

    assert (told.max_wait_s, told.rate, told.size, told.codec) == (1, 2, Size(128, 72), None)
    assert told.start == "latest"


def test_the_file_may_be_named_by_a_variable_and_use_variables(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "bus: memory://${SITE}\ncameras: gate, yard\nmodel: motion\n")

    told = load_settings({}, {"SIGHTLINE_MUX_SETTINGS": str(file), "SITE": "north"})

    assert (told.bus, list(told.cameras)) == ("memory://north", ["gate", "yard"])


def test_a_camera_may_have_settings_of_its_own(tmp_path: Path) -> None:
    file = settings_file(
        tmp_path,
        """
bus: memory://
model: motion
rate: 10
max_offset_diff: 50
forward: analysed
cameras:
  gate: {rate: 2, topic: north.gate, max_offset_diff: null}
  yard:
""",
    )

    told = load_settings({"settings": file}, {})

    shared: dict[str, Any] = {"max_offset_diff": 50, "forward": "analysed"}
    assert told.camera("yard") == CameraSettings(camera_id="yard", rate=10, **shared)
    assert told.camera("gate") == CameraSettings(
        camera_id="gate", rate=2, topic="north.gate", **shared | {"max_offset_diff": None}
    )
    assert told.camera("added later") == CameraSettings(camera_id="added later", rate=10, **shared)


def test_every_setting_of_a_camera_can_be_made_and_holds_when_left_out() -> None:
    fields = {field.name: field for field in msgspec.structs.fields(CameraSettings)}
    assert fields.keys() - {"camera_id", "extradata"} == MuxCamera.model_fields.keys()
    assert MuxSettings.model_validate(BUS).camera("gate") == CameraSettings(camera_id="gate")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("motion", MotionModel),
        ("hog", HogModel),
        ("python:package.module:Mine", PythonModel),
        ("yolo11n.onnx", OnnxModel),
    ],
)
def test_a_model_may_be_a_word(name: str, kind: type) -> None:
    model = load_settings(BUS | {"model": name}, {}).model
    assert isinstance(model, kind)


def test_a_word_for_nothing_undoes_what_the_file_says(tmp_path: Path) -> None:
    file = settings_file(
        tmp_path,
        "bus: memory://\nout_bus: memory://\ncameras: gate\nmodel: {kind: hog}\nrate: 3\nsize: 64x36\n",
    )
    words = dict.fromkeys(("model", "rate", "size", "max_offset_diff"), "none")

    told = load_settings(
        {"settings": file}, {f"SIGHTLINE_MUX_{name.upper()}": text for name, text in words.items()}
    )

    assert (told.model, told.rate, told.size, told.max_offset_diff) == (None, None, None, None)


def test_paths_are_meant_from_the_file_or_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    file = settings_file(
        folder,
        "bus: memory://\ncameras: gate\nmodel: {kind: onnx, path: a.onnx}\npid_file: pid\nlog_file: log\n",
    )

    told = load_settings({"settings": file.relative_to(tmp_path), "log_file": Path("log")}, {})

    assert isinstance(told.model, OnnxModel)
    assert (told.model.path, told.pid_file, told.log_file) == (
        folder / "a.onnx",
        folder / "pid",
        tmp_path / "log",
    )
    here = load_settings({"settings": file}, {"SIGHTLINE_MUX_MODEL": "b.onnx"}).model
    assert isinstance(here, OnnxModel)
    assert here.path == tmp_path / "b.onnx"


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    file = settings_file(
        tmp_path,
        """
bus: memory://
cameras:
  gate: {rate: -5, sizee: 64x36}
  yard: 7
model: {kind: motion, min_area: 2}
ratee: 10
size: 5
forward: some
""",
    )
    environ = {"SIGHTLINE_MUX_RATE": "x", "SIGHTLINE_MUX_TOPICK": "a"}

    told = mistakes({"settings": file, "max_offset_diff": "0", "log_level": "loud"}, environ)

    assert sorted(told) == sorted(
        [
            f'{file}:4:16 cameras.gate.rate: expected a number above 0, got "-5"',
            f'{file}:4:27 cameras.gate.sizee: there is no such setting; did you mean "size"?',
            f'{file}:5:9 cameras.yard: expected a mapping (lines of key: value), got "7"',
            f'{file}:6:33 model.min_area: expected a number of at most 1, got "2"',
            f'{file}:7:8 ratee: there is no such setting; did you mean "rate"?',
            f'{file}:8:7 size: expected WIDTHxHEIGHT such as 1280x720, each 2 to 16384 pixels, got "5"',
            f"{file}:9:10 forward: expected 'all' or 'analysed', got \"some\"",
            'SIGHTLINE_MUX_RATE: expected a number, got "x"',
            'SIGHTLINE_MUX_TOPICK: there is no such setting; did you mean "topic"?',
            '--max-offset-diff: expected a number of at least 1, got "0"',
            '--log-level: expected debug, info, warning, error or critical, got "loud"',
        ]
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "expected --bus, the variable SIGHTLINE_MUX_BUS, or bus in a file of settings"),
        ({"cameras": None}, "expected cameras, or a control_topic on which they are added"),
        ({"model": None}, "nothing to do: expected a model, or an out_bus to which packets go on"),
        ({"cameras": "a,,b"}, '--cameras: expected text that is not empty, got ""'),
        ({"cameras": "a,b,a"}, '--cameras: expected each camera once, got "a,b,a"'),
        ({"cameras": "c" * 65}, "--cameras: expected text of at most 64 letters, got"),
        (
            {"model": "motoin"},
            '--model: expected motion, hog, onnx or python, got "motoin"; did you mean "motion"?',
        ),
        ({"model": "python:mine"}, '--model: expected "package.module:Class", got "mine"'),
        ({"topic": "raw"}, "--topic: expected a topic with :camera_id in it once, such as raw_:camera_id"),
        ({"control_topic": "a b"}, "--control-topic: expected a topic of 1 to 249 letters"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_told(options: dict[str, Any], told: str) -> None:
    (line,) = mistakes(BUS | options if options else {"cameras": "gate", "model": "motion"})
    assert line.startswith(told)


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    assert mistakes({"settings": tmp_path / "none"}) == [
        f"{tmp_path}/none: cannot be read: No such file or directory"
    ]
    path = tmp_path / "mux.yaml"
    for text, told in {
        b"\xff": ": expected text in UTF-8",
        b"- a": ": expected lines of name: value, such as bus: kafka://127.0.0.1:9092",
        b"a: [": ":1: the file ends before this bracket or brace is closed",
        b"bus: ${NO_SUCH}": ":1:6 bus: the variable NO_SUCH is not set",
        b"#" * (1 << 20) + b"\n": ": larger than 1 MiB: this is no file of settings",
    }.items():
        path.write_bytes(text)
        assert mistakes({"settings": path}) == [f"{path}{told}"]


def test_no_password_is_shown(tmp_path: Path) -> None:
    file = settings_file(
        tmp_path, "bus: [kafka://user:pl4nted@a]\nout_bus: [kafka://user:pl4nted@a]\nsize: a://b:pl4nted\n"
    )
    assert "pl4nted" not in "".join(mistakes({"settings": file, "topic": "kafka://user:pl4nted@a"}))
