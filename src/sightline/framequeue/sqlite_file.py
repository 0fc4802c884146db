"""A SQLite file that several processes use at once, any of which may be killed at any moment.

The file is in WAL mode: what was committed stands whoever dies, and nothing else. A *step* is a transaction
that may write: one at a time, all of it or nothing. One that is durable is on the disk before it ends
(`synchronous=FULL`); the others survive the death of every process, and of those the last may be lost where
the machine itself loses its power.

The log beside the file keeps the room that it has, up to `LOG_BYTES`, and gives back what is above. It grows
further only while somebody else, as a backup, reads in one long transaction; nobody here does.

Does not do: file systems of networks, where neither locks nor shared memory can be trusted.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol
from weakref import WeakSet

from sightline.errors import BusError, ConfigError

BUSY_S: Final = 30.0
"""How long one process waits for others to end their steps, each of which takes a millisecond."""
LOG_BYTES: Final = 4 * 2**20
"""Of the write-ahead log, above which it begins anew. What SQLite does by itself gives way to all who are at
work, so under several busy processes the log grows for ever."""
_LOG_STEP_BYTES: Final = 2**20
_LOG_MS: Final = 200

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_NO_ROOM: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


class NoRoom(BusError):
    """There is no room on the disk; nothing of the step happened."""


class SqliteFile:
    """One connection. Not thread-safe.

    Args:
        path: of the file; made where there is none.
        what: it is, for errors: `queue`.
        durable: whether steps that ask for it are on the disk before they end.

    Raises:
        ConfigError: it cannot be had.
    """

    def __init__(self, path: Path, what: str, *, durable: bool) -> None:
        self._what = what
        self._path = path
        self._durable = durable
        self._synchronous = ""
        self._log = path.with_name(path.name + "-wal")
        self._log_most = LOG_BYTES
        try:
            # In autocommit, where a transaction is what says BEGIN.
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._cannot_open(error) from error

    @contextlib.contextmanager
    def opening(self, mark: int, version: int, schema: str) -> Iterator[bool]:
        """A durable step, in a file that is ours by then: True where it was made now. One process at a time.

        Args:
            mark: 32 bits by which no other program's file is taken for ours.
            version: of the schema, from 1 on.
            schema: statements that make the tables.

        Raises:
            ConfigError: as the class, or the file is another program's, or of another version.
        """
        try:
            self._check_ours(mark, version)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA wal_autocheckpoint = 0")
            self._db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        except sqlite3.DatabaseError as error:
            raise self._cannot_open(error) from error
        with self.step(durable=True):
            new = self.one("PRAGMA user_version") == 0
            if new:
                self._make(mark, version, schema)
            yield new

    @contextlib.contextmanager
    def step(self, *, durable: bool = False) -> Iterator[None]:
        """One transaction. Raises NoRoom and BusError where the file fails us."""
        with self.told():
            self._sync("FULL" if durable and self._durable else "NORMAL")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:  # something failed, and perhaps only the COMMIT
                    self._db.execute("ROLLBACK")
        self._keep_log_short()

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Errors of SQLite in our words; reading alone needs no step. Raises NoRoom and BusError."""
        try:
            yield
        except sqlite3.Error as error:
            full = getattr(error, "sqlite_errorcode", None) in _NO_ROOM
            raise (NoRoom if full else BusError)(f"the {self._what} {self._path} failed: {error}") from error

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        return self._db.execute(statement, values)

    def changed(self, statement: str, *values: object) -> int:
        """How many rows a statement changed."""
        return self._db.execute(statement, values).rowcount

    def one(self, statement: str, *values: object) -> int:
        """The one number that a statement gives."""
        value: int = self._db.execute(statement, values).fetchone()[0]
        return value

    def close(self) -> None:
        self._db.close()

    def _check_ours(self, mark: int, version: int) -> None:
        kept = self.one("PRAGMA user_version"), self.one("PRAGMA application_id")
        empty = not kept[0] and not self.one("SELECT count(*) FROM sqlite_master")
        if not empty and kept != (version, mark):
            raise ConfigError(
                f"expected {self._path} to be a {self._what} of version {version}, or no file yet; got"
                + (f" version {kept[0]}" if kept[1] == mark else " another program's file")
            )

    def _make(self, mark: int, version: int, schema: str) -> None:
        for statement in _statements(schema):
            self._db.execute(statement)
        self._db.execute(f"PRAGMA application_id = {mark}")
        self._db.execute(f"PRAGMA user_version = {version}")

    def _cannot_open(self, error: sqlite3.Error) -> ConfigError:
        return ConfigError(f"cannot open the {self._what} {self._path}: {error}")

    def _keep_log_short(self) -> None:
        """The step stands whatever comes of this. Who is hindered tries again when the log has grown."""
        with contextlib.suppress(OSError, sqlite3.Error):
            if (size := self._log.stat().st_size) > self._log_most:
                self._log_most = size + _LOG_STEP_BYTES
                self._db.execute(f"PRAGMA busy_timeout = {_LOG_MS}")
                try:
                    if not self.one("PRAGMA wal_checkpoint(RESTART)"):  # nobody was in the way
                        self._log_most = LOG_BYTES
                finally:
                    self._db.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}")

    def _sync(self, how: str) -> None:
        if how != self._synchronous:
            self._db.execute(f"PRAGMA synchronous = {how}")
            self._synchronous = how


def boot_id() -> str:
    """Which start of the kernel this is, and so of monotonic time; the same in all its containers."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""


class _Forked(Protocol):
    def _forked(self) -> None: ...


_told_of_forks: Final[WeakSet[_Forked]] = WeakSet()


def tell_of_forks(user: _Forked) -> None:
    """In each child of `fork`, `user._forked()` is called: a connection must not be used there."""
    _told_of_forks.add(user)


def _tell() -> None:
    for user in tuple(_told_of_forks):
        user._forked()  # noqa: SLF001 - for nobody else to call


os.register_at_fork(after_in_child=_tell)


def _statements(script: str) -> Iterator[str]:
    """One at a time: `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
