"""Pictures with what was seen drawn on them: thin boxes, labels that can be read, one colour a label.

Ours, in a few lines of OpenCV, because supervision's annotators would bring scipy and matplotlib into
every installation. The picture is scaled before it is drawn on, so that lines and letters keep their size.

OpenCV's font has ASCII alone: any other letter of a label is shown as `?`.
"""

from __future__ import annotations

import zlib
from typing import Final, TypeAlias

import cv2
import numpy as np

from sightline.frame import Image
from sightline.result import Detection, Result

Colour: TypeAlias = tuple[int, int, int]

PALETTE: Final[tuple[Colour, ...]] = (
    (80, 175, 255),  # BGR: bright enough for a dark letter on each
    (120, 220, 90),
    (255, 190, 70),
    (110, 110, 255),
    (255, 140, 210),
    (80, 230, 240),
    (225, 225, 120),
    (190, 200, 255),
    (150, 240, 190),
    (240, 170, 170),
)
INK: Final = (20, 20, 20)
FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
PADDING: Final = 3
MAX_LETTERS: Final = 40


def colour_number(label: str) -> int:
    """The place of a label's colour in `PALETTE`."""
    return zlib.crc32(label.encode()) % len(PALETTE)


def colour_of(label: str) -> Colour:
    """The same colour for a label in every process."""
    return PALETTE[colour_number(label)]


def annotated(image: Image, result: Result, *, max_width: int) -> Image:
    """A copy of `image`, at most `max_width` pixels wide, with the boxes and labels of `result`."""
    picture = fitted(image, max_width)
    across, down = picture.shape[1] / result.width, picture.shape[0] / result.height
    corners = [_corners(seen, across, down, picture) for seen in result.detections]
    for seen, (left_top, right_bottom) in zip(result.detections, corners, strict=True):
        cv2.rectangle(picture, left_top, right_bottom, colour_of(seen.label), thickness(picture))
    for seen, (left_top, _) in zip(result.detections, corners, strict=True):  # no box runs over a label
        _label(picture, caption(seen), left_top, colour_of(seen.label))
    return picture


def fitted(image: Image, max_width: int) -> Image:
    """A copy of `image` of its own shape, at most `max_width` pixels wide."""
    height, width = image.shape[:2]
    if width <= max_width:
        return image.copy()
    size = (max_width, max(1, round(height * max_width / width)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def thickness(picture: Image) -> int:
    """Of a box's lines, in pixels."""
    width: int = picture.shape[1]
    return max(1, round(width / 400))


def letters(picture: Image) -> float:
    """OpenCV's scale of letters (1 is 22 pixels high) for a picture: large ones are mostly shown reduced."""
    width: int = picture.shape[1]
    return 0.3 + width / 2400


def printable(text: str) -> str:
    """What OpenCV's font has of a text: a short one, in which all but printable ASCII is `?`."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text[:MAX_LETTERS])


def write_text(picture: Image, text: str, at: tuple[int, int], colour: Colour) -> None:
    """Letters onto a picture from `at`, the left end of their base line."""
    cv2.putText(picture, printable(text), at, FONT, letters(picture), colour, 1, cv2.LINE_AA)


def caption(seen: Detection) -> str:
    """What stands at a box: label, track and score."""
    track = "" if seen.track_id is None else f" #{seen.track_id}"
    return printable(f"{seen.label[: MAX_LETTERS - 12]}{track} {seen.score:.2f}")


def _label(picture: Image, text: str, left_top: tuple[int, int], colour: Colour) -> None:
    """Text on a ground of the box's colour: above the box, or within it at the picture's upper edge."""
    (width, height), _ = cv2.getTextSize(text, FONT, letters(picture), 1)
    tall, wide = height + 2 * PADDING, width + 2 * PADDING
    left = max(0, min(left_top[0] - 1, picture.shape[1] - wide))
    top = left_top[1] - tall if left_top[1] >= tall else left_top[1]
    cv2.rectangle(picture, (left, top), (left + wide, top + tall), colour, cv2.FILLED)
    write_text(picture, text, (left + PADDING, top + height + PADDING), INK)


def _corners(
    seen: Detection, across: float, down: float, picture: Image
) -> tuple[tuple[int, int], tuple[int, int]]:
    """A box in pixels of the picture, drawn no further than its edges: any finite number may come."""
    height, width = picture.shape[:2]

    def at(x: float, y: float) -> tuple[int, int]:
        return round(min(max(x * across, 0), width - 1)), round(min(max(y * down, 0), height - 1))

    return at(seen.x1, seen.y1), at(seen.x2, seen.y2)
