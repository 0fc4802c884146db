"""Processes that are killed with pictures in hand, over a folder and SQLite; counted before and after."""

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.framequeue import frame_hand
from tests.framequeue.frame_hand import queue_in, store_in
from tests.framequeue.working import LONG_S, frame, hand_over, until

from sightline.framequeue.queues.sqlite import SqliteQueue
from sightline.framequeue.store import CameraUsage, Claimed, Done
from sightline.framequeue.stores.folder import FolderStore
from sightline.framequeue.sweeping import Sweeper
from sightline.framequeue.work.worker import HARD_LIMIT_EXIT

SIZE = len(frame()[1])


class Process:
    """One of `frame_hand`; `told` is what it said so far."""

    def __init__(self, role: str, folder: Path, argument: str) -> None:
        command = [sys.executable, "-m", frame_hand.__name__, role, str(folder), argument]
        self.program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.told: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def all(self, what: str) -> list[dict[str, Any]]:
        return [each for each in list(self.told) if what in each]

    def wait(self, what: str, count: int = 1) -> list[dict[str, Any]]:
        until(lambda: len(self.all(what)) >= count, f"{count} times {what!r} of a process: {self.told[-3:]}")
        return self.all(what)

    def kill(self) -> None:
        """At once (SIGKILL); again is fine."""
        self.program.kill()
        self.end()

    def end(self) -> int:
        """Waits for its end; gives its code."""
        code = self.program.wait(LONG_S)
        self._reader.join()
        assert self.program.stdout is not None
        self.program.stdout.close()
        return code

    def _read(self) -> None:
        assert self.program.stdout is not None
        for line in self.program.stdout:
            if line.endswith("\n"):  # the last may be torn
                self.told.append(json.loads(line))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str, str], Process]]:
    with ExitStack() as killed:

        def start(role: str, argument: str) -> Process:
            process = Process(role, tmp_path, argument)
            killed.callback(process.kill)
            return process

        yield start


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderStore]:
    with store_in(tmp_path) as store:
        yield store


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[SqliteQueue]:
    with queue_in(tmp_path) as queue:
        yield queue


Start = Callable[[str, str], Process]


def test_the_picture_of_a_worker_that_was_killed_is_done_once_by_another(
    start: Start, store: FolderStore, queue: SqliteQueue
) -> None:
    [key] = hand_over(store, queue, frame())
    killed = start("work", "hang")
    assert killed.wait("has") == [{"has": str(key), "attempt": 1, "again": False}]
    other = start("work", "quick")
    assert (store.usage().claimed, queue.depth().in_hand) == (1, 1)
    killed.kill()
    assert other.wait("has") == [{"has": str(key), "attempt": 2, "again": True}]
    until(lambda: queue.depth().acked == 1, "the key to be acknowledged")
    assert store.claim(key, "w", LONG_S) == Done(b"seen")
    assert store.usage().total == CameraUsage(stored=1, finished=1)
    assert queue.depth().balanced
    assert not killed.all("did")
    assert len(other.all("did")) == 1


def test_what_a_worker_that_froze_does_too_late_counts_for_nothing(
    start: Start, store: FolderStore, queue: SqliteQueue, tmp_path: Path
) -> None:
    """A machine that stands still for longer than a lease; its key stays in its hand, and is sent again."""
    [key] = hand_over(store, queue, frame())
    frozen = start("work", "wait")
    frozen.wait("has")
    frozen.program.send_signal(signal.SIGSTOP)
    with Sweeper(store, queue, overdue_s=0.1, every_s=0.05):
        other = start("work", "quick")
        assert other.wait("has") == [{"has": str(key), "attempt": 2, "again": True}]
        other.wait("did")
        until(lambda: store.usage().total.finished == 1, "the picture to be done")
    (tmp_path / "go").touch()
    frozen.program.send_signal(signal.SIGCONT)
    frozen.wait("did")
    frozen.program.send_signal(signal.SIGINT)
    assert frozen.end() == 0
    [told] = frozen.all("endings")
    assert told["endings"].pop("late") == 1
    assert told["endings"].keys() <= {"repeated"}  # a key that was sent more than once more
    assert store.usage().total == CameraUsage(stored=1, finished=1)
    assert queue.depth().balanced


