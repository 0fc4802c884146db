"""The store in a folder: the promise, and what is its own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import pytest
from tests.framequeue.store_conformance import LONG_S, StoreConformance, StoreRig, claimed, picture, put

from sightline.errors import BusError, Closed, ConfigError
from sightline.framequeue import sqlite_file
from sightline.framequeue.store import Busy, CameraUsage, Claimed, Done, FrameStore, Gone, Put, Refusal
from sightline.framequeue.stores import folder_check
from sightline.framequeue.stores.folder import FolderStore
from sightline.framequeue.stores.folder_check import file_system
from sightline.testing import ManualClock


class TestFolderStore(StoreConformance):
    @pytest.fixture
    def rig(self, no_leaks: None, tmp_path: Path) -> Iterator[StoreRig]:
        clock = ManualClock()

        def wait_until(condition: Callable[[], object]) -> None:
            for _ in range(1000):
                if condition():
                    return
                clock.move(0.01)
            pytest.fail("it did not come about within 10 s")

        with ExitStack() as opened:

            def open_store(*, limit_bytes: int | None = None, done_ttl_s: float = LONG_S) -> FrameStore:
                store = FolderStore(
                    tmp_path / "f", limit_bytes=limit_bytes, done_ttl_s=done_ttl_s, clock=clock
                )
                return opened.enter_context(store)

            yield StoreRig(open_store, wait_until)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "above" / "frames"


def files(folder: Path) -> list[Path]:
    return sorted((folder / "pictures").iterdir())


@pytest.mark.parametrize("durable", [False, True])
def test_all_of_it_is_there_when_the_folder_is_opened_again(folder: Path, durable: bool) -> None:
    clock = ManualClock()
    with FolderStore(folder, durable=durable, clock=clock) as store:
        kept, held, finished = put(store, picture(0), picture(1), picture(2))
        claim = claimed(store, held)
        store.finish(claimed(store, finished), b"a car")
        before = store.usage()
    with FolderStore(folder, durable=durable, clock=clock) as store:
        assert store.usage() == before
        assert store.peek(kept) == picture(0)[1]
        assert isinstance(store.claim(held, "w2", LONG_S), Busy)
        assert store.finish(claim, b"a bicycle")
        assert store.claim(finished, "w2", LONG_S) == Done(b"a car")


def test_a_folder_that_is_made_is_for_nobody_else(folder: Path) -> None:
    FolderStore(folder).close()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot use the folder"):
        FolderStore(tmp_path / "file")
    with closing(sqlite3.connect(tmp_path / "table.sqlite")) as theirs:
        theirs.execute("CREATE TABLE pictures(id)")
    with pytest.raises(ConfigError, match="expected .* to be a table of pictures"):
        FolderStore(tmp_path)


def test_a_table_that_was_removed_under_its_users_is_not_made_anew(folder: Path) -> None:
    """Both would write under one number, each over the other's pictures."""
    with FolderStore(folder):
        for table in folder.glob("table.sqlite*"):
            table.unlink()
        with pytest.raises(ConfigError, match="is still in use"):
            FolderStore(folder)
    FolderStore(folder).close()


