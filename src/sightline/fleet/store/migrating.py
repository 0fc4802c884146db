"""A database to the tables of this version: made where there is none, upgraded where it is older.

Only an upgrade needs Alembic: a new one has the tables of this version from the begin, as a test holds.

Promises: a database is of one version or of the next, never between; a copy is made before an upgrade; one
of a newer version is refused and not touched.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from sightline.errors import StoreError
from sightline.fleet.store.connecting import migrating_engine
from sightline.fleet.store.copying import copy_database
from sightline.fleet.store.faults import told
from sightline.fleet.store.migrations import HEAD
from sightline.fleet.store.tables import Base
from sightline.log import get_logger

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_VERSIONS: Final = (
    "CREATE TABLE alembic_version (\n\tversion_num VARCHAR(32) NOT NULL, \n\t"
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)\n)"
)


def migrate(path: Path, *, folder: Path = MIGRATIONS, head: str = HEAD) -> Path | None:
    """Bring the database at `path` to `head`; the copy that was made before, None where none was needed.

    Raises:
        StoreError: it is of a newer version, is no database of ours, or cannot be read or written.
    """
    with told(path):
        found = _version(path)
        if found == head:
            return None
        if found is not None and found > head:
            raise StoreError(
                f"the database {path} is of version {found}, and this Sightline knows up to {head}: "
                "use a newer Sightline, or a backup of that time"
            )
        return _upgraded(path, found, folder, head)


def _version(path: Path) -> str | None:
    """Its revision; None where there is no database yet."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    engine = migrating_engine(path)
    try:
        with engine.begin() as connection:
            return _version_of(connection, path)
    finally:
        engine.dispose()


def _version_of(connection: Connection, path: Path) -> str | None:
    tables = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if not tables:
        return None
    versions = []
    if "alembic_version" in tables:
        versions = list(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars())
    if len(versions) != 1:
        raise StoreError(f"expected a database of a fleet at {path}, got one of something else")
    return str(versions[0])


def _upgraded(path: Path, found: str | None, folder: Path, head: str) -> Path | None:
    copy = None
    if found is not None:
        copy = path.with_name(f"{path.name}.before-{head}")
        copy_database(path, copy)
        get_logger("sightline.fleet.store").info(
            "upgrading the database", found=found, version=head, copy=str(copy)
        )
    engine = migrating_engine(path)
    try:
        with engine.begin() as connection:
            if found is None and (folder, head) == (MIGRATIONS, HEAD):
                _make(connection)
            else:
                run(connection, folder, head)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise StoreError(f"the upgrade of {path} would have left rows of table {broken[0]} alone")
    finally:
        engine.dispose()
    return copy


def _make(connection: Connection) -> None:
    """What all migrations come to."""
    Base.metadata.create_all(connection)
    connection.exec_driver_sql(_VERSIONS)
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (HEAD,))


def run(connection: Connection, folder: Path = MIGRATIONS, head: str = HEAD) -> None:
    """Run what is missing, within the transaction that `connection` is in."""
    from alembic import command  # noqa: PLC0415 - it takes long, and few databases need it

    try:
        command.upgrade(config(connection, folder), head)
    except (OperationalError, sqlite3.Error):
        raise
    except Exception as error:
        raise StoreError(f"the database cannot be upgraded: {error}") from error


def config(connection: Connection, folder: Path = MIGRATIONS) -> Config:
    """Alembic's settings, without a file."""
    from alembic.config import Config  # noqa: PLC0415 - see `run`

    made = Config()
    made.set_main_option("script_location", str(folder).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made
