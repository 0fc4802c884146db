"""The audit as it is read: who did what, what became of it, and whether it is as it was written.

Promises: nothing that comes out has a password or what is hidden in a row; `verify` finds what was changed
behind the coordinator's back, also in what is sealed.

Deliberately not here: writing it down (`auditing`), taking something back (`undoing`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sightline.errors import StoreError
from sightline.fleet.people.chain import START, Broken, Link, Mark, broken
from sightline.fleet.people.principal import Acting, acting_now
from sightline.fleet.store.auditing import ANCHOR, HEAD, SEALED, Auditing, chained, mark, newest_ever
from sightline.fleet.store.refusals import Missing
from sightline.fleet.store.row import Json, Page, Row
from sightline.fleet.store.sessions import Sessions, pairs
from sightline.fleet.store.tables import Audit, AuditChange
from sightline.fleet.store.times import moment
from sightline.fleet.store.vault import Vault

_IN_LIST: Final = 20
"""Changes of an entry that stand in a list of entries."""
_IN_ONE: Final = 1000
_AT_ONCE: Final = 500
_HASH: Final = "9f2c6a0d51e84b7793c1f0a6d2b85e4417c3a9088d5f6e2b1a4c7d90e3f8b561"


class ChangeOut(Row):
    """What became of one thing."""

    kind: str = Field(
        description="camera, instance, agent, revision, enrolment_token, user, user_token",
        examples=["camera"],
    )
    name: str = Field(examples=["gate"])
    generation: int | None = Field(description="of it afterwards", examples=[4])
    before: Json | None = Field(
        description="what was another; null: it was not there, or was not changed",
        examples=[{"id": 1, "pool": "", "password": "set"}],
    )
    after: Json | None = Field(
        description="what that became; a password is set or changed, and never told",
        examples=[{"id": 1, "pool": "night", "password": "changed"}],
    )


class AuditOut(Row):
    """Something that was done."""

    id: int = Field(description="Rises.", examples=[12])
    at: datetime = Field(examples=["2026-11-22T06:00:00Z"])
    who: str = Field(examples=["ada"])
    role: str = Field(examples=["operator"])
    how: str = Field(description="session, token and its id, root or command", examples=["session"])
    address: str = Field(description="that it came from", examples=["10.0.0.9"])
    act: str = Field(examples=["change_camera"])
    desc: str = Field(examples=[""])
    request: str = Field(
        description="the same in all that one request did", examples=["0d7f8e5a1b2c4d3e9f8a7b6c5d4e3f2a"]
    )
    undoes: int | None = Field(description="the entry that this took back", examples=[None])
    undone: bool = Field(description="taken back, and that holds", examples=[False])
    can_undo: bool = Field(description="all of it could be put back, and was not yet", examples=[True])
    hash: str = Field(description="of this and all before it", examples=[_HASH])
    change_count: int = Field(examples=[1])
    changes: list[ChangeOut] = Field(description="in a list of entries, the first of them")


class Verified(Row):
    """Whether the audit is as it was written."""

    ok: bool
    entries: int = Field(description="that were looked at", examples=[812])
    first: int | None = Field(description="the oldest that is kept", examples=[1])
    head: int | None = Field(description="the newest", examples=[812])
    head_hash: str = Field(
        description="of it and all before: kept elsewhere, it shows later that nothing before it was changed",
        examples=[_HASH],
    )
    broken_at: int | None = Field(description="the first that is not as it was written", examples=[None])
    fault: str = Field(description="what is wrong with it", examples=[""])


class AuditBook:
    """Of one database. Any thread may use it."""

    def __init__(self, sessions: Sessions, vault: Vault, auditing: Auditing) -> None:
        self._sessions, self._vault, self._auditing = sessions, vault, auditing

    def note(
        self, what: Acting | None = None, *, of: Sequence[tuple[str, str]] = (), often: bool = False
    ) -> int | None:
        """Write down something that changed no row: `what`, or what is being done now; the entry's number.

        None: nobody does anything. `of`: the things that it is about, by kind and name. `often`: anybody can
        cause it without a login, so beyond a few it is only counted, which gives None too; the next that
        is written says how many.
        """
        what = what or acting_now()
        if what is None or (often and self._auditing.is_too_often(what.act)):
            return None
        with self._sessions.writing() as session:
            left_out = self._auditing.left_out(what.act) if often else 0
            return self._auditing.note(session, what, of, left_out=left_out)

    def page(
        self,
        *,
        offset: int = 0,
        limit: int = 100,
        who: str | None = None,
        act: str | None = None,
        kind: str | None = None,
        name: str | None = None,
        since: datetime | None = None,
    ) -> Page[AuditOut]:
        """Those for which all that is given holds, the newest first. `kind` and `name` of a thing that is
        named in it; `since`: not before this.
        """
        where: list[Any] = [
            column == value for column, value in ((Audit.who, who), (Audit.act, act)) if value is not None
        ]
        where += [] if since is None else [Audit.at >= int(since.timestamp() * 1000)]
        thing = ((AuditChange.kind, kind), (AuditChange.name, name))
        things: list[Any] = [column == value for column, value in thing if value is not None]
        where += [Audit.id.in_(select(AuditChange.audit_id).where(*things))] if things else []
        with self._sessions.reading() as session:
            total = session.scalar(select(func.count()).select_from(Audit).where(*where)) or 0
            order = select(Audit).where(*where).order_by(Audit.id.desc())
            rows = session.scalars(order.offset(offset).limit(min(limit, _IN_ONE))).all()
            return Page(items=_out(session, rows, _IN_LIST), total=total)

    def get(self, number: int) -> AuditOut:
        """One of them, with all its changes, or the first thousand. Raises Missing."""
        with self._sessions.reading() as session:
            row = session.get(Audit, number)
            if row is None:
                raise Missing("entry of the audit", number)
            return _out(session, [row], _IN_ONE)[0]

    def newest_of(self, request: str) -> int | None:
        """The last entry of what one request did; None: it did nothing that is written down."""
        with self._sessions.reading() as session:
            return session.scalar(select(func.max(Audit.id)).where(Audit.request == request))

    def verify(self, seen: str | None = None) -> Verified:
        """Look at every entry. `seen`: a hash that was the head's once; it must stand in the chain still."""
        with self._sessions.reading() as session:
            reading = _Verifying(session, self._vault, seen)
            after, head = mark(session, self._vault, ANCHOR) or START, mark(session, self._vault, HEAD)
            end = Mark(newest_ever(session), "") if head is None else head
            fault = broken(reading.links(), after, end) or reading.fault
            if fault is None and seen is not None and not reading.was_seen and seen != after.hash:
                fault = Broken(0, "no entry has the hash that was seen")
            return Verified(
                ok=fault is None,
                entries=reading.count,
                first=reading.first,
                head=None if head is None else head.number,
                head_hash="" if head is None else head.hash,
                broken_at=None if fault is None else fault.number,
                fault="" if fault is None else fault.why,
            )


