"""From the numbers of each kind of head to boxes in pixels of the model's input.

A decoder takes the outputs of a batch, in the order in which its head names them, and gives the `Boxes` of
each picture whose score is at least the threshold; no two of them are compared here, that is `best`.
Numbers that are not finite (float16 overflows) are never a box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.frame import Size

Array: TypeAlias = NDArray[np.floating]
MOST: Final = 300
"""Boxes of a picture at most, as in the exporters' own programs."""
_CANDIDATES: Final = 3000
"""So many, the best ones, are compared with each other: a threshold of 0 must not take seconds."""


class Boxes(NamedTuple):
    """Boxes of one picture: `(n, 4)` as x1 y1 x2 y2 in pixels of the input, `(n,)` scores, `(n,)` classes."""

    xyxy: Array
    scores: Array
    classes: NDArray[np.int64]

    def at(self, places: NDArray[np.integer] | NDArray[np.bool_]) -> Boxes:
        """Those at the places."""
        return Boxes(self.xyxy[places], self.scores[places], self.classes[places])


class Asked(NamedTuple):
    """What a batch was, and the least score of a box."""

    size: Size
    pictures: int
    threshold: float


Decode: TypeAlias = Callable[[Sequence[Array], Asked], list[Boxes]]


def objectness_rows(outputs: Sequence[Array], asked: Asked) -> list[Boxes]:
    """`(N, rows, 5 + classes)`: cx cy w h, that of an object, one score a class (YOLOv5, v6, v7)."""
    return [_rows_with_objectness(rows, asked.threshold) for rows in outputs[0]]


def _rows_with_objectness(rows: Array, threshold: float) -> Boxes:
    likely = rows[rows[:, 4] >= threshold]  # the product is never more
    return _classed(_corners(likely[:, :4]), likely[:, 5:] * likely[:, 4:5], threshold)


def class_columns(outputs: Sequence[Array], asked: Asked) -> list[Boxes]:
    """`(N, 4 + classes, columns)`: cx cy w h, one score a class (YOLOv8, v9, 11, 12)."""
    return [_columns(columns, asked.threshold) for columns in outputs[0]]


def _columns(columns: Array, threshold: float) -> Boxes:
    likely = columns[:, columns[4:].max(axis=0) >= threshold].T
    return _classed(_corners(likely[:, :4]), likely[:, 4:], threshold)


def final_rows(outputs: Sequence[Array], asked: Asked) -> list[Boxes]:
    """`(N, boxes, 6)`: x1 y1 x2 y2 score class (YOLOv10, and exports with NMS inside)."""
    return [_kept(rows[:, :4], rows[:, 4], rows[:, 5], asked.threshold) for rows in outputs[0]]


def batched_rows(outputs: Sequence[Array], asked: Asked) -> list[Boxes]:
    """`(boxes, 7)`: place in the batch, x1 y1 x2 y2, class, score (YOLOv7 and v6 with NMS inside)."""
    rows = outputs[0]
    mine = (rows[rows[:, 0] == at] for at in range(asked.pictures))
    return [_kept(one[:, 1:5], one[:, 6], one[:, 5], asked.threshold) for one in mine]


def counted(outputs: Sequence[Array], asked: Asked) -> list[Boxes]:
    """How many of each picture are meant, their boxes, scores and classes (TensorRT's EfficientNMS)."""
    numbers, boxes, scores, classes = outputs
    return [
        _kept(box[:count], score[:count], kind[:count], asked.threshold)
        for count, box, score, kind in zip(
            numbers.reshape(-1).astype(int), boxes, scores, classes, strict=True
        )
    ]


def query_rows(outputs: Sequence[Array], asked: Asked) -> list[Boxes]:
    """`(N, queries, 4 + classes)`: cx cy w h as shares of the input, one score a class (RT-DETR)."""
    return [
        _classed(_corners(rows[:, :4]) * _scale(asked.size), rows[:, 4:], asked.threshold)
        for rows in outputs[0]
    ]