@pytest.mark.parametrize("settings", [{"limit_bytes": 0}, {"done_ttl_s": 0}])
def test_a_setting_that_is_none_is_refused(folder: Path, settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        FolderStore(folder, **settings)  # type: ignore[arg-type]
    assert not folder.exists()


def test_a_smaller_budget_holds_from_the_next_picture_on(folder: Path) -> None:
    with FolderStore(folder, limit_bytes=100) as store, FolderStore(folder, limit_bytes=20) as other:
        keys = put(store, *(picture(n) for n in range(5)))
        put(other, picture(9))
        assert [store.peek(key) is None for key in keys] == [True] * 4 + [False]
        assert len(files(folder)) == 2


def test_a_claimed_picture_that_was_deleted_and_put_again_is_in_hand(folder: Path) -> None:
    with FolderStore(folder, limit_bytes=20) as store:
        [held] = put(store, picture(0))
        claimed(store, held)
        store.delete([held])
        _, free = put(store, picture(0), picture(1))
        assert store.put([picture(2)], LONG_S) == [Put(picture(2)[0], evicted=(free,))]


def test_a_claimed_picture_may_be_put_again_where_it_has_all_the_room(folder: Path) -> None:
    with FolderStore(folder, limit_bytes=10) as store:
        claim = claimed(store, put(store, picture(0))[0])
        assert store.put([picture(0)], LONG_S) == [Put(picture(0)[0])]
        assert store.finish(claim)


def test_a_picture_that_is_put_again_is_the_newest(folder: Path) -> None:
    with FolderStore(folder, limit_bytes=20) as store:
        _, old, _ = put(store, picture(0), picture(1), picture(0))
        assert store.put([picture(2)], LONG_S) == [Put(picture(2)[0], evicted=(old,))]


@pytest.mark.parametrize("spoil", ["another byte", "cut off", "longer", "gone"])
def test_a_picture_that_was_spoiled_is_none_and_counted(folder: Path, spoil: str) -> None:
    with FolderStore(folder) as store:
        [key] = put(store, picture(0))
        [file] = files(folder)
        if spoil == "gone":
            file.unlink()
        else:
            file.write_bytes({"another byte": b"x" * 10, "cut off": bytes(9), "longer": bytes(11)}[spoil])
        assert store.claim(key, "w1", LONG_S) == Gone()
        assert store.peek(key) is store.getdel(key) is None
        assert store.usage().total == CameraUsage(stored=1, lost=1)
        assert files(folder) == []


def test_a_sweeper_finds_pictures_that_are_not_there(folder: Path) -> None:
    with FolderStore(folder) as store:
        put(store, picture(0), picture(1))
        files(folder)[0].unlink()
        store.sweep()
        assert store.usage().total == CameraUsage(stored=2, frames=1, bytes=10, lost=1)


def test_a_sweeper_removes_what_the_dead_left_and_nothing_else(folder: Path) -> None:
    with FolderStore(folder) as store, FolderStore(folder) as living:
        [key] = put(store, picture(0))
        kept = files(folder)
        begun = living._files.write(b"begun", "jpeg", living._holder)
        own = store._files.write(b"begun by another thread", "jpeg", store._holder)
        assert begun is not None
        assert own is not None
        (folder / "incoming" / "999-1").write_bytes(b"of the dead")
        (folder / "pictures" / f"{'0' * 24}.jpeg").write_bytes(b"of the dead")
        theirs = [folder / "pictures" / "holiday.jpeg", folder / "incoming" / "notes"]
        for path in theirs:
            path.write_bytes(b"of others")
        store.sweep()
        assert files(folder) == sorted([*kept, theirs[0]])
        assert set((folder / "incoming").iterdir()) == {begun.path, own.path, theirs[1]}
        assert store.peek(key) == picture(0)[1]
        living.close()
        store.sweep()
        assert set((folder / "incoming").iterdir()) == {own.path, theirs[1]}


def test_a_disk_that_is_full_refuses_a_picture_and_keeps_the_others(folder: Path) -> None:
    with FolderStore(folder) as store:
        # What is written to the second file meets ENOSPC.
        (folder / "incoming" / f"{store._holder}-2").symlink_to("/dev/full")
        answers = store.put([picture(0), picture(1), picture(2)], LONG_S)
        assert [answer.refused for answer in answers] == [None, Refusal.FULL, None]
        assert store.usage().total == CameraUsage(stored=2, frames=2, bytes=20, refused=1)
        assert list((folder / "incoming").iterdir()) == []
        assert len(files(folder)) == 2


def test_a_table_that_has_no_room_refuses_all_and_counts_them_later(folder: Path) -> None:
    with FolderStore(folder) as store:
        [key] = put(store, picture(0))
        db = store._table._db
        pages = db.one("PRAGMA page_count")
        db.execute(f"PRAGMA max_page_count = {pages}")
        pictures = [picture(n) for n in range(1, 500)]
        assert store.put(pictures, LONG_S) == [Put(each, refused=Refusal.FULL) for each, _ in pictures]
        assert store.peek(key) == picture(0)[1]
        db.execute("PRAGMA max_page_count = 1000000")
        assert store.usage().total == CameraUsage(stored=1, frames=1, bytes=10, refused=499)
        put(store, picture(1))
        assert store.usage().total == CameraUsage(stored=2, frames=2, bytes=20, refused=499)
        assert len(files(folder)) == 2
        assert list((folder / "incoming").iterdir()) == []


def test_a_wall_clock_that_is_set_ends_no_lease_and_no_life(folder: Path) -> None:
    clock = ManualClock()
    with FolderStore(folder, clock=clock) as store:
        held, kept = put(store, picture(0), picture(1), ttl_s=10)
        claimed(store, held, lease_s=10)
        for step_s in (3600, -7200):
            clock.set_wall(step_s)
            assert store.usage().claimed == 1
            assert store.peek(kept)


def test_after_the_machine_began_anew_leases_are_over_and_ages_begin_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = folder.parent.parent / "boot"
    monkeypatch.setattr(sqlite_file, "_BOOT_ID", boot)
    boot.write_text("first")
    late, soon = ManualClock(monotonic_s=1_000_000), ManualClock(monotonic_s=5)
    with FolderStore(folder, done_ttl_s=30, clock=late) as store:
        held, kept, buried, done = put(store, *(picture(n) for n in range(4)), ttl_s=30)
        claimed(store, held)
        assert store.bury(claimed(store, buried), "why", 60)
        assert store.finish(claimed(store, done))
        late.move(20)
    boot.write_text("second")
    with FolderStore(folder, clock=soon) as store:
        assert store.sweep().leases == 1
        assert store.overdue(1, 9) == []
        soon.move(29)
        assert set(store.overdue(1, 9)) == {held, kept}
        answer = store.claim(held, "w2", LONG_S)
        assert isinstance(answer, Claimed)
        assert answer.claim.attempt == 2
        assert store.claim(done, "w2", LONG_S) == Done(b"")
        soon.move(2)
        assert store.peek(kept) is None
        assert store.claim(done, "w2", LONG_S) == Gone()
        assert store.peek(buried) == picture(2)[1]
        soon.move(30)
        assert store.peek(buried) is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork beside threads
def test_a_child_of_fork_uses_nothing_and_keeps_nothing_alive(folder: Path) -> None:
    parent, child = get_context("fork").Pipe()
    with FolderStore(folder) as other, FolderStore(folder) as store:
        begun = store._files.write(b"begun", "jpeg", store._holder)
        assert begun is not None

        def use() -> None:
            try:
                store.usage()
            except Closed:
                child.send("closed")
            child.recv()
            os._exit(0)

        process = get_context("fork").Process(target=use)
        process.start()
        assert parent.recv() == "closed"
        store.close()  # as when this process ends, and the child does not
        other.sweep()
        assert not begun.path.exists()
        parent.send("end")
        process.join()
        process.close()
    parent.close()
    child.close()


def test_a_folder_that_went_away_is_told(folder: Path) -> None:
    with FolderStore(folder) as store:
        (folder / "incoming").rmdir()
        with pytest.raises(BusError, match="incoming"):
            store.put([picture(0)], LONG_S)


def test_others_who_may_look_into_the_folder_are_told_of(folder: Path) -> None:
    with FolderStore(folder, limit_bytes=1) as store:
        assert store.check() == []
        folder.chmod(0o755)
        [advice] = store.check()
        assert advice.line == f"chmod o= {folder}"
        assert "everybody" in advice.text


@pytest.mark.parametrize("limit", [None, 2**60])
def test_a_budget_that_is_above_what_the_disk_has_is_told(folder: Path, limit: int | None) -> None:
    with FolderStore(folder, limit_bytes=limit) as store:
        [advice] = store.check()
        assert "refused once it is full" in advice.text


def test_a_file_system_of_a_network_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FolderStore(folder, limit_bytes=1) as store:
        status = folder.stat()
        device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
        mounts = folder.parent.parent / "mountinfo"
        mounts.write_text(
            "21 1 0:999 / /mnt rw - ext4 /dev/other rw\n"
            f"36 35 {device} / /mnt2 rw,noatime master:1 - nfs4 server:/frames rw,errors=continue\n"
        )
        monkeypatch.setattr(folder_check, "_MOUNTS", mounts)
        [advice] = store.check()
        assert "(nfs4)" in advice.text


def test_the_file_system_of_this_machine_is_known(tmp_path: Path) -> None:
    with Path("/proc/self/mountinfo").open() as mounts:
        assert file_system(tmp_path, mounts.read()) in {"ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", ""}


def test_the_log_of_the_table_is_short_again_after_a_long_reader(tmp_path: Path) -> None:
    log = tmp_path / "table.sqlite-wal"
    with FolderStore(tmp_path) as store:
        numbers = count()

        def finish_one() -> None:
            [key] = put(store, picture(next(numbers)))
            assert store.finish(claimed(store, key), bytes(2**20))

        with closing(sqlite3.connect(tmp_path / "table.sqlite")) as reads:
            reads.execute("BEGIN")
            reads.execute("SELECT count(*) FROM pictures").fetchone()
            while log.stat().st_size < 2 * sqlite_file.LOG_BYTES:  # nobody is held up, and nothing is lost
                finish_one()
        for _ in range(3):
            finish_one()
        assert log.stat().st_size == sqlite_file.LOG_BYTES  # its room, for when the disk is full
        assert store.usage().marks == store.usage().total.finished == next(numbers)
