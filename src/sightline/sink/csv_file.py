"""Detections as rows of a CSV file, for a spreadsheet, pandas or DuckDB.

The rows of a result are handed to the kernel in one call on a descriptor in append mode, and a row is a
line, always: a line break within a text becomes a space. So a process that is killed leaves whole rows. What
a full disk took of a row is cut off again at once, what a crash of the machine left when the file is next
opened. Several processes may share a file.

Deliberately not here: rotation (logrotate's `copytruncate` takes the header away; name a new file instead),
other dialects, and fsync.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from sightline.errors import Closed, SinkError
from sightline.frame import Frame
from sightline.result import Detection, Result

COLUMNS: Final = (
    "camera_id",
    "epoch",
    "index",
    "captured_at",
    "captured_at_ns",
    "label",
    "score",
    "x1",
    "y1",
    "x2",
    "y2",
    "track_id",
    "width",
    "height",
    "model",
    "attributes",
)
"""In this order in every file. New ones come behind these, with a new name of the file."""

_LINE_BREAKS: Final = str.maketrans(dict.fromkeys("\r\n", " "))
_TAIL_BYTES: Final = 64 * 1024


class CsvFile:
    """One row a detection, under a header that a new file gets.

    Args:
        path: the file; it and its folder are made where they are missing.
        empty_frames: write a row without a label for a frame in which nothing was seen.

    Attributes:
        written: results whose rows are whole in the file; also those that had none to write.
        failed: results that are not in it.

    Raises:
        SinkError: the file cannot be opened, or begins with other columns than these.
    """

    def __init__(self, path: Path, *, empty_frames: bool = False) -> None:
        self._path = path
        self._empty_frames = empty_frames
        self.written = 0
        self.failed = 0
        with self._in_words():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor: int | None = os.open(
                path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
        try:
            with self._in_words(), _alone(self._descriptor):
                _begin(self._descriptor, path)
        except SinkError:
            self.close()
            raise

    def write(self, result: Result, frame: Frame) -> None:  # noqa: ARG002
        """Append the rows of a result. Raises SinkError when the disk is full or the file went away."""
        if self._descriptor is None:
            raise Closed(f"the sink for {self._path} is closed")
        rows = rows_of(result, empty_frames=self._empty_frames)
        try:
            with self._in_words(), _alone(self._descriptor):
                _append(self._descriptor, lines_of(rows))
        except SinkError:
            self.failed += 1
            raise
        self.written += 1

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except SinkError:
            raise
        except OSError as error:
            raise SinkError(f"cannot write detections to {self._path}: {error.strerror}") from error


def rows_of(result: Result, *, empty_frames: bool) -> list[tuple[Any, ...]]:
    """A row for each detection, in the order of `COLUMNS`; texts without line breaks."""
    seen: tuple[Detection | None, ...] = result.detections
    if not seen and empty_frames:
        seen = (None,)
    captured_at = f"{np.datetime64(result.captured_at_ns, 'ns')}Z"
    identity = (_line(result.camera_id), result.epoch, result.index, captured_at, result.captured_at_ns)
    picture = (result.width, result.height, _line(result.model))
    return [(*identity, *_seen(one), *picture, _attributes(one)) for one in seen]


def lines_of(rows: list[tuple[Any, ...]]) -> bytes:
    """Rows as CSV has them (RFC 4180, but for its line ends of two characters)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(errors="backslashreplace")


HEADER: Final = lines_of([COLUMNS])


def _seen(one: Detection | None) -> tuple[Any, ...]:
    if one is None:
        return (None,) * 7
    return _line(one.label), one.score, one.x1, one.y1, one.x2, one.y2, one.track_id


def _attributes(one: Detection | None) -> str | None:
    return None if one is None else msgspec.json.encode(one.attributes).decode()


def _line(text: str) -> str:
    return text.translate(_LINE_BREAKS)


@contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """While no other of these sinks, in whatever process, is within a row of the file."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _begin(descriptor: int, path: Path) -> None:
    """Cut off half a row that a crash left, and write the header if there is none."""
    if not _is_file(descriptor):
        _append(descriptor, HEADER)
        return
    start = os.pread(descriptor, len(HEADER), 0)
    if HEADER.startswith(start) and start != HEADER:  # nothing, or half a header
        os.ftruncate(descriptor, 0)
        _append(descriptor, HEADER)
    elif start != HEADER:
        came = start.partition(b"\n")[0][:60].decode(errors="replace")
        raise SinkError(f"expected {path} to begin with the columns {','.join(COLUMNS)}; it has {came!r}")
    else:
        _cut_half_a_row(descriptor)


def _cut_half_a_row(descriptor: int) -> None:
    end = os.fstat(descriptor).st_size
    at = end
    while at:  # the header ends with a line feed: this ends there at the latest
        before = max(0, at - _TAIL_BYTES)
        found = os.pread(descriptor, at - before, before).rfind(b"\n")
        if found >= 0:
            at = before + found + 1
            break
        at = before
    if at < end:
        os.ftruncate(descriptor, at)


def _append(descriptor: int, data: bytes) -> None:
    """All of `data` or nothing: in one call, but for a disk that fills up within it."""
    before = os.fstat(descriptor).st_size
    left = data
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        if len(left) < len(data) and _is_file(descriptor):
            os.ftruncate(descriptor, before)
        raise


def _is_file(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
