"""A model that sees what is on a drawn street: it compares each picture with the street when nobody is there.

It looks at pixels alone: where a picture differs from the empty street, and not as a shadow does, there is a
thing. It is told which street (`seed`), as one shows a fixed camera its empty picture. Things that touch
are one thing to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from sightline.frame import Frame, Image, Size
from sightline.result import Detection
from sightline.scene.backdrop import draw_backdrop
from sightline.scene.mark import strip_top

DIFFERS = 32
"""Of 255: more than the encoder changes."""
SHADOW, SAME = 0.6, 0.1
"""A shadow leaves at least this share of the light, and of all colours the same within this."""
LEAST = 120
"""Pixels of a thing."""
GROWN = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))


class StreetEyes:
    """Things on the street of that seed."""

    name = "street-eyes"
    version = "1"

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._empty: dict[Size, Image] = {}

    def load(self) -> None:
        """The empty street is drawn when its size is known."""

    def warm_up(self) -> None:
        """Nothing is slow the first time."""

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        return [things(frame.image, self._empty_of(frame.size)) for frame in frames]

    def close(self) -> None:
        self._empty.clear()

    def _empty_of(self, size: Size) -> Image:
        if size not in self._empty:
            self._empty[size] = draw_backdrop(self._seed, size)
        return self._empty[size]


def things(image: Image, empty: Image) -> tuple[Detection, ...]:
    """What is in `image` and not in `empty`, in pixels."""
    solid = _differs(image, empty)
    solid[strip_top(solid.shape[0]) :] = 0  # the picture's number stands there
    whole = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, GROWN)
    count, _, stats, _ = cv2.connectedComponentsWithStats(whole)
    return tuple(_thing(*stats[at][:4].tolist()) for at in range(1, count) if stats[at][4] >= LEAST)


def _differs(image: Image, empty: Image) -> Image:
    left = (image.astype(np.float32) + 1) / (empty.astype(np.float32) + 1)
    least, most = left.min(axis=2), left.max(axis=2)
    shadow = (least > SHADOW) & (most < 1) & (most - least < SAME)
    return np.asarray((cv2.absdiff(image, empty).max(axis=2) > DIFFERS) & ~shadow, np.uint8)


def _thing(x: int, y: int, width: int, height: int) -> Detection:
    label = "person" if height > width else "car"
    return Detection(
        label=label, score=0.9, x1=float(x), y1=float(y), x2=float(x + width), y2=float(y + height)
    )
