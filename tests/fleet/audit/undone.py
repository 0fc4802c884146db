"""Taking back, and what is compared before and after it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from tests.fleet.audit.acts import by
from tests.fleet.store.filled import camera, deepstream, worker
from tests.fleet.store.test_instances import SECRET_WORKER

from sightline.fleet.documents.sources import Sources
from sightline.fleet.store import Database
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


def plain(sources: Sources) -> dict[str, Any]:
    return {"revision": sources.revision, "cameras": sources.cameras, "instances": sources.instances}


def filled(database: Database) -> None:
    """Rows with all that is hidden in rows."""
    database.instances.add(worker(config=SECRET_WORKER))
    database.instances.add(deepstream())
    database.cameras.add(camera("gate", username="root", password=PLANTED, instance_name="hall"))
    web = f"http://10.0.0.5/x?user=a&pwd={PLANTED}"
    database.cameras.add(camera("web", address=web, instance_name="motion", labels={"room": "a"}))
