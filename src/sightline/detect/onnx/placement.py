"""Where a picture lies within a model's input, there and back.

Coordinates are those of edges: a picture of `width` pixels reaches from 0 to `width`, which is what
`cv2.resize` keeps to. The scale is that of the pixels that were really drawn, per axis: a height of 360.4
rounded to 360 must not move a box. `Placement.stretched(camera, frame)` is also how a decoder's scaling to a
worker's `size` maps, so that boxes can be followed from the model back to the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.detect.onnx.options import Fit
from sightline.frame import Image, Size

Points: TypeAlias = NDArray[np.floating]
PAD: Final = 114
"""The grey around a letterboxed picture, as the YOLO family is trained with it."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A picture of size `frame`, drawn at (`left`, `top`) with size `inner` in an input of size `input`."""

    frame: Size
    input: Size
    inner: Size
    left: int
    top: int

    @classmethod
    def stretched(cls, frame: Size, into: Size) -> Placement:
        """It fills the input, whatever that does to its shape."""
        return cls(frame, into, into, 0, 0)

    @classmethod
    def letterboxed(cls, frame: Size, into: Size) -> Placement:
        """It keeps its shape, as large as it fits, in the middle."""
        scale = min(into.width / frame.width, into.height / frame.height)
        inner = Size(max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
        return cls(frame, into, inner, (into.width - inner.width) // 2, (into.height - inner.height) // 2)

    @classmethod
    def of(cls, fit: Fit, frame: Size, into: Size) -> Placement:
        """By the name of the way."""
        return cls.letterboxed(frame, into) if fit == "letterbox" else cls.stretched(frame, into)

    def to_input(self, points: Points) -> Points:
        """Points or boxes of the frame, `(..., 2)` or `(..., 4)` as x y or x1 y1 x2 y2, in the input."""
        scale, offset = self._axes(points)
        moved: Points = points * scale + offset
        return moved

    def to_frame(self, points: Points) -> Points:
        """Points or boxes of the input in the frame; outside of it where they lie in the border."""
        scale, offset = self._axes(points)
        moved: Points = (points - offset) / scale
        return moved

    def draw(self, image: Image) -> Image:
        """The picture of the input: `(input.height, input.width, 3)` uint8 BGR; `image` stays as it is."""
        drawn = image if self.inner == self.frame else cv2.resize(image, self.inner)
        if self.inner == self.input:
            return drawn.astype(np.uint8, copy=False)
        canvas = np.full((self.input.height, self.input.width, 3), PAD, np.uint8)
        canvas[self.top : self.top + self.inner.height, self.left : self.left + self.inner.width] = drawn
        return canvas

    def _axes(self, points: Points) -> tuple[Points, Points]:
        times = points.shape[-1] // 2
        scale = (self.inner.width / self.frame.width, self.inner.height / self.frame.height)
        return np.tile(scale, times), np.tile((float(self.left), float(self.top)), times)
