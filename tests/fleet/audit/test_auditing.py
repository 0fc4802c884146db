"""What is written down of what is done: all of it, in the words that may be shown, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.fleet.audit.acts import by, did
from tests.fleet.store.filled import camera, deepstream, worker
from tests.fleet.store.test_instances import SECRET_WORKER, TOKEN

from sightline.errors import FleetError
from sightline.fleet.people.principal import Role
from sightline.fleet.store import Database
from sightline.fleet.store import auditing as auditing_module
from sightline.fleet.store.audit import AuditOut
from sightline.fleet.store.importing import import_rows
from sightline.fleet.store.observing import CameraSeen
from sightline.fleet.store.refusals import Conflict, Missing, Refused
from sightline.fleet.store.tables import Setting
from sightline.testing import ManualClock

PLANTED = "planted-geheim-3c7d"


def entries(database: Database) -> list[AuditOut]:
    """The oldest first."""
    return database.audit.page(limit=1000).items[::-1]


def test_a_row_that_came_changed_and_went_is_told_with_who_did_it(
    database: Database, clock: ManualClock
) -> None:
    with by("create_camera"):
        database.cameras.add(camera(labels={"room": "a"}))
    with by("change_camera", "bob", desc="at night"):
        database.cameras.change("gate", {"pool": "night"})
    with by("delete_camera", "eve", Role.ADMIN):
        database.cameras.remove("gate")
    came, changed, went = entries(database)
    assert (came.who, came.role, came.how, came.address) == ("ada", "operator", "session", "10.0.0.9")
    assert (came.act, came.at.timestamp()) == ("create_camera", clock.utc_ns() // 1_000_000 / 1000)
    (change,) = came.changes
    assert (change.kind, change.name, change.generation, change.before) == ("camera", "gate", 1, None)
    assert change.after is not None
    assert (change.after["address"], change.after["labels"]) == ("rtsp://10.0.0.5/gate", {"room": "a"})
    (change,) = changed.changes
    assert (changed.who, changed.desc) == ("bob", "at night")
    assert change.before == {"id": 1, "generation": 1, "pool": ""}
    assert change.after == {"id": 1, "generation": 2, "pool": "night"}
    (change,) = went.changes
    assert (went.who, went.role, change.after, change.generation) == ("eve", "admin", None, None)
    assert change.before is not None
    assert change.before["pool"] == "night"


def test_what_nobody_does_is_not_written_down(database: Database) -> None:
    database.cameras.add(camera())
    database.cameras.change("gate", {"pool": "x"})
    database.apply()
    assert database.audit.note() is None
    assert entries(database) == []
    assert database.audit.verify().ok


def test_what_changes_nothing_is_not_written_down(database: Database) -> None:
    database.cameras.add(camera(username="a", password=PLANTED))
    with by("change_camera"):
        database.cameras.change("gate", {"pool": "", "password": PLANTED})
    with by("import_all"):
        import_rows(database, "o", cameras=[camera("yard")], dry_run=True)
    with by("update_config"):
        database.apply()
        database.apply()
    database.rotate()
    with by("rotate"):
        database.rotate()
    assert [one.act for one in entries(database)] == ["update_config"]


def test_what_is_refused_is_not_written_down(database: Database) -> None:
    with by("create_camera"):
        database.cameras.add(camera())
        with pytest.raises(Conflict):
            database.cameras.add(camera())
        with pytest.raises(Refused):
            database.cameras.change("gate", {"settings": {"transport": "pigeon"}})
    with by("import_all"), pytest.raises(Refused):
        import_rows(database, "o", cameras=[camera("yard"), camera("wrong", address="x://")])
    assert len(entries(database)) == 1
    assert database.audit.verify().ok


def test_how_the_fleet_finds_things_is_not_what_somebody_does(database: Database, clock: ManualClock) -> None:
    database.cameras.add(camera())
    with by("anything"):
        database.observed.observe(cameras={"gate": CameraSeen(status="live", observed_generation=1)})
        clock.move(1.0)
        database.observed.write(now=True)
    assert database.cameras.get("gate").status == "live"
    assert entries(database) == []


def test_what_goes_round_the_rows_objects_is_seen_too(database: Database) -> None:
    database.instances.add(worker())
    for name in ("a", "b"):
        database.cameras.add(camera(name, instance_name="motion"))
    with by("delete_instance"):
        database.instances.remove("motion")  # its cameras are freed by one UPDATE
    with by("by hand"), database.sessions.writing() as session:
        session.execute(
            text("UPDATE camera SET pool = 'p', generation = generation + 1 WHERE camera_id = 'a'")
        )
        session.execute(text("UPDATE OR REPLACE camera SET pool = 'q' WHERE camera_id = 'a'"))
    first, second = entries(database)
    told = {(one.kind, one.name): (one.before, one.after) for one in first.changes}
    assert set(told) == {("instance", "motion"), ("camera", "a"), ("camera", "b")}
    before, after = told["camera", "a"]
    assert before == {"id": 1, "generation": 1, "instance_name": "motion"}
    assert after == {"id": 1, "generation": 2, "instance_name": None}
    (change,) = second.changes
    assert change.after == {"id": 1, "generation": 3, "pool": "q"}


HIDDEN: dict[str, Callable[[Database, str], Any]] = {
    "a password": lambda database, secret: database.cameras.change("gate", {"password": secret}),
    "a part of an address": lambda database, secret: database.cameras.change(
        "web", {"address": f"http://10.0.0.5/x?user=a&pwd={secret}"}
    ),
    "a setting": lambda database, secret: database.cameras.change(
        "two", {"settings": {"detect_url": f"rtsp://10.0.0.5/sub?token={secret}"}}
    ),
    "a part of a configuration": lambda database, secret: database.instances.change(
        "motion", {"config": {**SECRET_WORKER, "bus": f"hub://:{secret}@10.0.0.1:4820"}}
    ),
    "a password of a user": lambda database, secret: database.users.change(
        "bob", password=f"hash of {secret}"
    ),
}


@pytest.mark.parametrize("what", HIDDEN)
def test_a_hidden_part_is_said_to_have_changed_and_no_more(database: Database, what: str) -> None:
    change = HIDDEN[what]
    database.cameras.add(camera("gate", username="root", password=PLANTED))
    database.cameras.add(camera("web", address=f"http://10.0.0.5/x?user=a&pwd={PLANTED}"))
    database.cameras.add(camera("two", settings={"detect_url": f"rtsp://10.0.0.5/sub?token={PLANTED}"}))
    database.instances.add(worker(config=SECRET_WORKER))
    database.users.add("bob", Role.VIEWER, f"hash of {PLANTED}")
    told = []
    for secret in (f"{PLANTED}-1", f"{PLANTED}-2-longer-than-the-first", f"x{PLANTED}"):
        with by("change"):
            change(database, secret)
        (one,) = entries(database)[-1].changes
        assert one.before is not None
        assert one.after is not None
        told.append(
            [{k: v for k, v in side.items() if k != "generation"} for side in (one.before, one.after)]
        )
    before, after = told[0]
    assert "changed" in after.values()
    assert "set" in before.values()
    assert told[0] == told[1] == told[2], "which one it was cannot be told"
    assert PLANTED not in json.dumps(told)


def test_no_secret_stands_in_the_audit_or_in_any_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with Database(tmp_path / "fleet.db") as database:
        with by("import_all", desc=f"rtsp://root:{PLANTED}@10.0.0.5/x"):
            import_rows(
                database,
                "o",
                instances=[worker(config=SECRET_WORKER)],
                cameras=[
                    camera("gate", username="root", password=PLANTED),
                    camera("yard", address=f"rtsp://root:{PLANTED}@10.0.0.5/x"),
                    camera("web", address=f"http://10.0.0.5/x?user=a&pwd={PLANTED}"),
                    camera("two", settings={"detect_url": f"rtsp://10.0.0.5/sub?token={PLANTED}"}),
                ],
            )
        with by("change"):
            for change in list(HIDDEN.values())[:-1]:
                change(database, f"{PLANTED}-new")
            database.apply()
        with by("delete"):
            for name in ("gate", "yard", "web", "two"):
                database.cameras.remove(name)
            database.instances.remove("motion")
        shown = [database.audit.page().model_dump_json(), repr(database.audit.page())]
        for _ in range(2):
            with by("undo"):
                shown.append(database.undo().model_dump_json())
        assert database.apply()[1].cameras["yard"].password == PLANTED, "it was there to be found"
        database.backup(tmp_path / "copy.db")
        files = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    files |= {f"{file.name} closed": file.read_bytes() for file in tmp_path.iterdir()}
    out = capfd.readouterr()
    for secret in (PLANTED, TOKEN):
        assert [name for name, data in files.items() if secret.encode() in data] == []
        assert secret not in "".join(shown) + caplog.text + out.out + out.err


def test_what_may_not_be_put_back_is_told_without_what_it_is(database: Database) -> None:
    with by("create_user", role=Role.ADMIN):
        database.users.add("bob", Role.VIEWER, "hash-of-his")
    with by("create_user_token", role=Role.ADMIN):
        database.user_tokens.add(
            "bob", "tok1", "digest-of-it", role=Role.VIEWER, description="for a script", life_s=60.0
        )
    with by("delete_user", role=Role.ADMIN):
        database.users.remove("bob")
    came, token, went = entries(database)
    assert not any(one.can_undo for one in (came, token, went))
    assert came.changes[0].after is not None
    assert came.changes[0].after["password"] == "set"
    assert token.changes[0].after is not None
    assert (token.changes[0].kind, token.changes[0].after["user"]) == ("user_token", "bob")
    assert {one.kind for one in went.changes} == {"user", "user_token"}, "what hung on it is told"
    told = "".join(one.model_dump_json() for one in (came, token, went))
    assert "hash-of-his" not in told
    assert "digest-of-it" not in told


def test_an_act_that_changes_no_row_is_noted(database: Database) -> None:
    with by("restart_instance"):
        number = database.audit.note(of=[("instance", "hall-1")])
    assert number == 1
    assert database.audit.note(did("login", "bob")) == 2
    assert [(one.who, one.act) for one in entries(database)] == [
        ("ada", "restart_instance"),
        ("bob", "login"),
    ]
    (found,) = database.audit.page(kind="instance", name="hall-1").items
    assert (found.id, found.can_undo) == (1, False)


def test_what_anybody_can_cause_is_noted_seldom_and_counted(database: Database, clock: ManualClock) -> None:
    written = [database.audit.note(did("failed_login", f"nobody{n}"), often=True) for n in range(1000)]
    assert sum(one is not None for one in written) == 30
    assert database.audit.note(did("login"), often=True) is not None, "others have room of their own"
    clock.move(31.0)
    assert database.audit.note(did("failed_login", "last"), often=True) is not None
    assert database.audit.page(limit=1).items[0].desc == " (and 970 more that are not listed)"
    clock.move(31.0)
    database.audit.note(did("failed_login", "later"), often=True)
    assert database.audit.page(limit=1).items[0].desc == ""


def test_entries_are_found_by_who_what_and_when(database: Database, clock: ManualClock) -> None:
    for number, (name, act) in enumerate(
        [("ada", "create_camera"), ("bob", "create_camera"), ("bob", "other")]
    ):
        with by(act, name):
            database.cameras.add(camera(f"camera{number}"))
        clock.move(60.0)
    with by("import_all"):
        import_rows(
            database, "o", instances=[deepstream("hall")], cameras=[camera(f"n{i}") for i in range(30)]
        )
    page = database.audit.page

    def found(**wanted: Any) -> list[int]:
        return [one.id for one in page(**wanted).items]

    assert found() == [4, 3, 2, 1]
    assert (found(limit=2, offset=1), page(limit=2).total) == ([3, 2], 4)
    assert (found(who="bob"), found(act="create_camera"), found(who="bob", act="other")) == (
        [3, 2],
        [2, 1],
        [3],
    )
    assert (found(kind="instance"), found(kind="camera", name="camera1"), found(name="n7")) == ([4], [2], [4])
    assert found(kind="instance", name="camera1") == []
    third = database.audit.get(3).at
    assert (found(since=third), found(since=third + timedelta(seconds=1))) == ([4, 3], [4])
    listed, whole = page(limit=1).items[0], database.audit.get(4)
    assert (len(listed.changes), listed.change_count, len(whole.changes)) == (20, 31, 31)
    with pytest.raises(Missing):
        database.audit.get(99)


DAY_S = 24 * 3600.0


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The oldest are looked for after every ten entries."""
    monkeypatch.setattr(auditing_module, "EVERY", 10)
    return monkeypatch


