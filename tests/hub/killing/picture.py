"""Pictures that tell who drew them, which one they are, and whether all of their bytes are of that one.

A picture is a head and noise that begins elsewhere for each picture: of two of them nearly all bytes differ,
so a single torn page is seen.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

SHAPES: Final = ((288, 320, 3), (360, 640, 3), (480, 640, 3), (720, 960, 3))
"""A quarter of a MiB to 2 MiB."""
_HEAD: Final = struct.Struct("<QQQ")
_BEGINS: Final = 1 << 16
_NOISE: Final = np.random.default_rng(1).integers(
    0, 256, max(map(np.prod, SHAPES)) + _BEGINS, np.uint8, endpoint=False
)


class Torn(ValueError):
    """A picture that nobody drew."""


class Mark(NamedTuple):
    """Picture `number` of `writer`, of so many bytes."""

    writer: int
    number: int
    size: int


def draw(into: NDArray[np.uint8], writer: int, number: int) -> NDArray[np.uint8]:
    """Fills the whole array, of any shape; gives it back."""
    flat = into.reshape(-1)
    head, noise = _made(Mark(writer, number, flat.size))
    flat[: len(head)] = np.frombuffer(head, np.uint8)
    flat[len(head) :] = noise
    return into


def seen(value: NDArray[Any] | bytes) -> Mark:
    """Which picture it is. Looks at each byte; raises Torn where one is of another."""
    flat = value.reshape(-1) if isinstance(value, np.ndarray) else np.frombuffer(value, np.uint8)
    mark = Mark(*_HEAD.unpack_from(flat.data))
    if mark.size != flat.size:
        raise Torn(f"{mark} in {flat.size} bytes")
    head, noise = _made(mark)
    if not np.array_equal(flat[len(head) :], noise):
        wrong = np.flatnonzero(flat[len(head) :] != noise)
        raise Torn(f"{mark}: {wrong.size} bytes of another, from {wrong[0]} to {wrong[-1]}")
    return mark


def _made(mark: Mark) -> tuple[bytes, NDArray[np.uint8]]:
    head = _HEAD.pack(*mark)
    begin = crc32(head) % _BEGINS
    return head, _NOISE[begin : begin + mark.size - len(head)]
