"""Where boxes will be: a Kalman filter of constant velocity, all boxes of a camera at once.

A box is its middle, which moves, and its width and height, which only change. The four are filtered each by
itself, so every covariance is a 2 x 2 matrix written out, and numpy works through all boxes in a few calls.

Noise is of continuous time (white acceleration of the middle, white change of the size: Bar-Shalom, Li and
Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001, 6.2.2). So a second predicted in
25 steps is the same as in one, and nothing here knows a frame rate. Deviations are shares of the box's own
sides: what is near the camera is large, moves fast and is found less exactly, all in proportion.

Deliberately not here: which detection belongs to which box (`sightline.detect.track`).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.intp] | NDArray[np.bool_]

MEASURED: Final = 0.05
"""Deviation of a detection's middle and size, in sides: a width across, a height down."""
HIDDEN: Final = 0.5
"""What is half hidden has a smaller box, whose middle is off by half of what is missing."""
VELOCITY: Final = 2.0
"""Deviation of the speed of a thing not seen before, in longer sides a second."""
ACCELERATION: Final = 0.5
"""Deviation of the speed after a second, in longer sides a second: between a car's and a walker's."""
GROWTH: Final = 0.5
"""Deviation of the size after a second, in longer sides."""
LEAST_SIDE: Final = 1.0
"""Pixels: nothing is known more exactly for being tiny."""

_MOVES: Final = np.array([1.0, 1.0, 0.0, 0.0])
_GROWS: Final = 1 - _MOVES


class Boxes:
    """The boxes of one camera, in rows. Pixels and seconds; all numbers finite, all sides above 0.

    Attributes:
        state: `(5, n, 4)`: value, velocity, variance of the value, covariance, variance of the velocity;
            each of x and y of the middle, width and height.
    """

    def __init__(self) -> None:
        self.state: Floats = np.zeros((5, 0, 4))

    @property
    def corners(self) -> Floats:
        """`(n, 4)`: left, top, right, bottom of each."""
        middle, half = self.state[0, :, :2], self.state[0, :, 2:] / 2
        return np.concatenate((middle - half, middle + half), axis=1)

    def predict(self, elapsed_s: float) -> None:
        """Move all on by so many seconds, 0 or more."""
        x, v, xx, xv, vv = self.state
        square = _sides(x).max(axis=1, keepdims=True) ** 2
        push = ACCELERATION**2 * square * _MOVES
        x += elapsed_s * v
        xx += elapsed_s * (2 * xv + elapsed_s * vv) + elapsed_s**3 / 3 * push
        xx += elapsed_s * GROWTH**2 * square * _GROWS
        xv += elapsed_s * vv + elapsed_s**2 / 2 * push
        vv += elapsed_s * push

    def correct(self, rows: Rows, corners: Floats) -> None:
        """Take in where those of `rows`, each once, were found: `(len(rows), 4)` corners."""
        x, v, xx, xv, vv = self.state[:, rows]
        surprise = _from_corners(corners) - x
        noise = (MEASURED * _sides(x)) ** 2
        noise[:, :2] += (HIDDEN * surprise[:, 2:]) ** 2
        gain, gain_v = xx / (xx + noise), xv / (xx + noise)
        self.state[:, rows] = (
            x + gain * surprise,
            v + gain_v * surprise,
            noise * gain,
            noise * gain_v,
            vv - gain_v * xv,
        )

    def add(self, corners: Floats) -> None:
        """New rows at the end, `(n, 4)` corners, that stand still as far as is known."""
        x = _from_corners(corners)
        sides, none = _sides(x), np.zeros_like(x)
        speed = VELOCITY * sides.max(axis=1, keepdims=True) * _MOVES
        born = np.array((x, none, (MEASURED * sides) ** 2, none, speed**2))
        self.state = np.concatenate((self.state, born), axis=1)

    def keep(self, rows: Rows) -> None:
        """Drop all rows but these."""
        self.state = self.state[:, rows]


def overlap(a: Floats, b: Floats) -> Floats:
    """Intersection over union of each of `a` with each of `b`, corners: `(len(a), len(b))`, 0 to 1."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    both = sides[:, :, 0] * sides[:, :, 1]
    either = _area(a)[:, None] + _area(b) - both
    shares: Floats = both / np.maximum(either, np.finfo(np.float64).tiny)
    return shares


def _area(corners: Floats) -> Floats:
    areas: Floats = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    return areas


def _from_corners(corners: Floats) -> Floats:
    left_top, right_bottom = corners[:, :2], corners[:, 2:]
    return np.concatenate(((left_top + right_bottom) / 2, right_bottom - left_top), axis=1)


def _sides(x: Floats) -> Floats:
    """`(n, 4)`: width, height, width, height, none of them tiny."""
    size = np.maximum(x[:, 2:], LEAST_SIDE)
    return np.concatenate((size, size), axis=1)