class _Verifying:
    """One look at all entries."""

    def __init__(self, session: Session, vault: Vault, seen: str | None) -> None:
        self._session, self._vault, self._seen = session, vault, seen
        self.count = 0
        self.first: int | None = None
        self.was_seen = False
        self.fault: Broken | None = None

    def links(self) -> Iterator[Link]:
        number = 0
        while rows := self._session.scalars(
            select(Audit).where(Audit.id > number).order_by(Audit.id).limit(_AT_ONCE)
        ).all():
            changes = _changes(self._session, [row.id for row in rows])
            self.first = self.first or rows[0].id
            for row in rows:
                yield self._link(row, changes.get(row.id, []))
            number = rows[-1].id
            self._session.expunge_all()

    def _link(self, row: Audit, changes: list[AuditChange]) -> Link:
        self.count += 1
        self.was_seen |= row.hash == self._seen
        for change in changes:
            if self.fault is None and not self._is_sealed_right(change):
                why = f"what is sealed of {change.kind} {change.name} is not what was sealed there"
                self.fault = Broken(row.id, why)
        entry = {column.name: getattr(row, column.name) for column in Audit.__table__.columns}
        told = [
            {column.name: getattr(change, column.name) for column in AuditChange.__table__.columns}
            for change in changes
        ]
        return Link(row.id, chained(entry, told), row.hash)

    def _is_sealed_right(self, change: AuditChange) -> bool:
        try:
            return change.sealed is None or bool(opened(self._vault, change))
        except StoreError:
            return False


