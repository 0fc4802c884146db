"""Threads for plain methods: none waits behind a slow one, and none is left."""

import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue

import pytest
from tests.conftest import WaitFor

from sightline.hub.rpc.threads import Job, Threads

NAME = "threads under test"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


def alive() -> int:
    return sum(thread.name == NAME for thread in threading.enumerate())


def test_a_job_never_waits_behind_a_slow_one(no_leaks: None, gate: threading.Event) -> None:
    threads = Threads(3, NAME)
    begun = threading.Barrier(4)

    def slow() -> None:
        begun.wait(5)
        gate.wait(5)

    assert [threads.run(slow) for _ in range(3)] == [True] * 3
    begun.wait(5)
    assert not threads.run(slow)
    assert alive() == threads.count == 3
    gate.set()
    threads.close()


def test_a_thread_is_used_again_and_ends_when_idle(no_leaks: None, wait_for: WaitFor) -> None:
    threads = Threads(50, NAME, idle_s=0.2)
    seen: set[int] = set()
    for _ in range(20):
        done = threading.Event()

        def note(done: threading.Event = done) -> None:
            seen.add(threading.get_ident())
            done.set()

        assert threads.run(note)
        assert done.wait(5)
        wait_for(lambda: threads._idle == 1, 5, "the thread to be idle")
    assert len(seen) == 1
    wait_for(lambda: threads.count == 0, 5, "the idle thread to end")


def test_a_job_that_is_promised_in_the_moment_of_leaving_is_run(no_leaks: None) -> None:
    threads = Threads(1, NAME)
    ran = threading.Event()

    class OnTheWayOut(SimpleQueue[Job | None]):
        def get(self, block: bool = True, timeout: float | None = None) -> Job | None:
            if timeout is not None and not ran.is_set():
                assert threads.run(ran.set)
                raise Empty
            return super().get(block, timeout)

    threads._jobs = OnTheWayOut()
    assert threads.run(lambda: None)
    assert ran.wait(5)
    threads.close()


def test_jobs_that_come_as_threads_leave_are_all_run(no_leaks: None, wait_for: WaitFor) -> None:
    threads = Threads(8, NAME, idle_s=0.0005)
    ran = threading.Semaphore(0)
    begun = sum(threads.run(ran.release) for _ in range(3000))
    for _ in range(begun):
        assert ran.acquire(timeout=5)
    threads.close()
    wait_for(lambda: threads.count == 0, 5, "all threads to end")
    assert threads._idle == 0


def test_nothing_begins_after_close_and_a_hanging_job_is_left(
    no_leaks: None, gate: threading.Event, wait_for: WaitFor
) -> None:
    threads = Threads(2, NAME)
    begun = threading.Event()

    def hang() -> None:
        begun.set()
        gate.wait(5)

    threads.run(hang)
    assert begun.wait(5)
    threads.close()
    assert not threads.run(lambda: None)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == NAME)
    gate.set()
    wait_for(lambda: threads.count == 0, 5, "the job's thread to end")
