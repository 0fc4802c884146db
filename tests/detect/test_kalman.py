"""The filter written out per coordinate, against the textbook's matrices and against itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.detect import kalman
from sightline.detect.kalman import Boxes, Floats, overlap

WALKER = np.array([[100.0, 50.0, 140.0, 150.0]])
SIDES = np.array([40.0, 100.0, 40.0, 100.0])

# The same model as 8 x 8 matrices: four values, then their four velocities.
IN_8 = np.eye(4, 8)


def transition(elapsed_s: float) -> Floats:
    return np.block([[np.eye(4), elapsed_s * np.eye(4)], [np.zeros((4, 4)), np.eye(4)]])


def pushed(elapsed_s: float) -> Floats:
    """The covariance of the noise of that time, by adding up a thousand short steps."""
    longer = 100.0
    moves, grows = np.diag([1.0, 1.0, 0.0, 0.0]), np.diag([0.0, 0.0, 1.0, 1.0])
    nothing = np.zeros((4, 4))
    step_s, noise = elapsed_s / 1000, np.zeros((8, 8))
    each = np.block(
        [
            [(kalman.GROWTH * longer) ** 2 * grows, nothing],
            [nothing, (kalman.ACCELERATION * longer) ** 2 * moves],
        ]
    )
    forth = transition(step_s)
    for _ in range(1000):
        noise = forth @ noise @ forth.T + step_s * each
    return noise


def born(corners: Floats) -> Boxes:
    boxes = Boxes()
    boxes.add(corners)
    return boxes


def as_matrices(boxes: Boxes) -> tuple[Floats, Floats]:
    x, v, xx, xv, vv = boxes.state[:, 0]
    return np.concatenate((x, v)), np.block([[np.diag(xx), np.diag(xv)], [np.diag(xv), np.diag(vv)]])


def test_predicting_is_the_textbooks() -> None:
    boxes = born(WALKER)
    boxes.state[1, 0] = (30, -4, 0, 0)
    mean, covariance = as_matrices(boxes)
    boxes.predict(0.4)
    forth = transition(0.4)
    seen_mean, seen_covariance = as_matrices(boxes)
    assert seen_mean == pytest.approx(forth @ mean)
    assert seen_covariance == pytest.approx(forth @ covariance @ forth.T + pushed(0.4), rel=5e-3, abs=1e-9)


def test_correcting_is_the_textbooks() -> None:
    boxes = born(WALKER)
    boxes.predict(0.2)
    mean, covariance = as_matrices(boxes)
    found = np.array([108.0, 52.0, 146.0, 149.0])
    boxes.correct(np.array([0]), found[None])

    measured = np.array([127.0, 100.5, 38.0, 97.0])
    noise = (kalman.MEASURED * SIDES) ** 2
    noise[:2] += (kalman.HIDDEN * np.array([2.0, 3.0])) ** 2  # it is 2 narrower, 3 lower than expected
    gain = covariance @ IN_8.T @ np.linalg.inv(IN_8 @ covariance @ IN_8.T + np.diag(noise))
    seen_mean, seen_covariance = as_matrices(boxes)
    assert seen_mean == pytest.approx(mean + gain @ (measured - IN_8 @ mean))
    assert seen_covariance == pytest.approx((np.eye(8) - gain @ IN_8) @ covariance, abs=1e-9)


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=20))
def test_a_second_is_the_same_in_one_step_or_in_many(steps_s: list[float]) -> None:
    one, many = born(WALKER), born(WALKER)
    for boxes in (one, many):
        boxes.state[1, 0] = (50, 10, 0, 0)
    one.predict(sum(steps_s))
    for step_s in steps_s:
        many.predict(step_s)
    assert many.state == pytest.approx(one.state, rel=1e-9, abs=1e-9)


def test_the_speed_of_what_moves_is_learnt() -> None:
    boxes = born(WALKER)
    for tenth in range(1, 11):
        boxes.predict(0.1)
        boxes.correct(np.array([0]), WALKER + 6 * tenth)
    boxes.predict(0.5)
    assert boxes.corners[0] == pytest.approx(WALKER[0] + 60 + 30, abs=3)


def test_a_half_hidden_thing_does_not_turn_round() -> None:
    """It walks to the right behind a wall at 160: its box ends there, and its middle stands still."""
    boxes = born(WALKER)
    for tenth in range(1, 9):
        boxes.predict(0.1)
        boxes.correct(
            np.array([0]), np.minimum(WALKER + np.array([6, 0, 6, 0]) * tenth, (999, 999, 160, 999))
        )
    assert boxes.state[1, 0, 0] > 25  # of 60 pixels a second


def test_rows_are_each_their_own() -> None:
    boxes = born(np.concatenate((WALKER, WALKER + 500, WALKER + 900)))
    boxes.predict(0.1)
    before = boxes.state.copy()
    boxes.correct(np.array([2, 0]), np.concatenate((WALKER + 905, WALKER + 3)))
    assert np.array_equal(boxes.state[:, 1], before[:, 1])
    assert boxes.state[1, [0, 2], 0] == pytest.approx(
        [3 * 10 * 0.99, 5 * 10 * 0.99], rel=0.1
    )  # a new thing's speed is what it was seen to be
    boxes.keep(np.array([False, True, True]))
    assert boxes.corners[0] == pytest.approx(WALKER[0] + 500)


@given(st.lists(st.tuples(*[st.integers(0, 12)] * 4), max_size=4), st.tuples(*[st.integers(0, 12)] * 4))
def test_overlap_is_that_of_counted_pixels(many: list[tuple[int, ...]], one: tuple[int, ...]) -> None:
    def pixels(box: tuple[int, ...]) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box[0], box[0] + box[2]) for y in range(box[1], box[1] + box[3])}

    def corners(boxes: list[tuple[int, ...]]) -> Floats:
        return np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], float).reshape(-1, 4)

    expected = [len(pixels(a) & pixels(one)) / max(len(pixels(a) | pixels(one)), 1) for a in many]
    assert overlap(corners(many), corners([one]))[:, 0] == pytest.approx(expected)
