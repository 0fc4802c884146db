"""The table of sources that an application's YAML names, where it is not as DeepStream wants it."""

from pathlib import Path

import pytest
from tests.deepstream.app_files import GOOD, yaml

from sightline.deepstream.findings import Finding, Severity, What, would_load
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.reading.loading import load

HEADER = "enable,type,uri,num-sources\n"
GOOD_ROW = "1,2,file:///a.mp4,1\n"


def judged(folder: Path, rows: str | None) -> tuple[Finding, ...]:
    groups = {name: keys for name, keys in GOOD.items() if name != "source0"}
    if rows is not None:
        (folder / "sources.csv").write_bytes(rows.encode())
    path = folder / "app.yml"
    path.write_text("source:\n  csv-file-path: sources.csv\n" + yaml(groups), "utf-8")
    return lint(load(path))


def test_a_right_table_is_not_spoken_of(tmp_path: Path) -> None:
    assert judged(tmp_path, HEADER + GOOD_ROW) == ()


def test_lines_of_comment_above_the_columns_are_passed_over(tmp_path: Path) -> None:
    assert judged(tmp_path, "# one\n\n  # two\n" + HEADER + GOOD_ROW) == ()


def test_what_follows_a_number_does_not_matter(tmp_path: Path) -> None:
    assert judged(tmp_path, HEADER + "1 on,2 URI,file:///a.mp4,1 film\n") == ()


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ("1,2,file:///a.mp4\n", "expected a cell for each of the 4 columns, got 3"),
        ("\n", "got 1"),
        ("# a comment\n", "got 1"),
        ("1,x,file:///a.mp4,1\n", "line 3 of the table, type"),
        ("0,2,file:///a.mp4,\n", "line 3 of the table, num-sources"),
        ("one,2,file:///a.mp4,1\n", "line 3 of the table, enable"),
    ],
)
def test_deepstream_ends_at_such_a_row(tmp_path: Path, row: str, part: str) -> None:
    found = judged(tmp_path, HEADER + GOOD_ROW + row)
    assert not would_load(found)
    (mine,) = [each for each in found if each.severity is Severity.REFUSED]
    assert part in mine.message
    assert (mine.group, mine.key) == ("source", "csv-file-path")


def test_a_cell_too_many_is_passed_over(tmp_path: Path) -> None:
    assert judged(tmp_path, HEADER + "1,2,file:///a.mp4,1,7\n") == ()


def test_a_type_that_is_none_is_refused(tmp_path: Path) -> None:
    assert not would_load(judged(tmp_path, HEADER + "1,12,file:///a.mp4,1\n"))
    assert would_load(judged(tmp_path, HEADER + GOOD_ROW + "0,12,file:///a.mp4,1\n"))


def test_an_unknown_column_is_told_with_the_nearest(tmp_path: Path) -> None:
    (mine,) = judged(tmp_path, "enable,type,uri,latencyy\n1,2,file:///a.mp4,x\n")
    assert (mine.severity, mine.what) == (Severity.WARNING, What.UNKNOWN)
    assert "'latencyy'" in mine.message
    assert "latency" in mine.message.replace("latencyy", "")


def test_lines_that_end_as_windows_has_them_make_another_column(tmp_path: Path) -> None:
    found = judged(tmp_path, (HEADER + GOOD_ROW).replace("\n", "\r\n"))
    assert any("num-sources\\r" in each.message for each in found)


def test_without_a_column_that_switches_all_is_off(tmp_path: Path) -> None:
    found = judged(tmp_path, "type,uri\n2,file:///a.mp4\n")
    assert any(each.what is What.MISSING and "'enable'" in each.message for each in found)


def test_a_table_that_is_not_here_is_told(tmp_path: Path) -> None:
    (mine,) = judged(tmp_path, None)
    assert (mine.severity, mine.what, mine.key) == (Severity.WARNING, What.MISSING, "csv-file-path")


def test_cameras_of_a_table_are_given_up_at_once(tmp_path: Path) -> None:
    row = "1,4,rtsp://a/b,3\n"
    found = judged(tmp_path, "enable,type,uri,rtsp-reconnect-interval-sec\n" + row)
    assert [each for each in found if each.severity is Severity.NOTE and "first failure" in each.message]
    found = judged(
        tmp_path, "enable,type,uri,rtsp-reconnect-interval-sec,rtsp-reconnect-attempts\n1,4,rtsp://a/b,3,-1\n"
    )
    assert not [each for each in found if "first failure" in each.message]
