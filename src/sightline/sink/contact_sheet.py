"""One picture of a whole run: a row for each camera, in columns the moments of the surest detections.

Small pictures are kept in memory, a bounded number of each camera however long the run; the sheet is
written when the sink is closed, complete or not at all. A run without a picture leaves no file, and
neither does a process that is killed.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import cv2
import numpy as np
from pydantic import Field

from sightline.clock import NS_PER_S
from sightline.errors import Closed, SinkError
from sightline.frame import Frame, Image
from sightline.result import Detection, Result
from sightline.sink.annotate import annotated, write_text
from sightline.sink.stretches import Stretches

MAX_CAMERAS: Final = 64
"""Rows of a sheet. At the default width each costs at most 1.4 MB of memory while the run lasts."""
GAP: Final = 8
CAPTION: Final = 40
GROUND: Final = 24
TITLE_INK: Final = (235, 235, 235)
NOTE_INK: Final = (170, 170, 170)


class ContactSheet:
    """A PNG of annotated moments, spread over the run.

    Args:
        path: the file, replaced when the sink is closed; its folder is made where it is missing.
        columns: moments of each camera.
        tile_width: of each picture on the sheet, in pixels.

    Attributes:
        cameras_left_out: cameras for which the sheet had no row.

    Raises:
        SinkError: the folder cannot be made or written to.
    """

    def __init__(
        self,
        path: Path,
        *,
        columns: Annotated[int, Field(ge=1, le=32)] = 4,
        tile_width: Annotated[int, Field(ge=64, le=1920)] = 320,
    ) -> None:
        self._path = path
        self._columns = columns
        self._tile_width = tile_width
        self._rows: dict[str, Stretches[Image]] = {}
        self._closed = False
        self.cameras_left_out: set[str] = set()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent):
                pass  # better now than after a night's run
        except OSError as error:
            raise SinkError(f"cannot write a contact sheet to {path}: {error.strerror}") from error

    def write(self, result: Result, frame: Frame) -> None:
        """Keep this moment, if something was seen more surely in it than in its neighbours."""
        if self._closed:
            raise Closed(f"the contact sheet {self._path} is closed")
        row = self._row(result.camera_id)
        if row is not None:
            row.add(_worth(result), lambda: _tile(result, frame, self._tile_width))

    def close(self) -> None:
        """Write the sheet. Raises SinkError when the disk is full or the folder went away."""
        if self._closed:
            return
        self._closed = True
        if not self._rows:
            return
        try:
            _replace(self._path, sheet([row.best() for row in self._rows.values()]))
        except OSError as error:
            raise SinkError(f"cannot write a contact sheet to {self._path}: {error.strerror}") from error

    def _row(self, camera_id: str) -> Stretches[Image] | None:
        if camera_id not in self._rows:
            if len(self._rows) == MAX_CAMERAS:
                self.cameras_left_out.add(camera_id)
                return None
            self._rows[camera_id] = Stretches(self._columns)
        return self._rows[camera_id]


def sheet(rows: list[list[Image]]) -> Image:
    """Tiles of any sizes in a grid, one row for each list."""
    width = max(tile.shape[1] for row in rows for tile in row)
    heights = [max(tile.shape[0] for tile in row) for row in rows]
    columns = max(len(row) for row in rows)
    whole = np.full(
        (sum(heights) + GAP * (len(rows) + 1), columns * (width + GAP) + GAP, 3), GROUND, np.uint8
    )
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            left = GAP + column * (width + GAP)
            whole[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        top += height + GAP
    return whole


def _worth(result: Result) -> float:
    """The score of the surest detection; less where it is cut off by an edge of the picture."""
    return max((seen.score - _is_cut_off(seen, result) for seen in result.detections), default=-math.inf)


def _is_cut_off(seen: Detection, result: Result) -> bool:
    return min(seen.x1, seen.y1, result.width - seen.x2, result.height - seen.y2) < 1


def _tile(result: Result, frame: Frame, width: int) -> Image:
    """The annotated picture over its caption: camera, time, what was seen."""
    picture = annotated(frame.image, result, max_width=width)
    tile = np.full((picture.shape[0] + CAPTION, width, 3), GROUND, np.uint8)
    left = (width - picture.shape[1]) // 2
    tile[: picture.shape[0], left : left + picture.shape[1]] = picture
    write_text(tile, f"{result.camera_id}  {_moment(result)}", (2, picture.shape[0] + 16), TITLE_INK)
    write_text(tile, _seen(result), (2, picture.shape[0] + 33), NOTE_INK)
    return tile


def _moment(result: Result) -> str:
    """The time of day; for a file, which has none, the place in it."""
    if result.captured_at_source == "media" and result.pts is not None:
        seconds = float(result.pts * result.time_base)
        return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
    return f"{datetime.fromtimestamp(result.captured_at_ns // NS_PER_S, UTC):%H:%M:%S} UTC"


def _seen(result: Result) -> str:
    counts = Counter(seen.label for seen in result.detections)
    return ", ".join(f"{count} {label}" for label, count in counts.most_common()) or "nothing seen"


def _replace(path: Path, picture: Image) -> None:
    """Write a PNG under another name and then give it its own: nobody ever sees half of it."""
    _, png = cv2.imencode(".png", picture)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(png.tobytes())
        Path(name).chmod(0o644)  # mkstemp makes it readable for its owner alone
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
