"""What the audit writes down of a row that was touched: what may be shown, and what undo needs.

Promises: of a password, and of what is hidden in a row, it is shown that it is set or that it changed, and
never what it is: two changes of hidden parts alone are shown alike. Of a change the fields that are others
are shown; of a row that came or went all of them.

Deliberately not here: sealing, and writing it down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from sightline.clock import NS_PER_MS
from sightline.fleet.store.revisions import DIFFERING
from sightline.fleet.store.sessions import pairs
from sightline.fleet.store.tables import Agent, DsInstance, Revision, User
from sightline.fleet.store.touched import (
    AGENT,
    CAMERA,
    ENROLMENT,
    INSTANCE,
    REVISION,
    USER,
    USER_TOKEN,
    Touch,
    Values,
    Watched,
)
from sightline.fleet.store.vault import Vault

_AT_ONCE: Final = 500
_MOST_DIFFERING: Final = 50


class Kind(NamedTuple):
    """How the rows of a table are shown.

    Attributes:
        name: of the kind. named: the column with a row's name.
        shown: its columns that may be.
        sealed: columns of the vault. hashed: columns of which no more is kept than a hash.
        undoable: whether what became of its rows can be put back; of agents see `_is_undoable`.
    """

    name: str
    named: str
    shown: tuple[str, ...]
    sealed: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()
    undoable: bool = False


class Changed(NamedTuple):
    """What became of one row: as it may be shown, and whole as it was before."""

    kind: str
    name: str
    generation: int | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    whole: dict[str, Any] | None
    undoable: bool


KINDS: Final = {
    CAMERA: Kind("camera", "camera_id", CAMERA.columns, sealed=("password", "hidden"), undoable=True),
    INSTANCE: Kind("instance", "instance_name", INSTANCE.columns, sealed=("hidden",), undoable=True),
    AGENT: Kind(
        "agent",
        "agent_name",
        (
            *("id", "generation", "agent_name", "node_id", "description", "set_labels", "set_capacity"),
            *("drained", "revoked"),
        ),
        undoable=True,
    ),
    REVISION: Kind("revision", "revision", ("revision", "cameras", "instances"), undoable=True),
    ENROLMENT: Kind("enrolment_token", "token_id", ("description", "expires_at", "uses_left", "revoked")),
    USER: Kind("user", "name", ("id", "name", "role", "password", "disabled"), hashed=("password",)),
    USER_TOKEN: Kind("user_token", "token_id", ("user_id", "role", "description", "expires_at", "revoked")),
}
_NAMES: Final[Mapping[str, tuple[Watched, Any, str]]] = {
    "agent_id": (AGENT, Agent, "agent_name"),
    "dsInstance_id": (INSTANCE, DsInstance, "instance_name"),
    "user_id": (USER, User, "name"),
}
"""Columns that name a row by its number, and how it is called."""
_SHOWN_AS: Final = {"agent_id": "agent_name", "dsInstance_id": "instance_name", "user_id": "user"}
_TIMES: Final = {ENROLMENT: NS_PER_MS, USER_TOKEN: 1}
"""What `expires_at` is divided by to be ms."""


def changes(session: Session, vault: Vault, touched: Iterable[tuple[Watched, Touch]]) -> Iterator[Changed]:
    """Of what was touched, what is another now."""
    found = [*touched]
    names = _names(session, found)
    for watched, touch in found:
        if watched is REVISION:
            yield _applied(session, touch)
        else:
            changed = _Telling(watched, names, vault).changed(touch)
            if changed is not None:
                yield changed


def _names(session: Session, touched: Iterable[tuple[Watched, Touch]]) -> dict[tuple[str, int], str]:
    """What rows are called that are named by others; one that went too."""
    wanted: dict[str, set[int]] = {column: set() for column in _NAMES}
    found: dict[tuple[str, int], str] = {}
    for watched, touch in touched:
        for values in filter(None, (touch.before, touch.after)):
            for column, (of, _, named) in _NAMES.items():
                if values.get(column) is not None:
                    wanted[column].add(values[column])
                if watched is of:
                    found[column, touch.key] = values[named]
    for column, (_, table, named) in _NAMES.items():
        ids = [*wanted[column]]
        for begin in range(0, len(ids), _AT_ONCE):
            some = table.id.in_(ids[begin : begin + _AT_ONCE])
            there = pairs(session, select(table.id, getattr(table, named)).where(some))
            found |= {(column, number): name for number, name in there.items()}
    return found


def _applied(session: Session, touch: Touch) -> Changed:
    """A revision: what it took the place of is the one before; with what is another in it."""
    columns = (Revision.revision, Revision.cameras, Revision.instances)
    older = select(*columns).where(Revision.revision < touch.key).order_by(Revision.revision.desc()).limit(1)
    last = session.execute(older).mappings().first()
    after = {name: (touch.after or {}).get(name) for name in KINDS[REVISION].shown}
    differing = session.info.get(DIFFERING, [])
    after |= {"differing": differing[:_MOST_DIFFERING], "differing_count": len(differing)}
    gone = {"revision": touch.key - 1} if touch.key > 1 else None  # it is not kept any more
    before = gone if last is None else dict(last)
    return Changed("revision", str(touch.key), touch.key, before, after, None, undoable=True)


class _Telling:
    """Says what became of rows of one table."""

    def __init__(self, watched: Watched, names: Mapping[tuple[str, int], str], vault: Vault) -> None:
        self._watched, self._names, self._vault = watched, names, vault
        self._kind = KINDS[watched]

    def changed(self, touch: Touch) -> Changed | None:
        before, after = self._clear(touch.before), self._clear(touch.after)
        if before == after:
            return None
        there = after or before or {}
        kind = self._kind
        shown = self._shown(before, after)
        undoable = kind.undoable and (self._watched is not AGENT or _is_undoable(before, after))
        return Changed(
            kind=kind.name,
            name=str(there[kind.named]),
            generation=None if after is None else after.get("generation"),
            before=shown[0],
            after=shown[1],
            whole=before if undoable else None,
            undoable=undoable,
        )

    def _clear(self, values: Values | None) -> dict[str, Any] | None:
        if values is None:
            return None
        sealed = {name: values[name] for name in self._kind.sealed if values[name] is not None}
        return {**values, **{name: self._vault.open(text) for name, text in sealed.items()}}

    def _shown(
        self, before: Values | None, after: Values | None
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        if before is None or after is None:
            return self._whole(before), self._whole(after)
        others = {name for name in before if before[name] != after[name]} | {self._watched.key}
        was, now = self._whole(before, others), self._whole(after, others)
        secret = (*self._kind.sealed, *self._kind.hashed)
        for name in (name for name in secret if name in others and before[name] and after[name]):
            now = {**(now or {}), name: "changed"}
        return was, now

    def _whole(self, values: Values | None, only: set[str] | None = None) -> dict[str, Any] | None:
        if values is None:
            return None
        names = [name for name in self._kind.shown if only is None or name in only]
        return {_SHOWN_AS.get(name, name): self._value(name, values[name]) for name in names}

    def _value(self, name: str, value: Any) -> Any:
        if name in self._kind.sealed or name in self._kind.hashed:
            return None if value is None else "set"
        if name in _SHOWN_AS and value is not None:
            return self._names.get((name, value), str(value))
        if name == "expires_at":
            utc_s = value / _TIMES[self._watched] / 1000
            return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="seconds")
        return value


def _is_undoable(before: Values | None, after: Values | None) -> bool:
    """Who was sent away or let go stays so."""
    if after is None:
        return False
    return not after["revoked"] if before is None else before["revoked"] == after["revoked"]
