"""Which rows of users a transaction touches, and how they were before it did.

Triggers of the writer's connection see it, so that what goes round the ORM is seen too: bulk changes, SQL,
and what SQLite itself does where a row that others name is deleted. Promises: a row is kept as it was at its
first touch; columns that nobody but the fleet writes (how a row was found) touch nothing; all of it lies in
memory, and is undone with the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Boolean, Column, MetaData, Table, select, text
from sqlalchemy.orm import Session

from sightline.fleet.store.tables import (
    Agent,
    Camera,
    DsInstance,
    EnrolmentToken,
    Revision,
    User,
    UserToken,
)

_THERE: Final = "was there"
_AT_ONCE: Final = 500
Values = Mapping[str, Any]


class Watched(NamedTuple):
    """A table whose rows are watched.

    Attributes:
        table: that it is.
        columns: that are kept of a row. key: the one of them that tells it from others.
        changing: those of them whose change counts; none: only that a row comes counts.
    """

    table: Table
    columns: tuple[str, ...]
    key: str
    changing: tuple[str, ...]

    @property
    def was(self) -> Table:
        """Where its rows are as they were."""
        return _WAS[self.table.name]


class Touch(NamedTuple):
    """A row before and after; None: it was not there."""

    key: Any
    before: Values | None
    after: Values | None


def _watched(
    table: Any, key: str, *, without: Iterable[str] = (), changing: Iterable[str] | None = None
) -> Watched:
    of: Table = table.__table__
    left_out = {*without}
    kept = tuple(column.name for column in of.columns if column.name not in left_out)
    return Watched(of, kept, key, tuple(kept if changing is None else changing))


_OBSERVED: Final = ("observed_generation", "status", "reason")
CAMERA: Final = _watched(Camera, "id", without=_OBSERVED)
INSTANCE: Final = _watched(DsInstance, "id", without=_OBSERVED)
AGENT: Final = _watched(
    Agent,
    "id",
    without=("connected", "last_seen", "observed_generation", "verified_generation", "deployment", "spec"),
    changing=("agent_name", "description", "set_labels", "set_capacity", "drained", "revoked", "generation"),
)
REVISION: Final = _watched(Revision, "revision", without=["snapshot"], changing=())
ENROLMENT: Final = _watched(EnrolmentToken, "token_id", without=["digest"], changing=["revoked"])
USER: Final = _watched(User, "id", without=["login_at"], changing=("name", "role", "password", "disabled"))
USER_TOKEN: Final = _watched(
    UserToken,
    "token_id",
    without=("digest", "used_at"),
    changing=("role", "description", "expires_at", "revoked"),
)
WATCHED: Final = (CAMERA, INSTANCE, AGENT, REVISION, ENROLMENT, USER, USER_TOKEN)


def _was(watched: Watched) -> Table:
    columns = [Column(name, watched.table.c[name].type) for name in watched.columns]
    return Table(f"was_{watched.table.name}", MetaData(), Column(_THERE, Boolean), *columns, schema="temp")


_WAS: Final = {watched.table.name: _was(watched) for watched in WATCHED}
_SEEN: Final = text(
    " UNION ALL ".join(
        f"SELECT {number} WHERE EXISTS (SELECT 1 FROM temp.{watched.was.name})"  # noqa: S608 - names of ours
        for number, watched in enumerate(WATCHED)
    )
)


def traps() -> list[str]:
    """What a writer's connection has to be told at its begin."""
    made = [
        "PRAGMA temp_store = MEMORY",
        "CREATE TEMP TABLE watching (is_on)",
        "INSERT INTO watching VALUES (0)",
    ]
    for watched in WATCHED:
        made += _traps(watched)
    return made


def _traps(watched: Watched) -> Iterator[str]:
    was, main = watched.was.name, f'"{watched.table.name}"'
    names = ", ".join(f'"{name}"' for name in watched.columns)
    old = ", ".join(f'OLD."{name}"' for name in watched.columns)
    yield f'CREATE TEMP TABLE "{was}" ("{_THERE}", {names}, PRIMARY KEY ("{watched.key}"))'

    def trap(event: str, what: str, row: str) -> str:
        same = f'"{watched.key}" = {row}."{watched.key}"'
        into = f'INSERT INTO "{was}" {what}'  # not OR IGNORE: the outer statement's way with conflicts holds
        once = f'WHERE NOT EXISTS (SELECT 1 FROM "{was}" WHERE {same})'  # noqa: S608 - names of ours
        on = f'"{was} {event[:6]}" AFTER {event} ON main.{main}'
        when = "WHEN (SELECT is_on FROM watching)"
        return f"CREATE TEMP TRIGGER {on} {when} BEGIN {into} {once}; END"

    yield trap("INSERT", f'("{_THERE}", "{watched.key}") SELECT 0, NEW."{watched.key}"', "NEW")
    if watched.changing:
        changing = ", ".join(f'"{name}"' for name in watched.changing)
        yield trap(f"UPDATE OF {changing}", f'("{_THERE}", {names}) SELECT 1, {old}', "OLD")
        yield trap("DELETE", f'("{_THERE}", {names}) SELECT 1, {old}', "OLD")


def watch(session: Session) -> None:
    """From here on, to the end of this transaction or to `unwatch`."""
    session.connection().exec_driver_sql("UPDATE temp.watching SET is_on = 1")


def unwatch(session: Session) -> None:
    """Forget what was seen."""
    connection = session.connection()
    connection.exec_driver_sql("UPDATE temp.watching SET is_on = 0")
    for watched in _seen(session):
        connection.exec_driver_sql(f'DELETE FROM temp."{watched.was.name}"')  # noqa: S608 - a name of ours


def touches(session: Session) -> Iterator[tuple[Watched, Touch]]:
    """What was touched since `watch`, whether it is another now or not."""
    for watched in _seen(session):
        was = {row[watched.key]: dict(row) for row in session.execute(select(watched.was)).mappings()}
        now = _now(session, watched, [*was])
        for key, before in was.items():
            there = before.pop(_THERE)
            yield watched, Touch(key, before if there else None, now.get(key))


def _seen(session: Session) -> list[Watched]:
    return [WATCHED[number] for number in session.execute(_SEEN).scalars()]


def _now(session: Session, watched: Watched, keys: list[Any]) -> dict[Any, Values]:
    of = watched.table
    query = select(*(of.c[name] for name in watched.columns))
    found: dict[Any, Values] = {}
    for begin in range(0, len(keys), _AT_ONCE):
        some = query.where(of.c[watched.key].in_(keys[begin : begin + _AT_ONCE]))
        found.update({row[watched.key]: dict(row) for row in session.execute(some).mappings()})
    return found
