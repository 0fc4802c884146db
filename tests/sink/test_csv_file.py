"""CSV: a row a line, one header, whole after a kill and after a full disk."""

import csv
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sightline import Detection, Frame, Result
from sightline.errors import Closed, SinkError
from sightline.sink import open_sink
from sightline.sink.csv_file import COLUMNS, HEADER, CsvFile

MakeShown = Callable[..., tuple[Result, Frame]]
DiskOf = Callable[[int], AbstractContextManager[None]]
WaitFor = Callable[[Callable[[], object], float, str], object]

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from conftest import shown_of
from sightline.sink import open_sink
sink = open_sink("csv", path=sys.argv[1])
for index in range(int(sys.argv[3])):
    sink.write(*shown_of("kamera ä", index))
"""


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def test_a_detection_is_a_row_with_all_its_columns(tmp_path: Path, make_shown: MakeShown) -> None:
    path = tmp_path / "new" / "folder" / "seen.csv"
    odd = Detection(
        label='a "b",\nc', score=0.1 + 0.2, x1=-1.5, y1=0, x2=1e9, y2=3, track_id=7, attributes={"ä": 1}
    )
    plain = Detection(label="人", score=1, x1=1, y1=2, x2=3, y2=4)
    sink = open_sink("csv", path=str(path))
    result, frame = make_shown("gate", 3, (odd, plain))
    sink.write(result, frame)
    sink.write(*make_shown("gate", 4, ()))
    sink.close()
    first, second = read(path)
    assert tuple(first) == COLUMNS
    assert (first["camera_id"], first["epoch"], first["index"]) == ("gate", "1", "3")
    assert int(first["captured_at_ns"]) == result.captured_at_ns
    assert first["captured_at"] == "2023-11-14T22:13:20.300000000Z"
    assert datetime.fromisoformat(first["captured_at"]) == datetime(2023, 11, 14, 22, 13, 20, 300_000, UTC)
    assert (first["label"], float(first["score"]), first["track_id"]) == ('a "b", c', 0.1 + 0.2, "7")
    assert [float(first[side]) for side in ("x1", "y1", "x2", "y2")] == [-1.5, 0, 1e9, 3]
    assert json.loads(first["attributes"]) == {"ä": 1}
    assert (first["width"], first["height"], first["model"]) == ("192", "108", "m")
    assert (second["label"], second["track_id"], second["attributes"]) == ("人", "", "{}")
    assert len(path.read_bytes().splitlines()) == 3


def test_a_frame_without_anything_seen_is_a_row_where_that_is_asked_for(
    tmp_path: Path, make_shown: MakeShown
) -> None:
    sink = CsvFile(tmp_path / "s.csv", empty_frames=True)
    sink.write(*make_shown(index=1, detections=()))
    sink.write(*make_shown(index=2))
    sink.close()
    empty, seen = read(tmp_path / "s.csv")
    assert (empty["index"], empty["label"], empty["score"], empty["attributes"]) == ("1", "", "", "")
    assert (seen["index"], seen["label"]) == ("2", "square")


def test_the_header_comes_once_however_often_the_file_is_opened(
    tmp_path: Path, make_shown: MakeShown
) -> None:
    path = tmp_path / "s.csv"
    sinks = [CsvFile(path), CsvFile(path)]
    for index in range(20):
        sinks[index % 2].write(*make_shown(index=index))
    for sink in sinks:
        sink.close()
    CsvFile(path).close()
    assert path.read_bytes().count(HEADER) == 1
    assert [int(row["index"]) for row in read(path)] == list(range(20))


def test_processes_that_begin_at_once_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    arguments = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent), "300"]
    running = [subprocess.Popen(arguments) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert path.read_bytes().count(HEADER) == 1
    assert sorted(int(row["index"]) for row in read(path)) == sorted([*range(300)] * 3)


def test_nobody_writes_or_begins_while_another_does(
    no_leaks: None, tmp_path: Path, make_shown: MakeShown
) -> None:
    path = tmp_path / "s.csv"
    sink = CsvFile(path)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        writing = threading.Thread(target=sink.write, args=make_shown())
        beginning = threading.Thread(target=lambda: CsvFile(path).close())
        for thread in (writing, beginning):
            thread.start()
            thread.join(0.1)
            assert thread.is_alive()
        assert path.read_bytes() == HEADER
    for thread in (writing, beginning):
        thread.join()
    sink.close()
    assert len(read(path)) == 1


@pytest.mark.parametrize("start", [b"time,label\n", b"camera_id,epoch,when\n1,2,3\n", b"\x89PNG\r\n\x1a\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(start)
    with pytest.raises(SinkError, match=r"s\.csv to begin with the columns camera_id,epoch,.*; it has '"):
        CsvFile(path)
    assert path.read_bytes() == start


@pytest.mark.parametrize("kept", [0, 1, len(HEADER) - 1])
def test_half_a_header_becomes_a_whole_one(tmp_path: Path, make_shown: MakeShown, kept: int) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(HEADER[:kept])
    sink = CsvFile(path)
    sink.write(*make_shown())
    sink.close()
    assert [row["label"] for row in read(path)] == ["square"]


@pytest.mark.parametrize("torn", [b"", b"gat", b'gate,1,2,"half a', b"x" * 200_000])
def test_half_a_row_of_a_crash_is_cut_off(tmp_path: Path, make_shown: MakeShown, torn: bytes) -> None:
    path = tmp_path / "s.csv"
    for index in range(2):
        sink = CsvFile(path)
        sink.write(*make_shown(index=index))
        sink.close()
        with path.open("ab") as file:
            file.write(torn if index == 0 else b"")
    assert [row["index"] for row in read(path)] == ["0", "1"]


def test_a_killed_process_leaves_whole_rows(tmp_path: Path, wait_for: WaitFor) -> None:
    path = tmp_path / "s.csv"
    process = subprocess.Popen([sys.executable, "-c", WRITER, path, Path(__file__).parent, "100000000"])
    try:
        wait_for(lambda: path.exists() and path.stat().st_size > 100_000, 30, "rows to be written")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    rows = read(path)
    assert path.read_bytes().endswith(b"\n")
    assert [int(row["index"]) for row in rows] == list(range(len(rows)))
    assert {row["attributes"] for row in rows} == {"{}"}


def test_a_full_disk_is_told_counted_and_survived(
    tmp_path: Path, make_shown: MakeShown, disk_of: DiskOf
) -> None:
    path = tmp_path / "s.csv"
    sink = CsvFile(path)
    sink.write(*make_shown(index=0))
    whole = path.stat().st_size
    with disk_of(whole + 50):
        for index in (1, 2):
            with pytest.raises(SinkError, match=rf"cannot write detections to {path}: File too large"):
                sink.write(*make_shown(index=index))
            assert path.stat().st_size == whole
    sink.write(*make_shown(index=3))
    sink.close()
    assert (sink.written, sink.failed) == (2, 2)
    assert [row["index"] for row in read(path)] == ["0", "3"]


def test_where_nothing_can_be_written_it_does_not_open(no_leaks: None, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "s.csv", Path("/dev/full")):
        with pytest.raises(SinkError, match=str(path)):
            CsvFile(path)


def test_a_pipe_gets_the_header_too(tmp_path: Path, make_shown: MakeShown) -> None:
    reading, writing = os.pipe()
    sink = CsvFile(Path(f"/dev/fd/{writing}"))
    sink.write(*make_shown(index=5))
    sink.close()
    os.close(writing)
    with open(reading, encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor has no path
        assert [row["index"] for row in csv.DictReader(file)] == ["5"]


def test_a_closed_one_says_so(tmp_path: Path, make_shown: MakeShown) -> None:
    sink = CsvFile(tmp_path / "s.csv")
    sink.close()
    sink.close()
    with pytest.raises(Closed, match=r"s\.csv is closed"):
        sink.write(*make_shown())