def query_logits(outputs: Sequence[Array], asked: Asked) -> list[Boxes]:
    """Logits `(N, queries, classes)`, each class by itself, and cx cy w h as shares (transformers)."""
    logits, boxes = outputs
    return [
        _classed(_corners(box) * _scale(asked.size), sigmoid(logit), asked.threshold)
        for logit, box in zip(logits, boxes, strict=True)
    ]


def labelled(outputs: Sequence[Array], asked: Asked) -> list[Boxes]:
    """Classes, boxes as x1 y1 x2 y2 and scores, each `(N, queries, ...)` (RT-DETR with its own last step)."""
    return [_kept(box, score, kind, asked.threshold) for kind, box, score in zip(*outputs, strict=True)]


def whole_picture(outputs: Sequence[Array], asked: Asked) -> list[Boxes]:
    """`(N, classes)` as scores or logits: the best class, with a box round the whole input."""
    whole = np.array([[0, 0, asked.size.width, asked.size.height]], np.float32)
    return [_classed(whole, probabilities(row)[None], asked.threshold) for row in outputs[0]]


def probabilities(row: Array) -> Array:
    """Scores that add up to 1: as they are where they do already, else by softmax."""
    row = row.astype(np.float64)
    if row.min() >= 0 and abs(row.sum() - 1) < 0.01:  # float16 adds up to no better
        return row
    powers = np.exp(row - row.max())
    shares: Array = powers / powers.sum()
    return shares


def sigmoid(values: Array) -> Array:
    """1 / (1 + exp(-x)), without an overflow for any x."""
    halved: Array = 0.5 * (1 + np.tanh(0.5 * values.astype(np.float32)))
    return halved


def best(boxes: Boxes, most: float | None) -> Boxes:
    """The best `MOST`, best first.

    Of two of a class whose intersection over union is more than `most` the better one stays. None: all.
    """
    ordered = boxes.at(np.argsort(-boxes.scores, kind="stable")[:_CANDIDATES])
    if most is not None and len(ordered.scores):
        ordered = ordered.at(_apart(ordered, most))
    return Boxes(ordered.xyxy[:MOST], ordered.scores[:MOST], ordered.classes[:MOST])


def _apart(boxes: Boxes, most: float) -> NDArray[np.integer]:
    """Places of the boxes that stay. Classes are moved apart, so that one run does for all of them."""
    corners = boxes.xyxy.astype(np.float64)
    span = corners.max() - corners.min() + 1
    corners += (boxes.classes * span)[:, None]
    sized = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    kept = cv2.dnn.NMSBoxes(sized.tolist(), boxes.scores.tolist(), 0.0, most)
    return np.asarray(kept, np.int64).reshape(-1)


def _corners(centred: Array) -> Array:
    """From cx cy w h to x1 y1 x2 y2. Not in float16: at 1000 it has steps of half a pixel."""
    centred = centred.astype(np.float32)
    half = centred[:, 2:4] / 2
    corners: Array = np.hstack([centred[:, :2] - half, centred[:, :2] + half])
    return corners


def _scale(size: Size) -> Array:
    return np.array([size.width, size.height] * 2, np.float32)


def _classed(boxes: Array, scores: Array, threshold: float) -> Boxes:
    """Each box with its best class."""
    return _kept(boxes, scores.max(axis=1, initial=0), _best_class(scores), threshold)


def _best_class(scores: Array) -> NDArray[np.integer]:
    return scores.argmax(axis=1) if len(scores) else np.zeros(0, np.int64)


def _kept(boxes: Array, scores: Array, classes: NDArray[np.generic], threshold: float) -> Boxes:
    sure = (scores >= threshold) & np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    return Boxes(
        boxes[sure].astype(np.float32), scores[sure].astype(np.float32), classes[sure].astype(np.int64)
    )
