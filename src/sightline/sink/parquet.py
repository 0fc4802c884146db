"""Detections as a folder of Parquet files: `pandas.read_parquet(folder)`, DuckDB's `'folder/*.parquet'`.

A flat table, a row a detection, with every field of its result beside it: that is what is filtered and
grouped without a word about nesting, and what repeats costs next to nothing in dictionaries.

A Parquet file can be read once it is closed, not before. So rows are kept in memory, and a file is written
after so many rows or seconds: under another name, flushed to the disk, then given its own. Nobody ever sees
half of one; a process that is killed loses the rows since the last file, and leaves a hidden `.part` at most.

Deliberately not here: partitions by day or camera, merging of small files, nested columns.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from pydantic import Field, SkipValidation

from sightline.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, Clock, ns
from sightline.errors import Closed, MissingExtra, SinkError, WireError
from sightline.frame import Frame
from sightline.result import Detection, Result
from sightline.wire import result_to_json

COLUMNS: Final[dict[str, str]] = {
    "camera_id": "word",
    "epoch": "int",
    "index": "int",
    "term": "int",
    "pts": "int",
    "time_base": "word",
    "captured_at": "time",
    "captured_at_source": "word",
    "width": "int",
    "height": "int",
    "model": "word",
    "model_version": "word",
    "decoded_at": "time",
    "inferred_at": "time",
    "published_at": "time",
    "label": "word",
    "score": "float",
    "x1": "float",
    "y1": "float",
    "x2": "float",
    "y2": "float",
    "track_id": "int",
    "attributes": "text",
}
"""Every field of a result, then every one of a detection, and what it is; `_at` is the value's `_at_ns`."""

_OF_RESULT: Final = tuple(COLUMNS)[: tuple(COLUMNS).index("label")]
_OF_DETECTION: Final = tuple(COLUMNS)[len(_OF_RESULT) :]


class ParquetFolder:
    """Files of rows, closed one after another.

    Args:
        path: the folder; made where it is missing. Files are added, none is replaced.
        max_rows: a file is written as soon as it has so many rows; as many are in memory at most, but for
            the detections of one result. 20,000 take about 10 MB, and 30 more while they are written.
        max_age_s: or as soon as its first row is so old, which is seen when a result comes.
        empty_frames: write a row without a label for a frame in which nothing was seen.

    Attributes:
        written: rows in files that are closed.
        failed: rows that were lost, because they or their file could not be written.

    Raises:
        MissingExtra: pyarrow is not installed.
        SinkError: the folder cannot be made or written to.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000,
        max_age_s: Annotated[float, Field(gt=0, le=86_400)] = 300,
        empty_frames: bool = False,
        clock: SkipValidation[Clock] = SYSTEM_CLOCK,
    ) -> None:
        self._folder = path
        self._max_rows = max_rows
        self._max_age_ns = ns(max_age_s)
        self._empty_frames = empty_frames
        self._clock = clock
        self._names = _names(clock)
        self._schema = schema()
        self._open: list[Result] = []
        self._rows = 0
        self._due_ns = 0
        self._closed = False
        self.written = 0
        self.failed = 0
        try:
            path.mkdir(parents=True, exist_ok=True)
            _try_out(path)  # better now than after the first rows
        except OSError as error:
            raise SinkError(f"cannot write Parquet files to {path}: {error.strerror}") from error

    def write(self, result: Result, frame: Frame) -> None:  # noqa: ARG002
        """Keep the rows of a result, and write a file where it is time for one.

        Raises:
            SinkError: the file could not be written, and its rows, which the message counts, are lost; or
                this result has a value that no column takes: a NaN, an integer above 64 bits.
        """
        if self._closed:
            raise Closed(f"the sink for {self._folder} is closed")
        self._check(result)
        self._keep(result)
        if self._rows and (self._rows >= self._max_rows or self._clock.monotonic_ns() >= self._due_ns):
            self._finish()

    def close(self) -> None:
        """Write what is left. Raises SinkError when the disk is full or the folder went away."""
        self._closed = True
        if self._rows:
            self._finish()

    def _check(self, result: Result) -> None:
        """A value that does not fit would spoil all the rows that it is in a file with."""
        try:
            result_to_json(result)
        except WireError as error:
            self.failed += len(result.detections)
            raise SinkError(f"cannot write a row to {self._folder}: {error.message}") from error

    def _keep(self, result: Result) -> None:
        rows = len(result.detections) or int(self._empty_frames)
        if not rows:
            return
        if not self._rows:
            self._due_ns = self._clock.monotonic_ns() + self._max_age_ns
        self._open.append(result)
        self._rows += rows

    def _finish(self) -> None:
        results, rows = self._open, self._rows
        self._open, self._rows = [], 0
        try:
            _write_whole(self._folder / next(self._names), table_of(results, self._schema))
        except OSError as error:
            self.failed += rows
            why = error.strerror or str(error)
            raise SinkError(
                f"{rows} rows are lost, no file could be written to {self._folder}: {why}"
            ) from error
        self.written += rows


def schema() -> Any:
    """The columns as Arrow has them. Raises MissingExtra."""
    arrow = _arrow()
    kinds = {
        "word": arrow.dictionary(arrow.int32(), arrow.string()),
        "text": arrow.string(),
        "int": arrow.int64(),
        "float": arrow.float64(),
        "time": arrow.timestamp("ns", tz="UTC"),
    }
    return arrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])


def table_of(results: Iterable[Result], its_schema: Any) -> Any:
    """Results as an Arrow table; one without detections is a row without a label."""
    rows = list(_rows(results))
    columns = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS)
    return _arrow().table(dict(zip(COLUMNS, map(list, columns), strict=True)), schema=its_schema)


def _rows(results: Iterable[Result]) -> Iterator[tuple[Any, ...]]:
    for result in results:
        shared = tuple(_value(result, name) for name in _OF_RESULT)
        for seen in result.detections:
            yield (*shared, *(_value(seen, name) for name in _OF_DETECTION))
        if not result.detections:
            yield (*shared, *(None,) * len(_OF_DETECTION))


def _value(of: Result | Detection, name: str) -> Any:
    if name == "time_base":
        return "/".join(map(str, of.time_base.as_integer_ratio())) if isinstance(of, Result) else None
    if name == "attributes":
        return msgspec.json.encode(getattr(of, name)).decode()
    return getattr(of, f"{name}_ns" if COLUMNS[name] == "time" else name)


def _names(clock: Clock) -> Iterator[str]:
    """In the order of time, and like nobody else's, on whatever machine."""
    ours = uuid.uuid4().hex[:8]
    for number in count(1):
        at_ns = clock.utc_ns()
        at = datetime.fromtimestamp(at_ns // NS_PER_S, UTC)
        ms = at_ns % NS_PER_S // NS_PER_MS
        yield f"results-{at:%Y%m%dT%H%M%S}.{ms:03}Z-{ours}-{number:06}.parquet"


def _write_whole(path: Path, table: Any) -> None:
    part = path.with_name(f".{path.stem}.part")  # readers of a folder pass over hidden files
    try:
        with part.open("wb") as file:
            _parquet().write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _try_out(folder: Path) -> None:
    part = folder / f".{uuid.uuid4().hex}.part"
    part.touch()
    part.unlink()


def _arrow() -> Any:
    return _import("pyarrow")


def _parquet() -> Any:
    return _import("pyarrow.parquet")


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise MissingExtra(
            "pyarrow is not installed; it comes with: pip install 'sightline[parquet]'"
        ) from error
