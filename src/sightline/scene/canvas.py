"""A drawing surface in world units, with soft edges.

It promises the same pixels for the same calls. Shapes are drawn several times too large, without
anti-aliasing, and averaged down once: what comes out is a picture whose alpha says how much of each
pixel was covered, with colours already multiplied by it. It knows nothing of streets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.frame import Size

Colour: TypeAlias = str
"""Six hexadecimal digits, red green blue, as on the web."""
Point: TypeAlias = tuple[float, float]
Pixels: TypeAlias = NDArray[np.uint8]

_SUBPIXEL_BITS = 4  # OpenCV takes coordinates in sixteenths of a pixel


def bgr(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour)
    return blue, green, red


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """`colour` with `share` (0 to 1) of `other` in it."""
    pairs = zip(bytes.fromhex(colour), bytes.fromhex(other), strict=True)
    return bytes(round(a + (b - a) * share) for a, b in pairs).hex()


class Canvas:
    """Draws onto `size` pixels; one world unit is `scale` pixels, the origin is the top left."""

    def __init__(self, size: Size, scale: float, *, finer: int = 4) -> None:
        self._size = size
        self._unit = scale * finer
        self._large: Pixels = np.zeros((size.height * finer, size.width * finer, 4), np.uint8)

    def pixels(self) -> Pixels:
        """`(height, width, 4)` uint8: blue, green and red, each times alpha, and alpha."""
        small = cv2.resize(self._large, self._size, interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        cv2.fillPoly(self._large, [self._fixed(points)], self._ink(colour), shift=_SUBPIXEL_BITS)

    def box(self, x1: float, y1: float, x2: float, y2: float, colour: Colour, *, round_by: float = 0) -> None:
        """A filled rectangle, its corners rounded by a radius of `round_by` units."""
        if round_by == 0:
            self.polygon(((x1, y1), (x2, y1), (x2, y2), (x1, y2)), colour)
            return
        r = min(round_by, (x2 - x1) / 2, (y2 - y1) / 2)
        self.box(x1 + r, y1, x2 - r, y2, colour)
        self.box(x1, y1 + r, x2, y2 - r, colour)
        for x in (x1 + r, x2 - r):
            for y in (y1 + r, y2 - r):
                self.ellipse(x, y, r, r, colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, *, alpha: int = 255) -> None:
        centre, axes = self._fixed(((x, y), (rx, ry))).tolist()
        ink = self._ink(colour, alpha)
        cv2.ellipse(self._large, centre, axes, 0, 0, 360, ink, -1, cv2.LINE_8, _SUBPIXEL_BITS)

    def ring(self, x: float, y: float, r: float, width: float, colour: Colour) -> None:
        centre, axes = self._fixed(((x, y), (r, r))).tolist()
        ink, thick = self._ink(colour), self._thickness(width)
        cv2.ellipse(self._large, centre, axes, 0, 0, 360, ink, thick, cv2.LINE_8, _SUBPIXEL_BITS)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A line through `points` with round ends and joints."""
        ink, thick = self._ink(colour), self._thickness(width)
        cv2.polylines(self._large, [self._fixed(points)], False, ink, thick, cv2.LINE_8, _SUBPIXEL_BITS)

    def gradient(self, y1: float, y2: float, top: Colour, bottom: Colour) -> None:
        """The full width from `y1` to `y2`, from one colour to another."""
        first, last = round(y1 * self._unit), round(y2 * self._unit)
        share = np.linspace(0, 1, max(1, last - first))[:, None]
        rows = np.array(bgr(top)) * (1 - share) + np.array(bgr(bottom)) * share
        self._large[first:last, :, :3] = rows[:, None].round()
        self._large[first:last, :, 3] = 255

    def _fixed(self, points: Sequence[Point]) -> NDArray[np.int32]:
        return np.rint(np.array(points) * (self._unit * (1 << _SUBPIXEL_BITS))).astype(np.int32)

    def _thickness(self, width: float) -> int:
        return max(1, round(width * self._unit))

    @staticmethod
    def _ink(colour: Colour, alpha: int = 255) -> Any:
        """What is averaged later must already be multiplied by its alpha."""
        return (*(part * alpha // 255 for part in bgr(colour)), alpha)
