"""Rows of users put back to what they were, within a transaction.

Promises: a row that was deleted comes back under its number, and of a generation that it never had; what was
sealed is just what it was. What cannot be so any more raises CannotUndo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sightline.errors import FleetError
from sightline.fleet.store.audited import KINDS
from sightline.fleet.store.shelf import Shelf
from sightline.fleet.store.tables import Agent, DsInstance
from sightline.fleet.store.touched import AGENT, CAMERA, INSTANCE, Watched
from sightline.fleet.store.vault import Vault

Shelves: TypeAlias = Mapping[str, Shelf[Any, Any]]
_ORDER: Final = ("agent", "instance", "camera")
"""Those that others name first."""
_WATCHED: Final[Mapping[str, Watched]] = {"agent": AGENT, "instance": INSTANCE, "camera": CAMERA}
_OF_USERS: Final = ("agent_name", "description", "set_labels", "set_capacity", "drained")
"""Of a machine, what users say."""
_NAMED: Final = {"agent_id": (Agent, "machine"), "dsInstance_id": (DsInstance, "instance")}


class CannotUndo(FleetError):
    """It cannot be taken back; the message says why, and who changed what since."""


class Back(NamedTuple):
    """A row, and what it is to be again; None: not there."""

    kind: str
    number: int
    name: str
    was: dict[str, Any] | None


class PuttingBack:
    """Of one transaction."""

    def __init__(self, session: Session, vault: Vault, shelves: Shelves) -> None:
        self._session, self._vault, self._shelves = session, vault, shelves

    def all(self, rows: Sequence[Back]) -> None:
        """Put these back. Rows come before those that name them, and go after them."""
        rank = {kind: number for number, kind in enumerate(_ORDER)}
        ordered = sorted(rows, key=lambda back: rank[back.kind])
        there = {(back.kind, back.number): self._row(back) for back in ordered}
        changed = [back for back in ordered if back.was is not None]
        try:
            for back in (back for back in changed if there[back.kind, back.number] is None):
                self._again(back)
            for back in (back for back in changed if there[back.kind, back.number] is not None):
                self._as_it_was(back, there[back.kind, back.number])
            for back in (back for back in reversed(ordered) if back.was is None):
                self._away(back, there[back.kind, back.number])
            self._session.flush()
        except IntegrityError:
            raise CannotUndo("a name that it had is another's now") from None

    def _row(self, back: Back) -> Any:
        return self._session.get(self._shelves[back.kind].table, back.number)

    def _again(self, back: Back) -> None:
        """A row that is not there is made anew."""
        watched, was = _WATCHED[back.kind], back.was or {}
        named = getattr(self._shelves[back.kind].table, KINDS[watched].named)
        if self._session.scalar(select(func.count()).where(named == back.name)):
            raise CannotUndo(f"there is another {back.kind} {back.name} now")
        row = self._shelves[back.kind].table(**{name: was[name] for name in watched.columns})
        self._write(row, back, was)
        self._shelves[back.kind].put_back(self._session, row)

    def _as_it_was(self, back: Back, row: Any) -> None:
        self._write(row, back, back.was or {})
        row.generation += 1

    def _away(self, back: Back, row: Any) -> None:
        if row is None:
            raise CannotUndo(f"there is no {back.kind} {back.name} any more")
        if back.kind == "agent" and (row.key or row.spec is not None):
            raise CannotUndo(f"the machine {back.name} came into the fleet since; delete it, if it is to go")
        self._shelves[back.kind].remove_in(self._session, [row])

    def _write(self, row: Any, back: Back, was: Mapping[str, Any]) -> None:
        watched = _WATCHED[back.kind]
        kept = {watched.key, "generation", *KINDS[watched].sealed}
        names = _OF_USERS if back.kind == "agent" else watched.columns
        for name in (name for name in names if name not in kept):
            if name in _NAMED and was[name] is not None:
                self._check_there(back, name, was[name])
            setattr(row, name, was[name])
        for name in KINDS[watched].sealed:
            setattr(row, name, None if was[name] is None else self._vault.seal(was[name]))

    def _check_there(self, back: Back, column: str, number: int) -> None:
        table, what = _NAMED[column]
        if self._session.get(table, number) is None:
            raise CannotUndo(
                f"{back.kind} {back.name} was put on a{'n' * (what[0] in 'aei')} {what} that is gone"
            )
