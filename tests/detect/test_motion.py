"""The motion model: what moves is found, each camera has a background of its own."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from sightline import Frame
from sightline.detect import motion
from sightline.detect.motion import MotionModel
from sightline.frame import Image

Make = Callable[..., Frame]


def street(shade: int = 90, *, car_at: int | None = None, width: int = 640, height: int = 360) -> Image:
    """A grey street, with or without a white car of 80 x 60 pixels."""
    image = np.full((height, width, 3), shade, np.uint8)
    if car_at is not None:
        image[150:210, car_at : car_at + 80] = 240
    return image


def taught(make_frame: Make, model: MotionModel, camera_id: str = "gate", shade: int = 90) -> None:
    for index in range(5):
        assert model.predict([make_frame(street(shade), index, camera_id=camera_id)]) == [()]


def test_a_car_is_boxed_where_it_is(make_frame: Make) -> None:
    model = MotionModel()
    taught(make_frame, model)
    [[car]] = model.predict([make_frame(street(car_at=300), 5)])
    assert (car.x1, car.y1, car.x2, car.y2) == pytest.approx((300, 150, 380, 210), abs=6)
    assert car.label == "motion"
    assert 0.8 < car.score <= 1


def test_a_region_below_the_least_area_is_not_told(make_frame: Make) -> None:
    share = 80 * 60 / (640 * 360)
    for min_area, expected in ((share * 0.8, 1), (share * 1.5, 0)):
        model = MotionModel(min_area=min_area)
        taught(make_frame, model)
        assert len(model.predict([make_frame(street(car_at=300), 5)])[0]) == expected


def test_each_camera_has_its_own_background(make_frame: Make) -> None:
    model = MotionModel()
    taught(make_frame, model, "dark", 40)
    taught(make_frame, model, "bright", 200)
    both = [
        make_frame(street(40), 9, camera_id="dark"),
        make_frame(street(200, car_at=20), 9, camera_id="bright"),
    ]
    dark, bright = model.predict(both)
    assert dark == ()
    assert len(bright) == 1


@pytest.mark.parametrize(("epoch", "width", "height"), [(2, 640, 360), (1, 320, 180)])
def test_a_new_epoch_or_size_begins_a_new_background(
    make_frame: Make, epoch: int, width: int, height: int
) -> None:
    model = MotionModel()
    taught(make_frame, model)
    dark = street(20, width=width, height=height)
    assert model.predict([make_frame(dark, 0, epoch=epoch)]) == [()]
    assert model.predict([make_frame(dark, 1, epoch=epoch)]) == [()]


def test_without_a_new_epoch_other_light_is_movement(make_frame: Make) -> None:
    model = MotionModel()
    taught(make_frame, model)
    [[everything]] = model.predict([make_frame(street(20), 5)])
    assert everything.area > 0.9 * 640 * 360


def test_the_backgrounds_are_bounded(make_frame: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "MAX_CAMERAS", 2)
    model = MotionModel()
    for camera in ("a", "b", "a", "c"):
        model.predict([make_frame(street(), camera_id=camera)])
    assert list(model._backgrounds) == ["a", "c"]  # b was unseen for longest
    model.close()
    assert not model._backgrounds


def test_a_shadow_is_not_movement(make_frame: Make) -> None:
    model = MotionModel()
    textured = np.random.default_rng(3).integers(110, 130, (360, 640, 3)).astype(np.uint8)
    textured = cv2.blur(textured, (9, 9)).astype(np.uint8)
    for index in range(20):
        assert model.predict([make_frame(textured, index)]) == [()]
    shaded = textured.copy()
    shaded[100:200, 100:300] = (shaded[100:200, 100:300] * 0.65).astype(np.uint8)
    assert model.predict([make_frame(shaded, 20)]) == [()]
    shaded[100:200, 100:300] = (20, 20, 200)
    assert len(model.predict([make_frame(shaded, 21)])[0]) == 1


def test_it_finds_the_cars_of_the_real_clip(clip_frames: Callable[[str, int], list[Frame]]) -> None:
    """The clip shows a region that moves, over 1 % of the picture, in 37 % of its frames."""
    frames = clip_frames("car-detection.mp4", 1)
    assert frames[0].size == (768, 432)
    model = MotionModel()
    found = [any(seen.area > 0.01 * 768 * 432 for seen in model.predict([f])[0]) for f in frames]
    assert 0.25 <= sum(found) / len(found) <= 0.5, sum(found) / len(found)
    assert not any(found[1:50])  # an empty street
