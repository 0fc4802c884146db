"""What SQLite says when it fails, as a `StoreError` that says what to do.

Never what was to be written: SQLAlchemy's own texts have the values.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from sightline.errors import StoreError

_BY_CODE: Final = {
    sqlite3.SQLITE_FULL: "no room is left; nothing of this change was kept, and it goes on once there is",
    sqlite3.SQLITE_READONLY: "it cannot be written: the file, its folder or the file system is read-only",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: no such folder, or no right to it",
    sqlite3.SQLITE_PERM: "there is no right to it",
    sqlite3.SQLITE_CORRUPT: "it is damaged; put a backup in its place",
    sqlite3.SQLITE_NOTADB: "this is no SQLite database, or it is damaged; put a backup in its place",
    sqlite3.SQLITE_BUSY: "another program has had it locked for too long",
    sqlite3.SQLITE_LOCKED: "another program has had it locked for too long",
    sqlite3.SQLITE_IOERR: "the disk failed to read or to write, or no more may be written; "
    "nothing of this change was kept",
}


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What fails within is a StoreError; a broken constraint stays what it is, for whoever knows it."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise store_error(path, error) from None


def store_error(path: Path, error: Exception) -> StoreError:
    """The error for `path` of what SQLite or SQLAlchemy raised."""
    original = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(original, "sqlite_errorcode", None)
    if code is None:
        return StoreError(f"the database {path}: {type(error).__name__}")
    reason = _BY_CODE.get(code & 0xFF, "SQLite failed")
    return StoreError(f"the database {path}: {reason} ({getattr(original, 'sqlite_errorname', code)})")
