"""The pictures of things: cars, vans, persons, bicycles, in a few poses each.

A sprite is small and worth keeping for as long as its thing is on the street. Its shadow is faint and
belongs to the ground: a pixel is part of the thing where the sprite gives more than half of its colour
(`Sprite.solid`), and of nothing else is truth made. A bicycle is drawn with its rider, as one thing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.frame import Image, Size
from sightline.scene.canvas import Canvas, Colour, Pixels, Point, mixed

POSES: Final = 8
_SHADOW_ALPHA = 70  # under half, lest a shadow count as the thing
_TYRE, _RIM, _GLASS = "23262b", "b9bfc6", "2f4858"

_PAINTS = ("c8453b", "2f6f9f", "e0a63a", "4d7f5c", "e8e6e1", "3d4350", "8e5a86", "5aa3a8")
_CLOTHES = ("d1583f", "3f6fb0", "e2b64a", "4b8b63", "7c5295", "e9e4da", "3a3f4b", "c97b9a")
_TROUSERS = ("2f3a4f", "4a4038", "5b6470", "27313a")
_SKINS = ("f1c9a5", "d9a074", "a86f48", "74492d")
_HAIR = ("2b1f1a", "5a3a22", "a9793f", "1d1d22", "8c8780")


class Sprite(NamedTuple):
    """`colour` `(h, w, 3)`, times alpha; `behind`, as large, what stays of the ground (255 - alpha)."""

    colour: Image
    behind: Image

    @property
    def size(self) -> Size:
        return Size(self.colour.shape[1], self.colour.shape[0])

    @property
    def solid(self) -> NDArray[np.bool_]:
        """`(h, w)`: the pixels that are the thing."""
        return self.behind[:, :, 0] < 128


class _Plan(NamedTuple):
    """How one kind is drawn: into `width` x `height` units, ground at the lower edge less `below`."""

    width: float
    height: float
    stride: float  # units of way after which the poses repeat
    draw: Callable[[Canvas, int, float], None]  # canvas, look, turn (radians)


BELOW_GROUND: Final = 4.0  # room for the shadow


def pose_at(kind: str, way: float) -> int:
    """The pose of a thing that has gone `way` units, counted at scale 1."""
    return int(way / _PLANS[kind].stride * POSES) % POSES


def draw_sprite(kind: str, look: int, pose: int, scale: float, direction: int) -> Sprite:
    """The picture of a thing, `scale` pixels a unit, heading right (1) or left (-1)."""
    plan = _PLANS[kind]
    canvas = Canvas(Size(math.ceil(plan.width * scale), math.ceil(plan.height * scale)), scale)
    canvas.ellipse(plan.width / 2, plan.height - 4, plan.width / 2 - 2, 4, "10131a", alpha=_SHADOW_ALPHA)
    plan.draw(canvas, look, pose / POSES * math.tau)
    return _cut(canvas.pixels() if direction > 0 else canvas.pixels()[:, ::-1])


def _cut(pixels: Pixels) -> Sprite:
    alpha = np.ascontiguousarray(pixels[:, :, 3])
    behind = np.asarray(cv2.merge([255 - alpha] * 3), np.uint8)
    return Sprite(np.ascontiguousarray(pixels[:, :, :3]), behind)


def _pick(colours: tuple[Colour, ...], look: int, step: int) -> Colour:
    """One of `colours`; a different `step` for each part keeps parts of one look independent."""
    return colours[look // step % len(colours)]


def _wheel(canvas: Canvas, x: float, y: float, r: float, turn: float) -> None:
    canvas.ellipse(x, y, r, r, _TYRE)
    canvas.ellipse(x, y, r * 0.62, r * 0.62, _RIM)
    for spoke in range(4):
        angle = turn / 4 + spoke * math.tau / 4  # four spokes: a quarter turn looks like none
        tip = (x + math.cos(angle) * r * 0.52, y + math.sin(angle) * r * 0.52)
        canvas.line([(x, y), tip], 1.1, "5b626b")


def _car(canvas: Canvas, look: int, turn: float) -> None:
    paint = _pick(_PAINTS, look, 1)
    dark = mixed(paint, "101418", 0.3)
    canvas.polygon([(22, 18), (34, 4), (68, 3), (86, 18)], paint)
    canvas.polygon([(27, 17), (36, 6.5), (50, 6), (50, 17)], _GLASS)
    canvas.polygon([(53, 17), (53, 6), (66, 5.5), (79, 17)], _GLASS)
    canvas.polygon([(57, 17), (62, 5.8), (66, 5.5), (71, 10), (66, 17)], mixed(_GLASS, "ffffff", 0.18))
    canvas.box(3, 16, 109, 32, paint, round_by=6)
    canvas.box(4, 26, 108, 33, dark, round_by=3)
    canvas.line([(51, 18), (51, 31)], 0.8, dark)
    canvas.box(55, 20, 61, 21.6, dark)
    canvas.box(103, 19, 109, 24, "fff3c4", round_by=2)
    canvas.box(3, 19, 7, 24, "a3202a", round_by=1.5)
    for x in (25, 87):
        canvas.ellipse(x, 31.5, 10.5, 10.5, dark)
        _wheel(canvas, x, 32, 8.6, turn)


def _van(canvas: Canvas, look: int, turn: float) -> None:
    paint = _pick(_PAINTS, look, 1)
    dark, trim = mixed(paint, "101418", 0.3), mixed(paint, "ffffff", 0.55)
    canvas.box(3, 3, 100, 47, paint, round_by=5)
    canvas.polygon([(90, 4), (103, 5), (118, 27), (121, 31), (121, 46), (90, 46)], paint)
    canvas.polygon([(95, 9), (102, 9), (113, 26), (95, 26)], _GLASS)
    canvas.polygon([(99, 9), (102, 9), (113, 26), (107, 26)], mixed(_GLASS, "ffffff", 0.18))
    canvas.box(3, 28, 88, 33, trim)
    canvas.box(4, 40, 121, 48, dark, round_by=3)
    canvas.line([(90, 6), (90, 44)], 0.8, dark)
    canvas.box(115, 31, 121, 37, "fff3c4", round_by=2)
    canvas.box(3, 30, 6, 38, "a3202a", round_by=1)
    for x in (27, 97):
        canvas.ellipse(x, 46.5, 11, 11, dark)
        _wheel(canvas, x, 47, 9, turn)


def _leg(hip: Point, swing: float, length: float) -> list[Point]:
    """Hip, knee and foot of a leg that swings by `swing` radians; the knee bends while it goes back."""
    knee = (hip[0] + math.sin(swing) * length / 2, hip[1] + math.cos(swing) * length / 2)
    lower = swing - max(0.0, -swing) * 0.9 - 0.1
    return [hip, knee, (knee[0] + math.sin(lower) * length / 2, knee[1] + math.cos(lower) * length / 2)]


def _head(canvas: Canvas, x: float, y: float, look: int) -> None:
    skin, hair = _pick(_SKINS, look, 5), _pick(_HAIR, look, 3)
    canvas.line([(x - 0.4, y + 2), (x - 0.8, y + 7)], 3, mixed(skin, "000000", 0.12))
    canvas.ellipse(x - 0.9, y - 0.6, 5, 5.2, hair)
    canvas.ellipse(x + 0.7, y + 0.9, 4.2, 4.4, skin)


def _person(canvas: Canvas, look: int, turn: float) -> None:
    shirt, trousers = _pick(_CLOTHES, look, 1), _pick(_TROUSERS, look, 7)
    skin, swing = _pick(_SKINS, look, 5), math.sin(turn) * 0.5
    rise = abs(math.cos(turn)) * 1.2  # highest while the legs pass each other
    hip, shoulder = (17.0, 36 - rise), (17.0, 18.5 - rise)
    for side, cloth in ((-1, mixed(trousers, "000000", 0.25)), (1, trousers)):
        limb = _leg(hip, side * swing, 27)
        canvas.line(limb, 5, cloth)
        canvas.line([limb[-1], (limb[-1][0] + 4, limb[-1][1])], 3.4, "2a2320")
    canvas.line(_arm(shoulder, swing), 4, mixed(shirt, "000000", 0.3))
    canvas.box(11.5, 15 - rise, 22.5, 38 - rise, shirt, round_by=5)
    if look % 3 == 0:
        canvas.box(7, 17 - rise, 13, 31 - rise, mixed(shirt, "1b2a3a", 0.75), round_by=3)  # a rucksack
    near = _arm(shoulder, -swing)
    canvas.line(near, 4, mixed(shirt, "000000", 0.15))
    canvas.ellipse(*near[-1], 2.1, 2.1, skin)
    _head(canvas, 17.5, 8 - rise, look)


def _arm(shoulder: Point, swing: float) -> list[Point]:
    elbow = (shoulder[0] + math.sin(swing) * 9, shoulder[1] + math.cos(swing) * 9)
    lower = swing + 0.35
    return [shoulder, elbow, (elbow[0] + math.sin(lower) * 8, elbow[1] + math.cos(lower) * 8)]


def _bicycle(canvas: Canvas, look: int, turn: float) -> None:
    paint, shirt = _pick(_PAINTS, look, 1), _pick(_CLOTHES, look, 2)
    trousers = _pick(_TROUSERS, look, 7)
    back, front, crank, saddle, bar = (17.0, 58.0), (59.0, 58.0), (36.0, 59.0), (30.0, 39.0), (53.0, 35.0)
    pedals = [
        (crank[0] + side * math.cos(turn) * 5.5, crank[1] + side * math.sin(turn) * 5.5) for side in (1, -1)
    ]
    hip, shoulder = (30.5, 34.0), (42.0, 16.5)
    canvas.line([hip, _knee(hip, pedals[1]), pedals[1]], 4.6, mixed(trousers, "000000", 0.25))
    for hub in (back, front):
        canvas.ring(*hub, 12.2, 2.2, _TYRE)
        for spoke in range(3):
            angle = turn / 6 + spoke * math.tau / 6
            dx, dy = math.cos(angle) * 11, math.sin(angle) * 11
            canvas.line([(hub[0] - dx, hub[1] - dy), (hub[0] + dx, hub[1] + dy)], 0.6, "8b9097")
    for tube in (
        [back, crank, (51.5, 42.0), saddle, back],
        [saddle, crank],
        [front, bar],
        [bar, (57.0, 34.0)],
    ):
        canvas.line(tube, 2.2, paint)
    canvas.line([(26, 38.5), (34, 38.5)], 3, _TYRE)
    canvas.line([hip, _knee(hip, pedals[0]), pedals[0]], 5, trousers)
    canvas.line([hip, shoulder], 10.5, shirt)
    canvas.line([shoulder, (45.5, 27), (54.5, 34)], 3.8, mixed(shirt, "000000", 0.15))
    _head(canvas, 46.5, 8, look)
    canvas.ellipse(46, 5, 5.6, 3.6, paint)  # a helmet


def _knee(hip: Point, foot: Point, length: float = 15.5) -> Point:
    """Where two equal parts of a leg meet between hip and foot, bent forwards."""
    dx, dy = foot[0] - hip[0], foot[1] - hip[1]
    apart = math.hypot(dx, dy)
    bend = math.sqrt(max(0.0, length**2 - (apart / 2) ** 2)) / apart
    return hip[0] + dx / 2 + dy * bend, hip[1] + dy / 2 - dx * bend


_PLANS: Final = {
    "car": _Plan(112, 45, 13.5, _car),
    "van": _Plan(124, 60, 14.1, _van),
    "person": _Plan(36, 68, 34, _person),
    "bicycle": _Plan(76, 75, 60, _bicycle),
}
