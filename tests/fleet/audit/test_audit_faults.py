"""Killed in the middle, a full disk, many at once, a backup, changes by SQL: the audit holds, or says so."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.fleet.audit.acts import by, did
from tests.fleet.store.filled import camera

from sightline.errors import StoreError
from sightline.fleet.store import Database, Vault
from sightline.fleet.store.importing import import_rows
from sightline.fleet.store.putting_back import CannotUndo
from sightline.testing import ManualClock

ACTING = Path(__file__).with_name("acting_without_end.py")


def told_rows(database: Database) -> dict[str, int]:
    """The generation that each camera is left with by all that is told of it."""
    left: dict[str, int] = {}
    for entry in reversed(database.audit.page(limit=1000).items):
        for change in database.audit.get(entry.id).changes:
            if change.kind == "camera" and change.generation is not None:
                left[change.name] = change.generation
            elif change.kind == "camera":
                del left[change.name]
    return left


def there(database: Database) -> dict[str, int]:
    return {row.camera_id: row.generation for row in database.cameras.page(limit=1000).items}


def killed(path: Path, *arguments: object, lines: int) -> int:
    """Let a process act until it told so many lines, and kill it; how many it had told."""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, str(ACTING), str(path), *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ)
    assert process.stdout is not None
    try:
        told = sum(bool(process.stdout.readline()) for _ in range(lines))
    finally:
        process.kill()
        rest, _ = process.communicate()
    return told + len(rest.split())


def check_whole(path: Path) -> int:
    """What is told is what is there, and all of it; how many entries there are."""
    with Database(path) as database:
        found = database.audit.verify()
        assert found.ok, found
        assert told_rows(database) == there(database)
        revision = database.applied()[0].revision
        newest = database.audit.page(kind="revision", limit=1).items
        assert revision == (newest[0].changes[0].generation if newest else 0)
        return found.head or 0


@pytest.mark.alone
def test_who_is_killed_has_done_and_told_both_or_neither(tmp_path: Path) -> None:
    path, told = tmp_path / "fleet.db", 0
    for life in range(2):
        told += killed(path, lines=life + 1)
        assert check_whole(path) >= 5 * told, "what was said to be done is told"
    for commit in (1, 3, 5):  # and where it would hurt: what is done just before it is on disk
        before = check_whole(path)
        killed(path, commit, lines=100)
        assert check_whole(path) == before + commit - 1


def test_a_full_disk_takes_neither_what_is_done_nor_what_is_told(database: Database) -> None:
    with by("create_camera"):
        database.cameras.add(camera())
    with database.sessions.writing() as session:
        connection = session.connection()
        used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {used}")
    kept, refused = 0, ""
    while not refused:
        try:
            with by("import_all"):
                import_rows(database, "o", cameras=[camera(f"{kept}-{each}") for each in range(5)])
            kept += 1
        except StoreError as error:
            refused = str(error)
    assert "no room is left; nothing of this change was kept" in refused
    assert database.cameras.page().total == 1 + 5 * kept
    assert database.audit.page().total == 1 + kept
    assert database.audit.verify().ok
    with by("create_camera"):
        database.cameras.add(camera("later"))  # a new connection has room
    assert (database.audit.page().total, database.audit.verify().ok) == (2 + kept, True)


def test_where_it_cannot_be_told_it_is_not_done(database: Database) -> None:
    """A disk may take the one and not the other: then neither is kept."""
    with database.sessions.writing() as session:
        session.execute(
            text("CREATE TRIGGER no_room BEFORE INSERT ON audit_change BEGIN SELECT RAISE(FAIL, 'x'); END")
        )
    with pytest.raises(Exception, match="x"), by("create_camera"):
        database.cameras.add(camera())
    with database.sessions.writing() as session:
        session.execute(text("DROP TRIGGER no_room"))
    assert (database.cameras.page().total, database.audit.page().total) == (0, 0)
    with by("create_camera"):
        database.cameras.add(camera())
    assert (database.audit.page().total, database.audit.verify().ok) == (1, True)


def test_many_at_once_are_told_one_after_the_other(database: Database) -> None:
    faults: list[BaseException] = []

    def act(name: str) -> None:
        try:
            for number in range(10):
                with by("create_camera", name):
                    database.cameras.add(camera(f"{name}{number}"))
                database.audit.note(did("looked", name))
                database.cameras.change(f"{name}{number}", {"pool": "x"})  # nobody's doing
        except BaseException as error:  # noqa: BLE001 - told below
            faults.append(error)

    threads = [threading.Thread(target=act, args=(name,)) for name in ("ada", "bob", "eve", "kim")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    found = database.audit.verify()
    assert (found.ok, found.entries) == (True, 80)
    for name in ("ada", "bob", "eve", "kim"):
        mine = database.audit.page(who=name, act="create_camera").items
        assert [one.changes[0].name for one in mine[::-1]] == [f"{name}{number}" for number in range(10)]


def test_of_two_who_take_back_the_same_one_is_first(database: Database) -> None:
    database.cameras.add(camera())
    with by("change_camera"):
        database.cameras.change("gate", {"pool": "a"})
    done: list[int] = []
    said: list[str] = []

    def undo(name: str) -> None:
        try:
            with by("undo", name):
                done.append(database.undo(1).undoes.id)
        except CannotUndo as error:
            done.append(-1)
            said.append(str(error))

    threads = [threading.Thread(target=undo, args=(name,)) for name in ("ada", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [-1, 1]
    assert "taken back already" in said[0]
    assert database.cameras.get("gate").generation == 3


@pytest.fixture
def acted(database: Database, clock: ManualClock) -> Database:
    """With some entries, of different kinds."""
    for number in range(3):
        with by("create_camera", "ada"):
            database.cameras.add(camera(f"c{number}", username="u", password="geheim"))
        clock.move(10.0)
        with by("change_camera", "bob"):
            database.cameras.change(f"c{number}", {"pool": "x"})
        database.audit.note(did("login", "eve"))
    with by("delete_camera"):
        database.cameras.remove("c0")
    assert database.audit.verify().ok
    return database


BEHIND: dict[str, tuple[str, int]] = {
    "another who": ("UPDATE audit SET who = 'kim' WHERE id = 5", 5),
    "another time": ("UPDATE audit SET at = at + 1 WHERE id = 1", 1),
    "another act": ("UPDATE audit SET act = 'get_camera' WHERE id = 4", 4),
    "another address": ("UPDATE audit SET address = '10.0.0.1' WHERE id = 10", 10),
    "another request": ("UPDATE audit SET request = 'x' WHERE id = 2", 2),
    "as if it could not be taken back": ("UPDATE audit SET undoable = 0 WHERE id = 4", 4),
    "as if it took something back": ("UPDATE audit SET undoes = 1 WHERE id = 6", 6),
    "an entry less": ("DELETE FROM audit WHERE id = 3", 4),
    "no first entry": ("DELETE FROM audit WHERE id = 1", 2),
    "no last entry": ("DELETE FROM audit WHERE id = 10", 10),
    "no entries": ("DELETE FROM audit", 10),
    "nothing but what hung on it": ("DELETE FROM audit; DELETE FROM setting WHERE name = 'audit head'", 10),
    "an entry more": (
        """INSERT INTO audit SELECT 11, at, who, role, how, address, act, 'x', request, undoable, undoes, hash
        FROM audit WHERE id = 9""",
        11,
    ),
    "a change less": ("DELETE FROM audit_change WHERE audit_id = 5", 5),
    "another value before": ("UPDATE audit_change SET before = '{\"id\": 2}' WHERE audit_id = 5", 5),
    "another value after": ("UPDATE audit_change SET after = NULL WHERE audit_id = 4", 4),
    "another name": ("UPDATE audit_change SET name = 'c2' WHERE audit_id = 4", 4),
    "another generation": ("UPDATE audit_change SET generation = 7 WHERE audit_id = 4", 4),
    "nothing sealed": ("UPDATE audit_change SET sealed = NULL WHERE audit_id = 5", 5),
    "something else sealed": ("UPDATE audit_change SET sealed = 'x' WHERE audit_id = 5", 5),
    "what was sealed of another": (
        """UPDATE audit_change SET sealed = (SELECT sealed FROM audit_change WHERE audit_id = 2)
        WHERE audit_id = 5""",
        5,
    ),
    "two entries' numbers changed": (
        """UPDATE audit SET id = CASE id WHEN 3 THEN -6 ELSE -3 END WHERE id IN (3, 6);
        UPDATE audit SET id = -id WHERE id < 0""",
        3,
    ),
    "no head": ("DELETE FROM setting WHERE name = 'audit head'", 10),
    "a head that we did not seal": ("UPDATE setting SET value = 'x' WHERE name = 'audit head'", 10),
}


@pytest.mark.parametrize("what", BEHIND)
def test_what_is_changed_by_sql_is_found_and_not_healed_by_who_writes_next(
    acted: Database, what: str
) -> None:
    statement, at = BEHIND[what]
    connection = sqlite3.connect(acted.path)
    connection.executescript(statement)
    connection.close()
    found = acted.audit.verify()
    assert (found.ok, found.broken_at) == (False, at), found
    assert found.fault
    for number in range(2):
        with by("create_camera"):
            acted.cameras.add(camera(f"later{number}"))
    assert not acted.audit.verify().ok


def test_who_writes_the_chain_anew_is_found_by_a_hash_that_was_kept(acted: Database) -> None:
    kept = acted.audit.verify().head_hash
    assert acted.audit.verify(kept).ok
    acted.audit.note(did("login"))
    assert acted.audit.verify(kept).ok, "it goes on from there"
    found = acted.audit.verify("0" * 64)
    assert (found.ok, found.fault) == (False, "no entry has the hash that was seen")


def test_a_database_that_was_restored_goes_on_and_says_what_it_does_not_know(
    acted: Database, tmp_path: Path
) -> None:
    acted.backup(tmp_path / "copy.db")
    acted.audit.note(did("login", "later"))
    known = acted.audit.verify().head_hash
    with Database(tmp_path / "copy.db", Vault.at(tmp_path / "fleet.db.key")) as restored:
        assert restored.audit.verify().ok
        with by("undo"):
            assert restored.undo().undoes.act == "delete_camera"
        found = restored.audit.verify()
        assert (found.ok, found.head) == (True, 11)
        assert not restored.audit.verify(known).ok, "what came after the backup is gone"
        restored.rotate()
        assert restored.audit.verify().ok


def test_a_database_without_its_key_is_refused_as_before(acted: Database, tmp_path: Path) -> None:
    acted.close()
    shutil.copy(acted.path, tmp_path / "other.db")
    with pytest.raises(StoreError, match="is not the one"):
        Database(tmp_path / "other.db")


def test_what_cannot_be_opened_is_not_put_back(acted: Database) -> None:
    connection = sqlite3.connect(acted.path)
    connection.executescript(BEHIND["what was sealed of another"][0].replace("= 5", "= 10"))
    connection.close()
    with pytest.raises(StoreError, match="is that of another"), by("undo"):
        acted.undo()
    assert acted.cameras.page().total == 2


def test_nothing_is_left_in_the_writers_memory(acted: Database) -> None:
    """What a transaction touched is forgotten with it, also where it was broken off."""
    with suppress(RuntimeError), by("change"), acted.sessions.writing() as session:
        session.execute(text("UPDATE camera SET pool = 'y'"))
        raise RuntimeError
    with acted.sessions.writing() as session:
        session.execute(text("UPDATE camera SET pool = 'z'"))
        left = [
            session.scalar(text(f"SELECT count(*) FROM temp.{name}")) for name in ("was_camera", "was_user")
        ]
        watching = session.scalar(text("SELECT is_on FROM temp.watching"))
    assert (left, watching) == ([0, 0], 0)
