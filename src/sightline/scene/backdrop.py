"""What stands still: sky, hills, houses, trees, the pavements and the road.

Drawn once for a scene; the same for the same seed and size. In world units (see `traffic`): 360 high,
as wide as the picture's shape makes it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from sightline.frame import Image, Size
from sightline.scene.canvas import Canvas, Colour, mixed
from sightline.scene.traffic import WORLD_HEIGHT

_HOUSES_END, _ROAD_BEGINS, _LANES_MEET, _CYCLES_BEGIN, _ROAD_ENDS = 172, 198, 243, 286, 304


class _Light(NamedTuple):
    """A time of day; `tint` and `share` colour everything that is built."""

    sky_top: Colour
    sky_low: Colour
    sun: Colour
    hill: Colour
    tint: Colour
    share: float
    lit: float  # share of windows with a light on


_LIGHTS: Final = (
    _Light("6fb1e0", "e4f1f5", "fff4cf", "a9c9b0", "ffffff", 0.0, 0.05),  # noon
    _Light("7d8fc4", "fbd9b3", "ffe3a0", "a58fa6", "ffb070", 0.16, 0.35),  # evening
    _Light("9fb4c4", "e8edf0", "f4f6f7", "a3b8b2", "b8c4cc", 0.22, 0.2),  # clouded
    _Light("8fc0d8", "fdeedd", "fff1d6", "9fbfae", "ffe2c2", 0.10, 0.15),  # morning
)
_WALLS = ("e9d5b5", "d98f76", "f0e6d8", "a9b8c2", "c7a98b", "e6bfa6", "b7c4a4", "d8c7d6")
_ROOFS = ("8e4a3c", "5c5560", "7a4f3a", "6b3f3a", "4a545e")
_DOORS = ("3c5a56", "7a3b35", "2f4257", "6b5233")
_LEAVES = ("6f9a5c", "5b8a5e", "88a860", "4f7d56")


class _Easel(NamedTuple):
    """What all of the drawing below shares."""

    canvas: Canvas
    light: _Light
    random: Callable[[], float]

    def pick(self, colours: Sequence[Colour]) -> Colour:
        return colours[int(self.random() * len(colours))]

    def toned(self, colour: Colour, part: float = 1) -> Colour:
        """`colour` as this light shows it."""
        return mixed(colour, self.light.tint, self.light.share * part)


def draw_backdrop(seed: int, size: Size) -> Image:
    """The street without anybody on it, `(height, width, 3)` uint8 BGR."""
    draw = random.Random(f"{seed}/street")  # noqa: S311  # scenery, no secret
    scale = size.height / WORLD_HEIGHT
    width = size.width / scale
    light = _LIGHTS[int(draw.random() * len(_LIGHTS))]
    easel = _Easel(Canvas(size, scale, finer=2), light, draw.random)
    for part in (_sky, _houses, _ground, _kerbside):
        part(easel, width)
    return np.ascontiguousarray(easel.canvas.pixels()[:, :, :3])


def _sky(easel: _Easel, width: float) -> None:
    canvas, light = easel.canvas, easel.light
    canvas.gradient(0, WORLD_HEIGHT, light.sky_top, light.sky_low)
    x, y = width * (0.15 + 0.7 * easel.random()), 24 + 20 * easel.random()
    for r, share in ((26, 0.25), (20, 0.5), (14, 1)):
        canvas.ellipse(x, y, r, r, mixed(mixed(light.sky_top, light.sky_low, 0.3), light.sun, share))
    for _ in range(max(2, round(width / 150))):
        _cloud(easel, easel.random() * width, 14 + easel.random() * 42, 0.6 + easel.random() * 0.7)
    for base, reach, share in ((92, 20, 0.45), (112, 14, 0.0)):
        start, colour = easel.random() * 10, mixed(light.hill, light.sky_low, share)
        crest = [(i * width / 60, base - reach * _wave(start + i / 6)) for i in range(61)]
        canvas.polygon([(0, WORLD_HEIGHT), *crest, (width, WORLD_HEIGHT)], colour)


def _wave(x: float) -> float:
    return math.sin(x) * 0.6 + math.sin(2.3 * x + 1) * 0.4


def _cloud(easel: _Easel, x: float, y: float, scale: float) -> None:
    canvas, light = easel.canvas, easel.light
    colour = mixed(light.sky_low, "ffffff", 0.6)
    for dx, dy, r in ((-20, 2, 8), (-8, -4, 11), (6, -3, 10), (19, 2, 7)):
        canvas.ellipse(x + dx * scale, y + dy * scale, r * 1.4 * scale, r * 0.8 * scale, colour)


def _houses(easel: _Easel, width: float) -> None:
    x, last = -30 * easel.random(), -1
    while x < width:
        house = 62 + 46 * easel.random()
        wall = int(easel.random() * (len(_WALLS) - 1))
        last = wall + (wall >= last >= 0)  # never two neighbours alike
        _house(easel, x, house, _WALLS[last])
        x += house
        if easel.random() < 0.45:
            gap = 26 + 16 * easel.random()
            _garden(easel, x, gap)
            x += gap


def _house(easel: _Easel, x: float, width: float, wall: Colour) -> None:
    canvas = easel.canvas
    floors = 2 + (easel.random() < 0.45)
    top, end = _HOUSES_END - 16 - 29 * floors, x + width
    roof = easel.toned(easel.pick(_ROOFS))
    wall = easel.toned(wall)
    _roof(easel, x, end, top, roof)
    canvas.box(x, top, end, _HOUSES_END, wall)
    canvas.box(end - 3, top, end, _HOUSES_END, mixed(wall, "2a2d38", 0.14))
    canvas.box(x, top, end, top + 3, mixed(wall, "2a2d38", 0.22))
    canvas.box(x, _HOUSES_END - 7, end, _HOUSES_END, mixed(wall, "3a3632", 0.35))
    columns = max(2, round(width / 26))
    door = int(easel.random() * columns)
    for floor in range(floors):
        for column in range(columns):
            middle, sill = x + (column + 0.5) * width / columns, top + 30 + 29 * floor
            if floor == floors - 1 and column == door:
                _door(easel, middle, wall)
            else:
                _window(easel, middle, sill, wall)


def _roof(easel: _Easel, x: float, end: float, top: float, roof: Colour) -> None:
    canvas = easel.canvas
    rise, shape = 18 + 12 * easel.random(), easel.random()
    ridge = (end - x) * (0.22 if shape < 0.6 else 0.5)
    chimney = x + (end - x) * (0.3 + 0.3 * easel.random())
    canvas.box(chimney, top - rise - 5, chimney + 8, top, mixed(roof, "3a2f2c", 0.4))
    canvas.box(chimney - 1, top - rise - 7, chimney + 9, top - rise - 4, mixed(roof, "2a2422", 0.6))
    canvas.polygon(
        [(x - 3, top + 1), (x + ridge, top - rise), (end - ridge, top - rise), (end + 3, top + 1)], roof
    )
    for row in range(1, 4):
        y, inset = top - rise * row / 4, ridge * row / 4
        canvas.line([(x + inset + 2, y), (end - inset - 2, y)], 0.7, mixed(roof, "000000", 0.12))


def _window(easel: _Easel, x: float, sill: float, wall: Colour) -> None:
    canvas, light = easel.canvas, easel.light
    glass = "ffdf94" if easel.random() < light.lit else mixed("4b6678", light.sky_low, 0.15)
    canvas.box(x - 7, sill - 19, x + 7, sill, mixed(wall, "ffffff", 0.65))
    canvas.box(x - 5.5, sill - 17.5, x + 5.5, sill - 1.5, glass)
    canvas.polygon(
        [(x - 5.5, sill - 8), (x + 1, sill - 17.5), (x + 4, sill - 17.5), (x - 5.5, sill - 3.5)],
        mixed(glass, "ffffff", 0.18),
    )
    canvas.box(x - 0.6, sill - 17.5, x + 0.6, sill - 1.5, mixed(wall, "ffffff", 0.65))
    canvas.box(x - 8, sill, x + 8, sill + 1.8, mixed(wall, "2a2d38", 0.25))


def _door(easel: _Easel, x: float, wall: Colour) -> None:
    canvas = easel.canvas
    door = easel.pick(_DOORS)
    canvas.box(x - 8, _HOUSES_END - 31, x + 8, _HOUSES_END, mixed(wall, "ffffff", 0.65))
    canvas.box(x - 6, _HOUSES_END - 28, x + 6, _HOUSES_END, door)
    canvas.box(x - 4, _HOUSES_END - 26, x + 4, _HOUSES_END - 18, mixed(door, "dfe9ee", 0.5))
    canvas.ellipse(x + 4, _HOUSES_END - 12, 0.9, 0.9, "e3c878")
    canvas.box(x - 10, _HOUSES_END - 2, x + 10, _HOUSES_END, "b9b2a8")


def _garden(easel: _Easel, x: float, gap: float) -> None:
    canvas = easel.canvas
    leaf = easel.toned(easel.pick(_LEAVES))
    _tree(easel, x + gap / 2, _HOUSES_END, 0.95 + 0.3 * easel.random(), leaf)
    canvas.box(x, _HOUSES_END - 13, x + gap, _HOUSES_END, mixed(leaf, "2f4a33", 0.35), round_by=4)
    canvas.box(x, _HOUSES_END - 5, x + gap, _HOUSES_END, mixed(leaf, "2f4a33", 0.5))


def _tree(easel: _Easel, x: float, ground: float, scale: float, leaf: Colour) -> None:
    canvas = easel.canvas
    canvas.box(x - 2.4 * scale, ground - 34 * scale, x + 2.4 * scale, ground, "6d5442")
    dark, bright = mixed(leaf, "22382a", 0.25), mixed(leaf, "f4f2b8", 0.25)
    for dx, dy, r, colour in (
        (0, -44, 17, dark),
        (-10, -38, 12, dark),
        (11, -38, 12, leaf),
        (-4, -50, 13, leaf),
        (5, -54, 10, leaf),
        (-2, -56, 7, bright),
    ):
        canvas.ellipse(x + dx * scale, ground + dy * scale, r * scale, r * 0.95 * scale, colour)


def _ground(easel: _Easel, width: float) -> None:
    canvas = easel.canvas

    def toned(colour: Colour) -> Colour:
        return easel.toned(colour, 0.6)  # the ground takes less of the light's colour than walls do

    stone, joint, kerb, white = toned("c9c3b8"), toned("b3ada2"), toned("dcd7cd"), toned("ece8dc")
    canvas.box(0, _HOUSES_END, width, _ROAD_BEGINS, stone)
    canvas.box(0, _ROAD_ENDS, width, WORLD_HEIGHT, stone)
    for x in _steps(-20, width, 22):
        canvas.line([(x, _HOUSES_END), (x - 6, _ROAD_BEGINS)], 0.7, joint)
    for y, step in ((_ROAD_ENDS + 4, 0), (_ROAD_ENDS + 22, 19), (_ROAD_ENDS + 42, 0)):
        canvas.line([(0, y), (width, y)], 0.9, joint)
        for x in _steps(-20 + step, width + 30, 38):
            canvas.line([(x, y), (x - 5, y + 20)], 0.9, joint)
    canvas.gradient(_ROAD_BEGINS, _ROAD_ENDS, toned("5d6067"), toned("6c6f76"))
    canvas.box(0, _CYCLES_BEGIN, width, _ROAD_ENDS, toned("8a5f57"))
    canvas.box(0, _CYCLES_BEGIN - 1, width, _CYCLES_BEGIN + 0.6, white)
    for y in (_ROAD_BEGINS, _ROAD_ENDS):
        canvas.box(0, y - 2, width, y + 2, kerb)
        canvas.box(0, y + 2, width, y + 3.4, toned("4a4d53"))
    for x in _steps(-10, width, 52):
        canvas.box(x, _LANES_MEET - 1, x + 26, _LANES_MEET + 1, white)


def _kerbside(easel: _Easel, width: float) -> None:
    """Lamps and young trees along the far kerb, behind all traffic."""
    canvas, light = easel.canvas, easel.light
    for i, x in enumerate(_steps(40 + 60 * easel.random(), width, 118)):
        if i % 2:
            leaf = easel.toned(easel.pick(_LEAVES))
            canvas.ellipse(x, 178, 7, 2, "8d877c")
            _tree(easel, x, 178, 0.72, leaf)
        else:
            canvas.line([(x, 179), (x, 96), (x + 4, 92), (x + 13, 92)], 1.8, "3d4248")
            canvas.box(x + 9, 91, x + 20, 94.5, "fff0bf" if light.lit > 0.1 else "4a4f55", round_by=1)


def _steps(first: float, last: float, step: float) -> list[float]:
    return [first + i * step for i in range(math.ceil((last - first) / step))]
