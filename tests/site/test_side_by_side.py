"""Things that wait, done at the same time."""

import threading

import pytest

from sightline.site.side_by_side import side_by_side


def test_all_is_done_at_the_same_time() -> None:
    meeting = threading.Barrier(3)
    side_by_side([lambda: meeting.wait(10)] * 3)
    assert not meeting.broken


def test_the_first_error_is_raised_while_others_wait() -> None:
    waits = threading.Event()
    try:
        with pytest.raises(ZeroDivisionError):
            side_by_side([waits.wait, lambda: 1 // 0])
    finally:
        waits.set()


def test_where_all_is_to_be_done_the_first_error_is_raised_behind_that() -> None:
    looks, done = threading.Semaphore(0), threading.Event()

    def look() -> bool:
        looks.release()
        return False

    def fail() -> None:
        raise ZeroDivisionError("the first")

    def finish() -> None:
        for _ in range(4):  # the first error was seen by then
            assert looks.acquire(timeout=10)
        done.set()
        raise KeyError("the second")

    with pytest.raises(ZeroDivisionError, match="the first"):
        side_by_side([fail, finish], look, to_the_end=True)
    assert done.is_set()


def test_it_is_given_up_when_that_is_wanted() -> None:
    waits = threading.Event()
    left: list[threading.Thread] = []
    side_by_side([waits.wait], lambda: True, left)
    assert [thread.is_alive() for thread in left] == [True]
    waits.set()
    left[0].join(10)
    assert not left[0].is_alive()


def test_nothing_is_done_at_once() -> None:
    side_by_side([])
