"""Drawing: on a copy, in its place, with any box and any label."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from sightline import Detection, Frame, Result
from sightline.sink.annotate import annotated, caption, colour_of

MakeShown = Callable[..., tuple[Result, Frame]]


def test_the_box_is_where_the_detection_is_also_on_a_smaller_copy(make_shown: MakeShown) -> None:
    seen = Detection(label="cat", score=0.5, x1=400, y1=200, x2=800, y2=600)
    result, frame = make_shown(detections=(seen,), width=1600, height=900, shade=0)
    before = frame.image.copy()
    picture = annotated(frame.image, result, max_width=800)
    assert picture.shape == (450, 800, 3)
    assert np.array_equal(frame.image, before)
    coloured = np.argwhere((picture == colour_of("cat")).all(axis=2))
    assert coloured.min(axis=0)[1] == pytest.approx(200, abs=2)
    assert tuple(coloured.max(axis=0)) == pytest.approx((300, 400), abs=2)
    assert tuple(picture[150, 300]) == (0, 0, 0)  # a box is not filled


def test_a_result_made_on_a_smaller_picture_fits_a_larger_one(make_shown: MakeShown) -> None:
    seen = Detection(label="cat", score=0.5, x1=96, y1=54, x2=192, y2=108)
    result, _ = make_shown(detections=(seen,))
    _, large = make_shown(width=384, height=216, shade=0)
    picture = annotated(large.image, result, max_width=384)
    assert tuple(picture[215, 250]) == colour_of("cat")


@pytest.mark.parametrize(
    "box",
    [(-1e30, -5, 1e30, 1e9), (50, 50, 10, 10), (0, 0, 0, 0), (1e18, 1e18, 1e18, 1e18), (5.5, 5.5, 6, 6)],
)
def test_any_finite_box_and_any_label_can_be_drawn(
    make_shown: MakeShown, box: tuple[float, float, float, float]
) -> None:
    x1, y1, x2, y2 = box
    for label in ("", "人\n\0", "x" * 500):
        seen = Detection(label=label, score=-1e300, x1=x1, y1=y1, x2=x2, y2=y2, track_id=2**62)
        for width, height in ((192, 108), (2, 2)):
            result, frame = make_shown(detections=(seen,), width=width, height=height)
            assert annotated(frame.image, result, max_width=64).dtype == np.uint8


def test_a_thing_that_is_followed_shows_its_number(make_shown: MakeShown) -> None:
    seen = Detection(label="person", score=0.5, x1=20, y1=40, x2=60, y2=100, track_id=7)
    pictures = []
    for track_id in (7, 8, None):
        result, frame = make_shown(detections=(msgspec.structs.replace(seen, track_id=track_id),))
        pictures.append(annotated(frame.image, result, max_width=192))
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
    assert caption(seen) == "person #7 0.50"


def test_a_label_keeps_its_colour_and_labels_differ() -> None:
    assert colour_of("person") == colour_of("person")
    assert len({colour_of(label) for label in ("person", "motion", "car", "truck", "dog", "cat")}) >= 4