def test_pictures_of_a_feed_that_was_killed_before_it_sent_them_are_swept(
    start: Start, store: FolderStore, queue: SqliteQueue
) -> None:
    feed = start("feed", "5")
    feed.wait("stored")
    feed.kill()
    stored = store.usage().total.frames
    assert (stored >= 1, queue.depth().accepted) == (True, 0)
    sweepers = [Sweeper(store, queue, overdue_s=0.1, every_s=0.05) for _ in range(2)]
    worker = start("work", "quick")
    with sweepers[0], sweepers[1]:
        until(lambda: store.usage().total.finished == stored, "all pictures to be done")
    did = [each["did"] for each in worker.wait("did", stored)]
    assert sorted(did) == sorted(set(did))
    assert store.usage().total == CameraUsage(stored=stored, finished=stored)
    assert sum(sweeper.stats().sent for sweeper in sweepers) >= stored


def test_however_many_workers_are_killed_each_picture_is_done_once(
    start: Start, store: FolderStore, queue: SqliteQueue
) -> None:
    count = 120
    keys = hand_over(store, queue, *(frame(n) for n in range(count)))
    workers = [start("work", "quick") for _ in range(3)]
    left = list(workers)
    for _ in range(2):
        until(lambda: any(len(one.all("has")) >= 3 for one in left), "a worker at work")
        busy = max(left, key=lambda one: len(one.all("has")))
        busy.kill()
        left.remove(busy)
    until(lambda: store.usage().total.finished == count, "all pictures to be done")
    until(lambda: queue.depth().acked == count, "all keys to be acknowledged")
    assert store.usage().total == CameraUsage(stored=count, finished=count)
    assert queue.depth().balanced
    assert (queue.depth().dead, store.usage().claimed) == (0, 0)
    runs = Counter(each["has"] for worker in workers for each in worker.all("has"))
    unmarked = Counter(each["has"] for worker in workers for each in worker.all("has") if not each["again"])
    assert set(runs) == {str(key) for key in keys}
    assert max(unmarked.values()) == 1
    assert sum(runs.values()) <= count + 2


def test_a_worker_that_hangs_within_c_says_so_and_ends_for_others_to_go_on(
    start: Start, store: FolderStore, queue: SqliteQueue
) -> None:
    [key] = hand_over(store, queue, frame())
    assert start("work", "stuck").end() == HARD_LIMIT_EXIT
    until(lambda: queue.depth().in_hand == 0, "the key to come back")
    answer = store.claim(key, "w", 0.01)
    assert isinstance(answer, Claimed)
    assert answer.claim.last_reason == "its handler ran longer than 0.5 s"
    store.give_back(answer.claim)
    assert start("work", "quick").wait("has")[0]["again"]
    until(lambda: store.usage().total.finished == 1, "the picture to be done")


def test_signals_may_stop_a_worker_that_is_being_stopped(
    start: Start, store: FolderStore, queue: SqliteQueue, tmp_path: Path
) -> None:
    hand_over(store, queue, frame(0), frame(1))
    worker = start("work", "wait")
    worker.wait("has")
    for stop in (signal.SIGTERM, signal.SIGTERM, signal.SIGTERM):
        worker.program.send_signal(stop)
        with pytest.raises(subprocess.TimeoutExpired):
            worker.program.wait(0.2)  # it waits for what is in hand
    (tmp_path / "go").touch()
    assert worker.end() == 0
    [told] = worker.all("endings")
    assert (told["endings"], told["held"]) == ({"processed": 1}, 0)


def test_ctrl_c_lets_a_worker_finish_and_end(start: Start, store: FolderStore, queue: SqliteQueue) -> None:
    hand_over(store, queue, *(frame(n) for n in range(400)))
    worker = start("work", "quick")
    worker.wait("did", 3)
    worker.program.send_signal(signal.SIGINT)
    assert worker.end() == 0
    [told] = worker.all("endings")
    assert told["held"] == 0
    assert told["endings"]["processed"] == len(worker.all("did")) == store.usage().total.finished < 400
    assert (queue.depth().in_hand, store.usage().claimed) == (0, 0)
