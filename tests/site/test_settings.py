"""What a site file may say, held against what capture, detect and sink take."""

import inspect
import json
from typing import Any

import pytest

from sightline.capture import CameraInput
from sightline.capture.address import kind as kind_of_url
from sightline.detect import Tracker
from sightline.detect.opening import MODELS
from sightline.errors import ConfigError
from sightline.kinds import Kinds
from sightline.pages.guard import MIN_TOKEN
from sightline.sink.opening import SINKS
from sightline.sink.webhook import MIN_SECRET
from sightline.site import Camera, Site
from sightline.site.camera import SCHEMES
from sightline.site.model_kinds import HogModel, MotionModel, OnnxModel, PythonModel, Tracking
from sightline.site.section import Section
from sightline.site.sink_kinds import (
    BusSink,
    ClipSink,
    ContactSheetSink,
    CsvSink,
    JsonlSink,
    ParquetSink,
    PreviewSink,
    VideoSink,
    ViewSink,
    WebhookSink,
)

OF_KINDS: dict[Kinds[Any], dict[str, type[Section]]] = {
    MODELS: {"motion": MotionModel, "hog": HogModel, "onnx": OnnxModel},
    SINKS: {
        "jsonl": JsonlSink,
        "preview": PreviewSink,
        "contact_sheet": ContactSheetSink,
        "clip": ClipSink,
        "csv": CsvSink,
        "parquet": ParquetSink,
        "video": VideoSink,
        "bus": BusSink,
        "webhook": WebhookSink,
        "view": ViewSink,
    },
}


@pytest.mark.parametrize(
    ("kinds", "kind", "section"),
    [(kinds, kind, section) for kinds, of in OF_KINDS.items() for kind, section in of.items()],
)
def test_options_are_those_of_what_takes_them(kinds: Any, kind: str, section: Any) -> None:
    takes = dict(inspect.signature(kinds.find(kind)).parameters)
    for given_by_us in ("status", "clock", "bus", "cameras", "offline", "topics", "carried", "terms"):
        takes.pop(given_by_us, None)
    said = {name: field for name, field in section.model_fields.items() if name != "kind"}

    assert list(said) == list(takes)
    for name, parameter in takes.items():
        required = parameter.default is inspect.Parameter.empty
        assert said[name].is_required() is required
        assert required or said[name].default == parameter.default


def test_all_kinds_are_there() -> None:
    assert [set(kinds.names) for kinds in OF_KINDS] == [set(of) for of in OF_KINDS.values()]
    assert (MIN_TOKEN, MIN_SECRET) == (8, 16)
    assert PythonModel.model_validate({"kind": "python", "class": "a.b:C"}).class_ == "a.b:C"


def test_limits_of_options_are_those_of_what_takes_them() -> None:
    for kinds, of in OF_KINDS.items():
        for kind, section in of.items():
            made = inspect.signature(kinds.find(kind), eval_str=True).parameters
            for name, field in section.model_fields.items():
                metadata = getattr(made.get(name, field).annotation, "__metadata__", None)
                if name != "kind" and metadata:
                    assert field.metadata == metadata[0].metadata, f"{kind}.{name}"


def test_settings_of_tracking_are_those_of_the_tracker() -> None:
    taken = inspect.signature(Tracker, eval_str=True).parameters
    assert list(Tracking.model_fields) == list(taken)
    for name, field in Tracking.model_fields.items():
        assert field.default == taken[name].default
        limits = getattr(taken[name].annotation, "__metadata__", ())
        assert field.metadata == [one for limit in limits for one in limit.metadata]


def test_settings_and_schemes_of_cameras_are_those_of_capture() -> None:
    taken = {f.name: f.default for f in CameraInput.__dataclass_fields__.values() if f.name != "camera_id"}
    ours = {"enabled", "detect_url", "term"}
    said = {name: field.default for name, field in Camera.model_fields.items() if name not in ours}
    assert list(said) == list(taken)
    # Whether a web address plays in real time where nothing is said depends on what it looks like.
    own = {"url", "realtime"}
    assert {n: d for n, d in said.items() if n not in own} == {n: d for n, d in taken.items() if n not in own}
    with pytest.raises(ConfigError) as caught:
        kind_of_url("gopher://h")
    assert ", ".join(f"{scheme}://" for scheme in SCHEMES) in str(caught.value)


def test_the_schema_is_json_and_every_setting_has_its_words() -> None:
    schema = json.loads(json.dumps(Site.model_json_schema()))

    for section in (schema, *schema["$defs"].values()):
        for name, setting in section.get("properties", {}).items():
            assert name == "kind" or setting["description"].endswith("."), name
