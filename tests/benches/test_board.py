import pickle
import time
from pathlib import Path

import numpy as np
import pytest
from benches.board import (
    DICT,
    PICTURE,
    PICTURE_4K,
    SMALL,
    SMALL_BYTES,
    Board,
    Calls,
    Feed,
    Tally,
    percentile,
    size_bytes,
)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board.create(tmp_path / "board")


def test_processes_see_each_others_numbers(board: Board, tmp_path: Path) -> None:
    other = Board(tmp_path / "board")
    board.ready(3)
    board.count(1, 10, 2, 1)
    board.go(5)
    assert other.is_ready(3)
    assert not other.is_ready(2)
    assert other.counted(1) == (10, 2, 1)
    assert other.gap_ns == 5
    other.wait_for_go()


@pytest.mark.parametrize("size", [SMALL, DICT, PICTURE])
def test_what_is_missing_between_messages_is_counted_and_what_comes_again_too(
    board: Board, size: str
) -> None:
    board.go(1)
    feed, tally = Feed(board, size), Tally(board, 0, size)
    sent = []
    for _ in range(6):
        message = feed.next()
        sent.append(message.copy() if size == PICTURE else message)
    tally.many([sent[0], sent[1], sent[4], sent[4], sent[5]])
    assert board.counted(0) == (5, 2, 1)
    assert board.timed == 5
    assert all(took_ns > 0 for took_ns in board.latencies(0, 5))


def test_small_messages_are_a_hundred_bytes_and_batches_end_where_a_pace_begins(board: Board) -> None:
    feed = Feed(board, SMALL)
    assert {len(message) for message in feed.many(7)} == {SMALL_BYTES}
    board.go(10**6)
    assert len(feed.many(7)) == 1


def test_a_dict_is_pickled_to_about_as_much(board: Board) -> None:
    assert 0.8 * SMALL_BYTES < len(pickle.dumps(Feed(board, DICT).next(), 5)) < 1.3 * SMALL_BYTES


def test_a_torn_picture_is_an_error(board: Board) -> None:
    feed, tally = Feed(board, PICTURE), Tally(board, 0, PICTURE)
    picture = feed.next()
    picture.reshape(-1)[-1] += np.uint8(1)
    with pytest.raises(ValueError, match="torn"):
        tally.hit(picture)


@pytest.mark.parametrize("size", [PICTURE, PICTURE_4K])
def test_what_is_read_whole_is_checked_to_the_last_byte(board: Board, size: str) -> None:
    board.go(1)
    feed, tally = Feed(board, size), Tally(board, 0, size, whole=True)
    for _ in range(3):
        tally.hit(feed.next())
    assert board.counted(0)[0] == 3
    picture = feed.next()
    assert picture.nbytes == size_bytes(size)
    picture.reshape(-1)[picture.nbytes // 2] += np.uint8(1)
    with pytest.raises(ValueError, match="the picture 4 is not what was sent"):
        tally.hit(picture)


def test_messages_may_be_made_where_they_are_read(board: Board) -> None:
    board.go(1)
    feed, tally = Feed(board, SMALL), Tally(board, 0, SMALL)
    place = np.zeros(SMALL_BYTES, np.uint8)
    for _ in range(3):
        feed.stamp(place)
        tally.hit(place)
    assert board.counted(0) == (3, 0, 0)


def test_a_pace_is_kept_and_a_call_that_is_late_is_timed_from_when_it_was_due(board: Board) -> None:
    gap_ns = 20_000_000
    board.go(gap_ns)
    calls = Calls(board)
    first = calls.begin()
    calls.end(first)
    assert calls.begin() >= first + gap_ns
    time.sleep(5 * gap_ns / 1e9)
    assert calls.begin() == first + 2 * gap_ns
    assert board.counted(0) == (1, 0, 0)


def test_delays_add_up_to_the_pace(board: Board) -> None:
    feed = Feed(board, SMALL)
    assert feed.delay_s() == 0
    board.go(10**10)
    assert feed.delay_s() == 0
    assert 9 < feed.delay_s() <= 10
    assert 19 < feed.delay_s() <= 20


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(100)), 0.99) == 99
    assert percentile([7], 0.99) == 7
    with pytest.raises(ValueError, match="got none"):
        percentile([], 0.5)
