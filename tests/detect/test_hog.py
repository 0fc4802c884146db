"""The people detector: whole people in the real clip, and pictures of any shape."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from sightline import Detection, Frame
from sightline.detect.hog import HogModel, best_of
from sightline.errors import Closed
from sightline.frame import Image

Make = Callable[..., Frame]
Box = tuple[float, float, float, float]


def person_by_difference(image: Image, empty: Image) -> Box | None:
    """Where the picture differs from the empty room: the truth of a fixed camera, found another way."""
    far = (cv2.absdiff(image, empty).max(axis=2) > 35).astype(np.uint8)
    solid = cv2.morphologyEx(far, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    whole = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
    contours, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    x, y, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea))
    return (x, y, x + width, y + height) if width * height > 0.02 * image.shape[0] * image.shape[1] else None


def overlap(found: Detection, truth: Box) -> float:
    """Intersection over union."""
    width = min(found.x2, truth[2]) - max(found.x1, truth[0])
    height = min(found.y2, truth[3]) - max(found.y1, truth[1])
    both = max(0.0, width) * max(0.0, height)
    return both / (found.area + (truth[2] - truth[0]) * (truth[3] - truth[1]) - both)


def loaded(**options: float) -> HogModel:
    model = HogModel(**options)  # type: ignore[arg-type]
    model.load()
    model.warm_up()
    return model


def test_it_finds_the_whole_person_of_the_real_clip(clip_frames: Callable[[str, int], list[Frame]]) -> None:
    """Not an arm or a leg: the box and the person overlap by half, in over half of all frames."""
    frames = clip_frames("one-by-one-person-detection.mp4", 20)
    assert frames[0].size == (768, 432)
    model, empty = loaded(), frames[0].image
    hits = stray = 0
    for frame in frames:
        [seen] = model.predict([frame])
        truth = person_by_difference(frame.image, empty)
        hits += truth is not None and any(overlap(one, truth) >= 0.5 for one in seen)
        stray += sum(truth is None or overlap(one, truth) < 0.05 for one in seen)
    assert hits / len(frames) >= 0.5, hits / len(frames)
    assert stray / len(frames) <= 0.05, stray / len(frames)


def test_boxes_are_within_the_picture_and_scores_within_one(
    clip_frames: Callable[[str, int], list[Frame]],
) -> None:
    model = loaded(threshold=0.0)
    frames = clip_frames("one-by-one-person-detection.mp4", 100)
    seen = [one for frame in frames for one in model.predict([frame])[0]]
    assert seen
    for one in seen:
        assert one.label == "person"
        assert 0.5 <= one.score < 1
        assert 0 <= one.x1 < one.x2 <= 768
        assert 0 <= one.y1 < one.y2 <= 432


@pytest.mark.parametrize("shape", [(1, 1), (2, 16384), (3000, 4), (37, 41), (128, 64)])
def test_a_picture_of_any_shape_gets_an_answer(make_frame: Make, shape: tuple[int, int]) -> None:
    """OpenCV ends the process with a segmentation fault where not one window fits."""
    noise = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    assert len(loaded().predict([make_frame(noise)])) == 1


def test_it_is_used_only_between_load_and_close(make_frame: Make) -> None:
    black = make_frame(np.zeros((432, 768, 3), np.uint8))
    model = HogModel()
    with pytest.raises(Closed, match="not loaded"):
        model.predict([black])
    model.load()
    assert model.predict([black]) == [()]
    model.close()
    model.close()
    with pytest.raises(Closed):
        model.predict([black])


def test_an_arm_within_a_person_is_not_another_one() -> None:
    person, arm, neighbour = (100, 0, 100, 200), (110, 40, 40, 80), (190, 0, 100, 200)
    assert best_of([arm, person, neighbour], [0.4, 1.2, 0.9], most=0.5) == [1, 2]
    assert best_of([arm, person], [2.0, 1.2], most=0.5) == [0]
    assert best_of([arm, person], [0.4, 1.2], most=1.0) == [1, 0]
