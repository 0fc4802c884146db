"""A row that is changed and applied alone, in one transaction."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session
from tests.fleet.store.filled import camera, worker

from sightline.fleet.store import Database
from sightline.fleet.store.refusals import Refused
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
