"""The database as a file: who may use it, what becomes of it when things fail, and what stands in it."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from tests.conftest import WaitFor
from tests.fleet.store.filled import camera, deepstream, worker
from tests.fleet.store.test_instances import SECRET_WORKER, TOKEN
from tests.fleet.store.writing import NODES

from sightline.errors import Closed, StoreError
from sightline.fleet.deciding.coordinator.actions import Save
from sightline.fleet.store import Conflict, Database, Vault
from sightline.fleet.store.observing import CameraSeen
from sightline.fleet.store.tables import DsInstance
from sightline.testing import ManualClock

PLANTED = "planted-geheim-9f3a"
WRITING = Path(__file__).with_name("writing.py")


def integrity(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()


def test_a_second_coordinator_on_the_same_database_is_refused(database: Database) -> None:
    with pytest.raises(StoreError, match=rf"in use by another coordinator \(process {os.getpid()}\)"):
        Database(database.path)
    database.close()
    Database(database.path).close()


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, WRITING, tmp_path / "fleet.db"], stdout=subprocess.PIPE, env=_environ()
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(StoreError, match=rf"process {process.pid}\)"):
            Database(tmp_path / "fleet.db")
    finally:
        process.kill()
        process.communicate()
    Database(tmp_path / "fleet.db").close()


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}


@pytest.mark.alone
def test_a_database_whose_writer_is_killed_is_whole(tmp_path: Path) -> None:
    path, told = tmp_path / "fleet.db", 0
    for life in range(12):
        process = subprocess.Popen([sys.executable, WRITING, path], stdout=subprocess.PIPE, env=_environ())
        assert process.stdout is not None
        try:
            for _ in range(1 + life * 3 % 7):
                told = int(process.stdout.readline())
        finally:
            process.kill()
            rest, _ = process.communicate()
        told = max([told, *map(int, rest.split())])
        with Database(path) as database:
            memory = database.memory()
            number = memory.terms["round"]
            assert number >= told, "what was said to be on disk is there"
            assert {share.generation for share in memory.shares.values()} == {number}
            assert len(memory.shares) == len(NODES)
            assert set(memory.placement.cameras.values()) == {f"on{number}"}
            gate = database.cameras.get("gate")
            assert gate.address == f"rtsp://h/{gate.pool}"
            assert int(gate.pool) in {number, number - 1}
            inventory, sources = database.applied()
            assert inventory.revision == sources.revision
            assert sources.cameras["gate"].address == f"rtsp://h/{inventory.cameras['gate'].pool}"
        assert integrity(path) == "ok"


@pytest.mark.parametrize("there", ["fleet.db", "fleet.db.key", "fleet.db-wal", "fleet.db-shm"])
def test_a_database_whose_maker_is_killed_is_made_by_the_next(
    tmp_path: Path, there: str, wait_for: WaitFor
) -> None:
    path = tmp_path / "fleet.db"
    process = subprocess.Popen([sys.executable, WRITING, path], stdout=subprocess.DEVNULL, env=_environ())
    try:
        wait_for((tmp_path / there).exists, 30, there)
    finally:
        process.kill()
        process.wait()
    with Database(path) as database:
        database.settings.put("a", "1")
    assert integrity(path) == "ok"


def test_a_full_database_refuses_and_goes_on_when_there_is_room(database: Database) -> None:
    database.cameras.add(camera("first"))
    before = database.inventory()
    with database.sessions.writing() as session:
        connection = session.connection()
        used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {used}")
    kept = 0
    told = ""
    while not told:
        try:
            database.save(Save(terms={f"camera{kept}-{each}": 1 for each in range(100)}))
            kept += 100
        except StoreError as error:
            told = str(error)
    assert "no room is left; nothing of this change was kept" in told
    assert "SQLITE_FULL" in told
    assert len(database.memory().terms) == kept, "nothing is written by half"
    assert database.inventory() == before
    database.cameras.add(camera("second"))  # a new connection has room
    assert integrity(database.path) == "ok"


def _full(path: Path, out: multiprocessing.Queue[str]) -> None:
    """Writes until no file may grow any more, then has room again."""
    with Database(path) as database:
        database.cameras.add(camera("first"))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        most = max(file.stat().st_size for file in path.parent.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (most + 100_000, hard))
        kept = 0
        try:
            for number in range(5000):
                database.save(Save(terms={f"{number}-{each}": 1 for each in range(100)}))
                kept += 100
        except StoreError as error:
            out.put(str(error))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        out.put(str(len(database.memory().terms) - kept))
        database.cameras.add(camera("second"))
        out.put(str(database.cameras.page().total))


def test_a_disk_that_takes_no_more_loses_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    process = context.Process(target=_full, args=(tmp_path / "fleet.db", out))
    process.start()
    told, half, total = (out.get(timeout=60) for _ in range(3))
    process.join(60)
    out.close()
    assert "nothing of this change was kept" in told
    assert (half, total) == ("0", "2")
    assert integrity(tmp_path / "fleet.db") == "ok"
    with Database(tmp_path / "fleet.db") as database:
        assert database.cameras.page().total == 2


def test_what_is_observed_waits_while_the_database_takes_nothing(
    database: Database, clock: ManualClock
) -> None:
    database.cameras.add(camera())
    with database.sessions.writing() as session:
        session.connection().exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StoreError):
        database.observed.observe(cameras={"gate": CameraSeen(status="live")})
    assert database.observed.waiting == 1
    clock.move(1.1)
    assert database.observed.write()
    assert (database.observed.waiting, database.cameras.get("gate").status) == (0, "live")


@pytest.mark.parametrize("damage", ["begin", "middle", "text"])
def test_a_damaged_database_is_told_and_not_written(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "fleet.db"
    with Database(path) as database:
        database.instances.add(deepstream())
    data = bytearray(path.read_bytes())
    if damage == "begin":
        data[:16] = b"no database here"
    elif damage == "middle":
        data[100:] = b"\xff" * (len(data) - 100)
    else:
        data[:] = b"hello\n"
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged; put a backup in its place"):
        Database(path)
    assert path.read_bytes() == data


def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE camera (id INTEGER)")
    connection.close()
    with pytest.raises(StoreError, match="got one of something else"):
        Database(path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file or directory"):
        Database(tmp_path / "nowhere" / "fleet.db")


def test_a_database_that_cannot_be_written_is_told(database: Database) -> None:
    database.cameras.add(camera())
    with database.sessions.writing() as session:
        session.connection().exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match=r"read-only \(SQLITE_READONLY"):
        database.cameras.add(camera("yard"))
    assert database.cameras.page().total == 1


def test_files_are_their_owners_alone(database: Database) -> None:
    database.cameras.add(camera())
    names = {"", ".key", ".lock", "-wal", "-shm"}
    for name in names:
        mode = stat.S_IMODE((database.path.parent / f"fleet.db{name}").stat().st_mode)
        assert mode == 0o600, name


def test_no_password_stands_in_any_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fleet.db"
    shown = []

    def found() -> list[str]:
        secrets = (PLANTED.encode(), TOKEN.encode())
        return [file.name for file in tmp_path.iterdir() for one in secrets if one in file.read_bytes()]

    with Database(path) as database:
        database.cameras.add(camera("gate", username="root", password=PLANTED))
        database.cameras.add(camera("yard", address=f"rtsp://root:{PLANTED}@10.0.0.5/x"))
        database.cameras.add(camera("web", address=f"http://10.0.0.5/x?user=a&pwd={PLANTED}"))
        detect = {"detect_url": f"rtsp://10.0.0.5/sub?token={PLANTED}"}
        database.cameras.add(camera("two", settings=detect))
        database.cameras.change("gate", {"password": f"{PLANTED}2"})
        database.instances.add(worker(config=SECRET_WORKER))
        database.apply()
        assert database.applied()[1].cameras["web"].address.endswith(PLANTED)
        shown += [repr(database), repr(database.applied()), repr(database.vault), repr(database.memory())]
        shown += [database.cameras.page().model_dump_json(), database.instances.page().model_dump_json()]
        for wrong in ({"password": PLANTED, "username": "a:b"}, {"address": f"x://a:{PLANTED}@h/"}):
            with pytest.raises(Exception) as error:  # noqa: PT011 - whatever it is
                database.cameras.add(camera("wrong", **wrong))
            shown.append(str(error.value) + repr(error.value))
        database.backup(tmp_path / "copy.db")
        assert found() == []
        with pytest.raises(StoreError) as refused, database.sessions.writing() as session:
            session.connection().exec_driver_sql("INSERT INTO nothing VALUES (?)", (PLANTED,))
        shown += [str(refused.value), "".join(traceback.format_exception(refused.value))]
    assert found() == []
    out = capfd.readouterr()
    assert PLANTED not in "".join(shown) + out.out + out.err
    assert TOKEN not in "".join(shown)


def test_a_key_that_is_not_the_databases_is_told(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    Database(path).close()
    (tmp_path / "fleet.db.key").unlink()
    with pytest.raises(StoreError, match=r"the key in .*fleet.db.key is not the one"):
        Database(path)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Vault.at(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        Vault.at(tmp_path / "key")


def test_a_file_that_is_no_key_is_told_without_what_it_says(tmp_path: Path) -> None:
    for text in ("", PLANTED):
        (tmp_path / "key").write_text(text)
        (tmp_path / "key").chmod(0o600)
        with pytest.raises(StoreError, match="expected keys of 44 letters") as error:
            Vault.at(tmp_path / "key")
        assert PLANTED not in str(error.value)


def test_a_key_is_made_once_whoever_comes(tmp_path: Path) -> None:
    made: list[Vault] = []
    threads = [threading.Thread(target=lambda: made.append(Vault.at(tmp_path / "key"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {vault.open(made[0].seal("x")) for vault in made} == {"x"}


def test_what_is_sealed_for_one_purpose_opens_for_no_other(tmp_path: Path) -> None:
    vault = Vault.at(tmp_path / "key")
    sealed = {purpose: vault.seal("x", purpose) for purpose in ("", "a", "b")}
    for of, text in sealed.items():
        assert vault.open(text, of) == "x"
        for other in sealed.keys() - {of}:
            with pytest.raises(StoreError, match="is not the one"):
                vault.open(text, other)
    vault.begin_rotation()
    assert [vault.open(text, of) for of, text in sealed.items()] == ["x"] * 3
    newer = vault.seal("y", "a")
    vault.end_rotation()
    assert Vault.at(tmp_path / "key").open(newer, "a") == "y"
    with pytest.raises(StoreError):
        vault.open(sealed["a"], "a")


def test_a_rotation_seals_everything_anew(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    with Database(path) as database:
        database.cameras.add(camera(username="a", password=PLANTED))
        database.instances.add(worker(config=SECRET_WORKER))
        applied = database.apply()
        old = (tmp_path / "fleet.db.key").read_bytes()
        database.rotate()
        assert (tmp_path / "fleet.db.key").read_bytes() != old
        database.cameras.change("gate", {"pool": "x"})
    with Database(path) as database:
        assert database.applied() == applied
        assert database.apply()[1].cameras["gate"].password == PLANTED
        assert database.instances.get("motion").generation == 1
    (tmp_path / "fleet.db.key").write_bytes(old)
    with pytest.raises(StoreError, match="is not the one"):
        Database(path)


def test_a_rotation_that_was_broken_off_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    with Database(path) as database:
        database.cameras.add(camera(username="a", password=PLANTED))
        database.vault.begin_rotation()
    with Database(path) as database:
        assert database.apply()[1].cameras["gate"].password == PLANTED


def test_a_copy_is_of_one_moment_and_works(database: Database, tmp_path: Path) -> None:
    database.cameras.add(camera(username="a", password=PLANTED))
    database.save(Save(terms={"gate": 7}))
    database.backup(tmp_path / "copy.db")
    database.cameras.remove("gate")
    with Database(tmp_path / "copy.db", Vault.at(tmp_path / "fleet.db.key")) as copy:
        assert copy.memory().terms == {"gate": 7}
        assert copy.apply()[1].cameras["gate"].password == PLANTED
    with pytest.raises(StoreError, match="another file"):
        database.backup(database.path)
    with pytest.raises(StoreError, match="No such file"):
        database.backup(tmp_path / "nowhere" / "copy.db")


def test_readers_go_on_while_a_writer_writes(database: Database) -> None:
    database.cameras.add(camera())
    with database.sessions.writing() as session:
        session.connection().exec_driver_sql("UPDATE camera SET pool = 'x'")
        read: list[str] = []
        thread = threading.Thread(target=lambda: read.append(database.cameras.get("gate").pool))
        thread.start()
        thread.join(10)
        assert read == [""], "as it was before the transaction that is not over"
    assert database.cameras.get("gate").pool == "x"


def test_who_writes_has_the_database_from_its_begin_on(database: Database) -> None:
    """Else another one could come between what it read and what it writes, and it would be refused."""
    other = sqlite3.connect(database.path, timeout=0, isolation_level=None)
    try:
        with database.sessions.writing() as session:
            session.connection().exec_driver_sql("SELECT count(*) FROM setting").scalar_one()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO setting VALUES ('theirs', '1')")
    finally:
        other.close()


def test_no_row_belongs_to_one_that_is_not_there(database: Database) -> None:
    database.cameras.add(camera())
    for column in ("agent_id", "dsInstance_id"):
        with pytest.raises(IntegrityError, match="FOREIGN KEY"), database.sessions.writing() as session:
            session.connection().exec_driver_sql(f"UPDATE camera SET {column} = 77")


def test_of_many_who_change_one_generation_one_is_first(database: Database) -> None:
    database.cameras.add(camera())
    done: list[str] = []

    def change(number: int) -> None:
        try:
            database.cameras.change("gate", {"pool": str(number)}, expected=1)
            done.append(str(number))
        except Conflict:
            pass

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [database.cameras.get("gate").pool]
    assert database.cameras.get("gate").generation == 2


def test_a_closed_database_says_so(tmp_path: Path, no_leaks: None) -> None:
    database = Database(tmp_path / "fleet.db")
    database.close()
    database.close()
    with pytest.raises(Closed):
        database.memory()


def test_settings_are_kept(database: Database) -> None:
    assert database.settings.get("a") is None
    database.settings.put("a", "1")
    database.settings.put("a", "2")
    assert database.settings.get("a") == "2"


@pytest.mark.alone
def test_a_large_fleet_is_applied_in_well_under_a_second(database: Database) -> None:
    """10,000 instances; what does not change costs a look at its generation."""
    own = {"id", "instance_name"}
    columns = ", ".join(column.key for column in DsInstance.__table__.columns if column.key not in own)
    database.instances.add(deepstream("model"))
    with database.sessions.writing() as session:
        session.connection().exec_driver_sql(
            f"INSERT INTO dsInstance (instance_name, {columns}) "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
            f"SELECT 'i' || i, {columns} FROM n, dsInstance"
        )
    database.apply()
    database.instances.change("i5000", {"pool": "x"})
    begin = time.process_time()
    inventory, _ = database.apply()
    took = time.process_time() - begin
    assert (len(inventory.instances), inventory.instances["i5000"].pool) == (10_001, "x")
    assert took < 1, f"{took:.2f} s"


def test_a_draft_is_read_anew_after_a_change_and_only_then(database: Database) -> None:
    """Whatever changes it, a sum over its rows has to tell."""
    read = [database.inventory()]
    for change in (
        lambda: database.instances.add(worker("one")),
        lambda: database.cameras.add(camera("gate", instance_name="one")),
        lambda: database.cameras.change("gate", {"pool": "x"}),
        lambda: (database.cameras.remove("gate"), database.cameras.add(camera("gate"))),
        lambda: (database.cameras.add(camera("door")), database.cameras.remove("gate")),
        lambda: database.instances.remove("one"),
    ):
        change()
        read.append(database.inventory())
        again = database.inventory()
        assert again == read[-1]
        assert again.cameras is read[-1].cameras, "nothing changed, so nothing is read"
    assert all(one != other for one, other in itertools.pairwise(read))
    assert list(read[-1].cameras) == ["door"]
