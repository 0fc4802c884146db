"""An nvinfer file below an application's: what the application sets beats it."""

from pathlib import Path

import pytest
from tests.deepstream.linted import APP, NVINFER, places

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Finding, Severity, What, would_load
from sightline.deepstream.judging.linting import lint_path
from sightline.deepstream.judging.overriding import beaten, overridden
from sightline.deepstream.reading.loading import loads


def _found(folder: Path, nvinfer: str, keys: str = "", group: str = "primary-gie") -> tuple[Finding, ...]:
    (folder / "m.onnx").write_bytes(b"")
    (folder / "gie.txt").write_text(nvinfer)
    (folder / "app.txt").write_text(f"{APP}[{group}]\nenable=1\nconfig-file=gie.txt\n{keys}")
    return tuple(each for each in lint_path(folder / "app.txt") if each.file)


def test_what_the_group_sets_differently_is_told(tmp_path: Path) -> None:
    found = _found(tmp_path, NVINFER + "batch-size=1\ninterval=2\n", "batch-size=4\ninterval=2\n")
    assert places(found) == ["replaced property/batch-size"]
    assert (found[0].severity, found[0].line) == (Severity.NOTE, 7)
    assert "1 is beaten by 4 in the application's [primary-gie]" in found[0].message


def test_what_is_not_set_in_the_file_may_be_set_by_the_group(tmp_path: Path) -> None:
    nvinfer = NVINFER.replace("gie-unique-id=1\n", "")
    assert places(_found(tmp_path, nvinfer)) == ["missing property/gie-unique-id"]
    assert _found(tmp_path, nvinfer, "gie-unique-id=3\n") == ()


def test_the_application_says_which_mode_it_is(tmp_path: Path) -> None:
    found = _found(tmp_path, NVINFER + "process-mode=2\noperate-on-gie-id=1\n")
    assert places(found) == ["replaced property/process-mode", "inapplicable property/operate-on-gie-id"]
    keys = "operate-on-gie-id=1\ngie-unique-id=1\n"
    assert _found(tmp_path, NVINFER + "input-object-min-width=32\n", keys, "secondary-gie0") == ()


def test_input_from_metadata_is_the_applications_to_say(tmp_path: Path) -> None:
    """It sets `input-tensor-meta` always, and to 0 where its group does not have it."""
    nvinfer = (NVINFER + "input-tensor-from-meta=1\n").replace("net-scale-factor=1\n", "")
    found = [each for each in _found(tmp_path, nvinfer) if each.key == "input-tensor-from-meta"]
    assert [(each.severity, each.what) for each in found] == [(Severity.WARNING, What.REPLACED)]
    assert _found(tmp_path, nvinfer, "input-tensor-meta=1\n") == ()


def test_a_value_that_is_refused_is_read_before_it_is_beaten(tmp_path: Path) -> None:
    found = _found(tmp_path, NVINFER + "batch-size=0\n", "batch-size=4\n")
    assert not would_load(found)


@pytest.mark.parametrize(("key", "value"), [("batch-size", 0), ("batch-size", 2000), ("interval", -1)])
def test_what_the_property_does_not_take_leaves_the_files_value(tmp_path: Path, key: str, value: int) -> None:
    assert _found(tmp_path, NVINFER + "batch-size=4\n", f"{key}={value}\n") == ()
    (found,) = (each for each in lint_path(tmp_path / "app.txt") if each.key == key)
    assert (found.severity, found.what) == (Severity.WARNING, What.REPLACED)
    assert "the nvinfer file's is taken instead" in found.message


def test_the_gpu_of_all_groups_beats_the_files(tmp_path: Path) -> None:
    keys = "[application]\nglobal-gpu-id=1\n"
    (found,) = _found(tmp_path, NVINFER + "gpu-id=0\n", keys)
    assert (found.severity, found.what, found.key) == (Severity.NOTE, What.REPLACED, "gpu-id")
    assert "0 is beaten by 1 in the application's [application] global-gpu-id" in found.message
    (found,) = _found(tmp_path, NVINFER + "gpu-id=0\n", "gpu-id=2\n" + keys)
    assert "0 is beaten by 2 in the application's [primary-gie]" in found.message


@pytest.mark.parametrize("form", list(Form))
def test_both_forms_are_overridden(form: Form) -> None:
    app = loads(b"[secondary-gie1]\nenable=1\noperate-on-class-ids=0;2\nbatch-size=7\n", Form.TXT)
    text = "[property]\nbatch-size=1\n" if form is Form.TXT else "property:\n  batch-size: 1\n"
    file = loads(text.encode(), form)
    after = overridden(file, app, "secondary-gie1")
    said = {entry.key: entry.value for entry in after.entries("property")}
    expected = {"batch-size": "7", "operate-on-class-ids": "0;2", "process-mode": "2"}
    assert said == {**expected, "input-tensor-from-meta": "0"}
    assert [each.key for each in beaten(file, app, "secondary-gie1")] == ["batch-size"]


def test_a_file_without_properties_is_left_alone() -> None:
    app, file = loads(b"[primary-gie]\nenable=1\n", Form.TXT), loads(b"[class-attrs-all]\n", Form.TXT)
    assert overridden(file, app, "primary-gie") is file
    assert list(beaten(file, app, "primary-gie")) == []
