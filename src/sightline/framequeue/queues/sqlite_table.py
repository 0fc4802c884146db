"""The queue as tables of a SQLite file: what `queues.line` is in memory, each step one transaction.

What enters and what dies is on the disk before the step ends, where that is wanted (`sqlite_file`); what was
handed over or acknowledged last may be forgotten where the machine itself loses its power, and is then handed
over again. The file knows by the kernel's boot id that this may be so, and marks all that it has.

Times are monotonic of this boot; after another one, delays are over and ages begin anew. How many keys of
each state there are is kept by triggers, so that no step can forget to count.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from sightline.framequeue.queue import EXPIRED, OVERFLOW, DeadKey, Delivery, Outcome, QueueDepth, Sent
from sightline.framequeue.queues.limits import QueueLimits, Verdict, Waiting
from sightline.framequeue.queues.line import Moment
from sightline.framequeue.sqlite_file import SqliteFile

_APPLICATION_ID: Final = 0x534C4651  # "SLFQ": so that no other program's file is taken for ours
_VERSION: Final = 1

# States: 0 ready, 1 delayed, 2 in hand, 3 dead. They stand in the statements as they are, for SQLite takes an
# index of some rows only where it sees that the rows are those.
_SCHEMA: Final = """
CREATE TABLE keys(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL,
    size INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    handed INTEGER NOT NULL DEFAULT 0,
    holder INTEGER,
    due_ns INTEGER,
    expires_ns INTEGER,
    reason TEXT,
    died_at_ns INTEGER,
    death INTEGER);
