"""JSON lines: appended, whole after a kill, and one line lost where the disk was full."""

import math
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sightline import Detection, Frame, Result
from sightline.errors import Closed, ConfigError, SinkError
from sightline.sink import open_sink
from sightline.sink.jsonl import JsonLines
from sightline.wire import result_from_json

MakeShown = Callable[..., tuple[Result, Frame]]
DiskOf = Callable[[int], AbstractContextManager[None]]

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import shown_of
from sightline.sink import open_sink
sink = open_sink("jsonl", path=sys.argv[1])
index = 0
while True:
    sink.write(*shown_of("kamera ä", index))
    index += 1
"""


def test_results_come_back_from_the_lines(tmp_path: Path, make_shown: MakeShown) -> None:
    path = tmp_path / "new" / "folder" / "results.jsonl"
    sink = open_sink("jsonl", path=str(path))
    shown = [make_shown("gate", index) for index in range(3)]
    for result, frame in shown:
        sink.write(result, frame)
    sink.close()
    assert [result_from_json(line) for line in path.read_bytes().splitlines()] == [
        result for result, _ in shown
    ]


def test_it_appends_to_what_is_there(tmp_path: Path, make_shown: MakeShown) -> None:
    path = tmp_path / "r.jsonl"
    for index in range(2):
        sink = JsonLines(path)
        sink.write(*make_shown(index=index))
        sink.close()
    assert [result_from_json(line).index for line in path.read_bytes().splitlines()] == [0, 1]


def test_a_half_line_of_a_crash_costs_itself_alone(tmp_path: Path, make_shown: MakeShown) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"whole":1}\n{"v":1,"camera_id":"ga')
    sink = JsonLines(path)
    assert path.read_bytes().endswith(b'"ga')  # nothing is changed until there is something to write
    sink.write(*make_shown(index=5))
    sink.close()
    lines = path.read_bytes().splitlines()
    assert lines[:2] == [b'{"whole":1}', b'{"v":1,"camera_id":"ga']
    assert result_from_json(lines[2]).index == 5


def test_a_killed_process_leaves_whole_lines(
    tmp_path: Path, wait_for: Callable[[Callable[[], object], float, str], object]
) -> None:
    path = tmp_path / "r.jsonl"
    process = subprocess.Popen([sys.executable, "-c", WRITER, path, Path(__file__).parent])
    try:
        wait_for(lambda: path.exists() and path.stat().st_size > 100_000, 30, "results to be written")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    data = path.read_bytes()
    assert data.endswith(b"\n")
    assert [result_from_json(line).index for line in data.splitlines()] == list(range(data.count(b"\n")))


def test_several_may_share_a_file(tmp_path: Path, make_shown: MakeShown) -> None:
    path = tmp_path / "r.jsonl"
    sinks = [JsonLines(path), JsonLines(path)]
    for index in range(20):
        sinks[index % 2].write(*make_shown(index=index))
    for sink in sinks:
        sink.close()
    assert [result_from_json(line).index for line in path.read_bytes().splitlines()] == list(range(20))


def test_a_full_disk_is_told_counted_and_survived(
    tmp_path: Path, make_shown: MakeShown, disk_of: DiskOf
) -> None:
    """The kernel takes a part of a line, then none."""
    path = tmp_path / "r.jsonl"
    sink = JsonLines(path)
    sink.write(*make_shown(index=0))
    with disk_of(path.stat().st_size + 50):
        for index in (1, 2):
            with pytest.raises(SinkError, match=rf"cannot write results to {path}: File too large"):
                sink.write(*make_shown(index=index))
    sink.write(*make_shown(index=3))
    sink.close()
    assert (sink.written, sink.failed) == (2, 2)
    first, torn, last = path.read_bytes().splitlines()
    assert (result_from_json(first).index, len(torn), result_from_json(last).index) == (0, 50, 3)


def test_a_device_that_is_full_is_told(make_shown: MakeShown) -> None:
    sink = JsonLines(Path("/dev/full"))
    with pytest.raises(SinkError, match="/dev/full: No space left on device"):
        sink.write(*make_shown())
    sink.close()


def test_a_result_that_json_cannot_hold_is_told_and_counted(tmp_path: Path, make_shown: MakeShown) -> None:
    sink = JsonLines(tmp_path / "r.jsonl")
    endless = Detection(label="cat", score=math.nan, x1=0, y1=0, x2=1, y2=1)
    with pytest.raises(SinkError, match=r"cannot write results to .*r\.jsonl: this result.*score"):
        sink.write(*make_shown(detections=(endless,)))
    sink.write(*make_shown())
    sink.close()
    assert (sink.written, sink.failed) == (1, 1)
    assert len((tmp_path / "r.jsonl").read_bytes().splitlines()) == 1


def test_where_nothing_can_be_written_it_does_not_open(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "r.jsonl"):
        with pytest.raises(SinkError, match=str(path)):
            JsonLines(path)


def test_a_closed_one_says_so_and_holds_no_descriptor(
    no_leaks: None, tmp_path: Path, make_shown: MakeShown
) -> None:
    sink = JsonLines(tmp_path / "r.jsonl")
    sink.close()
    sink.close()
    with pytest.raises(Closed, match=r"r\.jsonl is closed"):
        sink.write(*make_shown())
    assert list(tmp_path.iterdir()) == [tmp_path / "r.jsonl"]


def test_its_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='sink jsonl: pth: unknown option; did you mean "path"'):
        open_sink("jsonl", pth=tmp_path)
    with pytest.raises(ConfigError, match=r"unknown kind of sink 'json'; did you mean \"jsonl\"\?"):
        open_sink("json", path=tmp_path)
