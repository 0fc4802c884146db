"""Parquet: what pandas and Arrow read back, closed on time, whole after a kill and a full disk."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sightline import Detection, Frame, Result
from sightline.errors import Closed, MissingExtra, SinkError
from sightline.sink import open_sink
from sightline.sink.parquet import COLUMNS, ParquetFolder
from sightline.testing import ManualClock

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

MakeShown = Callable[..., tuple[Result, Frame]]
DiskOf = Callable[[int], AbstractContextManager[None]]
WaitFor = Callable[[Callable[[], object], float, str], object]

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from conftest import shown_of
from sightline.sink import open_sink
sink = open_sink("parquet", path=sys.argv[1], max_rows=100)
index = 0
while True:
    sink.write(*shown_of("kamera ä", index))
    index += 1
"""


def read(folder: Path) -> list[dict[str, Any]]:
    """All rows, file by file in the order of their names."""
    return [row for path in sorted(folder.glob("*.parquet")) for row in parquet.read_table(path).to_pylist()]


def test_columns_are_the_fields_of_a_result_and_of_a_detection() -> None:
    result = [name.removesuffix("_ns") for name in Result.__struct_fields__ if name != "detections"]
    assert list(COLUMNS) == [*result, *Detection.__struct_fields__]
    times = {name for name in Result.__struct_fields__ if name.endswith("_ns")}
    assert {f"{name}_ns" for name, kind in COLUMNS.items() if kind == "time"} == times


def test_rows_come_back_with_every_value(tmp_path: Path, make_shown: MakeShown) -> None:
    folder = tmp_path / "new" / "folder"
    odd = Detection(
        label="人\n",
        score=0.1 + 0.2,
        x1=-1.5,
        y1=0,
        x2=1e9,
        y2=3,
        track_id=2**62,
        attributes={"a": "ä", "n": None},
    )
    plain = Detection(label="car", score=1, x1=1, y1=2, x2=3, y2=4)
    result, frame = make_shown("gate", 3, (odd, plain))
    result = msgspec.structs.replace(result, published_at_ns=1_700_000_000_123_456_789, pts=None, term=4)
    sink = open_sink("parquet", path=str(folder))
    sink.write(result, frame)
    sink.close()
    rows = read(folder)
    for row, seen in zip(rows, result.detections, strict=True):
        for name, kind in COLUMNS.items():
            of = seen if name in Detection.__struct_fields__ else result
            wanted = getattr(of, f"{name}_ns" if kind == "time" else name)
            if kind == "time":
                assert row[name].value == wanted, name  # a pandas Timestamp: datetime has no nanoseconds
            elif name == "attributes":
                assert json.loads(row[name]) == wanted
            else:
                assert row[name] == (str(wanted) if isinstance(wanted, Fraction) else wanted), name
    (path,) = folder.iterdir()
    kept = parquet.read_schema(path)
    assert kept.field("captured_at").type == arrow.timestamp("ns", tz="UTC")
    assert all(arrow.types.is_dictionary(kept.field(name).type) for name in ("camera_id", "label", "model"))
    assert path.stat().st_mode & 0o044 == 0o044 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_pandas_reads_the_folder_as_one_table(tmp_path: Path, make_shown: MakeShown) -> None:
    pandas = pytest.importorskip("pandas")
    sink = ParquetFolder(tmp_path, max_rows=3)
    labels = ["car", "person", "car", "dog", "person", "car", "bus"]
    for index, label in enumerate(labels):
        seen = Detection(label=label, score=0.5, x1=0, y1=0, x2=10, y2=10)
        sink.write(*make_shown("gate", index, (seen,)))
    sink.close()
    (tmp_path / ".left-by-a-kill.part").write_bytes(b"PAR1 half of a file")
    table = pandas.read_parquet(tmp_path)
    assert list(table.sort_values("index").label) == labels
    assert dict(table.groupby("label", observed=True).size()) == {"car": 3, "person": 2, "dog": 1, "bus": 1}
    assert str(table.captured_at.dtype) == "datetime64[ns, UTC]"
    seconds = table.set_index("captured_at").sort_index().resample("1s").size()
    assert list(seconds) == [7]


