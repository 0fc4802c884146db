"""What happened in the fleet, for users: the newest `KEPT` of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import Field
from sqlalchemy import delete, func, insert, select

from sightline.clock import NS_PER_MS, Clock
from sightline.fleet.deciding.coordinator.actions import Noted
from sightline.fleet.store.row import Page, Row
from sightline.fleet.store.sessions import Sessions
from sightline.fleet.store.tables import Event
from sightline.log import redact

KEPT: Final = 10_000
_MOST_LETTERS: Final = 2000


class EventOut(Row):
    """Something that happened."""

    id: int = Field(description="Rises; ask for those after the last that you know.")
    at: datetime
    what: str
    node_id: str = ""
    instance: str = ""
    camera_id: str = ""


class Events:
    """Of one database. Any thread may use it."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock

    def note(self, noted: Iterable[Noted]) -> None:
        """Keep these, in one transaction; the oldest make room."""
        at = self._clock.utc_ns() // NS_PER_MS
        rows = [
            {
                "at": at,
                "what": redact(one.what)[:_MOST_LETTERS],
                "node_id": "" if one.node_id is None else str(one.node_id),
                "instance": one.instance,
                "camera_id": one.camera_id,
            }
            for one in noted
        ]
        if not rows:
            return
        with self._sessions.writing() as session:
            session.connection().execute(insert(Event), rows[-KEPT:])
            newest = session.scalar(select(func.max(Event.id))) or 0
            session.execute(delete(Event).where(Event.id <= newest - KEPT))

    def page(
        self,
        *,
        offset: int = 0,
        limit: int = 100,
        after: int | None = None,
        node_id: str | None = None,
        instance: str | None = None,
        camera_id: str | None = None,
    ) -> Page[EventOut]:
        """The newest first; with `after`, those above that number, the oldest first."""
        named: tuple[tuple[Any, str | None], ...] = (
            (Event.node_id, node_id),
            (Event.instance, instance),
            (Event.camera_id, camera_id),
        )
        where: list[Any] = [column == value for column, value in named if value is not None]
        where += [] if after is None else [Event.id > after]
        order = Event.id.desc() if after is None else Event.id
        with self._sessions.reading() as session:
            total = session.scalar(select(func.count()).select_from(Event).where(*where)) or 0
            rows = session.scalars(select(Event).where(*where).order_by(order).offset(offset).limit(limit))
            return Page(items=[_out(row) for row in rows], total=total)


def _out(row: Event) -> EventOut:
    return EventOut(
        id=row.id,
        at=datetime.fromtimestamp(row.at / 1000, UTC),
        what=row.what,
        node_id=row.node_id,
        instance=row.instance,
        camera_id=row.camera_id,
    )