def test_the_oldest_make_room_and_the_rest_still_holds(
    database: Database, clock: ManualClock, often: pytest.MonkeyPatch
) -> None:
    often.setattr(auditing_module, "KEPT", 15)
    for number in range(19):
        database.audit.note(did(f"act{number}"))
    clock.move(91 * DAY_S)
    database.audit.note(did("act19"))
    found = database.audit.verify()
    assert (found.ok, found.first, found.head, found.entries) == (True, 6, 21, 16)
    (told,) = database.audit.page(act="cut_audit").items
    assert (told.id, told.who, told.can_undo) == (21, "the coordinator", False)
    assert told.desc.startswith("the entries up to 5, of ")
    assert database.audit.note(did("act20")) == 22
    with database.sessions.writing() as session:
        session.execute(text("DELETE FROM audit WHERE id < 10"))
    found = database.audit.verify()
    assert (found.ok, found.broken_at) == (False, 10)


def test_nobody_makes_what_is_young_go_by_many_acts_of_their_own(
    database: Database, clock: ManualClock, often: pytest.MonkeyPatch
) -> None:
    often.setattr(auditing_module, "KEPT", 15)
    often.setattr(auditing_module, "KEPT_CHANGES", 15)
    for number in range(5):
        database.audit.note(did(f"old{number}"))
    clock.move(89 * DAY_S)
    database.audit.note(did("delete_camera", "eve"), of=[("camera", "gate")])
    for _ in range(94):
        database.audit.note(did("create_own_token", "eve"), of=[("user_token", "x")])
    assert database.audit.verify().first == 1
    clock.move(2 * DAY_S)
    for _ in range(10):
        database.audit.note(did("create_own_token", "eve"), of=[("user_token", "x")])
    found = database.audit.verify()
    assert (found.ok, found.first) == (True, 6), "what was old went, up to the first that is not"
    assert database.audit.page(act="delete_camera").total == 1


