"""What moves: regions that differ from a background learnt for each camera (OpenCV's MOG2).

Works on a copy of fixed width, so that its cost does not grow with the picture. A shadow is not movement.
The first picture of a camera, and the first after a new epoch or size, only teaches the background. A
camera that itself moves, or light that is switched on, is one large region until the background is learnt.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from pydantic import Field

from sightline.frame import Frame, Image, Size
from sightline.result import Detection

MAX_CAMERAS: Final = 1024
"""Backgrounds kept, of about 4 MB each at the default width; the camera unseen for longest loses its own."""
MIXTURES: Final = 3
KERNEL: Final = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


class _Background(NamedTuple):
    """What one camera's empty picture looks like, and the stretch of pictures that it was learnt from."""

    epoch: int
    size: Size
    subtractor: cv2.BackgroundSubtractorMOG2


class MotionModel:
    """Moving regions, labelled `motion`; the score is the share of the box's pixels that move.

    Args:
        min_area: the least area that moves, as a share of the picture.
        sensitivity: how many variances a pixel must be away from its background; less sees more.
        history: frames over which the background is learnt.
        width: of the copy worked on, in pixels.
    """

    name = "motion"
    version = "1"

    def __init__(
        self,
        *,
        min_area: Annotated[float, Field(gt=0, le=1)] = 0.002,
        sensitivity: Annotated[float, Field(gt=0)] = 25.0,
        history: Annotated[int, Field(ge=2)] = 500,
        width: Annotated[int, Field(ge=32, le=1920)] = 320,
    ) -> None:
        self._min_area = min_area
        self._sensitivity = sensitivity
        self._history = history
        self._width = width
        self._backgrounds: OrderedDict[str, _Background] = OrderedDict()

    def load(self) -> None:
        """Nothing to get: backgrounds are learnt."""

    def warm_up(self) -> None:
        """Nothing is slow the first time."""

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        return [self._regions(frame) for frame in frames]

    def close(self) -> None:
        self._backgrounds.clear()

    def _regions(self, frame: Frame) -> tuple[Detection, ...]:
        known = self._background(frame)
        background = known or self._learn_anew(frame)
        moving = background.subtractor.apply(self._small(frame.image))
        return regions(moving, frame.size, self._min_area) if known else ()

    def _background(self, frame: Frame) -> _Background | None:
        found = self._backgrounds.get(frame.camera_id)
        if found is None or (found.epoch, found.size) != (frame.epoch, frame.size):
            return None
        self._backgrounds.move_to_end(frame.camera_id)
        return found

    def _learn_anew(self, frame: Frame) -> _Background:
        subtractor = cv2.createBackgroundSubtractorMOG2(self._history, self._sensitivity, detectShadows=True)
        subtractor.setShadowValue(0)  # found, so that it can be told from movement, and then left out
        subtractor.setNMixtures(MIXTURES)
        self._backgrounds.pop(frame.camera_id, None)
        self._backgrounds[frame.camera_id] = made = _Background(frame.epoch, frame.size, subtractor)
        if len(self._backgrounds) > MAX_CAMERAS:
            self._backgrounds.popitem(last=False)
        return made

    def _small(self, image: Image) -> Image:
        height, width = image.shape[:2]
        if width <= self._width:
            return image
        size = (self._width, max(1, round(height * self._width / width)))
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def regions(moving: MatLike, size: Size, min_area: float) -> tuple[Detection, ...]:
    """Boxes, in pixels of a picture of `size`, around what is not 0 in `moving` (any size, uint8)."""
    clean = cv2.morphologyEx(moving, cv2.MORPH_OPEN, KERNEL)  # single pixels are noise
    whole = cv2.morphologyEx(clean, cv2.MORPH_CLOSE, KERNEL, iterations=3)  # a thing of one colour has holes
    contours, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    least = min_area * whole.size
    boxes = [cv2.boundingRect(contour) for contour in contours if cv2.contourArea(contour) >= least]
    return tuple(_detection(box, whole, size) for box in boxes)


def _detection(box: Sequence[int], moving: MatLike, size: Size) -> Detection:
    x, y, width, height = box
    across, down = size.width / moving.shape[1], size.height / moving.shape[0]
    share = cv2.countNonZero(moving[y : y + height, x : x + width]) / (width * height)
    return Detection(
        label="motion",
        score=share,
        x1=x * across,
        y1=y * down,
        x2=(x + width) * across,
        y2=(y + height) * down,
    )