CREATE INDEX by_state ON keys(state, id);
CREATE INDEX by_due ON keys(due_ns) WHERE state = 1;
CREATE INDEX by_expiry ON keys(expires_ns) WHERE expires_ns IS NOT NULL AND state <= 1;
CREATE INDEX by_holder ON keys(holder) WHERE state = 2;
CREATE INDEX by_death ON keys(death, id) WHERE state = 3;
CREATE TABLE tally(state INTEGER PRIMARY KEY, keys INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO tally VALUES (0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0);
CREATE TRIGGER comes AFTER INSERT ON keys BEGIN
    UPDATE tally SET keys = keys + 1, bytes = bytes + new.size WHERE state = new.state;
END;
CREATE TRIGGER goes AFTER DELETE ON keys BEGIN
    UPDATE tally SET keys = keys - 1, bytes = bytes - old.size WHERE state = old.state;
END;
CREATE TRIGGER moves AFTER UPDATE OF state ON keys WHEN old.state <> new.state BEGIN
    UPDATE tally SET keys = keys - 1, bytes = bytes - old.size WHERE state = old.state;
    UPDATE tally SET keys = keys + 1, bytes = bytes + new.size WHERE state = new.state;
END;
CREATE TABLE totals(name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO totals VALUES ('accepted', 0), ('acked', 0), ('forgotten', 0), ('deaths', 0), ('holders', 0);
CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_HELD: Final = "id = ? AND handed = ? AND holder IS NOT NULL"


class KeyTable:
    """The keys in a file, by one connection. Not thread-safe.

    Args:
        path: of the file; made where there is none.
        durable: whether what must not be lost is on the disk before a step ends.

    Raises:
        ConfigError: it is no file of ours, or cannot be made there.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._limits = QueueLimits()
        self._file = SqliteFile(path, "queue", durable=durable)

    def open(self, limits: QueueLimits | None, boot: str, now: Moment) -> int:
        """Makes what is not there; gives this handle's number among all holders. One process at a time.

        Raises:
            ConfigError: as the class.
        """
        with self._file.opening(_APPLICATION_ID, _VERSION, _SCHEMA) as new:
            if new:  # above all tags of a file that stood here before
                self._file.execute("INSERT INTO sqlite_sequence VALUES ('keys', ?)", (now.utc_ns,))
            self._limits = self._agreed(limits)
            self._notice(boot, now)
            return self._count("holders", 1)

    def send(self, texts: Iterable[tuple[str, int]], now: Moment) -> list[Sent]:
        """Texts with their sizes."""
        with self._step(now, durable=True):
            sent = [Sent(text, self._enter(text, size, now)) for text, size in texts]
            self._count("accepted", sum(each.accepted for each in sent))
            return sent

    def receive(self, most: int, holder: int, now: Moment) -> list[Delivery]:
        with self._step(now):
            rows = self._file.execute(
                "UPDATE keys SET state = 2, handed = handed + 1, holder = ? WHERE id IN"
                " (SELECT id FROM keys WHERE state = 0 ORDER BY id LIMIT ?) RETURNING id, text, handed",
                (holder, most),
            ).fetchall()
            return [Delivery(text, n > 1, now.utc_ns, (number, n)) for number, text, n in sorted(rows)]

    def ack(self, tag: tuple[int, int], now: Moment) -> bool:
        with self._step(now):
            return bool(self._count("acked", self._file.changed(f"DELETE FROM keys WHERE {_HELD}", *tag)))  # noqa: S608

    def retry(self, tag: tuple[int, int], delay_ns: int, now: Moment) -> bool:
        with self._step(now):
            move = f"UPDATE keys SET state = ?, due_ns = ?, holder = NULL WHERE {_HELD}"  # noqa: S608
            return bool(self._file.changed(move, int(delay_ns > 0), now.monotonic_ns + delay_ns, *tag))

    def die(self, tag: tuple[int, int], reason: str, now: Moment) -> bool:
        with self._step(now, durable=True):
            return self._bury(_HELD, tag, reason, now) > 0

    def let_go(self, holder: int) -> int:
        """All that it has comes back, marked. Gives how much that was."""
        with self._step():
            return self._file.changed("UPDATE keys SET state = 0 WHERE state = 2 AND holder = ?", holder)

    def holders(self) -> list[int]:
        """Who has something in hand."""
        with self._file.told():
            rows = self._file.execute("SELECT DISTINCT holder FROM keys WHERE state = 2")
            return [number for (number,) in rows]

    def dead_letters(self, limit: int, now: Moment) -> list[DeadKey]:
        with self._step(now):
            rows = self._file.execute(
                "SELECT text, reason, died_at_ns, handed FROM keys"
                " WHERE state = 3 ORDER BY death, id LIMIT ?",
                (max(0, limit),),
            )
            return [DeadKey(*row) for row in rows]

    def dead_retry(self, texts: frozenset[str] | None, now: Moment) -> int:
        with self._step(now, durable=True):
            dead = self._file.execute(
                "SELECT id, text, size, handed FROM keys WHERE state = 3 ORDER BY death, id"
            ).fetchall()
            count = 0
            for number, text, size, handed in dead:
                if texts is not None and text not in texts:
                    continue
                if self._limits.judge(self._waiting(), size) is not Verdict.TAKE:
                    break
                self._file.execute("DELETE FROM keys WHERE id = ?", (number,))
                self._add(text, size, now, handed)
                count += 1
            return count

    def depth(self, now: Moment) -> QueueDepth:
        with self._step(now):
            held = [keys for (keys,) in self._file.execute("SELECT keys FROM tally ORDER BY state")]
            totals = dict(
                self._file.execute("SELECT name, value FROM totals WHERE name NOT IN ('deaths', 'holders')")
            )
            return QueueDepth(ready=held[0], delayed=held[1], in_hand=held[2], dead=held[3], **totals)

    def ready(self) -> int:
        """How many keys are ready, those aside that are due and were not looked at."""
        with self._file.told():
            return self._file.one("SELECT keys FROM tally WHERE state = 0")

    def due_ns(self) -> int | None:
        """When the next delayed key is ready."""
        with self._file.told():
            row = self._file.execute("SELECT min(due_ns) FROM keys WHERE state = 1").fetchone()
            return None if row[0] is None else int(row[0])

    def close(self) -> None:
        self._file.close()

    # What opening needs.

    def _agreed(self, limits: QueueLimits | None) -> QueueLimits:
        if limits is None:
            kept = self._file.execute("SELECT value FROM settings WHERE name = 'limits'").fetchone()
            return QueueLimits() if kept is None else msgspec.json.decode(kept[0], type=QueueLimits)
        self._set("limits", msgspec.json.encode(limits).decode())
        return limits

    def _notice(self, boot: str, now: Moment) -> None:
        """Whether the machine began anew since the file was last opened, and with it monotonic time."""
        was = self._file.execute("SELECT value FROM settings WHERE name = 'boot'").fetchone()
        if was is not None and was[0] != boot:
            self._file.execute(
                "UPDATE keys SET handed = max(handed, 1), expires_ns = iif(expires_ns IS NULL, NULL, ?),"
                " state = 0, due_ns = NULL WHERE state <= 2",
                (self._limits.expires_ns(now.monotonic_ns),),
            )
        self._set("boot", boot)

    def _set(self, name: str, value: str) -> None:
        self._file.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    # Within a step.

    @contextlib.contextmanager
    def _step(self, now: Moment | None = None, *, durable: bool = False) -> Iterator[None]:
        """One transaction, at a moment; all of it or nothing. Raises BusError where the file fails us."""
        with self._file.step(durable=durable):
            if now is not None:
                self._pass_time(now)
            yield

    def _pass_time(self, now: Moment) -> None:
        """What is due is ready, and what waited too long dies."""
        self._file.execute("UPDATE keys SET state = 0 WHERE state = 1 AND due_ns <= ?", (now.monotonic_ns,))
        expired = "expires_ns IS NOT NULL AND expires_ns <= ? AND state <= 1"
        self._bury(expired, (now.monotonic_ns,), EXPIRED, now)

    def _enter(self, text: str, size: int, now: Moment) -> Outcome:
        while (verdict := self._limits.judge(self._waiting(), size)) is Verdict.DROP:
            oldest = "id = (SELECT id FROM keys WHERE state <= 1 ORDER BY state, id LIMIT 1)"
            self._bury(oldest, (), OVERFLOW, now)
        if verdict is Verdict.REFUSE:
            return Outcome.FULL
        self._add(text, size, now)
        return Outcome.ACCEPTED

    def _add(self, text: str, size: int, now: Moment, handed: int = 0) -> None:
        self._file.execute(
            "INSERT INTO keys(text, size, handed, expires_ns) VALUES (?, ?, ?, ?)",
            (text, size, handed, self._limits.expires_ns(now.monotonic_ns)),
        )

    def _waiting(self) -> Waiting:
        return Waiting(
            *self._file.execute("SELECT sum(keys), sum(bytes) FROM tally WHERE state <= 1").fetchone()
        )

    def _bury(self, where: str, values: tuple[int, ...], reason: str, now: Moment) -> int:
        # In the order of their deaths, whatever the wall clock does; those of one step are of one age.
        death = "death = (SELECT value FROM totals WHERE name = 'deaths')"
        bury = f"UPDATE keys SET state = 3, reason = ?, died_at_ns = ?, holder = NULL, {death} WHERE {where}"  # noqa: S608
        count = self._file.changed(bury, reason, now.utc_ns, *values)
        if self._count("deaths", count):
            self._forget()
        return count

    def _forget(self) -> None:
        """The oldest of too many dead letters go."""
        above = self._file.one("SELECT keys FROM tally WHERE state = 3") - self._limits.max_dead
        if above > 0:
            oldest = "SELECT id FROM keys WHERE state = 3 ORDER BY death, id LIMIT ?"
            self._count("forgotten", self._file.changed(f"DELETE FROM keys WHERE id IN ({oldest})", above))  # noqa: S608

    def _count(self, name: str, by: int) -> int:
        """Gives the total; 0 where nothing is to be counted."""
        if not by:
            return 0
        counted = "UPDATE totals SET value = value + ? WHERE name = ? RETURNING value"
        total: int = self._file.execute(counted, (by, name)).fetchone()[0]
        return total
