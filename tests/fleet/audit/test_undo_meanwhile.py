"""What somebody did since stays: an act is taken back whole where nobody was there, and else not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fleet.audit.acts import by
from tests.fleet.audit.undone import filled, rows, undo
from tests.fleet.store.filled import camera, worker

from sightline.fleet.store import Database
from sightline.fleet.store.importing import import_rows
from sightline.fleet.store.putting_back import CannotUndo


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


def test_a_machine_that_came_in_since_is_not_taken_out(database: Database) -> None:
    with by("import_all"):
        import_rows(database, "o", agents=[{"agent_name": "hall"}, {"agent_name": "yard"}])
    with database.sessions.writing() as session:
        session.execute(text("UPDATE agent SET key = 'k' WHERE agent_name = 'hall'"))
    with pytest.raises(CannotUndo, match="the machine hall came into the fleet since"):
        undo(database)
    assert database.agents.page().total == 2
