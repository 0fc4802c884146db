"""The queue in a SQLite file."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from multiprocessing import get_context
from pathlib import Path

import pytest
from tests.framequeue.queue_conformance import CHECKS, NAMES
from tests.framequeue.queue_rig import Opener, Rig, hand, take, texts
from tools.services.waiting import wait_for

from sightline.errors import BusError, Closed, ConfigError
from sightline.framequeue import sqlite_file
from sightline.framequeue.queue import EXPIRED
from sightline.framequeue.queues import sqlite
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.queues.sqlite import SqliteQueue
from sightline.testing import ManualClock


class SqliteRig:
    timeout_s = 30.0
    serves = False
    keeps = True
    counts = True

    def __init__(self, path: Path, closing: ExitStack) -> None:
        self.path = path
        self.opener: Opener | None = "sightline.framequeue.queues.sqlite:SqliteQueue", {"path": str(path)}
        self._closing = closing

    def open(self, limits: QueueLimits | None = None) -> SqliteQueue:
        return self._closing.enter_context(SqliteQueue(self.path, limits))

    def kill_server(self) -> None:
        raise AssertionError("there is none")

    start_server = kill_server


@pytest.fixture
def rig(no_leaks: None, tmp_path: Path) -> Iterator[SqliteRig]:
    with ExitStack() as closing:
        yield SqliteRig(tmp_path / "folder" / "keys.queue", closing)


@pytest.mark.parametrize("check", CHECKS, ids=NAMES)
def test_it_keeps_the_promise(check: Callable[[Rig], None], rig: SqliteRig) -> None:
    check(rig)


def test_all_of_it_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    with SqliteQueue(tmp_path / "q") as queue:
        queue.send(["a", "b", "c"])
        died, acked = queue.receive(2, 0)
        assert queue.dead(died, "why")
        assert queue.ack(acked)
        before = queue.depth()
    with SqliteQueue(tmp_path / "q") as queue:
        assert queue.depth() == before
        assert texts(queue.receive(3, 0)) == ["c"]
        assert queue.dead_letters()[0].reason == "why"


def test_limits_stay_with_the_file_until_others_are_given(tmp_path: Path) -> None:
    with SqliteQueue(tmp_path / "q", QueueLimits(max_keys=1)) as queue:
        assert [each.accepted for each in queue.send(["a", "b"])] == [True, False]
    with SqliteQueue(tmp_path / "q") as queue:
        assert [each.accepted for each in queue.send(["b"])] == [False]
    with SqliteQueue(tmp_path / "q", QueueLimits(max_keys=2)) as queue:
        assert [each.accepted for each in queue.send(["b", "c"])] == [True, False]


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "theirs")) as theirs:
        theirs.execute("CREATE TABLE keys(id)")
    with SqliteQueue(tmp_path / "later") as queue:
        queue._table._file.execute("PRAGMA user_version = 7")
    with pytest.raises(ConfigError, match="expected .* of version 1, or no file yet; got version 7"):
        SqliteQueue(tmp_path / "later")
    (tmp_path / "text").write_text("no database at all, and longer than a hundred bytes " * 4)
    before = (tmp_path / "theirs").read_bytes()
    for name in ("theirs", "text"):
        with pytest.raises(ConfigError, match=name):
            SqliteQueue(tmp_path / name)
    assert (tmp_path / "theirs").read_bytes() == before
    (tmp_path / "q-bell").write_text("in the way")
    with pytest.raises(ConfigError, match="pipe"):
        SqliteQueue(tmp_path / "q")
    with pytest.raises(ConfigError, match="cannot open"):
        SqliteQueue(tmp_path / "text" / "q")


def test_a_queue_is_one_by_whatever_name_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "q")
    with SqliteQueue(tmp_path / "q") as queue, SqliteQueue(tmp_path / "link") as other:
        queue.send(["key"])
        assert texts(queue.receive(1, 0)) == ["key"]
        assert other.depth().in_hand == 1, "its holder is seen to live"


def test_a_file_that_was_deleted_in_use_is_told(tmp_path: Path) -> None:
    queue = SqliteQueue(tmp_path / "q")
    (tmp_path / "q").unlink()
    with pytest.raises(ConfigError, match="still in use"):
        SqliteQueue(tmp_path / "q")
    with pytest.raises(BusError):
        queue.close()
    queue.close()


def test_what_could_not_be_settled_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_S", 0.1)
    with SqliteQueue(tmp_path / "q") as queue, closing(sqlite3.connect(tmp_path / "q")) as locks:
        queue.send(["acked", "retried", "dead", "settled"])
        acked, retried, died, settled = queue.receive(4, 0)
        locks.execute("BEGIN IMMEDIATE")
        settling: tuple[Callable[[], bool], ...] = (
            lambda: queue.ack(acked),
            lambda: queue.retry(retried, 60),
            lambda: queue.dead(died, ""),
            lambda: queue.ack(settled),
        )
        for settle in settling:
            with pytest.raises(BusError, match="locked"):
                settle()
        locks.execute("ROLLBACK")
        assert queue.ack(settled)
        again = queue.receive(4, 0) or queue.receive(4, 2 * sqlite.LOOK_S)
        assert [(each.text, each.redelivered) for each in again] == [
            ("acked", True),
            ("retried", True),
            ("dead", True),
        ]
        assert not queue.ack(acked)


def test_an_interrupt_as_one_begins_to_wait_leaves_it_to_be_closed(tmp_path: Path) -> None:
    class Interrupted(ManualClock):
        armed = False

        def monotonic_ns(self) -> int:
            if self.armed:
                self.armed = False
                raise KeyboardInterrupt
            return super().monotonic_ns()

    clock = Interrupted()
    queue = SqliteQueue(tmp_path / "q", clock=clock)
    queue.send(["key"])
    queue.retry(queue.receive(1, 0)[0], 60)
    due_ns = queue._table.due_ns

    def and_then_interrupted() -> int | None:
        clock.armed = True
        return due_ns()

    queue._table.due_ns = and_then_interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        queue.receive(1, 5)
    closing = threading.Thread(target=queue.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()


def test_a_disk_that_is_full_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    with SqliteQueue(tmp_path / "q") as queue:
        queue.send(["first"])
        pages = queue._table._file.execute("PRAGMA page_count").fetchone()[0]
        queue._table._file.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(BusError, match="full"):
            queue.send(["x" * 1000] * 1000)
        assert queue.depth().ready == 1
        assert queue.depth().balanced
        assert texts(queue.receive(2, 0)) == ["first"]


def test_the_log_of_the_file_does_not_stay_long(tmp_path: Path) -> None:
    limits, log = QueueLimits(max_keys=10**6, max_bytes=10**9), tmp_path / "q-wal"
    with SqliteQueue(tmp_path / "q", limits, durable=False) as queue:
        with closing(sqlite3.connect(tmp_path / "q")) as reads:
            reads.execute("BEGIN")
            reads.execute("SELECT count(*) FROM keys").fetchone()
            while log.stat().st_size < 2 * sqlite_file.LOG_BYTES:  # nobody is held up, and nothing is lost
                assert all(sent.accepted for sent in queue.send(["x" * 1000] * 1000))
        for _ in range(2):
            queue.send(["y" * 1000] * 1000)
        assert log.stat().st_size <= sqlite_file.LOG_BYTES
        assert queue.depth().balanced


def test_a_wall_clock_that_is_set_by_an_hour_changes_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    with SqliteQueue(tmp_path / "q", QueueLimits(ttl_s=30), clock=clock) as queue:
        queue.send(["waits", "tried again"])
        _, later = queue.receive(2, 0)
        queue.retry(later, 20)
        for step_s in (3600, -7200):
            clock.set_wall(step_s)
            assert (queue.depth().delayed, queue.depth().dead) == (1, 0)
        clock.move(20)
        assert texts(queue.receive(2, 0)) == ["tried again"]


def test_after_the_machine_began_anew_all_is_marked_and_ages_begin_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot"
    monkeypatch.setattr(sqlite_file, "_BOOT_ID", boot)
    boot.write_text("first")
    late, soon = ManualClock(monotonic_s=1_000_000), ManualClock(monotonic_s=5)
    with SqliteQueue(tmp_path / "q", QueueLimits(ttl_s=30), clock=late) as queue:
        queue.send(["delayed", "ready"])
        queue.retry(queue.receive(1, 0)[0], 60)
    boot.write_text("second")
    with SqliteQueue(tmp_path / "q", clock=soon) as queue:
        got = queue.receive(2, 0)
        assert [(each.text, each.redelivered) for each in got] == [("delayed", True), ("ready", True)]
        for each in got:
            queue.retry(each)
        soon.move(31)
        assert {dead.reason for dead in queue.dead_letters()} == {EXPIRED}
        assert queue.depth().dead == 2


def test_a_sender_killed_before_it_told_is_found_out(rig: SqliteRig) -> None:
    """The key is there and nobody was woken: whoever waits looks by itself."""
    queue, sender = rig.open(), rig.open()
    sender._bell.ring = lambda keys: None  # type: ignore[method-assign]
    with ExitStack() as stack:
        worker = stack.enter_context(hand(rig, "work"))
        sender.send(["first"])
        worker.wait("acked", 1)
        sender.send(["second"])
        worker.wait("acked", 2)
    assert queue.depth().ready == 0


def test_whoever_waits_is_woken_and_does_not_look_again_and_again(
    rig: SqliteRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOOK_S", 3600.0)
    receivers = [rig.open() for _ in range(3)]
    with ThreadPoolExecutor(6) as pool, rig.open() as sender:
        for count in (1, 6, 2):
            waiting = [pool.submit(each.receive, 1, rig.timeout_s) for each in (receivers * 2)[:count]]
            wait_for(lambda: sum(len(each._waiting) for each in receivers) == count, 10, "all to wait")  # noqa: B023
            sender.send([str(number) for number in range(count)])
            got = [texts(each.result(rig.timeout_s)) for each in waiting]
            assert sorted(got) == [[str(number)] for number in range(count)]
        waiting = [pool.submit(receivers[0].receive, 1, rig.timeout_s)]
        wait_for(lambda: len(receivers[0]._waiting) == 1, 10, "a receiver that waits")
        with rig.open() as closing:
            closing.send(["held"])
            (held,) = waiting[0].result(rig.timeout_s)
            waiting = [pool.submit(closing.receive, 1, rig.timeout_s)]
            wait_for(lambda: len(closing._waiting) == 1, 10, "a receiver that waits")
            receivers[0].retry(held, 0.2)
            assert texts(waiting[0].result(rig.timeout_s)) == ["held"]
            waiting = [pool.submit(receivers[0].receive, 1, rig.timeout_s)]
            wait_for(lambda: len(receivers[0]._waiting) == 1, 10, "a receiver that waits")
        assert texts(waiting[0].result(rig.timeout_s)) == ["held"], "when its holder closes"
        waiting = [pool.submit(receivers[1].receive, 1, 3600)]
        wait_for(lambda: len(receivers[1]._waiting) == 1, 10, "a receiver that waits")
        receivers[1].close()
        with pytest.raises(Closed):
            waiting[0].result(rig.timeout_s)


def test_who_throws_bytes_away_that_were_for_others_wakes_them(
    rig: SqliteRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOOK_S", 3600.0)
    with ThreadPoolExecutor() as pool, rig.open() as sender, rig.open() as receiver, rig.open() as other:
        waiting = pool.submit(other.receive, 1, 3600)
        wait_for(lambda: len(other._waiting) == 1, 10, "a receiver that waits")
        sender._bell.ring = lambda keys: None  # type: ignore[method-assign]
        clear = receiver._bell.clear

        def late() -> None:  # two keys and their bytes came since it looked
            sender.send(["first", "second"])
            clear()

        receiver._bell.clear = late  # type: ignore[method-assign]
        assert texts(receiver.receive(1, 0)) == ["first"]
        assert texts(waiting.result(rig.timeout_s)) == ["second"]


def test_what_must_not_be_lost_is_on_the_disk(tmp_path: Path) -> None:
    def synchronous(queue: SqliteQueue) -> int:
        found: int = queue._table._file.execute("PRAGMA synchronous").fetchone()[0]
        return found

    normal, full = 1, 2
    for durable, sure in ((True, full), (False, normal)):
        with SqliteQueue(tmp_path / f"durable {durable}", durable=durable) as queue:
            queue.send(["key"])
            assert synchronous(queue) == sure
            (delivery,) = queue.receive(1, 0)
            assert synchronous(queue) == normal
            queue.dead(delivery, "")
            assert synchronous(queue) == sure


def test_stale_bytes_wake_nobody_for_long(tmp_path: Path) -> None:
    with SqliteQueue(tmp_path / "q") as queue:
        for number in range(200):
            queue.send([str(number)])
            assert queue.ack(queue.receive(1, 0)[0])
        looked = 0
        took = queue._take

        def counted(most: int) -> list[object]:
            nonlocal looked
            looked += 1
            return list(took(most))

        queue._take = counted  # type: ignore[assignment, method-assign]
        assert queue.receive(1, 0.5) == []
        assert looked <= 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork beside threads
def test_a_child_of_fork_uses_nothing_and_keeps_nothing_alive(rig: SqliteRig) -> None:
    other, queue = rig.open(), SqliteQueue(rig.path)
    other.send(["key"])
    assert texts(queue.receive(1, 0)) == ["key"]
    parent, child = get_context("fork").Pipe()

    def use() -> None:
        try:
            queue.depth()
        except Closed:
            child.send("closed")
        threading.Event().wait()

    process = get_context("fork").Process(target=use)
    process.start()
    try:
        assert parent.recv() == "closed"
        queue._holders.close()  # as when this process ends, and the child does not
        assert texts(take(rig, other, 1)) == ["key"]
    finally:
        process.kill()
        process.join()
        process.close()
    with pytest.raises(ValueError, match="closed"):
        queue._holders.lives(1)
    queue.close()
    parent.close()
    child.close()
