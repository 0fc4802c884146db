"""Taking back what was done last, and what was done before it: rows, imports, what was applied.

Promises: what is taken back is just what one request did, all of it or nothing, and nothing else is touched;
where somebody changed one of its things since, it is refused and said who. Taking back is written down as any
act, and can be taken back itself. Who takes something back may do what is taken back.

What was applied is undone by applying the revision before it; rows of the draft are not touched by that: they
are acts of their own.

Deliberately not here: telling the coordinator what holds now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sightline.errors import FleetError
from sightline.fleet.inventory import Inventory
from sightline.fleet.people.principal import Acting, Role, acting_now
from sightline.fleet.people.rights import RIGHTS
from sightline.fleet.people.taking_back import Step, Thing, is_as_left
from sightline.fleet.store.audit import AuditBook, AuditOut, ChangeOut, opened, undone
from sightline.fleet.store.audited import Changed, changes
from sightline.fleet.store.auditing import UNDOES
from sightline.fleet.store.putting_back import Back, CannotUndo, PuttingBack, Shelves
from sightline.fleet.store.refusals import Missing
from sightline.fleet.store.revisions import Revisions
from sightline.fleet.store.row import Row
from sightline.fleet.store.sessions import Sessions, pairs
from sightline.fleet.store.tables import Agent, Audit, AuditChange, Camera, DsInstance, Revision
from sightline.fleet.store.times import moment
from sightline.fleet.store.touched import touches
from sightline.fleet.store.vault import Vault

_MOST_SHOWN: Final = 1000
_MOST_NAMED: Final = 5
_AT_ONCE: Final = 500
_TABLES: Final[Mapping[str, Any]] = {"agent": Agent, "instance": DsInstance, "camera": Camera}
APPLIED: Final = ("revision", 0)
"""What is applied, as a thing: its generation is the newest revision."""


class Undone(Row):
    """What was taken back, or would be."""

    undoes: AuditOut = Field(description="the act, or the last part of it")
    entry: int | None = Field(description="of the audit, that says so; null: of a dry run", examples=[13])
    dry_run: bool
    changes: list[ChangeOut] = Field(description="what becomes of what by it, the first thousand")
    change_count: int = Field(examples=[1])
    revision: int | None = Field(
        description="that is applied by it; null: what is applied stays", examples=[None]
    )
    nodes: list[str] = Field(description="machines of which something else is said now", examples=[[]])


class _Part(NamedTuple):
    """What became of one thing in the whole act."""

    thing: Thing
    first: AuditChange
    last: AuditChange


class Undoing:
    """Of one database. Any thread may use it."""

    def __init__(
        self, sessions: Sessions, vault: Vault, book: AuditBook, shelves: Shelves, revisions: Revisions
    ) -> None:
        self._sessions, self._vault, self._book = sessions, vault, book
        self._shelves, self._revisions = shelves, revisions

    def undo(
        self,
        entry: int | None = None,
        *,
        dry_run: bool = False,
        look: Callable[[Inventory], None] | None = None,
    ) -> Undone:
        """Take back this act, or the last one that holds and can be; of those that only took something back
        none but the one that is named. `dry_run`: say what it would change, and change nothing. `look` is
        given what is applied then, where that is another.

        Raises:
            Missing: there is no such entry. CannotUndo: why not.
        """
        who = acting_now()
        if who is None:
            raise FleetError("expected somebody who acts: what is taken back is written down under a name")
        with self._revisions.held(), self._sessions.writing() as session:
            act = _Act(session, entry)
            act.check(who)
            session.info[UNDOES] = last = act.last.id
            revision = self._put_back(session, act.parts())
            session.flush()
            made = [*changes(session, self._vault, touches(session))]
            _check_only({part.thing for part in act.parts()}, made)
            nodes = _nodes(session, made)
            if look is not None and revision is not None:
                look(self._revisions.kept(session, revision))
            if dry_run:
                session.rollback()
        return Undone(
            undoes=self._book.get(last),
            entry=None if dry_run else self._book.newest_of(who.request),
            dry_run=dry_run,
            changes=[_change_out(one) for one in made[:_MOST_SHOWN]],
            change_count=len(made),
            revision=revision,
            nodes=nodes,
        )

    def _put_back(self, session: Session, parts: Sequence[_Part]) -> int | None:
        """The revision that is applied by it, where one is."""
        rows = [part for part in parts if part.thing != APPLIED]
        PuttingBack(session, self._vault, self._shelves).all([self._back(part) for part in rows])
        for part in parts:
            if part.thing == APPLIED:
                number = (part.first.before or {}).get("revision", 0)
                made = self._revisions.again(session, number)
                if made is None:
                    raise CannotUndo(f"revision {number}, which was applied before, is not kept any more")
                return made
        return None

    def _back(self, part: _Part) -> Back:
        kind, number = part.thing
        was = None if part.first.before is None else opened(self._vault, part.first)
        return Back(kind, number, part.first.name, was)


class _Act:
    """What is to be taken back: all entries of one request."""

    def __init__(self, session: Session, entry: int | None) -> None:
        self._session = session
        self._undone = undone(session)
        newest = self._newest() if entry is None else self._named(entry)
        same = select(Audit).where(Audit.request == newest.request).order_by(Audit.id)
        self.entries = list(session.scalars(same))
        self.last = self.entries[-1]
        self._parts: list[_Part] | None = None

    def check(self, who: Acting) -> None:
        """Raises CannotUndo where it cannot be, or not by this one."""
        for row in self.entries:
            if not row.undoable:
                raise CannotUndo(f"{_named(row)} cannot be taken back: it is done, or changed what stays")
            needed = RIGHTS.get(row.act, Role.OPERATOR)
            if not who.who.role.allows(needed):
                raise CannotUndo(f"{_named(row)} is for whoever is {needed.value}, and so is taking it back")
        if self.last.id in self._undone:
            raise CannotUndo(f"{_named(self.last)} was taken back already")
        changed = [told for part in self.parts() if (told := self._changed_since(part)) is not None]
        if changed:
            more = f", and {len(changed) - _MOST_NAMED} more" if len(changed) > _MOST_NAMED else ""
            raise CannotUndo(f"{_named(self.last)}: {'; '.join(changed[:_MOST_NAMED])}{more}")

    def parts(self) -> list[_Part]:
        """By thing, in order."""
        if self._parts is None:
            found: dict[Thing, _Part] = {}
            for change in self._changes([row.id for row in self.entries]):
                thing = _thing(change)
                known = found.get(thing)
                found[thing] = _Part(thing, change if known is None else known.first, change)
            self._parts = [*found.values()]
        return self._parts

    def _newest(self) -> Audit:
        broken = select(Audit.request).where(~Audit.undoable)
        gone: set[str] = set()
        for row in self._session.scalars(
            select(Audit)
            .where(Audit.undoable, Audit.undoes.is_(None), Audit.request.not_in(broken))
            .order_by(Audit.id.desc())
            .execution_options(yield_per=_AT_ONCE)
        ):
            if row.request not in gone and row.id not in self._undone:
                return row
            gone.add(row.request)  # it was met by its last entry, which says it of all
        raise CannotUndo("there is nothing that could be taken back")

    def _named(self, entry: int) -> Audit:
        row = self._session.get(Audit, entry)
        if row is None:
            raise Missing("entry of the audit", entry)
        return row

    def _changes(self, entries: Sequence[int]) -> Sequence[AuditChange]:
        of = select(AuditChange).where(AuditChange.audit_id.in_(entries))
        return self._session.scalars(of.order_by(AuditChange.audit_id, AuditChange.position)).all()

    def _changed_since(self, part: _Part) -> str | None:
        """Who made it another than it was left; None: nobody."""
        now = self._now(part.thing)
        left = _step(part.last)
        if now == left.now:
            return None
        later = [change for change in self._later(part) if _thing(change) == part.thing]
        since = [_step(change) for change in later]
        if is_as_left(left, now, since, self._taken(since)):
            return None
        name = "what is applied" if part.thing == APPLIED else f"{part.first.kind} {part.first.name}"
        by = self._session.get(Audit, later[-1].audit_id) if later and since[-1].now == now else None
        return f"{name} was changed since {'by the fleet itself' if by is None else f'by {_named(by)}'}"

    def _later(self, part: _Part) -> Sequence[AuditChange]:
        kind = AuditChange.kind == part.first.kind
        same = (
            kind if part.thing[0] in {"agent", "revision"} else kind & (AuditChange.name == part.first.name)
        )
        of = select(AuditChange).where(same, AuditChange.audit_id > self.last.id)
        return self._session.scalars(of.order_by(AuditChange.audit_id, AuditChange.position)).all()

    def _taken(self, since: Sequence[Step]) -> Mapping[int, int]:
        """By entry that took something back, the first of these steps that was of that."""
        taking = select(Audit.id, Audit.undoes).where(Audit.id.in_([step.entry for step in since]))
        undoes = {number: of for number, of in pairs(self._session, taking).items() if of is not None}
        requests = select(Audit.id, Audit.request).where(
            Audit.id.in_([*undoes.values(), *(step.entry for step in since)])
        )
        request = pairs(self._session, requests)
        firsts: dict[str, int] = {}
        for step in since:
            firsts.setdefault(request[step.entry], step.entry)
        return {number: firsts[request[of]] for number, of in undoes.items() if request.get(of) in firsts}

    def _now(self, thing: Thing) -> int | None:
        if thing == APPLIED:
            return self._session.scalar(select(func.max(Revision.revision)))
        table = _TABLES[thing[0]]
        return self._session.scalar(select(table.generation).where(table.id == thing[1]))


def _check_only(things: set[Thing], made: Sequence[Changed]) -> None:
    """Whatever else hangs on what goes is somebody else's act."""
    others = [f"{one.kind} {one.name}" for one in made if _thing(one) not in things]
    if others:
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        named = ", ".join(others[:_MOST_NAMED])
        raise CannotUndo(f"that would change {named}{more} too: put on what goes since")


def _nodes(session: Session, made: Sequence[Changed]) -> list[str]:
    """The machines among these."""
    agents = [one for one in made if one.kind == "agent"]
    there = select(Agent.node_id).where(Agent.id.in_([_thing(one)[1] for one in agents]))
    gone = [one.before["node_id"] for one in agents if one.after is None and one.before]
    return [*session.scalars(there), *gone]


def _change_out(one: Changed) -> ChangeOut:
    return ChangeOut(
        kind=one.kind, name=one.name, generation=one.generation, before=one.before, after=one.after
    )


def _thing(change: AuditChange | Changed) -> Thing:
    there: Mapping[str, Any] = change.after or change.before or {}
    return APPLIED if change.kind == "revision" else (change.kind, int(there["id"]))


def _step(change: AuditChange) -> Step:
    name = "revision" if change.kind == "revision" else "generation"
    return Step(change.audit_id, (change.before or {}).get(name), change.generation)


def _named(row: Audit) -> str:
    return f"{row.act} of {row.who} at {moment(row.at):%Y-%m-%d %H:%M:%S} (entry {row.id})"