@pytest.mark.parametrize("bound", ["MOST", "MOST_CHANGES"])
def test_it_has_a_bound_however_young_it_is(
    database: Database, often: pytest.MonkeyPatch, bound: str
) -> None:
    often.setattr(auditing_module, bound, 50)
    for number in range(120):
        database.audit.note(did(f"act{number}"), of=[("user_token", "x")])
    found = database.audit.verify()
    assert found.ok
    assert 50 <= found.entries <= 62
    assert database.audit.page(act="cut_audit").total >= 1


def test_many_changes_make_room_too(
    database: Database, clock: ManualClock, often: pytest.MonkeyPatch
) -> None:
    often.setattr(auditing_module, "KEPT_CHANGES", 50)
    for number in range(20):
        if number == 19:
            clock.move(91 * DAY_S)
        with by("import_all"):
            import_rows(database, "o", cameras=[camera(f"{number}-{each}") for each in range(10)])
    with database.sessions.reading() as session:
        kept = session.scalar(text("SELECT count(*) FROM audit_change"))
        alone = session.scalar(
            text("SELECT count(*) FROM audit_change WHERE audit_id NOT IN (SELECT id FROM audit)")
        )
    assert (kept, alone) == (50, 0)
    found = database.audit.verify()
    assert (found.ok, found.first, found.head) == (True, 16, 21)


def test_what_was_sealed_for_something_else_is_no_mark_of_the_chain(database: Database) -> None:
    for number in range(3):
        database.audit.note(did(f"act{number}"))
    second = database.audit.get(2)
    said = json.dumps({"of": auditing_module.HEAD, "number": second.id, "hash": second.hash})
    with database.sessions.writing() as session:
        session.execute(text("DELETE FROM audit WHERE id = 3"))
        session.merge(Setting(name=auditing_module.HEAD, value=database.vault.seal(said)))
    assert not database.audit.verify().ok


def test_an_import_is_one_entry_however_many_rows_it_brings(database: Database) -> None:
    rows = [camera(f"camera{number}", username="a", password=f"{PLANTED}{number}") for number in range(600)]
    with by("import_all"):
        import_rows(database, "o", cameras=rows)
    (entry,) = entries(database)
    assert entry.change_count == 600
    with by("undo"):
        assert database.undo().change_count == 600
    assert database.cameras.page().total == 0
    assert database.audit.verify().ok


def test_who_takes_something_back_is_known(database: Database) -> None:
    with pytest.raises(FleetError, match="expected somebody who acts"):
        database.undo()
