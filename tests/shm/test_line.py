"""The lock for what `__del__` says: nothing waits, nothing stays behind."""

import gc
import os
import signal
import threading
from collections.abc import Callable

from tests.shm.both_ends import run_all

from sightline.shm.line import Line


class Tells:
    """Says so when it ends; in a circle with itself, only the garbage collector ends it."""

    def __init__(self, tell: Callable[[], object]) -> None:
        self.tell = tell
        self.circle = self

    def __del__(self) -> None:
        self.tell()


def test_what_is_put_is_done_at_once() -> None:
    line, done = Line(), list[int]()
    line.put(done.append, 1)
    assert done == [1]


def test_what_ends_within_the_lock_is_done_when_that_is_given_back() -> None:
    line, done = Line(), list[int]()
    with line:
        Tells(lambda: line.put(done.append, 1))
        gc.collect()
        assert done == []
    assert done == [1]


def test_what_is_put_while_something_is_done_comes_after_it() -> None:
    line, done = Line(), list[str]()

    def first() -> None:
        line.put(done.append, "second")
        done.append("first")

    line.put(first)
    assert done == ["first", "second"]


def test_whoever_gets_the_lock_sees_all_that_was_put() -> None:
    line, done = Line(), list[int]()
    line._lock.acquire()
    line.put(done.append, 1)
    line._lock.release()  # who had it did not look again yet
    assert done == []
    with line:
        assert done == [1]


def test_nothing_stays_behind_whatever_threads_put_and_hold_the_lock() -> None:
    line, done = Line(), list[int]()

    def put() -> None:
        for number in range(2000):
            line.put(done.append, number)

    def hold() -> None:
        for _ in range(2000):
            with line:
                pass

    run_all(put, hold, put, hold)
    assert len(done) == 4000


def test_in_a_child_it_is_free_whoever_had_it() -> None:
    line, held, over = Line(), threading.Event(), threading.Event()

    def hold() -> None:
        with line:
            held.set()
            over.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    done: list[int] = []
    line.put(done.append, 1)
    child = os.fork()
    if not child:
        signal.alarm(10)
        with line:
            os._exit(len(done))
    _, status = os.waitpid(child, 0)
    over.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert done == [1]
