"""A copy of the database, whole and of one moment, while others read and write it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path

from sightline.errors import StoreError
from sightline.fleet.keys.private_file import sync
from sightline.fleet.store.faults import store_error


def copy_database(path: Path, to: Path) -> None:
    """Make `to` a copy of `path`, in place of what is there; for its owner alone, as passwords are in both.

    Raises:
        StoreError: there is no room, or no right; `to` is as it was then.
    """
    try:
        handle, written = tempfile.mkstemp(prefix=f".{to.name}.", dir=to.parent)
    except OSError as error:
        raise StoreError(f"cannot make a copy of the database at {to}: {error.strerror}") from None
    os.close(handle)
    try:
        _vacuum(path, written)
        sync(Path(written))
        Path(written).replace(to)
        sync(to.parent)
    except sqlite3.Error as error:
        raise store_error(Path(written), error) from None
    except OSError as error:
        raise StoreError(f"cannot make a copy of the database at {to}: {error.strerror}") from None
    finally:
        Path(written).unlink(missing_ok=True)


def _vacuum(path: Path, written: str) -> None:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        connection.execute("VACUUM INTO ?", (written,))
    finally:
        connection.close()
