"""Results on disk until somebody has taken them: one SQLite file, bounded, in order.

Promises: what `put` has taken is still there after the process was killed at any instant, and the file is
whole; results leave in the order in which they came; the delivery that was begun keeps its id and its results
until it ends, over restarts too; no bound is ever passed, and what a bound costs is counted by reason, the
oldest first. One process has the file at a time.

The journal is a write-ahead log with `synchronous=NORMAL` (sqlite.org/pragma.html#pragma_synchronous): it is
synced when a few MB are in it, not with every result. A *power cut* or a crash of the machine may lose what
was put in since then, and may let deliveries that had ended come again under new ids; the file stays whole.

The file does not shrink: what became free is used again.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, SinkError

MAX_BODY_BYTES: Final = 1 << 20
"""Of the results in one delivery together, unless one of them alone is larger."""
_APPLICATION: Final = int.from_bytes(b"SLob")
_VERSION: Final = 1
_SCHEMA: Final = (
    "CREATE TABLE result (seq INTEGER PRIMARY KEY AUTOINCREMENT, put_at_ns INTEGER, body BLOB)",
    "CREATE TABLE delivery (id TEXT, last INTEGER)",
    f"PRAGMA application_id={_APPLICATION}",
    f"PRAGMA user_version={_VERSION}",
)


class Reason(StrEnum):
    """Why a result left without having been taken."""

    OVERFLOW = "overflow"
    TOO_OLD = "too_old"
    REFUSED = "refused"


class Bounds(NamedTuple):
    """What an outbox holds at most. `bytes` are those of the results, `age_ns` since they were put in."""

    results: int
    bytes: int
    age_ns: int

    def surplus(self, results: int, size: int, age_ns: int) -> Reason | None:
        """Why the oldest of so many results, of so many bytes, has to go; None while it may stay."""
        if age_ns > self.age_ns:
            return Reason.TOO_OLD
        return Reason.OVERFLOW if results > self.results or size > self.bytes else None


class Delivery(NamedTuple):
    """What is sent as one: an id that it keeps, and the results in it."""

    id: str
    results: tuple[bytes, ...]


class OutboxStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since it was opened; `entered` includes what was found in the file."""

    entered: int = 0
    delivered: int = 0
    dropped: dict[str, int] = {}
    held: int = 0
    held_bytes: int = 0

    @property
    def balanced(self) -> bool:
        return self.entered == self.delivered + sum(self.dropped.values()) + self.held


class _Begun(NamedTuple):
    """The delivery that was begun. In it are the oldest results, up to `last`."""

    id: str
    last: int


