"""What is taken back is just what was done, sealed parts too."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet.audit.acts import by
from tests.fleet.audit.undone import PLANTED, filled, plain, rows, sources, undo
from tests.fleet.store.filled import camera, worker
from tests.fleet.store.test_instances import SECRET_WORKER, TOKEN

from sightline.fleet.people.principal import Role
from sightline.fleet.store import Database
from sightline.fleet.store.importing import import_rows
from sightline.fleet.store.putting_back import CannotUndo
from sightline.fleet.store.refusals import Missing

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
    assert plain(sources(database)) | same == plain(applied) | same
    assert told.changes == done.changes
    assert PLANTED not in done.model_dump_json()
    assert TOKEN not in done.model_dump_json()

    undo(database, done.entry)
    assert rows(database) == after
    assert plain(sources(database)) | same == plain(applied_then) | same
    assert database.audit.verify().ok


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
