"""What was applied is taken back: what was applied before it holds again, and the draft stays."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session
from tests.fleet.audit.acts import by
from tests.fleet.audit.undone import PLANTED, filled, rows, sources, undo

from sightline.fleet.store import Database
from sightline.fleet.store import revisions as revisions_module
from sightline.fleet.store.putting_back import CannotUndo
from sightline.fleet.store.tables import Camera


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
