"""Writing the audit: what a transaction changed on somebody's behalf, as one entry, in that same transaction.

Promises: what was changed and that it was is on disk together or not at all; each entry has the hash of the
one before, whose mark is sealed, so that nobody goes on after entries that were taken out as if nothing were
missing. The newest `KEPT` entries and `KEPT_CHANGES` changes are kept, and beyond them what is younger than
`KEPT_S`, so that nobody makes what others did go by many acts of their own; above `MOST` and `MOST_CHANGES`
the oldest goes all the same. Where the chain was cut is marked, and is an entry.

Deliberately not here: reading it (`audit`), what is shown of a row (`audited`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, literal_column, select, text, update
from sqlalchemy.orm import Session

from sightline.clock import NS_PER_MS, Clock
from sightline.errors import StoreError
from sightline.fleet.people.chain import START, Mark, hash_of
from sightline.fleet.people.limits import Buckets, Rate
from sightline.fleet.people.principal import Acting, Principal, Role
from sightline.fleet.store.audited import Changed, changes
from sightline.fleet.store.tables import Audit, AuditChange, Setting
from sightline.fleet.store.times import moment
from sightline.fleet.store.touched import touches, unwatch, watch
from sightline.fleet.store.vault import Vault
from sightline.log import redact

KEPT: Final = 100_000
KEPT_CHANGES: Final = 500_000
KEPT_S: Final = 90 * 24 * 3600
MOST: Final = 1_000_000
MOST_CHANGES: Final = 2_000_000
CUT: Final = "cut_audit"
"""The act of the entry that says that older ones were let go."""
EVERY: Final = 100
"""Entries after which the oldest are looked for."""
HEAD: Final = "audit head"
ANCHOR: Final = "audit anchor"
MARKS: Final = "audit marks"
SEALED: Final = "audit rows"
"""For which the vault seals."""
UNDOES: Final = "undoes"
"""What a transaction takes back: in the `info` of its session."""
_OFTEN: Final = Rate(burst=30, every_s=30.0)
_MOST_LETTERS: Final = 2048
_AT_ONCE: Final = 500
_LOST: Final = "lost"
"""In the place of a hash, where there were entries and nobody can say how they ended: no chain goes on so."""


class Auditing:
    """Of one database; each method within a writing transaction, so for one thread at a time."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault, self._clock = vault, clock
        self._lock = threading.Lock()
        self._often = Buckets(_OFTEN)
        self._left_out: dict[str, int] = {}

    def begin(self, session: Session) -> None:
        """Look from here on at what is changed."""
        watch(session)

    def end(self, session: Session, acting: Acting) -> None:
        """Write down what was changed since, if anything."""
        session.flush()
        found = [*changes(session, self._vault, touches(session))]
        unwatch(session)
        if found:
            self.append(session, acting, found)

    def note(self, session: Session, acting: Acting, of: Sequence[tuple[str, str]], *, left_out: int) -> int:
        """Write down something that was done and changed no row, about these things, by kind and name."""
        nothing = [Changed(kind, name[:200], None, None, None, None, undoable=False) for kind, name in of]
        return self.append(session, acting, nothing, left_out=left_out)

    def is_too_often(self, act: str) -> bool:
        """Whether there is no room for one more that anybody may cause; it is counted then."""
        with self._lock:
            if not self._often.take(act, self._clock.monotonic_ns()):
                return False
            self._left_out[act] = self._left_out.get(act, 0) + 1
            return True

    def left_out(self, act: str) -> int:
        """How many there was no room for, up to now; they are forgotten then."""
        with self._lock:
            return self._left_out.pop(act, 0)

    def append(self, session: Session, acting: Acting, found: Sequence[Changed], *, left_out: int = 0) -> int:
        """An entry at the end of the chain."""
        newest = newest_ever(session)
        last = mark(session, self._vault, HEAD) or (Mark(newest, _LOST) if newest else START)
        more = f" (and {left_out} more that are not listed)" if left_out else ""
        entry: dict[str, Any] = {
            "id": newest + 1,
            "at": self._clock.utc_ns() // NS_PER_MS,
            "who": acting.who.name,
            "role": acting.who.role.value,
            "how": acting.who.known_by,
            "address": acting.who.address,
            "act": acting.act,
            "desc": redact(acting.desc)[:_MOST_LETTERS] + more,
            "request": acting.request,
            "undoable": bool(found) and all(one.undoable for one in found),
            "undoes": session.info.get(UNDOES),
        }
        rows = [self._row(entry["id"], position, one) for position, one in enumerate(found)]
        entry["hash"] = hash_of(last.hash, chained(entry, rows))
        connection = session.connection()
        connection.execute(insert(Audit), [entry])
        if rows:
            connection.execute(insert(AuditChange), rows)
        put_mark(session, self._vault, HEAD, Mark(entry["id"], entry["hash"]))
        self._cut(session, entry["id"])
        return int(entry["id"])

    def _row(self, number: int, position: int, one: Changed) -> dict[str, Any]:
        sealed = None
        if one.whole is not None:  # with what it is of, so that none can be put in the place of another
            sealed = self._vault.seal(
                json.dumps({"of": [one.kind, number, position], "row": one.whole}), SEALED
            )
        return {
            "audit_id": number,
            "position": position,
            "kind": one.kind,
            "name": one.name,
            "generation": one.generation,
            "before": one.before,
            "after": one.after,
            "sealed": sealed,
        }

    def _cut(self, session: Session, newest: int) -> None:
        """Forget the oldest, now and then."""
        if newest % EVERY:
            return
        cut = min(self._last_to_go(session, newest), newest - 1)
        found = session.execute(select(Audit.hash, Audit.at).where(Audit.id == cut)).one_or_none()
        if found is None:
            return
        session.execute(delete(Audit).where(Audit.id <= cut))
        put_mark(session, self._vault, ANCHOR, Mark(cut, found.hash))
        until = moment(found.at).isoformat(timespec="seconds")
        told = f"the entries up to {cut}, of {until}, were let go: {newest - cut} are kept"
        self.append(session, Acting(who=_ITSELF, act=CUT, desc=told), [])

    def _last_to_go(self, session: Session, newest: int) -> int:
        """What is beyond those that are kept by their number alone, and old, or beyond all bounds."""
        beyond = max(newest - KEPT, _last_beyond(session, KEPT_CHANGES))
        young_ms = (self._clock.utc_ns() // NS_PER_MS) - KEPT_S * 1000
        young = select(Audit.id).where(Audit.id <= beyond, Audit.at > young_ms).order_by(Audit.id).limit(1)
        first_young = session.scalar(young)
        old = beyond if first_young is None else first_young - 1
        return max(old, newest - MOST, _last_beyond(session, MOST_CHANGES))


def _last_beyond(session: Session, kept: int) -> int:
    """The last entry that has a change which is not among the newest `kept`; 0: none has."""
    newest = session.scalar(select(func.max(_ROWID)).select_from(AuditChange)) or 0
    older = select(AuditChange.audit_id).where(newest - kept >= _ROWID)
    return session.scalar(older.order_by(_ROWID.desc()).limit(1)) or 0


_ITSELF: Final = Principal(name="the coordinator", role=Role.ADMIN, how="command")
_ROWID: Final[Any] = literal_column("audit_change.rowid")


def chained(entry: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Of an entry and its changes, what its hash is of: all but what is sealed, which rotations seal anew."""
    told = [{name: row[name] for name in _CHAINED} | {"sealed": row["sealed"] is not None} for row in rows]
    return {**{name: value for name, value in entry.items() if name != "hash"}, "changes": told}


_CHAINED: Final = ("kind", "name", "generation", "before", "after")


def newest_ever(session: Session) -> int:
    """The number of the newest entry that there ever was, also where it was taken out."""
    return int(session.scalar(_NEWEST) or 0)


_NEWEST: Final = text(
    "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0), "
    "coalesce((SELECT max(id) FROM audit), 0), coalesce((SELECT max(audit_id) FROM audit_change), 0))"
)


def mark(session: Session, vault: Vault, name: str) -> Mark | None:
    """Where the chain ends, or was cut; None: it is not said, or not by us."""
    found = session.get(Setting, name)
    if found is None:
        return None
    try:
        said = json.loads(vault.open(found.value, MARKS))
    except StoreError:
        return None
    return Mark(said["number"], said["hash"]) if said["of"] == name else None


def put_mark(session: Session, vault: Vault, name: str, at: Mark) -> None:
    """Keep it, sealed: who changes entries by SQL cannot make one."""
    said = json.dumps({"of": name, "number": at.number, "hash": at.hash})
    session.merge(Setting(name=name, value=vault.seal(said, MARKS)))


def seal_audit_anew(session: Session, vault: Vault) -> None:
    """What is sealed in the audit, by the vault's newest key."""
    for name in (HEAD, ANCHOR):
        at = mark(session, vault, name)
        if at is not None:
            put_mark(session, vault, name, at)
    key = (AuditChange.audit_id, AuditChange.position)
    update_one = update(AuditChange).where(key[0] == bindparam("of"), key[1] == bindparam("at"))
    there = select(*key, AuditChange.sealed).where(AuditChange.sealed.is_not(None))
    for some in session.execute(there.execution_options(yield_per=_AT_ONCE)).partitions():
        anew = [
            {"of": of, "at": at, "sealed": vault.seal(vault.open(sealed or "", SEALED), SEALED)}
            for of, at, sealed in some
        ]
        session.connection().execute(update_one, anew)
