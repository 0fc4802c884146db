"""Results to and from `supervision.Detections`, for whoever draws, counts or tracks with supervision.

supervision is an extra: it brings scipy and matplotlib. Its conventions are kept: labels are in
`data["class_name"]`, boxes are `xyxy` in pixels. What it has no place for (our attributes) goes into
`data["attributes"]` and comes back.

Beside the vocabulary, because models as well as sinks have a use for it; `sightline.detect` shows it.
"""

from __future__ import annotations

import importlib
import zlib
from typing import Any, Final

import numpy as np

from sightline.errors import MissingExtra
from sightline.result import Detection, Result

UNTRACKED: Final = -1
"""Stands for None where only some detections of a result are tracked: supervision's ids are all ints."""


def to_supervision(result: Result) -> Any:
    """The detections of a result as a `supervision.Detections`.

    `class_id` is made from the label alone, so that a label keeps its colour in every frame of every
    camera. `metadata` has the identity: camera_id, epoch, index.

    Raises:
        MissingExtra: supervision is not installed.
    """
    found = result.detections
    boxes = np.array([(d.x1, d.y1, d.x2, d.y2) for d in found], np.float64).reshape(-1, 4)
    return load_supervision().Detections(
        xyxy=boxes,
        confidence=np.array([d.score for d in found], np.float64),
        class_id=np.array([class_id(d.label) for d in found], np.int64),
        tracker_id=_tracks(found),
        data={
            "class_name": np.array([d.label for d in found], np.str_),
            "attributes": _objects([d.attributes for d in found]),
        },
        metadata=dict(zip(("camera_id", "epoch", "index"), result.identity, strict=True)),
    )


def from_supervision(detections: Any) -> tuple[Detection, ...]:
    """Our detections of a `supervision.Detections`.

    The label is `data["class_name"]`, else the class id as text, else empty; a missing confidence is 1.
    """
    data = detections.data
    names = data.get("class_name", detections.class_id)
    return tuple(
        Detection(
            label="" if names is None else str(names[at]),
            score=1.0 if detections.confidence is None else float(detections.confidence[at]),
            x1=float(x1),
            y1=float(y1),
            x2=float(x2),
            y2=float(y2),
            track_id=_track(detections.tracker_id, at),
            attributes=dict(data["attributes"][at]) if "attributes" in data else {},
        )
        for at, (x1, y1, x2, y2) in enumerate(detections.xyxy)
    )


def load_supervision() -> Any:
    """The library itself. Raises MissingExtra where it is not installed."""
    try:
        return importlib.import_module("supervision")
    except ModuleNotFoundError as error:
        if error.name != "supervision":
            raise
        raise MissingExtra(
            "supervision is not installed; it comes with: pip install 'sightline[supervision]'"
        ) from error


def class_id(label: str) -> int:
    """A number for a label: the same in every process, 0 to 2**31 - 1."""
    return zlib.crc32(label.encode()) & 0x7FFF_FFFF


def _tracks(found: tuple[Detection, ...]) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    if all(d.track_id is None for d in found):
        return None
    return np.array([UNTRACKED if d.track_id is None else d.track_id for d in found], np.int64)


def _track(ids: Any, at: int) -> int | None:
    return None if ids is None or ids[at] == UNTRACKED else int(ids[at])


def _objects(values: list[Any]) -> np.ndarray[Any, np.dtype[np.object_]]:
    array = np.empty(len(values), object)
    array[:] = values
    return array
