"""Files on disk: what keeps one from being read, and what the files that it names are like."""

from pathlib import Path

import pytest
from tests.deepstream.linted import APP, NVINFER, places

from sightline.deepstream.findings import Severity, What, would_load
from sightline.deepstream.judging.linting import lint_path


def _app(config: str) -> str:
    return f"{APP}[primary-gie]\nenable=1\nconfig-file={config}\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "m.onnx").write_bytes(b"")
    path = tmp_path / "pgie.txt"
    path.write_text(NVINFER)
    return path


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.txt", "[property]\nonly a word\n", "only a word"),
        ("a.yml", "property:\n\t- a\n  b: [\n", ""),
        ("a.txt", "key=before\n", "group"),
    ],
)
def test_a_file_that_the_format_refuses_is_one_finding(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    (finding,) = lint_path(path)
    assert (finding.severity, finding.what) == (Severity.REFUSED, What.SYNTAX)
    assert finding.line
    assert says in finding.message


@pytest.mark.parametrize("name", ["missing.txt", ".", "a\0.txt"])
def test_what_is_no_file_is_one_finding(tmp_path: Path, name: str) -> None:
    (finding,) = lint_path(tmp_path / name)
    assert (finding.severity, finding.what, finding.line) == (Severity.REFUSED, What.SYNTAX, None)


def test_files_are_looked_for_beside_the_file_that_names_them(model: Path) -> None:
    assert lint_path(model) == ()
    (model.parent / "m.onnx").unlink()
    (finding,) = lint_path(model)
    assert (finding.severity, finding.what, finding.key) == (Severity.WARNING, What.MISSING, "onnx-file")
    assert str(model.parent / "m.onnx") in finding.message


def test_a_missing_engine_is_built(model: Path) -> None:
    model.write_text(NVINFER + "model-engine-file=m.engine\nlabelfile-path=/none/labels.txt\n")
    found = lint_path(model)
    assert places(found) == ["missing property/model-engine-file", "missing property/labelfile-path"]
    assert "builds the engine" in found[0].message
    assert "without one it does not start" in found[0].message
    assert would_load(found)


def test_a_name_that_is_too_long_for_a_file_is_missing(model: Path) -> None:
    model.write_text(NVINFER + f"mean-file={'m' * 5000}\n")
    assert places(lint_path(model)) == ["missing property/mean-file"]


def test_a_configuration_that_is_named_is_judged_too(model: Path) -> None:
    app = model.parent / "app.txt"
    app.write_text(_app("pgie.txt"))
    before = lint_path(app)
    model.write_text(NVINFER + "network-mode=9\n")
    found = [each for each in lint_path(app) if each not in before]
    assert places(tuple(found)) == ["value property/network-mode"]
    assert (found[0].file, found[0].line) == (str(model), 7)
    assert would_load(before)
    assert not would_load(lint_path(app))


def test_a_configuration_that_cannot_be_read_is_told_of_that_file(model: Path) -> None:
    app = model.parent / "app.txt"
    app.write_text(_app("pgie.txt"))
    model.write_text("[property\n")
    told = [each for each in lint_path(app) if each.what is What.SYNTAX]
    assert [(each.file, each.severity) for each in told] == [(str(model), Severity.REFUSED)]


def test_a_missing_configuration_is_a_warning(tmp_path: Path) -> None:
    app = tmp_path / "app.txt"
    app.write_text(_app("none.txt"))
    told = [each for each in lint_path(app) if each.key == "config-file"]
    assert [(each.severity, each.what) for each in told] == [(Severity.WARNING, What.MISSING)]


def test_a_file_that_names_itself_is_judged_once(tmp_path: Path) -> None:
    app = tmp_path / "app.txt"
    app.write_text(_app("app.txt"))
    assert all(each.file is None for each in lint_path(app))


def test_groups_that_nobody_reads_name_nothing(tmp_path: Path) -> None:
    app = tmp_path / "app.txt"
    app.write_text(_app("none.txt").replace("[primary-gie]\nenable=1", "[primary-gie]\nenable=0"))
    assert not [each for each in lint_path(app) if each.key == "config-file" and each.what is What.MISSING]


@pytest.mark.parametrize(("name", "followed"), [("gie.cfg", True), ("gie.csv", False)])
def test_any_name_may_be_a_key_files(model: Path, name: str, followed: bool) -> None:
    app = model.parent / "app.txt"
    app.write_text(_app(name))
    (model.parent / name).write_text("no key file\n")
    assert bool([each for each in lint_path(app) if each.file]) is followed


def test_labels_are_no_configuration(model: Path) -> None:
    (model.parent / "labels.txt").write_text("car\nbicycle\n")
    model.write_text(NVINFER + "labelfile-path=labels.txt\n")
    assert lint_path(model) == ()


def test_what_a_missing_file_comes_to_is_told(tmp_path: Path) -> None:
    path = tmp_path / "app.txt"
    path.write_text(_app("gone.txt\nlabelfile-path=gone.labels\nmodel-engine-file=gone.engine"))
    told = {each.key: each.message for each in lint_path(path) if each.what is What.MISSING}
    assert told["config-file"].endswith("gone.txt; DeepStream does not start without it")
    assert told["labelfile-path"].endswith("gone.labels; DeepStream does not start without it")
    assert "DeepStream builds the engine" in told["model-engine-file"]
