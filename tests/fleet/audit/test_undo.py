"""What is taken back is just what was done, sealed parts too, and nothing where somebody was there since."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from tests.fleet.audit.acts import by
from tests.fleet.store.filled import camera, deepstream, worker
from tests.fleet.store.test_instances import SECRET_WORKER, TOKEN

from sightline.fleet.documents.sources import Sources
from sightline.fleet.people.principal import Role
from sightline.fleet.store import Database
from sightline.fleet.store import revisions as revisions_module
from sightline.fleet.store.importing import import_rows
from sightline.fleet.store.putting_back import CannotUndo
from sightline.fleet.store.refusals import Missing
from sightline.fleet.store.tables import Camera, DsInstance
from sightline.fleet.store.undoing import Undone

PLANTED = "planted-geheim-51be"


def undo(database: Database, entry: int | None = None, name: str = "bob", **how: Any) -> Undone:
    with by("undo", name):
        return database.undo(entry, **how)


def rows(database: Database) -> dict[str, Any]:
    """All that users said of cameras and instances, what is hidden in the clear; by number."""
    found: dict[str, Any] = {}
    with database.sessions.reading() as session:
        for camera_row in session.scalars(select(Camera)):
            found[f"camera {camera_row.id}"] = database.cameras.clear(camera_row)
        for instance_row in session.scalars(select(DsInstance)):
            found[f"instance {instance_row.id}"] = database.instances.clear(instance_row)
    return found


def sources(database: Database) -> Sources:
    return database.applied()[1]


def filled(database: Database) -> None:
    """Rows with all that is hidden in rows."""
    database.instances.add(worker(config=SECRET_WORKER))
    database.instances.add(deepstream())
    database.cameras.add(camera("gate", username="root", password=PLANTED, instance_name="hall"))
    web = f"http://10.0.0.5/x?user=a&pwd={PLANTED}"
    database.cameras.add(camera("web", address=web, instance_name="motion", labels={"room": "a"}))


ACTS: dict[str, Callable[[Database], Any]] = {
    "a change": lambda database: database.cameras.change("gate", {"pool": "x", "labels": {"a": "b"}}),
    "a password": lambda database: database.cameras.change("gate", {"password": "another-one"}),
    "no password any more": lambda database: database.cameras.change(
        "gate", {"username": None, "password": None}
    ),
    "a hidden part": lambda database: database.cameras.change("web", {"address": "http://10.0.0.5/x?pwd=other"}),
    "a new camera": lambda database: database.cameras.add(camera("new", password="a", username="b")),
    "no camera": lambda database: database.cameras.remove("web"),
    "a configuration": lambda database: database.instances.change("motion", {"config": {
        **SECRET_WORKER, "bus": "memory://"}}),
    "no instance": lambda database: database.instances.remove("motion"),
    "an import": lambda database: import_rows(
        database, "o", adopt=True, instances=[worker("new")],
        cameras=[
            camera("gate", pool="q"), camera("one", instance_name="new"),
            camera("two", username="u", password="x"),
        ],
    ),
    "what was applied": lambda database: database.apply(),
    "what was applied of one": lambda database: (
        database.cameras.change("gate", {"pool": "x"}), database.apply(["gate"])
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ACTS)
def test_all_is_as_it_was_and_again_as_it_was_then(database: Database, what: str) -> None:
    filled(database)
    database.apply()
    database.cameras.change("web", {"pool": "draft"})
    before, applied = rows(database), sources(database)
    with by("act"):
        ACTS[what](database)
    after, applied_then = rows(database), sources(database)
    assert (after, applied_then) != (before, applied)

    told = undo(database, dry_run=True)
    assert (told.dry_run, told.entry) == (True, None)
    assert (rows(database), sources(database)) == (after, applied_then), "a dry run changes nothing"
    done = undo(database)
    assert rows(database) == before
    same = {"revision": 0}
    assert _plain(sources(database)) | same == _plain(applied) | same
    assert told.changes == done.changes
    assert PLANTED not in done.model_dump_json()
    assert TOKEN not in done.model_dump_json()

    undo(database, done.entry)
    assert rows(database) == after
    assert _plain(sources(database)) | same == _plain(applied_then) | same
    assert database.audit.verify().ok


def _plain(sources: Sources) -> dict[str, Any]:
    return {"revision": sources.revision, "cameras": sources.cameras, "instances": sources.instances}


def test_it_is_one_entry_that_says_what_it_took_back(database: Database) -> None:
    with by("create_camera"):
        database.cameras.add(camera())
    done = undo(database)
    assert (done.undoes.id, done.undoes.act, done.entry, done.undoes.undone) == (1, "create_camera", 2, True)
    entry = database.audit.get(2)
    assert (entry.who, entry.act, entry.undoes, entry.can_undo) == ("bob", "undo", 1, True)
    assert entry.changes == done.changes
    assert not database.audit.get(1).can_undo
    with pytest.raises(CannotUndo, match=r"create_camera of ada .*\(entry 1\) was taken back already"):
        undo(database, 1)
    with pytest.raises(CannotUndo, match="nothing that could be taken back"):
        undo(database)
    assert undo(database, 2).undoes.id == 2
    assert (database.audit.get(1).undone, database.audit.get(1).can_undo) == (False, True)
    assert undo(database).undoes.id == 1, "it holds again, so it is the last one again"


def test_again_takes_back_what_was_done_before(database: Database) -> None:
    database.cameras.add(camera())
    for pool in ("a", "b", "c"):
        with by("change_camera"):
            database.cameras.change("gate", {"pool": pool})
    with by("restart_instance"):
        database.audit.note(of=[("instance", "x")])
    pools = []
    for _ in range(3):
        undo(database)
        pools.append(database.cameras.get("gate").pool)
    assert pools == ["b", "a", ""]
    with by("change_camera"):
        database.cameras.change("gate", {"pool": "d"})
    assert undo(database).undoes.id == 8
    with pytest.raises(CannotUndo, match="nothing that could"):
        undo(database)


def test_what_somebody_changed_since_stays_and_they_are_named(database: Database) -> None:
    filled(database)
    with by("change_camera"):
        database.cameras.change("gate", {"pool": "a"})
    with by("change_camera", "eve"):
        database.cameras.change("gate", {"width": 640})
    with by("delete_camera", "eve"):
        database.cameras.remove("web")
    before = rows(database)
    with pytest.raises(
        CannotUndo, match=r"camera gate was changed since by change_camera of eve at .*entry 2\)"
    ):
        undo(database, 1)
    assert rows(database) == before
    database.cameras.change("gate", {"height": 480})
    with pytest.raises(CannotUndo, match="camera gate was changed since by the fleet itself"):
        undo(database, 2)
    undo(database, 3)
    assert database.cameras.get("web").pool == ""


def test_an_older_act_can_be_taken_back_where_nobody_was_at_its_rows(database: Database) -> None:
    filled(database)
    with by("change_camera"):
        database.cameras.change("gate", {"pool": "a"})
    with by("change_camera"):
        database.cameras.change("web", {"pool": "b"})
    undo(database, 1)
    assert (database.cameras.get("gate").pool, database.cameras.get("web").pool) == ("", "b")


def test_an_import_is_taken_back_whole_or_not_at_all(database: Database) -> None:
    names = [f"camera{number}" for number in range(9)]
    with by("import_all"):
        import_rows(database, "o", instances=[worker()], cameras=[camera(name) for name in names])
    with by("change_camera", "eve"):
        for name in names[2:]:
            database.cameras.change(name, {"pool": "x"})
    with pytest.raises(CannotUndo, match=r"camera6 was changed since by .* of eve .*, and 2 more"):
        undo(database, 1)
    assert database.cameras.page().total == 9
    undo(database)
    undo(database)
    assert (database.cameras.page().total, database.instances.page().total) == (0, 0)


def test_what_hangs_on_a_row_that_would_go_is_not_touched(database: Database) -> None:
    with by("create_instance"):
        database.instances.add(worker())
    with by("create_camera", "eve"):
        database.cameras.add(camera(instance_name="motion"))
    with pytest.raises(CannotUndo, match="that would change camera gate too"):
        undo(database, 1)
    assert database.cameras.get("gate").instance_name == "motion"


def test_what_was_on_an_instance_that_is_gone_cannot_go_back_there(database: Database) -> None:
    database.instances.add(worker())
    database.cameras.add(camera(instance_name="motion"))
    with by("change_camera"):
        database.cameras.change("gate", {"instance_name": None})
    with by("delete_instance"):
        database.instances.remove("motion")
    with pytest.raises(CannotUndo, match="camera gate was put on an instance that is gone"):
        undo(database, 1)
    undo(database)
    undo(database)
    assert database.cameras.get("gate").instance_name == "motion"


def test_a_name_that_another_one_has_now_is_not_taken_from_it(database: Database) -> None:
    database.cameras.add(camera())
    with by("delete_camera"):
        database.cameras.remove("gate")
    database.cameras.add(camera())
    with pytest.raises(CannotUndo, match="there is another camera gate now"):
        undo(database)


def test_a_row_that_came_back_is_another_generation_of_the_same(database: Database) -> None:
    """The draft goes by number and generation: it would take the old one for the new one."""
    database.cameras.add(camera(pool="a"))
    for _ in range(3):
        was = database.cameras.get("gate")
        database.apply()
        with by("delete_camera"):
            database.cameras.remove("gate")
        database.apply()
        undo(database)
        again = database.cameras.get("gate")
        assert (again.id, again.pool) == (was.id, "a")
        assert again.generation > was.generation
    assert database.inventory().cameras["gate"].generation == database.cameras.get("gate").generation


def test_what_was_applied_before_is_applied_again_and_the_draft_stays(database: Database) -> None:
    filled(database)
    with by("update_config"):
        database.apply()
    with by("change_camera"):
        database.cameras.change("gate", {"password": "another-one"})
    with by("update_config"):
        database.apply()
    with by("change_camera", "eve"):
        database.cameras.change("web", {"pool": "later"})
    done = undo(database, 3)
    assert (done.revision, done.undoes.act) == (3, "update_config")
    assert done.changes[0].after is not None
    assert (done.changes[0].after["differing"], done.changes[0].after["differing_count"]) == (
        ["camera gate"],
        1,
    )
    assert sources(database).cameras["gate"].password == PLANTED
    assert database.apply(["gate"])[1].cameras["gate"].password == "another-one", "it stands in the draft"
    with pytest.raises(CannotUndo, match="what is applied was changed since by the fleet itself"):
        undo(database, 1)


def test_the_first_that_was_applied_is_taken_back_to_nothing(database: Database) -> None:
    filled(database)
    with by("update_config"):
        database.apply()
    undo(database)
    assert (sources(database).cameras, sources(database).instances) == ({}, {})


def test_a_revision_that_is_not_kept_any_more_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions_module, "KEPT", 1)
    filled(database)
    database.apply()
    with by("update_config"):
        database.cameras.change("gate", {"pool": "x"})
        database.apply()
    before = rows(database)
    with pytest.raises(CannotUndo, match="revision 1, which was applied before, is not kept any more"):
        undo(database)
    assert rows(database) == before


def test_what_one_request_did_in_several_transactions_is_taken_back_whole(database: Database) -> None:
    filled(database)
    database.apply()
    before = rows(database), sources(database).cameras
    with by("start_camera"):
        database.cameras.change("gate", {"enabled": False})
        database.cameras.change("gate", {"pool": "z"})
        database.apply(["gate"])
    told = database.audit.page().items
    assert len({one.request for one in told}) == 1
    done = undo(database)
    assert (rows(database), sources(database).cameras) == before
    assert all(one.undone for one in database.audit.page(act="start_camera").items)
    undo(database, done.entry)
    assert database.cameras.get("gate").enabled is False
    assert [one.undone for one in database.audit.page(act="start_camera").items] == [False] * 3


def test_what_was_changed_and_applied_at_once_is_taken_back_at_once(database: Database) -> None:
    filled(database)
    database.apply()
    database.cameras.change("web", {"pool": "draft"})

    def stop(session: Session) -> Camera:
        row = database.cameras.find(session, "gate")
        database.cameras.merge_in(session, row, {"enabled": False})
        return row

    with by("stop_camera"):
        database.apply_row(stop)
    assert not database.applied()[0].cameras["gate"].enabled
    done = undo(database)
    assert [one.kind for one in done.changes] == ["camera", "revision"]
    assert database.applied()[0].cameras["gate"].enabled
    assert database.applied()[0].cameras["web"].pool == ""
    assert (database.cameras.get("gate").enabled, database.cameras.get("web").pool) == (True, "draft")


def test_what_is_said_of_a_machine_is_taken_back_but_not_who_may_come(database: Database) -> None:
    database.agents.add({"agent_name": "hall", "labels": {"room": "a"}})
    for change in ({"labels": {"room": "b"}, "capacity": 3}, {"drained": True}, {"agent_name": "yard"}):
        with by("change_agent"):
            database.agents.change(1, change)
    names = [(undo(database).nodes, database.agents.get(1)) for _ in range(3)]
    row = database.agents.get(1)
    assert {nodes[0] for nodes, _ in names} == {row.node_id}
    assert (row.agent_name, row.set_labels, row.set_capacity, row.drained) == (
        "hall",
        {"room": "a"},
        None,
        False,
    )
    with by("revoke_agent"):
        database.agents.change(1, {"revoked": True, "description": "sold"})
    with by("delete_agent"):
        database.agents.remove(1)
    for entry in (7, 8):
        with pytest.raises(CannotUndo, match="cannot be taken back"):
            undo(database, entry)
    assert [database.audit.get(entry).can_undo for entry in (7, 8)] == [False, False]


def test_a_machine_that_came_in_since_is_not_taken_out(database: Database) -> None:
    with by("import_all"):
        import_rows(database, "o", agents=[{"agent_name": "hall"}, {"agent_name": "yard"}])
    with database.sessions.writing() as session:
        session.execute(text("UPDATE agent SET key = 'k' WHERE agent_name = 'hall'"))
    with pytest.raises(CannotUndo, match="the machine hall came into the fleet since"):
        undo(database)
    assert database.agents.page().total == 2


def test_who_may_not_do_it_may_not_take_it_back(database: Database) -> None:
    with by("create_user", "eve", Role.ADMIN):  # as if that had made a machine
        database.agents.add({"agent_name": "hall"})
    with pytest.raises(CannotUndo, match="create_user of eve .* is for whoever is admin"):
        undo(database)
    with by("undo", "eve", Role.ADMIN):
        database.undo()
    assert database.agents.page().total == 0


def test_an_entry_that_there_is_not_is_missing(database: Database) -> None:
    with pytest.raises(Missing):
        undo(database, 7)


def test_what_was_sealed_by_an_older_key_comes_back(database: Database) -> None:
    filled(database)
    before = rows(database)
    with by("change"):
        database.cameras.change("gate", {"password": "another-one"})
        database.cameras.remove("web")
        database.instances.remove("motion")
    database.rotate()
    assert database.audit.verify().ok
    undo(database)
    assert rows(database) == before


NAMES = ("a", "b", "c")
ACT = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(NAMES), st.sampled_from(["", PLANTED])),
    st.tuples(st.just("change"), st.sampled_from(NAMES), st.sampled_from(["x", f"{PLANTED}-2"])),
    st.tuples(st.just("remove"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.just("put on"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.just("instance"), st.just("motion"), st.just("")),
    st.tuples(st.just("apply"), st.just(""), st.just("")),
    st.tuples(st.just("undo"), st.just(""), st.just("")),
)


def _do(database: Database, what: str, name: str, secret: str) -> None:
    """Whatever can be done of it."""
    there = database.cameras.page(name=name).total
    on = database.instances.page().total
    if what == "add" and not there:
        database.cameras.add(camera(name, **({"username": "u", "password": secret} if secret else {})))
    elif what == "change" and there:
        database.cameras.change(name, {"username": "u", "password": secret, "pool": secret[:1]})
    elif what == "remove" and there:
        database.cameras.remove(name)
    elif what == "put on" and there and on:
        database.cameras.change(name, {"instance_name": "motion"})
    elif what == "instance":
        database.instances.remove("motion") if on else database.instances.add(worker())
    elif what == "apply":
        database.apply()


@settings(max_examples=15, deadline=None)
@given(st.lists(ACT, min_size=1, max_size=12))
def test_whatever_was_done_can_be_taken_back_to_the_begin(acts: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder) / "fleet.db") as database:
        states: list[Any] = [(rows(database), sources(database).cameras)]
        for what, name, secret in acts:
            if what == "undo":
                if len(states) > 1:
                    undo(database)
                    states.pop()
            else:
                before = database.audit.page(limit=1).total
                with by(what):
                    _do(database, what, name, secret)
                if database.audit.page(limit=1).total > before:
                    states.append((rows(database), sources(database).cameras))
            assert (rows(database), sources(database).cameras) == states[-1]
        while len(states) > 1:
            undo(database)
            states.pop()
            assert (rows(database), sources(database).cameras) == states[-1]
        with pytest.raises(CannotUndo, match="nothing that could"):
            undo(database)
        assert database.audit.verify().ok
