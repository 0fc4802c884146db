"""Models by kind, and each way in which a kind, a path or an option can be wrong."""

from pathlib import Path

import pytest

from sightline.detect import Checked, open_model
from sightline.errors import ConfigError, ModelError


@pytest.fixture(autouse=True)
def _reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.mark.parametrize("kind", ["motion", "hog"])
def test_our_kinds_open(kind: str) -> None:
    assert open_model(kind).name == kind


@pytest.mark.parametrize("kind", ["python:people:Whole", "python: people:Whole"])
def test_a_users_class_gets_its_options(kind: str) -> None:
    model = open_model(kind, label="dog", shrink="0.5")
    assert isinstance(model, Checked)
    assert (model.name, model.version) == ("whole", "7")
    assert (model.model.label, model.model.shrink) == ("dog", 0.5)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        ("hogg", {}, r"unknown kind of model 'hogg'; did you mean \"hog\"\? \(known: motion, hog, onnx\)"),
        ("hog", {"treshold": 1}, r"model hog: treshold: unknown option; did you mean \"threshold\"\?"),
        ("hog", {"scale": 1}, "model hog: scale: input should be greater than 1, got 1"),
        ("hog", {"stride": 7}, "stride: input should be 4, 8 or 16, got 7"),
        ("motion", {"min_area": "much"}, "min_area: input should be a valid number.*got 'much'"),
        ("motion", {"width": 0, "histori": 9}, "width: .*; histori: unknown option; did you mean .history"),
        ("python", {}, "kind python needs the class"),
        ("python:people", {}, "expected python:package.module:Class, got python:people"),
        ("python:poeple:Whole", {}, 'no module poeple in the import path.*did you mean "people"'),
        ("python:sightline.detekt.hog:X", {}, 'no module detekt in sightline; did you mean "detect"'),
        ("python:people:Hole", {}, 'Hole in people is no such name; did you mean "Whole"'),
        ("python:people:NUMBER", {}, "NUMBER in people is a int, not a class"),
        ("python:people.inner:Whole", {}, "no module inner in people"),
        ("python:.:X", {}, "python:"),
        ("python:broken:X", {}, "broken needs a_library_that_nobody_has, which is not installed"),
        ("python:people:Whole", {"lable": 1}, 'lable: unknown option; did you mean "label"'),
        ("python:people:Whole", {"shrink": 2}, "shrink: input should be less than or equal to 1, got 2"),
        ("python:people:Needs", {}, "weights: missing, and it has no default"),
        ("python:people:Half", {}, "it lacks warm_up, close, version"),
    ],
)
def test_what_is_wrong_is_said(kind: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        open_model(kind, **options)


def test_a_class_that_cannot_be_made_is_a_model_error() -> None:
    with pytest.raises(
        ModelError, match=r"python:people:Explodes could not be made: FileNotFoundError: weights"
    ):
        open_model("python:people:Explodes")
