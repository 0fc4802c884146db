"""What a child shows in memory."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from sightline.errors import ConfigError, WireError
from sightline.supervise.board import BOARD_BYTES, MOST_LANES, Board
from sightline.supervise.link import MOST_LINE_BYTES, Lines, Word, line_of, words_of


@pytest.fixture
def board(no_leaks: None) -> Iterator[Board]:
    made = Board.made()
    yield made
    made.close()
    made.close()


def test_the_slowest_lane_is_the_one_at_work_that_was_silent_longest(board: Board) -> None:
    assert board.slowest() is None
    before_ns = time.monotonic_ns()
    detect, draw = board.lane("detect"), board.lane("draw")
    assert board.slowest() is None  # nothing is expected of a lane that told nothing
    draw.progress(1)
    detect.progress(7)
    told_ns, name = board.slowest() or (0, "")
    assert name == "draw"
    assert before_ns <= told_ns <= time.monotonic_ns()
    draw.idle()
    assert (board.slowest() or (0, ""))[1] == "detect"
    del detect, draw


def test_a_lane_has_as_much_of_its_name_as_has_room(board: Board) -> None:
    board.lane("ä" * 40).progress(0)
    assert (board.slowest() or (0, ""))[1] == "ä" * 24


def test_there_is_an_end_to_lanes(board: Board) -> None:
    for number in range(MOST_LANES):
        board.lane(str(number)).progress(number)
    with pytest.raises(ConfigError, match=f"expected {MOST_LANES} lanes at most"):
        board.lane("one more")
    assert (board.slowest() or (0, ""))[1] == "0"


def test_what_is_written_behind_the_lanes_is_taken_once(board: Board) -> None:
    write = [sys.executable, "-c", f"import faulthandler; faulthandler.dump_traceback({board.fd})"]
    for _ in range(2):
        subprocess.run(write, pass_fds=[board.fd], check=True)
        assert "most recent call first" in board.take_text()
        assert board.take_text() == ""
    assert os.fstat(board.fd).st_size == BOARD_BYTES


def test_where_there_is_no_memory_without_a_name_a_file_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    board = Board.made()
    lane = board.lane("detect")
    lane.progress(1)
    assert (board.slowest() or (0, ""))[1] == "detect"
    del lane
    board.close()


def test_progress_costs_less_than_two_microseconds(board: Board) -> None:
    progress = board.lane("detect").progress
    best_ns = min(_took_ns(progress) for _ in range(20))
    assert best_ns < 2_000
    del progress


def _took_ns(progress: object, times: int = 1000) -> float:
    assert callable(progress)
    begun_ns = time.perf_counter_ns()
    for done in range(times):
        progress(done)
    return (time.perf_counter_ns() - begun_ns) / times


def test_words_come_whole_out_of_any_parts() -> None:
    words = [Word("ready", "at 4820\nand 4821"), Word("failed", "ä" * 1000)]
    lines = Lines()
    data = b"".join(map(line_of, words))
    heard = [line for at in range(0, len(data), 7) for line in lines.feed(data[at : at + 7])]
    assert words_of(heard) == words
    assert lines.rest() == []


@pytest.mark.parametrize("noise", [b"\n", b"{}\n", b"\xff\n", b"[1,2]\n", b"x" * MOST_LINE_BYTES])
def test_what_is_no_word_is_left_out(noise: bytes) -> None:
    lines = Lines()
    assert words_of(lines.feed(noise)) == []
    assert words_of(lines.feed(line_of(Word("ready", "")))) == [Word("ready", "")]


def test_what_has_no_end_comes_at_the_end() -> None:
    lines = Lines()
    assert lines.feed(b"one\ntw") == [b"one"]
    assert lines.feed(b"o") == []
    assert (lines.rest(), lines.rest()) == ([b"two"], [])


def test_a_word_has_a_bound() -> None:
    with pytest.raises(WireError, match="bytes at most"):
        line_of(Word("failed", "x" * MOST_LINE_BYTES))


def test_what_lanes_have_done_is_seen_at_the_other_end(board: Board) -> None:
    drawn, seen = board.lane("drawn"), board.lane("seen")
    other = Board(os.dup(board.fd))
    drawn.count(7)
    seen.progress(3)
    assert other.done() == {"drawn": 7, "seen": 3}
    assert (other.slowest() or (0, ""))[1] == "seen"  # of what only counts nothing is expected
    other.close()
    del drawn, seen
