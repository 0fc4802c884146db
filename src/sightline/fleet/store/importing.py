"""Rows that come from a file, into the database: all of them or none, and what that changes is told.

Promises: the same rows again change nothing; what a user set beside what the file says stays; rows that are
another import's, or a user's own, are not taken over unasked. With `prune`, rows of this origin that the file
has no more are removed; else they are told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from pydantic import Field, JsonValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from sightline.fleet.store.database import Database
from sightline.fleet.store.linked import LINKS
from sightline.fleet.store.refusals import Missing, Mistake, Refused
from sightline.fleet.store.row import Row
from sightline.fleet.store.shelf import Shelf
from sightline.log import HIDDEN

Values = Mapping[str, Any]
_FOUND: Final = frozenset(
    {"id", "generation", "observed_generation", "verified_generation", "status", "reason", "origin"}
    | {"placed_instance", "placed_node", "term", "camera_count", "has_password", "connected", "state"}
)
"""Of a row that is shown, what no import says."""
_MOST_NEW: Final = 500
"""Beyond so many rows, new ones are named and not looked at, which takes as long as making them."""


class Changes(Row):
    """By name, what an import does, or would do, with the rows of one table."""

    added: list[str] = Field([], description="New ones.")
    changed: list[str] = Field([], description="Those that become others.")
    unchanged: list[str] = Field([], description="Those that are so already.")
    removed: list[str] = Field([], description="Those of this origin that are not named, and go.")
    left: list[str] = Field([], description="Those of this origin that are not named, and stay.")

    @property
    def is_nothing(self) -> bool:
        return not (self.added or self.changed or self.removed)


class RowChange(Row):
    """What becomes of one row."""

    kind: Literal["camera", "instance", "agent"]
    name: str
    change: Literal["added", "changed", "removed"]
    fields: dict[str, tuple[JsonValue, JsonValue]] = Field(
        {},
        description="What it is and what it would be, by field; what is secret is hidden. "
        "New rows beyond 500 have none.",
    )


class Imported(Row):
    """What an import does, or would do."""

    origin: str
    instances: Changes = Changes.model_validate({})
    cameras: Changes = Changes.model_validate({})
    agents: Changes = Changes.model_validate({})
    rows: list[RowChange] = Field([], description="Of a dry run, what would become of each row.")

    @property
    def is_nothing(self) -> bool:
        return self.instances.is_nothing and self.cameras.is_nothing and self.agents.is_nothing


def import_rows(
    database: Database,
    origin: str,
    *,
    instances: Sequence[Values] = (),
    cameras: Sequence[Values] = (),
    agents: Sequence[Values] = (),
    prune: bool = False,
    adopt: bool = False,
    edit: bool = False,
    dry_run: bool = False,
    look: Callable[[Session], None] | None = None,
) -> Imported:
    """Bring these in, in one transaction, marked by `origin`.

    Rows are fields by name; what they do not name stays in those that are there. `prune` removes rows of this
    origin that are not among them; `adopt` takes over rows of these names that are another import's, or a
    user's own; `edit` changes those too and leaves them theirs; `dry_run` says what it would do, and changes
    nothing. `look` sees the rows as they are then.

    Raises:
        Refused: values are wrong, or names are another's; all mistakes, each with its table and name.
    """
    with database.sessions.writing() as session:
        bringing = _Bringing(session, origin, adopt=adopt, edit=edit, told=dry_run)
        brought = {
            "agents": bringing.all(database.agents, "agent_name", agents),
            "instances": bringing.all(database.instances, "instance_name", instances),
            "cameras": bringing.all(database.cameras, "camera_id", cameras),
        }
        bringing.check()
        brought["cameras"] = bringing.rest(database.cameras, cameras, brought["cameras"], prune=prune)
        brought["instances"] = bringing.rest(database.instances, instances, brought["instances"], prune=prune)
        if look is not None:
            look(session)
        if dry_run:
            session.rollback()
    return Imported(origin=origin, **brought, rows=bringing.rows)


class _Bringing:
    """One import within its transaction."""

    def __init__(self, session: Session, origin: str, *, adopt: bool, edit: bool, told: bool) -> None:
        self._session, self._origin, self._adopt, self._edit = session, origin, adopt, edit
        self._told = told
        self.mistakes: list[Mistake] = []
        self.rows: list[RowChange] = []

    def all(self, shelf: Shelf[Any, Any], name: str, rows: Iterable[Values]) -> Changes:
        found: dict[str, list[str]] = {"added": [], "changed": [], "unchanged": []}
        for values in rows:
            try:
                found[self._one(shelf, name, values)].append(str(values[name]))
            except Refused as refused:
                where = f"{shelf.what} {str(values.get(name))[:100]}"
                self.mistakes += [Mistake(f"{where}, {one.where}", one.message) for one in refused.mistakes]
        return Changes(**found)

    def check(self) -> None:
        if self.mistakes:
            raise Refused(self.mistakes)

    def rest(
        self, shelf: Shelf[Any, Any], rows: Iterable[Values], changes: Changes, *, prune: bool
    ) -> Changes:
        """Those of this origin that are not named."""
        name = "camera_id" if shelf.what == "camera" else "instance_name"
        named = {values[name] for values in rows}
        table: Any = shelf.table
        there = self._session.scalars(select(table).where(table.origin == self._origin).order_by(table.id))
        gone = [row for row in there if getattr(row, name) not in named]
        names = [getattr(row, name) for row in gone]
        if prune:
            shelf.remove_in(self._session, gone)
            self._tell(shelf, "removed", names)
        return changes.model_copy(update={"removed" if prune else "left": names})

    def _one(self, shelf: Shelf[Any, Any], name: str, values: Values) -> str:
        try:
            row = shelf.find(self._session, str(values[name]))
        except Missing:
            row = shelf.add_in(self._session, {**values, **self._mark(shelf)})
            is_shown = self._told and len(self.rows) < _MOST_NEW
            fields = _Looked.at(shelf, self._session, row).new(values.keys() - {name}) if is_shown else {}
            self._tell(shelf, "added", [str(values[name])], fields)
            return "added"
        mark = {} if self._edit else self._mark(shelf)
        if mark and row.origin != self._origin and not self._adopt:
            whose = f"import {row.origin!r}" if row.origin else "a user"
            raise Refused([Mistake(name, f"there is one already, which {whose} made; adopt it to change it")])
        before = _Looked.at(shelf, self._session, row) if self._told else None
        changed = shelf.merge_in(self._session, row, {**values, **mark})
        if changed and before is not None:
            fields = before.differing(_Looked.at(shelf, self._session, row))
            self._tell(shelf, "changed", [str(values[name])], fields)
        return "changed" if changed else "unchanged"

    def _tell(
        self,
        shelf: Shelf[Any, Any],
        change: Literal["added", "changed", "removed"],
        names: Iterable[str],
        fields: dict[str, tuple[Any, Any]] | None = None,
    ) -> None:
        if self._told:
            kind: Any = shelf.what
            made = (RowChange(kind=kind, name=name, change=change, fields=fields or {}) for name in names)
            self.rows += made

    def _mark(self, shelf: Shelf[Any, Any]) -> dict[str, str]:
        return {} if shelf.what == "agent" else {"origin": self._origin}


class _Looked(NamedTuple):
    """A row at a moment: as it may be shown, and with what is hidden."""

    shown: dict[str, Any]
    clear: dict[str, Any]

    @classmethod
    def at(cls, shelf: Shelf[Any, Any], session: Session, row: Any) -> _Looked:
        return cls(shelf.shown_in(session, row).model_dump(mode="json"), dict(shelf.clear(row)))

    def differing(self, then: _Looked) -> dict[str, tuple[Any, Any]]:
        told = {
            name: (was, then.shown[name])
            for name, was in self.shown.items()
            if name not in _FOUND and name not in LINKS and was != then.shown[name]
        }
        for name, was in self.clear.items():
            if was != then.clear[name] and name not in told and name not in LINKS and name not in _FOUND:
                told[name] = (_hidden(was), _hidden(then.clear[name]))
        return told

    def new(self, named: Collection[str]) -> dict[str, tuple[Any, Any]]:
        """Of a row that was not there: what is `named` and not empty."""
        there = {**{name: _hidden(value) for name, value in self.clear.items()}, **self.shown}
        return {name: (None, value) for name, value in there.items() if name in named and value}


def _hidden(value: Any) -> str | None:
    """That there is something, and not what."""
    return HIDDEN if value else None
