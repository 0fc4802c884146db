"""Each head's numbers to boxes, by hand; and what overlaps against a plain loop."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sightline import Size
from sightline.detect.onnx import boxes
from sightline.detect.onnx.boxes import Asked, Boxes, best, probabilities, sigmoid

ASKED = Asked(Size(200, 100), 2, 0.5)
Row = list[float]


def numbers(*values: object) -> np.ndarray:
    return np.array(values, np.float32)


def told(found: Boxes) -> list[tuple[Row, float, int]]:
    return [
        (box, round(score, 3), kind)
        for box, score, kind in zip(
            found.xyxy.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True
        )
    ]


CENTRED = [50, 40, 20, 10]
CORNERS = [40, 35, 60, 45]
NOTHING: list[tuple[Row, float, int]] = []


def test_yolov5_scores_are_object_times_class() -> None:
    sure, unsure = [*CENTRED, 0.9, 0.1, 0.8], [*CENTRED, 0.7, 0.1, 0.7]
    no_object = [*CENTRED, 0.4, 1, 1]
    first, second = boxes.objectness_rows([numbers([sure, unsure], [no_object, no_object])], ASKED)
    assert told(first) == [(CORNERS, 0.72, 1)]
    assert told(second) == NOTHING


def test_yolov8_has_its_boxes_in_columns() -> None:
    columns = numbers([[*CENTRED, 0.1, 0.7, 0.2], [9, 9, 9, 9, 0.4, 0.4, 0.4]]).transpose(0, 2, 1)
    assert columns.shape == (1, 7, 2)
    assert [told(found) for found in boxes.class_columns([columns], ASKED)] == [[(CORNERS, 0.7, 1)]]


def test_corners_are_not_computed_in_half_numbers() -> None:
    columns = np.array([[[1023.5], [1023.5], [2.5], [2.5], [1]]], np.float16)
    (found,) = boxes.class_columns([columns], ASKED)
    assert found.xyxy.tolist() == [[1022.25, 1022.25, 1024.75, 1024.75]]


def test_yolov10_is_ready() -> None:
    rows = numbers([[*CORNERS, 0.6, 17], [0, 0, 0, 0, 0, 0]], [[0, 0, 0, 0, 0, 0], [*CORNERS, 0.5, 2]])
    first, second = boxes.final_rows([rows], ASKED)
    assert told(first) == [(CORNERS, 0.6, 17)]
    assert told(second) == [(CORNERS, 0.5, 2)]


def test_rows_of_a_batch_go_to_their_pictures() -> None:
    rows = numbers([1, *CORNERS, 3, 0.9], [0, *CORNERS, 4, 0.8], [1, *CORNERS, 5, 0.2])
    first, second = boxes.batched_rows([rows], ASKED)
    assert told(first) == [(CORNERS, 0.8, 4)]
    assert told(second) == [(CORNERS, 0.9, 3)]
    assert [told(one) for one in boxes.batched_rows([rows[:0]], ASKED)] == [NOTHING, NOTHING]


def test_efficient_nms_counts_what_it_means() -> None:
    """What lies behind the count was left there by an earlier picture."""
    found = boxes.counted(
        [
            np.array([[1], [0]], np.int32),
            numbers([CORNERS, CORNERS], [CORNERS, CORNERS]),
            numbers([0.9, 0.9], [0.9, 0.9]),
            np.array([[7, 8], [7, 8]], np.int32),
        ],
        ASKED,
    )
    assert [told(one) for one in found] == [[(CORNERS, 0.9, 7)], NOTHING]


def test_rtdetr_boxes_are_shares_of_the_input() -> None:
    rows = numbers([[0.25, 0.4, 0.1, 0.1, 0.2, 0.8]])
    (found,) = boxes.query_rows([rows], ASKED)
    assert found.xyxy.tolist() == pytest.approx(np.array([CORNERS]))
    assert (found.scores.tolist(), found.classes.tolist()) == (pytest.approx([0.8]), [1])


def test_logits_are_each_for_itself() -> None:
    logits, placed = numbers([[2.0, 1.9], [-1, -3]]), numbers([[0.25, 0.4, 0.1, 0.1]] * 2)
    (found,) = boxes.query_logits([logits, placed], ASKED)
    assert found.xyxy.tolist() == pytest.approx(np.array([CORNERS]))
    assert found.scores.tolist() == pytest.approx([1 / (1 + np.exp(-2.0))])


def test_boxes_with_labels_are_taken_as_they_are() -> None:
    kinds = np.array([[3, 4]])
    (found,) = boxes.labelled([kinds, numbers([CORNERS, CORNERS]), numbers([0.9, 0.1])], ASKED)
    assert told(found) == [(CORNERS, 0.9, 3)]


def test_a_class_is_of_the_whole_input() -> None:
    sure, unsure = boxes.whole_picture([numbers([0.1, 0.8, 0.1], [0.4, 0.3, 0.3])], ASKED)
    assert told(sure) == [([0, 0, 200, 100], 0.8, 1)]
    assert told(unsure) == NOTHING


@given(st.lists(st.integers(-90, 90), min_size=2, max_size=10, unique=True))
def test_logits_become_scores_that_add_up_to_one_and_scores_stay(row: list[int]) -> None:
    assume(min(row) < 0 or sum(row) != 1)
    shares = probabilities(np.array(row, np.float16))
    assert shares.sum() == pytest.approx(1)
    assert np.argmax(shares) == np.argmax(row)
    assert np.array_equal(probabilities(shares), shares)


@given(st.floats(-1e4, 1e4))
def test_a_sigmoid_never_overflows(x: float) -> None:
    exact = 1 / (1 + np.exp(np.longdouble(-x)))
    assert sigmoid(np.array([x]))[0] == pytest.approx(float(exact), abs=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore:invalid value")  # the model knows, and says so to numpy
def test_numbers_that_are_not_finite_are_never_a_box(bad: float) -> None:
    for place in range(8):
        row = [*CENTRED, 1.0, 0.9, 0.8, 0.7]
        row[place] = bad
        (found,) = boxes.objectness_rows([numbers([row])], ASKED)
        assert np.isfinite(found.xyxy).all()
        assert np.isfinite(found.scores).all()


BOX = st.tuples(st.integers(-20, 60), st.integers(-20, 60), st.integers(1, 60), st.integers(1, 60))


def shared(a: Row, b: Row) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, width) * max(0, height)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@given(st.lists(st.tuples(BOX, st.integers(0, 2)), max_size=12), st.sampled_from([0.1, 0.45, 0.7, 1.0]))
def test_of_two_of_a_class_that_overlap_the_better_one_stays(
    given_boxes: list[tuple[tuple[int, int, int, int], int]], most: float
) -> None:
    corners = [[float(x), float(y), float(x + w), float(y + h)] for (x, y, w, h), _ in given_boxes]
    kinds = [kind for _, kind in given_boxes]
    scores = [1 - at / 20 for at in range(len(corners))]
    # On the limit itself OpenCV's float32 decides either way; boxes that are the same share exactly 1.
    assume(all(one == other or abs(shared(one, other) - most) > 1e-6 for one in corners for other in corners))
    kept: list[int] = []
    for at, box in enumerate(corners):
        if all(kinds[other] != kinds[at] or shared(box, corners[other]) <= most for other in kept):
            kept.append(at)

    found = best(Boxes(np.array(corners).reshape(-1, 4), np.array(scores), np.array(kinds, np.int64)), most)

    assert found.xyxy.tolist() == [corners[at] for at in kept]
    assert found.classes.tolist() == [kinds[at] for at in kept]


def test_boxes_of_two_classes_never_meet_wherever_they_lie() -> None:
    corners = np.array([[50.0, 50, 60, 60], [-10, -10, 0, 0], [50, 50, 60, 60]])
    found = best(Boxes(corners, np.array([0.9, 0.8, 0.7]), np.array([0, 1, 2])), 0.1)
    assert found.classes.tolist() == [0, 1, 2]


def test_a_picture_has_at_most_so_many_boxes_and_they_are_the_best() -> None:
    count = 5000
    at = np.arange(count, dtype=np.float32)
    many = Boxes(np.stack([at * 10, at, at * 10 + 5, at + 5], axis=1), at / count, np.zeros(count, np.int64))
    for most in (0.5, None):
        found = best(many, most)
        assert len(found.scores) == boxes.MOST
        assert found.scores[0] == pytest.approx((count - 1) / count)
        assert (np.diff(found.scores) <= 0).all()
