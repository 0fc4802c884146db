"""One decoded picture, with the identity of the very packet that held it.

With B-frames a decoder gives pictures late and in another order than their packets came; a `Frame`
carries the identity of *its own* packet all the same. The picture is a plain numpy array, BGR as
OpenCV has it. A batch is a list of frames of different cameras: it needs no class of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.clock import media_ns
from sightline.packet import ClockSource, Identity

Image: TypeAlias = NDArray[np.uint8]
"""A picture: `(height, width, 3)`, uint8, BGR."""


class Size(NamedTuple):
    """A picture's size in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def parse(cls, text: str) -> Size:
        """`"1280x720"` as a size. Raises ValueError for anything else, or a side not within 2 to 16384."""
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip())
        if match is None:
            raise ValueError(f"expected WIDTHxHEIGHT such as 1280x720, got {text!r}")
        size = cls(int(match[1]), int(match[2]))
        if not all(2 <= side <= 16384 for side in size):
            raise ValueError(f"expected a width and height of 2 to 16384 pixels, got {text!r}")
        return size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One decoded picture.

    Attributes:
        camera_id, epoch, index: identity of the packet that held this picture.
        pts: its presentation time in ticks of `time_base`; None where the source did not say.
        time_base: seconds a tick.
        captured_at_ns, captured_at_source: as the packet had them.
        decoded_at_ns: UTC in ns at which the decoder gave it out.
        image: `(height, width, 3)` uint8 BGR, owned by the frame.
    """

    camera_id: str
    epoch: int
    index: int
    pts: int | None
    time_base: Fraction
    captured_at_ns: int
    captured_at_source: ClockSource
    decoded_at_ns: int
    image: Image

    @property
    def identity(self) -> Identity:
        return Identity(self.camera_id, self.epoch, self.index)

    @property
    def media_ns(self) -> int | None:
        """`pts` as nanoseconds of media time."""
        return None if self.pts is None else media_ns(self.pts, self.time_base)

    @property
    def size(self) -> Size:
        return Size(self.image.shape[1], self.image.shape[0])

    def __eq__(self, other: object) -> bool:
        """Equal in every field, the picture included."""
        if not isinstance(other, Frame):
            return NotImplemented
        same = all(getattr(self, name) == getattr(other, name) for name in self.__slots__ if name != "image")
        return same and np.array_equal(self.image, other.image)

    __hash__ = None  # type: ignore[assignment]  # the picture can be written to
