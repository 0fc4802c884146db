"""The street as a camera sees it: pictures by number, and what is in them.

`Scene` promises random access without state: a frame is a function of (settings, number), and its truth is
made from the very pixels that were drawn. It does not encode, and keeps no time but `n / fps`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.frame import Image, Size
from sightline.result import Detection
from sightline.scene.backdrop import draw_backdrop
from sightline.scene.mark import Mark, paint_mark
from sightline.scene.settings import MAX_FRAME, mistakes, refuse
from sightline.scene.sprites import BELOW_GROUND, Sprite, draw_sprite, pose_at
from sightline.scene.traffic import WORLD_HEIGHT, Thing, things_at

_SIZE = Size(640, 360)
_SPRITES_KEPT = 160  # a full street: some 16 things of 8 poses; about 40 MB at 1080p, 5 MB at 360p


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A street, seen by one camera.

    Attributes:
        seed: which street: its houses, its light and everybody on it. 0 or more.
        size: of the picture in pixels; even sides from 160x90 to 7680x4320.
        fps: frames of a second, 1 to 240.
        camera: the number in the mark, 0 to 65535; it changes nothing else.
        mark: whether the strip with camera and frame number is painted over the lower 1/20 of the picture,
            where nothing moves. It changes with each frame, which a motion detector sees.

    Raises ConfigError for settings outside of these, naming all of them.
    """

    seed: int = 0
    size: Size = _SIZE
    fps: int = 25
    camera: int = 0
    mark: bool = True

    def __post_init__(self) -> None:
        refuse(mistakes(vars(self)), "scene")
        object.__setattr__(self, "size", Size(*self.size))  # a plain pair will do

    def frame(self, n: int) -> Image:
        """Picture number `n`: `(height, width, 3)` uint8 BGR, the caller's own.

        Raises ValueError for a number outside of 0 to 2**32 - 1.
        """
        image = self._backdrop.copy()
        for placed in self._placed(n):
            placed.draw(image)
        if self.mark:
            paint_mark(image, Mark(self.camera, n))
        return image

    def truth(self, n: int) -> tuple[Detection, ...]:
        """What is seen in picture number `n`, the farthest first.

        A box bounds the visible pixels of a thing: those inside of the picture which nothing nearer hides.
        x2 and y2 are the ends, not the last pixels, so a box is x2 - x1 pixels wide. `visible` among the
        attributes is the share of the thing's own pixels that is seen; a thing of which nothing is seen is
        left out. Shadows belong to the ground. `track_id` stays with a thing as long as it is there.
        """
        hidden = np.zeros((self.size.height, self.size.width), np.bool_)
        found = [placed.seen(hidden) for placed in reversed(self._placed(n))]
        return tuple(detection for detection in reversed(found) if detection is not None)

    def _placed(self, n: int) -> list[_Placed]:
        """What is inside of the picture or touches it, the farthest first."""
        if not 0 <= n <= MAX_FRAME:
            raise ValueError(f"expected a frame number from 0 to {MAX_FRAME}, got {n}")
        things = things_at(self.seed, self._world_width, n / self.fps)
        return [self._place(thing, n / self.fps) for thing in things]

    def _place(self, thing: Thing, time_s: float) -> _Placed:
        scale = self._pixels_a_unit
        pose = pose_at(thing.kind, thing.gone(time_s) / thing.scale)
        picture = self._sprite(thing.kind, thing.look, pose, thing.scale * scale, thing.direction)
        left = thing.x(time_s, self._world_width) * scale - picture.size.width / 2
        top = (thing.ground_y + BELOW_GROUND * thing.scale) * scale - picture.size.height
        return _Placed(thing, picture, round(left), round(top))

    @property
    def _pixels_a_unit(self) -> float:
        return self.size.height / WORLD_HEIGHT

    @property
    def _world_width(self) -> float:
        return self.size.width / self._pixels_a_unit

    @cached_property
    def _sprite(self) -> Callable[[str, int, int, float, int], Sprite]:
        return lru_cache(_SPRITES_KEPT)(draw_sprite)

    @cached_property
    def _backdrop(self) -> Image:
        return draw_backdrop(self.seed, self.size)


class _Placed(NamedTuple):
    """A thing with its sprite's top left corner in pixels, which may lie outside of the picture."""

    thing: Thing
    sprite: Sprite
    left: int
    top: int

    def draw(self, image: Image) -> None:
        """Lays the sprite over `image`, in place."""
        target, source = self._windows(image)
        patch = image[target]
        if patch.size:
            cv2.multiply(patch, self.sprite.behind[source], dst=patch, scale=1 / 255)
            cv2.add(patch, self.sprite.colour[source], dst=patch)

    def seen(self, hidden: NDArray[np.bool_]) -> Detection | None:
        """What is not `hidden` by things nearer, which this one joins."""
        target, source = self._windows(hidden)
        solid = self.sprite.solid[source]
        visible = solid & ~hidden[target]
        hidden[target] |= solid
        if not visible.any():
            return None
        ys, xs = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
        y, x = target[0].start, target[1].start
        return Detection(
            label=self.thing.kind,
            score=1.0,
            x1=float(x + xs[0]),
            y1=float(y + ys[0]),
            x2=float(x + xs[-1] + 1),
            y2=float(y + ys[-1] + 1),
            track_id=self.thing.track_id,
            attributes={"visible": round(int(visible.sum()) / int(self.sprite.solid.sum()), 3)},
        )

    def _windows(self, picture: NDArray[Any]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The part of `picture` that the sprite covers, and the part of the sprite that is inside."""
        height, width = picture.shape[:2]
        target = (
            _clipped(self.top, self.sprite.size.height, height),
            _clipped(self.left, self.sprite.size.width, width),
        )
        ys, xs = (
            slice(t.start - at, t.stop - at) for t, at in zip(target, (self.top, self.left), strict=True)
        )
        return target, (ys, xs)


def _clipped(start: int, length: int, limit: int) -> slice:
    """`start` to `start + length` as far as it lies within 0 to `limit`; empty where nothing does."""
    first = min(max(start, 0), limit)
    return slice(first, max(first, min(start + length, limit)))
