"""The acts that a control has of itself: what they read, what they refuse, and what they call."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mux.steered_cameras import Cameras

from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.mux import CameraState, Steered
from sightline.mux.acts import BUILT_IN, SETTINGS, read_settings
from sightline.mux.settings import CameraSettings


@pytest.fixture
def cameras() -> Cameras:
    cameras = Cameras()
    cameras.create("gate", {"rate": 10.0})
    return cameras


def act(cameras: Steered, action: str, value: Any) -> Any:
    return BUILT_IN[action](cameras, value)


def test_a_camera_lives_by_acts_alone() -> None:
    cameras = Cameras()
    created = {"camera_id": "yard", "topic": "raw_yard", "rate": 5, "size": [640, 360]}
    assert act(cameras, "create", created) == "created yard"
    assert cameras.settings == {"yard": {"topic": "raw_yard", "rate": 5.0, "size": Size(640, 360)}}
    act(cameras, "update", {"camera_id": "yard", "rate": None, "size": "320x180"})
    assert cameras.settings["yard"] == {"topic": "raw_yard", "rate": None, "size": Size(320, 180)}
    act(cameras, "pause", {"camera_id": "yard"})
    assert cameras.paused == {"yard"}
    act(cameras, "resume", {"camera_id": "yard"})
    assert cameras.paused == set()
    assert act(cameras, "rate", {"camera_id": "yard", "rate": 2.5}) == "yard: 2.5 pictures/s"
    assert act(cameras, "status", {}) == {"yard": CameraState(state="running", topic="raw_yard", rate=2.5)}
    act(cameras, "delete", {"camera_id": "yard"})
    assert act(cameras, "status", None) == {}


def test_settings_left_out_are_left_to_the_mux(cameras: Cameras) -> None:
    act(cameras, "create", {"camera_id": "yard"})
    assert cameras.settings["yard"] == {}


def test_the_envelope_is_no_setting(cameras: Cameras) -> None:
    act(cameras, "update", {"camera_id": "gate", "rate": 1, "id": 7, "to": "east"})
    assert cameras.settings["gate"] == {"rate": 1.0}


def test_status_may_be_of_one_camera(cameras: Cameras) -> None:
    cameras.create("yard", {})
    assert list(act(cameras, "status", {"camera_id": "yard"})) == ["yard"]


WRONG: dict[str, list[tuple[Any, str]]] = {
    "create": [
        (b"\xff", "expected a JSON object such as"),
        (["gate"], "expected a JSON object such as"),
        (None, "camera_id: expected the name of a camera, got nothing"),
        ({"camera_id": ""}, "camera_id: expected text of 1 to 64 letters, got ''"),
        ({"camera_id": 5}, "camera_id: expected text of 1 to 64 letters, got 5"),
        ({"camera_id": "g" * 65}, "camera_id: expected text of 1 to 64 letters"),
        ({"camera_id": "a", "rat": 1}, 'rat: unknown setting; did you mean "rate"?'),
        ({"camera_id": "a", "rate": -1}, "rate: expected float > 0.0, got -1"),
        ({"camera_id": "a", "rate": "5"}, "rate: expected float | null, got '5'"),
        ({"camera_id": "a", "topic": "a b"}, "topic: expected a topic of 1 to 249 letters"),
        ({"camera_id": "a", "out_topic": "ä"}, "out_topic: expected a topic of 1 to 249 letters"),
        ({"camera_id": "a", "size": [0, 4]}, "size: "),
        ({"camera_id": "a", "size": "wide"}, "size: expected "),
        ({"camera_id": "a", "forward": "some"}, "forward: expected all or analysed, got 'some'"),
        ({"camera_id": "a", "rate": 0, "sise": 1}, 'got 0; sise: unknown setting; did you mean "size"?'),
        ({"camera_id": "gate"}, "gate is there already"),
    ],
    "update": [
        ({"camera_id": "gate"}, "expected one or more settings to change (known: topic, "),
        ({"camera_id": "yard", "rate": 1}, "unknown camera yard"),
    ],
    "delete": [({"camera_id": "gate", "rate": 1}, "expected camera_id alone, got rate as well")],
    "pause": [({"camera_id": "gate", "until": 1}, "expected camera_id alone, got until as well")],
    "resume": [({}, "camera_id: expected the name of a camera, got nothing")],
    "rate": [
        ({"camera_id": "gate"}, "rate: expected pictures a second, or null for all, got nothing"),
        ({"camera_id": "gate", "rate": 0}, "rate: expected float > 0.0, got 0"),
        ({"camera_id": "gate", "rate": 1, "size": None}, "expected camera_id and rate alone, got size"),
    ],
    "status": [
        ({"camera_id": "gaet"}, 'unknown camera gaet; did you mean "gate"?'),
        ({"cam": "gate"}, "camera_id: expected the name of a camera, got nothing"),
        (b"all", "expected a JSON object"),
    ],
}


@pytest.mark.parametrize(
    ("action", "value", "said"),
    [(action, value, said) for action, wrongs in WRONG.items() for value, said in wrongs],
)
def test_what_is_wrong_is_told_and_changes_nothing(
    cameras: Cameras, action: str, value: Any, said: str
) -> None:
    before = cameras.status()
    with pytest.raises(ConfigError) as told:
        act(cameras, action, value)
    assert said in str(told.value)
    assert len(str(told.value)) < 600
    assert cameras.status() == before


def test_every_setting_of_a_camera_can_be_named() -> None:
    settings = CameraSettings(
        camera_id="gate", topic="a", out_topic="b", rate=1.0, size=Size(64, 36), codec="h264", extradata=b"x"
    )
    told = json.loads(msgspec.json.encode(settings))
    assert set(told) == {"camera_id", *SETTINGS}
    del told["camera_id"]
    assert CameraSettings(camera_id="gate", **read_settings(told)) == settings


def test_from_a_command_line_numbers_are_texts() -> None:
    given = {"rate": "5", "max_offset_diff": None, "size": "640x360", "topic": "5"}
    assert read_settings(given, strict=False) == {
        "rate": 5.0,
        "max_offset_diff": None,
        "size": Size(640, 360),
        "topic": "5",
    }


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["camera_id", *SETTINGS]) | st.text()


@given(st.sampled_from(sorted(BUILT_IN)), ANYTHING | st.dictionaries(NAMES, ANYTHING | st.just("gate")))
def test_no_value_makes_an_act_fail_but_by_saying_what_is_wrong(action: str, value: Any) -> None:
    cameras = Cameras()
    cameras.create("gate", {})
    try:
        act(cameras, action, value)
    except ConfigError:
        pass
    else:
        for settings in cameras.settings.values():
            CameraSettings(camera_id="-", **settings)