def opened(vault: Vault, change: AuditChange) -> dict[str, Any]:
    """What a row was before, whole. Raises StoreError where it is not that of this change."""
    said = json.loads(vault.open(change.sealed or "", SEALED))
    if said["of"] != [change.kind, change.audit_id, change.position]:
        raise StoreError(f"what is sealed in entry {change.audit_id} of the audit is that of another")
    row: dict[str, Any] = said["row"]
    return row


def undone(session: Session) -> set[int]:
    """The entries that were taken back, where that was not taken back itself."""
    found: set[int] = set()
    taken = select(Audit.id, Audit.undoes).where(Audit.undoes.is_not(None)).order_by(Audit.id.desc())
    for number, undoes in session.execute(taken):
        if number not in found:
            found.add(int(undoes or 0))
    return found


def _changes(session: Session, numbers: Sequence[int]) -> dict[int, list[AuditChange]]:
    found: dict[int, list[AuditChange]] = {}
    of = select(AuditChange).where(AuditChange.audit_id.in_(numbers))
    for change in session.scalars(of.order_by(AuditChange.audit_id, AuditChange.position)):
        found.setdefault(change.audit_id, []).append(change)
    return found


def _out(session: Session, rows: Sequence[Audit], most: int) -> list[AuditOut]:
    numbers = [row.id for row in rows]
    some = select(AuditChange).where(AuditChange.audit_id.in_(numbers), AuditChange.position < most)
    changes: dict[int, list[ChangeOut]] = {}
    for one in session.scalars(some.order_by(AuditChange.audit_id, AuditChange.position)):
        changes.setdefault(one.audit_id, []).append(_change_out(one))
    of = AuditChange.audit_id
    counts = pairs(session, select(of, func.count()).where(of.in_(numbers)).group_by(of))
    state = _States(session, rows)
    return [
        AuditOut(
            **{name: getattr(row, name) for name in _OUT},
            at=moment(row.at),
            undone=state.is_undone(row),
            can_undo=state.can_undo(row),
            change_count=counts.get(row.id, 0),
            changes=changes.get(row.id, []),
        )
        for row in rows
    ]


class _States:
    """What can be undone of some entries: what one request did goes together."""

    def __init__(self, session: Session, rows: Sequence[Audit]) -> None:
        requests = {row.request for row in rows}
        group = select(Audit.request, func.max(Audit.id), func.min(Audit.undoable)).group_by(Audit.request)
        found = session.execute(group.where(Audit.request.in_(requests)))
        self._groups = {request: (last, bool(all_)) for request, last, all_ in found}
        self._undone = undone(session)

    def is_undone(self, row: Audit) -> bool:
        return self._groups[row.request][0] in self._undone

    def can_undo(self, row: Audit) -> bool:
        return self._groups[row.request][1] and not self.is_undone(row)


_OUT: Final = ("id", "who", "role", "how", "address", "act", "desc", "request", "undoes", "hash")


def _change_out(row: AuditChange) -> ChangeOut:
    return ChangeOut(
        kind=row.kind, name=row.name, generation=row.generation, before=row.before, after=row.after
    )
