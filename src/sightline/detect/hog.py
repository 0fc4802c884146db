"""People, standing and whole, by OpenCV's HOG detector with its own weights: no download, no GPU.

The detector looks for people 96 pixels tall in a window of 64 x 128. Two things follow, and both are done
here. The picture is first scaled so that the smallest person wanted is that tall: what is smaller costs most
of the time and gives most of the false boxes. And it gets a border: the window of a person as tall
as the picture reaches over its edges, and without a border the detector finds an arm or a leg instead.

It misses people who sit, bend or are half hidden. It is here so that something real runs everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final, Literal, NamedTuple

import cv2
import numpy as np
from pydantic import Field

from sightline.errors import Closed
from sightline.frame import Frame, Image, Size
from sightline.result import Detection

WINDOW: Final = Size(64, 128)
PERSON_HEIGHT: Final = 96
"""How tall a person stands in the window of the default weights, in pixels (Dalal and Triggs, CVPR 2005)."""
MARGIN_X: Final = 0.15
MARGIN_Y: Final = 1 / 8
"""What of a window's width and height, on each side, is not the person."""
BORDER: Final = 0.25
"""Added around the picture, as a share of its height: a sixth makes the window fit, the rest is slack."""
MAX_WIDTH: Final = 2048
"""Of the copy worked on: a picture of an odd shape must not cost the machine."""


class _Working(NamedTuple):
    """The copy worked on, and how to come back from its pixels to the frame's."""

    image: Image
    scale: float
    border: int


class HogModel:
    """People, labelled `person`; the score is the logistic of the detector's weight, 0.5 at its boundary.

    Args:
        min_person: height of the smallest person to be found, as a share of the picture's height. Time grows
            with the inverse square of it.
        threshold: the least weight (distance from the detector's boundary) of a person.
        scale: step between the sizes tried; nearer to 1 finds more and takes longer.
        stride: step of the window in pixels of the scaled copy.
        nms: of two boxes that share more than this part of the smaller one, the better one stays.
    """

    name = "hog"
    version = "1"

    def __init__(
        self,
        *,
        min_person: Annotated[float, Field(ge=0.05, le=1)] = 0.4,
        threshold: float = 0.3,
        scale: Annotated[float, Field(gt=1, le=2)] = 1.1,
        stride: Literal[4, 8, 16] = 8,
        nms: Annotated[float, Field(gt=0, le=1)] = 0.5,
    ) -> None:
        self._height = PERSON_HEIGHT / min_person
        self._threshold = threshold
        self._scale = scale
        self._stride = (stride, stride)
        self._nms = nms
        self._detector: cv2.HOGDescriptor | None = None

    def load(self) -> None:
        self._detector = cv2.HOGDescriptor()
        self._detector.setSVMDetector(np.array(cv2.HOGDescriptor.getDefaultPeopleDetector()))

    def warm_up(self) -> None:
        """One empty picture: the detector makes its tables."""
        self._people(np.zeros((432, 768, 3), np.uint8))

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        """People of each frame. Raises Closed before `load` and after `close`."""
        return [self._people(frame.image) for frame in frames]

    def close(self) -> None:
        self._detector = None

    def _people(self, image: Image) -> tuple[Detection, ...]:
        if self._detector is None:
            raise Closed("the hog model is not loaded")
        working = self._working(image)
        if working.image.shape[0] < WINDOW.height or working.image.shape[1] < WINDOW.width:
            return ()  # OpenCV crashes the process where not even one window fits
        windows, weights = self._detector.detectMultiScale(
            working.image,
            hitThreshold=self._threshold,
            winStride=self._stride,
            scale=self._scale,
            groupThreshold=0,  # OpenCV's grouping averages boxes; the best of a group is nearer to the person
        )
        scores = [float(weight) for weight in np.ravel(weights)]
        kept = best_of(windows, scores, self._nms)
        size = Size(image.shape[1], image.shape[0])
        return tuple(_person(windows[at], scores[at], working, size) for at in kept)

    def _working(self, image: Image) -> _Working:
        scale = min(self._height / image.shape[0], MAX_WIDTH / image.shape[1])
        smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        small = cv2.resize(image, size, interpolation=smooth)
        border = round(BORDER * small.shape[0])
        framed = cv2.copyMakeBorder(small, border, border, border, border, cv2.BORDER_REPLICATE)
        return _Working(framed.astype(np.uint8, copy=False), scale, border)


def best_of(windows: Sequence[Sequence[int]], scores: Sequence[float], most: float) -> list[int]:
    """Places of the windows that share at most `most` of the smaller one's area with any better one.

    Not OpenCV's `NMSBoxes`: by intersection over union, an arm within a person is a person of its own.
    """
    kept: list[int] = []
    for at in sorted(range(len(scores)), key=lambda at: -scores[at]):
        if all(_shared(windows[at], windows[better]) <= most for better in kept):
            kept.append(at)
    return kept


def _shared(a: Sequence[int], b: Sequence[int]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0, width) * max(0, height) / min(a[2] * a[3], b[2] * b[3])


def _person(window: Sequence[int], weight: float, working: _Working, size: Size) -> Detection:
    """The person of a window: without its margins, in pixels of the frame, and within it."""
    x, y, width, height = (int(side) for side in window)
    left, right = x + MARGIN_X * width, x + (1 - MARGIN_X) * width
    top, bottom = y + MARGIN_Y * height, y + (1 - MARGIN_Y) * height

    def across(value: float) -> float:
        return min(max((value - working.border) / working.scale, 0.0), float(size.width))

    def down(value: float) -> float:
        return min(max((value - working.border) / working.scale, 0.0), float(size.height))

    return Detection(
        label="person",
        score=1 / (1 + math.exp(-weight)),
        x1=across(left),
        y1=down(top),
        x2=across(right),
        y2=down(bottom),
    )
