"""Geometry: camera, frame and input, there and back."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sightline import Size
from sightline.detect.onnx import Placement
from sightline.detect.onnx.placement import PAD

SIZES = st.builds(Size, st.integers(2, 4000), st.integers(2, 4000))
FITS = st.sampled_from(["letterbox", "stretch"])
SHARES = st.lists(st.tuples(*[st.floats(-0.5, 1.5)] * 4), min_size=1, max_size=5)


def scaled(shares: list[tuple[float, ...]], size: Size) -> np.ndarray:
    return np.array(shares) * [size.width, size.height, size.width, size.height]


@given(SIZES, SIZES, SIZES, FITS, SHARES)
def test_boxes_come_back_from_the_input_to_the_camera(
    camera: Size, frame: Size, model: Size, fit: str, shares: list[tuple[float, ...]]
) -> None:
    """A decoder scales the camera's picture to the frame, and the model's placement that to the input."""
    decoder, placement = Placement.stretched(camera, frame), Placement.of(fit, frame, model)  # type: ignore[arg-type]
    boxes = scaled(shares, camera)
    there = placement.to_input(decoder.to_input(boxes))
    assert np.allclose(decoder.to_frame(placement.to_frame(there)), boxes, rtol=1e-9, atol=1e-6)


@given(SIZES, SIZES, FITS)
def test_the_corners_of_the_picture_are_the_corners_of_what_is_drawn(
    frame: Size, model: Size, fit: str
) -> None:
    placement = Placement.of(fit, frame, model)  # type: ignore[arg-type]
    corners = placement.to_input(np.array([[0.0, 0.0, frame.width, frame.height]]))
    left, top = placement.left, placement.top
    assert corners == pytest.approx(
        np.array([[left, top, left + placement.inner.width, top + placement.inner.height]])
    )
    assert left >= 0 <= top
    assert left + placement.inner.width <= model.width
    assert top + placement.inner.height <= model.height


@given(SIZES, SIZES)
def test_a_letterbox_keeps_the_shape_and_stands_in_the_middle(frame: Size, model: Size) -> None:
    placement = Placement.letterboxed(frame, model)
    scale = min(model.width / frame.width, model.height / frame.height)
    assume(min(frame) * scale >= 1)
    assert placement.inner.width == pytest.approx(frame.width * scale, abs=0.5)
    assert placement.inner.height == pytest.approx(frame.height * scale, abs=0.5)
    assert placement.inner.width == model.width or placement.inner.height == model.height
    beyond = (
        model.width - placement.inner.width - placement.left,
        model.height - placement.inner.height - placement.top,
    )
    assert 0 <= beyond[0] - placement.left <= 1
    assert 0 <= beyond[1] - placement.top <= 1


@pytest.mark.parametrize("size", [Size(1920, 1080), Size(1080, 1919), Size(37, 41), Size(96, 64)])
@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
def test_the_picture_is_drawn_where_it_is_said_to_be(size: Size, fit: str) -> None:
    image = np.full((size.height, size.width, 3), (250, 20, 30), np.uint8)
    placement = Placement.of(fit, size, Size(96, 64))  # type: ignore[arg-type]
    drawn = placement.draw(image)
    assert drawn.shape == (64, 96, 3)
    inside = np.zeros((64, 96), bool)
    right, bottom = placement.left + placement.inner.width, placement.top + placement.inner.height
    inside[placement.top : bottom, placement.left : right] = True
    assert (drawn[inside] == (250, 20, 30)).all()
    assert (drawn[~inside] == PAD).all()


def test_the_scale_is_that_of_the_pixels_that_are_drawn() -> None:
    """641 x 361 makes 640 x 360.4, which is drawn as 360: the lower edge lies at 360, not at 360.4."""
    placement = Placement.letterboxed(Size(641, 361), Size(640, 640))
    assert placement.inner == Size(640, 360)
    assert placement.to_frame(np.array([640.0, 140.0 + 360])).tolist() == pytest.approx([641, 361])


def test_points_are_moved_as_boxes_are() -> None:
    placement = Placement.letterboxed(Size(200, 100), Size(64, 64))
    assert placement.to_input(np.array([[100.0, 50.0]])).tolist() == [[32.0, 32.0]]
    assert placement.to_input(np.array([[0.0, 0.0, 200.0, 100.0]])).tolist() == [[0.0, 16.0, 64.0, 48.0]]
