"""One coordinator a database: a lock that the kernel lets go of however its holder ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from sightline.errors import StoreError


class LockFile:
    """Held from its making until `release`.

    Raises:
        StoreError: another process, or another `Database` of this one, has it.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.lock")
        try:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot make the lock file {self._path}: {error.strerror}") from None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._handle, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._handle)
            raise StoreError(
                f"the database {database} is in use by another coordinator (process {holder}); "
                "end that one first, or give this one a database of its own"
            ) from None
        with suppress(OSError):  # no room: the lock holds all the same
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go. Again is allowed."""
        if self._handle >= 0:
            os.close(self._handle)  # the file stays: who removed it could remove another's
            self._handle = -1
