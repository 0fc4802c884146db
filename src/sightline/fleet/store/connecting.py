"""SQLite as the fleet uses it: a write-ahead log, everything on disk when a transaction ends, one writer.

Readers see the state of one moment and wait for nobody. A writer says so at its begin (`BEGIN IMMEDIATE`): a
transaction that became one later could be refused in the middle, whatever the busy timeout. Python's own
begin of transactions is off, as it begins none before a SELECT or a CREATE TABLE.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

BUSY_MS: Final = 10_000
READERS: Final = 4
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA journal_size_limit = 67108864",  # a log that grew once gives its room back
)


def writing_engine(path: Path, begin: Sequence[str] = ()) -> Engine:
    """For the one writer: a single connection, whose transactions write from their begin. `begin`: what each
    new connection is told besides.
    """
    told = (*_PRAGMAS, *begin)
    return _engine(path, "BEGIN IMMEDIATE", told, poolclass=QueuePool, pool_size=1, max_overflow=0)


def reading_engine(path: Path) -> Engine:
    """For readers of any thread: connections that cannot write."""
    return _engine(
        path,
        "BEGIN",
        (*_PRAGMAS, "PRAGMA query_only = ON"),
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=4 * READERS,
    )


def migrating_engine(path: Path) -> Engine:
    """For changes of tables, which are made anew: no key may be followed meanwhile."""
    pragmas = [pragma for pragma in _PRAGMAS if "foreign_keys" not in pragma]
    return _engine(path, "BEGIN IMMEDIATE", pragmas, poolclass=NullPool)


def _engine(path: Path, begin: str, pragmas: Any, **pool: Any) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": BUSY_MS / 1000, "check_same_thread": False}, **pool
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        try:
            for pragma in pragmas:
                cursor.execute(pragma)
        finally:
            cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
