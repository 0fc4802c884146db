"""What a folder knows of its pictures, as tables of SQLite: what `stores.shelf` is in memory.

Each call is one step, and first lets go what is too old by then. What goes and comes in a step goes and
comes of the files as well.

Times are monotonic of this boot; after another one all leases are over, and lives and marks begin anew.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sightline.clock import NS_PER_S, Clock
from sightline.framequeue.key import FrameKey
from sightline.framequeue.sqlite_file import SqliteFile
from sightline.framequeue.store import (
    Busy,
    CameraUsage,
    Claim,
    Claimed,
    Done,
    Gone,
    Put,
    Refusal,
    StoreUsage,
    Swept,
    Taking,
)
from sightline.framequeue.stores.folder_files import PictureFiles, Written
from sightline.framequeue.stores.folder_schema import APPLICATION_ID, COUNTS, SCHEMA, VERSION


class Coming(NamedTuple):
    """A picture to be put; `written` is None where the disk has no room for it."""

    key: FrameKey
    written: Written | None


class PictureTable:
    """One connection to the tables, and the files that belong to them. Not thread-safe.

    Raises:
        ConfigError: the file is another program's, or cannot be had.
    """

    def __init__(self, path: Path, files: PictureFiles, clock: Clock, *, durable: bool) -> None:
        self._files = files
        self._clock = clock
        self._db = SqliteFile(path, "table of pictures", durable=durable)
        self._untold: Counter[str] = Counter()  # refused pictures by camera, of steps that failed

    def open(self, boot: str) -> int:
        """Makes what is not there; gives this handle's number among all. One process at a time.

        Args:
            boot: which start of the machine this is.

        Raises:
            ConfigError, BusError: as `SqliteFile.opening`.
        """
        with self._db.opening(APPLICATION_ID, VERSION, SCHEMA):
            if self._db.changed("UPDATE store SET boot = ? WHERE boot <> ?", boot, boot):
                self._begin_anew(self._clock.monotonic_ns())
            return self._db.one("UPDATE store SET holders = holders + 1 RETURNING holders")

    def put(self, pictures: Sequence[Coming], ttl_ns: int | None, limit: int | None) -> list[Put]:
        """Args: limit: the budget from now on; None: there is none."""
        with self._step(durable=True) as now_ns:
            until_ns = None if ttl_ns is None else now_ns + ttl_ns
            self._db.execute("UPDATE store SET limit_bytes = ?1 WHERE limit_bytes IS NOT ?1", (limit,))
            answers = [self._put(each, until_ns, now_ns) for each in pictures]
            self._files.settle()
            return answers

    def count_refused(self, cameras: Counter[str]) -> None:
        """Pictures were refused, which could not be written down; they are when something can."""
        self._untold += cameras

    def peek(self, key: FrameKey) -> bytes | None:
        with self._step():
            return self._read(str(key))

    def take(self, key: FrameKey) -> bytes | None:
        with self._step():
            data = self._read(str(key))
            self._leave("taken", "key = ?", str(key))
            return data

    def delete(self, keys: Sequence[FrameKey]) -> int:
        with self._step():
            return sum(self._leave("deleted", "key = ?", str(key)) for key in keys)

    def claim(self, key: FrameKey, worker: str, lease_ns: int) -> Taking:
        text = str(key)
        with self._step() as now_ns:
            mark = self._row("SELECT result FROM marks WHERE key = ?", text)
            if mark is not None:
                return Done(mark[0])
            hold = self._row("SELECT lasts, until_ns, worker, reason FROM holds WHERE key = ?", text)
            if hold is not None and hold[0]:
                return Busy((hold[1] - now_ns) / NS_PER_S, hold[2])
            data = self._read(text)
            if data is None:
                return Gone()
            return Claimed(self._claim(key, worker, now_ns + lease_ns, "" if hold is None else hold[3]), data)

    def extend(self, claim: Claim, lease_ns: int) -> bool:
        extend = "UPDATE holds SET until_ns = ?, lasts = 1 WHERE key = ? AND token = ?"
        with self._step() as now_ns:
            return self._db.changed(extend, now_ns + lease_ns, str(claim.key), claim.token) > 0

    def give_back(self, claim: Claim, reason: str) -> bool:
        with self._step() as now_ns:
            return self._end(claim, reason, now_ns)

    def bury(self, claim: Claim, reason: str, ttl_ns: int) -> bool:
        text = str(claim.key)
        with self._step() as now_ns:
            ended = self._end(claim, reason, now_ns)
            if ended:
                self._db.execute("UPDATE holds SET attempts = 0 WHERE key = ?", (text,))
                # So it is gone before it is overdue.
                stays = "UPDATE pictures SET until_ns = ?1, idle_ns = ?1 WHERE key = ?2"
                self._db.execute(stays, (now_ns + ttl_ns, text))
            return ended

    def finish(self, claim: Claim, result: bytes, done_ttl_ns: int) -> bool:
        text = str(claim.key)
        with self._step(durable=True) as now_ns:
            if not self._db.changed("DELETE FROM holds WHERE key = ? AND token = ?", text, claim.token):
                return False
            self._leave("finished", "key = ?", text)
            mark = (text, result, now_ns, now_ns + done_ttl_ns)
            self._db.execute("INSERT INTO marks VALUES (?, ?, ?, ?)", mark)
            return True

    def sweep(self, orphan_age_ns: int | None, lives: Callable[[int], bool]) -> Swept:
        """Args: lives: whether the handle of a number does."""
        # In this order: what had a row before the files were looked at had a file then.
        with self._db.told():
            known = set(self._db.execute("SELECT number, file FROM pictures"))
        found = self._files.found()
        with self._step() as now_ns:
            for number, name in known:
                if name not in found:
                    self._leave("lost", "number = ? AND file = ?", number, name)
            self._files.leave(found - {name for (name,) in self._db.execute("SELECT file FROM pictures")})
            before_ns = None if orphan_age_ns is None else now_ns - orphan_age_ns
            orphans = self._leave("orphans", "held = 0 AND put_ns <= ?", before_ns)
            seen = self._row("SELECT leases, expired, marks FROM store")
            self._db.execute("UPDATE store SET leases = 0, expired = 0, marks = 0")
        self._files.forget_unwritten(lives)
        leases, expired, marks = seen or (0, 0, 0)
        return Swept(leases=leases, expired=expired, orphans=orphans, marks=marks)

    def overdue(self, after_ns: int, limit: int) -> list[FrameKey]:
        with self._step() as now_ns:
            rows = self._db.execute(
                "SELECT number, key FROM pictures WHERE held = 0 AND idle_ns <= ?"
                " ORDER BY idle_ns, number LIMIT ?",
                (now_ns - after_ns, limit),
            ).fetchall()
            for number, _ in rows:
                self._db.execute("UPDATE pictures SET idle_ns = ? WHERE number = ?", (now_ns, number))
            return [FrameKey.parse(text) for _, text in rows]

    def last_captured_ms(self, camera_id: str) -> int | None:
        with self._db.told():
            row = self._row("SELECT captured_ms FROM cameras WHERE name = ?", camera_id)
            return None if row is None else row[0]

    def usage(self) -> StoreUsage:
        with self._step():
            rows = self._db.execute(f"SELECT name, {', '.join(COUNTS)} FROM cameras")  # noqa: S608
            limit = self._row("SELECT limit_bytes FROM store")
            return StoreUsage(
                cameras={
                    name: CameraUsage(**dict(zip(COUNTS, counts, strict=True))) for name, *counts in rows
                },
                limit=None if limit is None else limit[0],
                claimed=self._db.one("SELECT count(*) FROM holds WHERE lasts = 1"),
                marks=self._db.one("SELECT count(*) FROM marks"),
            )

    def close(self) -> None:
        self._db.close()

    # Within a step.

    @contextlib.contextmanager
    def _step(self, *, durable: bool = False) -> Iterator[int]:
        """One transaction, and what follows of it for the files. Raises NoRoom and BusError.

        Gives the moment at which it is this one's turn, in monotonic ns.
        """
        with self._files.changing(), self._db.step(durable=durable):
            now_ns = self._clock.monotonic_ns()
            self._pass_time(now_ns)
            for camera_id, refused in self._untold.items():
                self._count("refused", self._camera(camera_id), refused)
            yield now_ns
        self._untold.clear()

    def _pass_time(self, now_ns: int) -> None:
        self._seen(
            "leases", self._db.changed("UPDATE holds SET lasts = 0 WHERE lasts = 1 AND until_ns <= ?", now_ns)
        )
        self._end_lives(now_ns)
        self._seen("marks", self._db.changed("DELETE FROM marks WHERE until_ns <= ?", now_ns))

    def _end_lives(self, now_ns: int) -> None:
        too_old = "until_ns IS NOT NULL AND held = 0 AND until_ns <= ?"
        self._seen("expired", self._leave("expired", too_old, now_ns))

    def _end(self, claim: Claim, reason: str, now_ns: int) -> bool:
        end = "UPDATE holds SET token = 0, until_ns = ?, lasts = 0, reason = ? WHERE key = ? AND token = ?"
        return self._db.changed(end, now_ns, reason, str(claim.key), claim.token) > 0

    def _begin_anew(self, now_ns: int) -> None:
        """Another boot, with other monotonic times; or the first."""
        over = "UPDATE holds SET lasts = 0, until_ns = ? WHERE lasts = 1"
        self._seen("leases", self._db.changed(over, now_ns))
        lives = "until_ns = until_ns - put_ns + ?1, put_ns = ?1"
        idle = "idle_ns = iif(idle_ns = until_ns, until_ns - put_ns, 0) + ?1"  # of one that was buried
        self._db.execute(f"UPDATE pictures SET {lives}, {idle}", (now_ns,))  # noqa: S608
        self._db.execute("UPDATE marks SET until_ns = until_ns - made_ns + ?1, made_ns = ?1", (now_ns,))

    def _put(self, coming: Coming, until_ns: int | None, now_ns: int) -> Put:
        key, text, camera = coming.key, str(coming.key), self._camera(coming.key.camera_id)
        old = self._row("SELECT file, held * size FROM pictures WHERE key = ?", text)
        why = self._refusal(text, key.size, 0 if old is None else old[1])
        written = coming.written
        if why is None and (written is None or not self._files.keep(written)):
            why = Refusal.FULL
        if why is not None or written is None:
            self._count("refused", camera, 1)
            return Put(key, refused=why)
        if old is not None:
            self._files.leave(old[:1])
        number = self._enter(
            (text, camera, key.size, written.name, written.crc, now_ns, until_ns, now_ns, text)
        )
        self._count("stored", camera, int(old is None))
        self._db.execute("UPDATE cameras SET captured_ms = ? WHERE id = ?", (key.captured_at_ms, camera))
        return Put(key, evicted=tuple(self._evicted(number)))

    def _refusal(self, text: str, size: int, held: int) -> Refusal | None:
        """Why a picture may not come, of which `held` bytes are there and in hand."""
        if self._row("SELECT 1 FROM marks WHERE key = ?", text):
            return Refusal.DONE
        limit, in_hand = self._row("SELECT limit_bytes, bytes_held FROM store") or (None, 0)
        if limit is None or in_hand - held + size <= limit:
            return None
        return Refusal.TOO_LARGE if size > limit else Refusal.FULL

    def _enter(self, picture: tuple[object, ...]) -> int:
        """The newest of all; one that is there is replaced. Gives its number."""
        return self._db.one(
            "INSERT INTO pictures(key, camera, size, file, crc, put_ns, until_ns, idle_ns, held, number)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT count(*) FROM holds WHERE key = ? AND lasts = 1),"
            " (SELECT ifnull(max(number), 0) + 1 FROM pictures))"
            " ON CONFLICT(key) DO UPDATE SET file = excluded.file, crc = excluded.crc,"
            " put_ns = excluded.put_ns, until_ns = excluded.until_ns, idle_ns = excluded.idle_ns,"
            " number = excluded.number RETURNING number",
            *picture,
        )

    def _evicted(self, newest: int) -> Iterator[FrameKey]:
        """Lets go what is above the budget."""
        while self._db.one("SELECT limit_bytes IS NOT NULL AND bytes > limit_bytes FROM store"):
            number = self._oldest_of_the_greediest(newest)
            [text] = self._row("SELECT key FROM pictures WHERE number = ?", number)
            self._leave("evicted", "number = ?", number)
            yield FrameKey.parse(text)

    def _oldest_of_the_greediest(self, newest: int) -> int:
        """Of the camera that has most, beside the newest of all; of two that have as much the older one."""
        oldest, most = newest, -1
        for camera, size in self._db.execute("SELECT id, bytes FROM cameras ORDER BY bytes DESC"):
            if size < most:
                break
            of_camera = "SELECT min(number) FROM pictures WHERE held = 0 AND camera = ? AND number < ?"
            row = self._row(of_camera, camera, newest)
            if row and row[0] is not None:
                oldest, most = min(oldest, row[0]), size
        return oldest

    def _claim(self, key: FrameKey, worker: str, until_ns: int, reason: str) -> Claim:
        token = self._db.one("UPDATE store SET token = token + 1 RETURNING token")
        attempt = self._db.one(
            "INSERT INTO holds(key, token, worker, until_ns) VALUES (?, ?, ?, ?)"
            " ON CONFLICT(key) DO UPDATE SET token = excluded.token, worker = excluded.worker,"
            " until_ns = excluded.until_ns, attempts = attempts + 1, reason = '', lasts = 1"
            " RETURNING attempts",
            *(str(key), token, worker, until_ns),
        )
        return Claim(key, token, worker, attempt, reason)

    def _read(self, text: str) -> bytes | None:
        """The picture; what was damaged or taken away behind our back is counted as lost."""
        row = self._row("SELECT file, size, crc FROM pictures WHERE key = ?", text)
        data = None if row is None else self._files.read(*row)
        if data is None:
            self._leave("lost", "key = ?", text)
        return data

    def _leave(self, how: str, where: str, *values: object) -> int:
        rows = self._db.execute(
            f"DELETE FROM pictures WHERE {where} RETURNING camera, file",  # noqa: S608
            values,
        ).fetchall()
        self._files.leave(name for _, name in rows)
        for camera, pictures in Counter(camera for camera, _ in rows).items():
            self._count(how, camera, pictures)
        return len(rows)

    def _camera(self, camera_id: str) -> int:
        row = self._row("SELECT id FROM cameras WHERE name = ?", camera_id)
        return row[0] if row else self._db.one("INSERT INTO cameras(name) VALUES (?) RETURNING id", camera_id)

    def _count(self, what: str, camera: int, by: int) -> None:
        self._db.execute(f"UPDATE cameras SET {what} = {what} + ? WHERE id = ?", (by, camera))  # noqa: S608

    def _seen(self, what: str, by: int) -> None:
        """Since the last sweep."""
        if by:
            self._db.execute(f"UPDATE store SET {what} = {what} + ?", (by,))  # noqa: S608

    def _row(self, statement: str, *values: object) -> Any:
        return self._db.execute(statement, values).fetchone()
