"""Camera and frame number as black and white blocks along the lower edge of the picture.

It promises that what it reads is what was painted, or None: 48 bits of numbers stand beside their CRC-32.
Blocks are found by their place relative to the picture, so a scaled picture reads as well, and a cropped
one does not.
Blocks of 8x4 pixels, those of 320x180, outlive the coarsest encoding that `encode` makes.
It does not correct errors.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.frame import Image

HEIGHT_SHARE: Final = 1 / 20
"""The strip's part of the picture's height."""

_ROWS, _COLUMNS = 2, 40  # 640x360 gives blocks of 16x9 pixels: 8x4.5 are left of them at 320x180
_BLACK, _WHITE = 16, 236  # within the range that video allows, so that no codec clips them
_NUMBERS = struct.Struct(">HI")
_CHECKED = struct.Struct(">HII")


class Mark(NamedTuple):
    """What a picture says of itself: `camera` of 0 to 65535, `frame` of 0 to 2**32 - 1."""

    camera: int
    frame: int


def strip_top(height: int) -> int:
    """The first row of the strip in a picture of that height."""
    return height - round(height * HEIGHT_SHARE)


def paint_mark(image: Image, mark: Mark) -> None:
    """Paints `mark` over the lower edge of `image`, in place. Raises struct.error for numbers too large."""
    data = _CHECKED.pack(*mark, zlib.crc32(_NUMBERS.pack(*mark)))
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(_ROWS, _COLUMNS)
    blocks = np.where(bits, _WHITE, _BLACK).astype(np.uint8)
    top = strip_top(image.shape[0])
    ys = np.arange(image.shape[0] - top) * _ROWS // (image.shape[0] - top)
    xs = np.arange(image.shape[1]) * _COLUMNS // image.shape[1]
    image[top:] = blocks[ys][:, xs, None]


def read_mark(image: Image) -> Mark | None:
    """The mark of a picture `(height, width, 3)` uint8 BGR; None where there is none or it is damaged."""
    levels = _block_levels(image)
    if levels is None:
        return None
    data = np.packbits(levels > (_BLACK + _WHITE) / 2).tobytes()
    camera, frame, check = _CHECKED.unpack(data)
    return Mark(camera, frame) if zlib.crc32(data[: _NUMBERS.size]) == check else None


def _block_levels(image: Image) -> NDArray[np.float64] | None:
    """The mean grey of the middle of each block, row by row; None if the picture is too small for blocks."""
    height, width = image.shape[:2]
    strip = height * HEIGHT_SHARE
    ys, xs = _middles(height - strip, strip / _ROWS, _ROWS), _middles(0, width / _COLUMNS, _COLUMNS)
    if (ys[1] <= ys[0]).any() or (xs[1] <= xs[0]).any():
        return None
    top = int(ys[0][0])
    sums = cv2.integral(cv2.cvtColor(image[top:], cv2.COLOR_BGR2GRAY))
    (y1, y2), (x1, x2) = ys - top, xs
    totals = sums[np.ix_(y2, x2)] - sums[np.ix_(y1, x2)] - sums[np.ix_(y2, x1)] + sums[np.ix_(y1, x1)]
    return np.asarray(totals / np.outer(y2 - y1, x2 - x1), np.float64)


def _middles(start: float, step: float, count: int) -> NDArray[np.intp]:
    """First pixels and ends of the middle halves of `count` blocks, as two rows; ends may not pass firsts."""
    edges = start + step * np.arange(count)
    return np.rint([edges + step / 4, edges + step * 3 / 4]).astype(np.intp)