def test_a_file_is_written_after_so_many_rows_or_seconds(tmp_path: Path, make_shown: MakeShown) -> None:
    clock = ManualClock()
    sink = ParquetFolder(tmp_path, max_rows=4, max_age_s=60, clock=clock)

    def files() -> int:
        return len(list(tmp_path.iterdir()))

    for index in range(9):
        sink.write(*make_shown(index=index))
        assert files() == (index + 1) // 4
    clock.move(59)
    sink.write(*make_shown(index=9))
    assert files() == 2
    clock.move(1)
    sink.write(*make_shown(index=10, detections=()))  # nothing to add, but it is time
    assert files() == 3
    clock.move(100)  # the age is that of the first row, not of the last file
    sink.write(*make_shown(index=11))
    assert files() == 3
    sink.close()
    sink.close()
    assert [row["index"] for row in read(tmp_path)] == [*range(10), 11]
    assert (sink.written, sink.failed) == (11, 0)


def test_a_frame_without_anything_seen_is_a_row_where_that_is_asked_for(
    tmp_path: Path, make_shown: MakeShown
) -> None:
    for name, wanted in (("with", True), ("without", False)):
        sink = ParquetFolder(tmp_path / name, empty_frames=wanted)
        sink.write(*make_shown(index=1, detections=()))
        sink.close()
    (row,) = read(tmp_path / "with")
    assert (row["index"], row["width"], row["label"], row["score"], row["attributes"]) == (
        1,
        192,
        None,
        None,
        None,
    )
    assert not list((tmp_path / "without").iterdir())


def test_a_killed_process_leaves_files_that_can_be_read(tmp_path: Path, wait_for: WaitFor) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, Path(__file__).parent])
    try:
        wait_for(lambda: len(list(tmp_path.glob("*.parquet"))) > 10, 30, "files to be written")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    rows = read(tmp_path)
    assert len(rows) >= 1000
    assert sorted(row["index"] for row in rows) == list(range(len(rows)))  # all but the open part
    assert len(list(tmp_path.glob(".*.part"))) <= 1


def test_a_full_disk_costs_the_open_part_and_is_counted(
    tmp_path: Path, make_shown: MakeShown, disk_of: DiskOf
) -> None:
    sink = ParquetFolder(tmp_path, max_rows=2)
    with disk_of(100):
        sink.write(*make_shown(index=0))
        with pytest.raises(SinkError, match=rf"2 rows are lost, .* {tmp_path}: .*File too large"):
            sink.write(*make_shown(index=1))
        assert not list(tmp_path.iterdir())
    for index in (2, 3):
        sink.write(*make_shown(index=index))
    sink.close()
    assert (sink.written, sink.failed) == (2, 2)
    assert [row["index"] for row in read(tmp_path)] == [2, 3]


def test_one_result_that_cannot_be_written_harms_no_other(tmp_path: Path, make_shown: MakeShown) -> None:
    sink = ParquetFolder(tmp_path)
    sink.write(*make_shown(index=0))
    for wrong in ({"track_id": 2**70}, {"score": float("nan")}, {"label": "\ud800"}):
        good = {"label": "a", "score": 1.0, "x1": 0.0, "y1": 0.0, "x2": 1.0, "y2": 1.0}
        with pytest.raises(SinkError, match="this result cannot be written"):
            sink.write(*make_shown(index=1, detections=(Detection(**(good | wrong)),)))  # type: ignore[arg-type]
    sink.close()
    assert (sink.written, sink.failed) == (1, 3)
    assert [row["index"] for row in read(tmp_path)] == [0]


def test_where_nothing_can_be_written_it_does_not_open(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(SinkError, match=f"cannot write Parquet files to {path}"):
            ParquetFolder(path)


def test_without_the_library_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[parquet\]'"):
        open_sink("parquet", path=tmp_path)


def test_a_closed_one_says_so(tmp_path: Path, make_shown: MakeShown) -> None:
    sink = ParquetFolder(tmp_path)
    sink.close()
    with pytest.raises(Closed, match="is closed"):
        sink.write(*make_shown())