class Outbox:
    """The results that wait, and the delivery that was begun. Any thread may call it.

    Raises:
        SinkError: the file cannot be opened, is something else, or another process has it.
    """

    def __init__(self, path: Path, bounds: Bounds, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._path = path
        self._bounds = bounds
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        self._stats = OutboxStats()
        self._begun: _Begun | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error
        try:
            self._open()
        except sqlite3.Error as error:
            self._db.close()
            raise self._failed(error) from error
        except SinkError:
            self._db.close()
            raise

    def put(self, result: bytes) -> None:
        """Take a result in, and let the oldest go where it is one too many.

        Raises:
            SinkError: the disk is full or failed, or the result alone is above the bound. It is not in.
            Closed: after `close`.
        """
        if len(result) > self._bounds.bytes:
            raise SinkError(
                f"expected a result of at most {self._bounds.bytes} bytes, as many as the outbox "
                f"{self._path} holds, got {len(result)}"
            )
        now_ns = self._clock.utc_ns()
        with self._transaction():
            self._db.execute("INSERT INTO result (put_at_ns, body) VALUES (?, ?)", (now_ns, result))
            self._count(entered=1, held=1, held_bytes=len(result))
            self._drop_surplus(now_ns)

    def begin(self, most: int) -> Delivery | None:
        """The delivery that was begun, or a new one of up to `most` results; None where nothing waits.

        Raises SinkError, Closed.
        """
        now_ns = self._clock.utc_ns()
        with self._transaction():
            self._drop_begun_when_old(now_ns)
            self._drop_surplus(now_ns)
            if self._begun is None:
                self._begin_new(most)
            return None if self._begun is None else Delivery(self._begun.id, self._results(self._begun))

    def end(self, reason: Reason | None = None) -> None:
        """The delivery that was begun is over: taken, or dropped for a reason. Raises SinkError, Closed."""
        with self._transaction():
            if self._begun is not None:
                self._end(self._begun, reason)

    @property
    def held(self) -> int:
        """Results that wait, those of the delivery that was begun among them."""
        return self._stats.held

    def stats(self) -> OutboxStats:
        return self._stats

    def close(self) -> None:
        """Give the file back. May be called twice."""
        with self._lock:
            self._closed = True
            self._db.close()

    # Within a transaction, or before there are any

    def _open(self) -> None:
        # The lock is held until the file is closed, and the system frees it where the process is killed.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        if self._number("PRAGMA application_id") != _APPLICATION:
            if self._number("SELECT count(*) FROM sqlite_schema"):
                raise SinkError(f"{self._path} is another program's database, not an outbox")
            self._make()
        if (version := self._number("PRAGMA user_version")) != _VERSION:
            raise SinkError(f"the outbox {self._path} is of version {version}, expected {_VERSION}")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        with self._transaction():
            held, size = self._db.execute("SELECT count(*), total(length(body)) FROM result").fetchone()
            self._count(entered=held, held=held, held_bytes=int(size))
            row = self._db.execute("SELECT id, last FROM delivery").fetchone()
            self._begun = None if row is None else _Begun(*row)

    def _make(self) -> None:
        with self._transaction():
            for statement in _SCHEMA:
                self._db.execute(statement)

    def _begin_new(self, most: int) -> None:
        last, size = 0, 0
        rows = self._db.execute(
            "SELECT seq, length(body) FROM result ORDER BY seq LIMIT ?", (most,)
        ).fetchall()
        for seq, length in rows:
            size += length
            if last and size > MAX_BODY_BYTES:
                break
            last = seq
        if rows:
            self._begun = _Begun(uuid.uuid4().hex, last)
            self._db.execute("INSERT INTO delivery (id, last) VALUES (?, ?)", self._begun)

    def _results(self, begun: _Begun) -> tuple[bytes, ...]:
        rows = self._db.execute("SELECT body FROM result WHERE seq <= ? ORDER BY seq", (begun.last,))
        return tuple(body for (body,) in rows)

    def _drop_begun_when_old(self, now_ns: int) -> None:
        """It goes whole, when the last of its results is too old."""
        if self._begun is not None:
            put_at_ns = self._number("SELECT put_at_ns FROM result WHERE seq = ?", self._begun.last)
            if now_ns - put_at_ns > self._bounds.age_ns:
                self._end(self._begun, Reason.TOO_OLD)

    def _drop_surplus(self, now_ns: int) -> None:
        """Of the results in no delivery the oldest go, until no bound is passed."""
        after = self._begun.last if self._begun else 0
        rows = self._db.execute(
            "SELECT seq, put_at_ns, length(body) FROM result WHERE seq > ? ORDER BY seq", (after,)
        )
        last = after
        for seq, put_at_ns, size in rows:
            reason = self._bounds.surplus(self._stats.held, self._stats.held_bytes, now_ns - put_at_ns)
            if reason is None:
                break
            self._count(reason=reason, dropped=1, held=-1, held_bytes=-size)
            last = seq
        rows.close()
        if last > after:
            self._db.execute("DELETE FROM result WHERE seq > ? AND seq <= ?", (after, last))

    def _end(self, begun: _Begun, reason: Reason | None) -> None:
        count, size = self._db.execute(
            "SELECT count(*), total(length(body)) FROM result WHERE seq <= ?", (begun.last,)
        ).fetchone()
        self._db.execute("DELETE FROM result WHERE seq <= ?", (begun.last,))
        self._db.execute("DELETE FROM delivery")
        self._begun = None
        over = {"delivered": count} if reason is None else {"dropped": count, "reason": reason}
        self._count(**over, held=-count, held_bytes=-int(size))

    def _count(self, *, reason: str = "", dropped: int = 0, **changes: int) -> None:
        now = {name: getattr(self._stats, name) + change for name, change in changes.items()}
        if dropped:
            now["dropped"] = self._stats.dropped | {reason: self._stats.dropped.get(reason, 0) + dropped}
        self._stats = msgspec.structs.replace(self._stats, **now)

    def _number(self, statement: str, *values: int) -> int:
        return int(self._db.execute(statement, values).fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, of the counts too."""
        with self._lock:
            if self._closed:
                raise Closed(f"the outbox {self._path} is closed")
            before = self._stats, self._begun
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                self._stats, self._begun = before
                self._roll_back()
                if isinstance(error, sqlite3.Error):
                    raise self._failed(error) from error
                raise

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self._db.in_transaction:  # SQLite may have rolled back by itself
                self._db.execute("ROLLBACK")

    def _failed(self, error: Exception) -> SinkError:
        reason = "another process has it" if _is_locked(error) else getattr(error, "strerror", None) or error
        return SinkError(f"the outbox {self._path} cannot be used: {reason}")


def _is_locked(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
