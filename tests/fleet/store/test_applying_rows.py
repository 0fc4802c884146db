"""A row that is changed and applied alone, in one transaction; and a draft that is applied as it was read."""

import threading
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from sqlalchemy.orm import Session
from tests.fleet.store.filled import camera, worker

from sightline.fleet.store import Database
from sightline.fleet.store.refusals import DraftChanged, Refused
from sightline.fleet.store.revisions import Expected
from sightline.fleet.store.tables import Camera

Change = Callable[[Session], Camera]


def to(database: Database, name: str, **values: Any) -> Change:
    def change(session: Session) -> Camera:
        row = database.cameras.find(session, name)
        database.cameras.merge_in(session, row, values)
        return row

    return change


def filled(database: Database) -> None:
    database.instances.add(worker("look"))
    database.cameras.add(camera("gate"))
    database.cameras.add(camera("yard"))
    database.apply()
    database.cameras.change("yard", {"pool": "draft"})


def test_that_row_holds_and_no_other_and_the_next_apply_has_the_rest(database: Database) -> None:
    filled(database)
    inventory, sources = database.apply_row(to(database, "gate", enabled=False, address="rtsp://10.0.0.9/x"))
    assert (inventory.revision, sources.revision) == (2, 2)
    assert (inventory.cameras["gate"].enabled, inventory.cameras["yard"].pool) == (False, "")
    assert sources.cameras["gate"].address == "rtsp://10.0.0.9/x"
    assert database.applied() == (inventory, sources)
    assert database.apply_row(to(database, "gate", enabled=False))[0].revision == 2, "it is so already"
    whole, _ = database.apply()
    assert (whole.revision, whole.cameras["yard"].pool, whole.cameras["gate"].enabled) == (3, "draft", False)


def test_a_row_that_was_never_applied_is_added(database: Database) -> None:
    filled(database)
    database.cameras.add(camera("new", enabled=False))
    inventory, _ = database.apply_row(to(database, "new", enabled=True))
    assert list(inventory.cameras) == ["gate", "yard", "new"]


def test_a_dry_run_leaves_nothing_behind_also_not_in_memory(database: Database) -> None:
    filled(database)
    before = database.applied()
    would, _ = database.apply_row(to(database, "gate", pool="dry"), dry_run=True)
    assert (would.revision, would.cameras["gate"].pool) == (2, "dry")
    assert (database.applied(), database.cameras.get("gate").pool) == (before, "")
    database.cameras.change("gate", {"pool": "true"})  # of the very generation that was taken back
    assert database.apply()[0].cameras["gate"].pool == "true"


def test_a_change_that_is_refused_applies_nothing(database: Database) -> None:
    filled(database)
    before = database.applied()
    with pytest.raises(Refused):
        database.apply_row(to(database, "gate", instance_name="nobody"))
    assert (database.applied(), database.cameras.get("gate").generation) == (before, 1)


def test_nothing_is_applied_that_was_not_read_however_late_somebody_changes_it(database: Database) -> None:
    """One applies what they read, while another one never rests."""
    filled(database)
    enough = threading.Event()

    def changing() -> None:
        for number in count():
            if enough.is_set():
                return
            database.cameras.change("yard", {"pool": f"p{number}"})

    somebody = threading.Thread(target=changing)
    somebody.start()
    applied = refused = 0
    try:
        while (not applied or not refused) and applied + refused < 2000:
            read, mark = database.draft()
            try:
                now, _ = database.apply(expected=Expected(mark=mark))
            except DraftChanged:
                refused += 1
            else:
                applied += 1
                assert now == read
    finally:
        enough.set()
        somebody.join()
    assert min(applied, refused) > 0, (applied, refused)


def test_a_draft_is_known_again_by_its_number_or_its_mark(database: Database) -> None:
    filled(database)
    read, mark = database.draft()
    assert database.draft() == (read, mark)
    database.cameras.change("yard", {"pool": "other"})
    assert database.draft()[0].revision == read.revision
    for expected in (Expected(mark=mark), Expected(revision=read.revision + 1)):
        with pytest.raises(DraftChanged):
            database.apply(expected=expected)
    assert database.applied()[0].revision == 1
    assert database.apply(expected=Expected(read.revision, database.draft()[1]))[0].revision == 2
    database.cameras.remove("gate")
    _, mark = database.draft()
    database.cameras.add(camera("gate"))
    assert database.draft()[1] != mark


def test_it_is_known_since_when_a_row_is_made_as_it_is(database: Database) -> None:
    """A label, or a change that was taken back, has nobody begin anything anew."""
    filled(database)
    database.cameras.change("gate", {"labels": {"side": "north"}})
    database.instances.change("look", {"labels": {"floor": "1"}})
    said = database.inventory()
    assert [(one.generation, one.made) for one in (said.cameras["gate"], said.instances["look"])] == [
        (2, 1)
    ] * 2
    database.cameras.change("gate", {"address": "rtsp://10.0.0.9/x", "password": "geheim", "username": "a"})
    assert database.inventory().cameras["gate"].made == 0, "it is another camera"
    applied, _ = database.apply()
    assert (applied.cameras["gate"].made, applied.instances["look"].made) == (0, 1)
    for password in ("other", "geheim"):
        database.cameras.change("gate", {"password": password})
    assert (database.inventory().cameras["gate"].generation, database.inventory().cameras["gate"].made) == (
        5,
        3,
    )
    assert database.apply()[0] == database.applied()[0]
    database.cameras.change("gate", {"labels": {}})
    assert database.inventory().cameras["gate"].made == 3, "also of what was not changed but in its number"
    database.instances.change("look", {"exclusive": True})
    assert database.inventory().instances["look"].made == 0


def test_a_draft_that_was_changed_back_restarts_nothing_and_is_a_revision_all_the_same(
    database: Database,
) -> None:
    filled(database)
    database.cameras.change("yard", {"pool": ""})
    would = database.inventory()
    assert (would.revision, would.cameras["yard"].made) == (2, 1)
    assert database.apply()[0].revision == 2
    assert database.inventory().revision == 2
