"""A model with tracking: by camera, epoch and size, in the time of the pictures."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sightline import Detection, Frame
from sightline.detect import Tracked, tracked
from sightline.detect.conformance import check_model
from sightline.detect.motion import MotionModel
from sightline.errors import ConfigError, ModelError

Make = Callable[..., Frame]


class Walker:
    """One person who walks by 2 pixels a frame."""

    name, version = "walker", "3"

    def __init__(self) -> None:
        self.called: list[str] = []

    def load(self) -> None:
        self.called.append("load")

    def warm_up(self) -> None:
        self.called.append("warm_up")

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        return [
            (Detection(label="person", score=1, x1=2.0 * f.index, y1=0, x2=2.0 * f.index + 9, y2=20),)
            for f in frames
        ]

    def close(self) -> None:
        self.called.append("close")


@pytest.fixture
def make(make_frame: Make) -> Make:
    def made(index: int, camera_id: str = "gate", *, epoch: int = 1, width: int = 64) -> Frame:
        return make_frame(np.zeros((48, width, 3), np.uint8), index, camera_id=camera_id, epoch=epoch)

    return made


def ids(model: Tracked, *frames: Frame) -> list[int | None]:
    return [one.track_id for answer in model.predict(frames) for one in answer]


def test_it_keeps_the_promise_of_a_model() -> None:
    check_model(lambda: Tracked(MotionModel()))


def test_it_is_the_model_that_it_is_made_of() -> None:
    walker = Walker()
    model = Tracked(walker)
    model.load()
    model.warm_up()
    model.close()
    assert walker.called == ["load", "warm_up", "close"]
    assert (model.name, model.version) == ("walker", "3")


def test_each_camera_has_things_of_its_own(make: Make) -> None:
    model = Tracked(Walker())
    found = [ids(model, make(n, "gate"), make(n, "yard")) for n in range(4)]
    assert found == [[None, None], [1, 1], [1, 1], [1, 1]]


@pytest.mark.parametrize("other", [{"epoch": 2}, {"width": 32}])
def test_a_new_epoch_or_size_begins_new_things_with_new_ids(make: Make, other: dict[str, int]) -> None:
    model = Tracked(Walker())
    found = [ids(model, make(n)) for n in range(3)] + [ids(model, make(n, **other)) for n in range(3, 6)]
    assert found == [[None], [1], [1], [None], [2], [2]]


def test_time_is_that_of_the_pictures(make: Make) -> None:
    """The stamps of arrival are a minute apart, those of the camera 40 ms."""
    model = Tracked(Walker(), lost_s=1)
    late = [dataclasses.replace(make(n), captured_at_ns=n * 60 * 10**9) for n in range(4)]
    assert [ids(model, frame) for frame in late] == [[None], [1], [1], [1]]


def test_without_the_pictures_time_that_of_capture_does(make: Make) -> None:
    """As with the first packet of RTSP, which has no time stamp."""
    model = Tracked(Walker(), lost_s=1)
    assert ids(model, dataclasses.replace(make(0), pts=None)) == [None]
    assert [ids(model, make(n)) for n in (1, 2)] == [[1], [1]]
    seldom = [dataclasses.replace(make(n), pts=None, captured_at_ns=n * 60 * 10**9) for n in range(50, 52)]
    assert [ids(model, frame) for frame in seldom] == [[None], [None]]


def test_the_cameras_are_bounded_and_ids_rise_for_one_that_comes_back(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracked, "MAX_CAMERAS", 2)
    model = Tracked(Walker())
    found = {
        (camera_id, epoch): [ids(model, make(n, camera_id, epoch=epoch)) for n in range(2)]
        for camera_id, epoch in (("a", 1), ("a", 2), ("b", 1), ("c", 1), ("a", 3))
    }
    assert list(model._cameras) == ["c", "a"]
    ids(model, make(9, "c"))
    ids(model, make(9, "d"))
    assert list(model._cameras) == ["c", "d"]  # a was unseen for longest
    assert found["a", 2] == [[None], [2]]
    assert found["b", 1] == [[None], [1]]
    assert found["a", 3] == [[None], [3]]


def test_a_model_that_breaks_its_promise_is_told_and_spoils_no_track(make: Make) -> None:
    class Broken(Walker):
        def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
            if frames[0].index == 2:
                return [(Detection(label="x", score=1, x1=float("nan"), y1=0, x2=1, y2=1),)]
            return super().predict(frames)

    model = Tracked(Broken())
    assert [ids(model, make(n)) for n in range(2)] == [[None], [1]]
    with pytest.raises(ModelError, match="expected a finite number as x1"):
        ids(model, make(2))
    assert ids(model, make(3)) == [1]


def test_wrong_options_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match='track: lost: unknown option; did you mean "lost_s"'):
        Tracked(Walker(), lost=2)
    with pytest.raises(ConfigError, match="match_iou: "):
        Tracked(Walker(), match_iou=1)
