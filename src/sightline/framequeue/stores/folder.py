"""The store in a folder: the default where nothing is installed, for the processes of one machine.

    pictures/       one file each
    incoming/       those that are being written
    table.sqlite    which pictures there are, who has them, what is done; beside it SQLite's own two files
    table-holders   who lives

Any process may be killed at any moment: what a call did stands wholly or not at all, and what is left half is
removed by the next `sweep`. A disk that is full is an answer, `Refusal.FULL`; a little of it is left free, so
that what makes room can still be written. A picture that was damaged or removed by others is none, and is
counted as lost.

What survives that the machine loses its power is up to `durable`. Without, the kernel writes pictures to the
disk within half a minute or so, and those of that time may be lost: the table knows then that they are not
whole. With it, a picture is on the disk when `put` returns, and a result when `finish` does, at the price of
three waits for the disk each time and one for each picture.

Does not do: file systems of networks, where neither locks nor shared memory can be trusted; `check` warns of
them. The folder is as private as it is: one that is made here is this user's alone.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import Closed, ConfigError
from sightline.framequeue.key import FrameKey
from sightline.framequeue.queues.holders import Holders
from sightline.framequeue.reason import checked_reason
from sightline.framequeue.sqlite_file import NoRoom, boot_id, tell_of_forks
from sightline.framequeue.store import (
    DONE_TTL_S,
    Advice,
    Claim,
    Put,
    Refusal,
    StoreUsage,
    Swept,
    Taking,
    checked_frames,
    checked_many,
    checked_result,
    checked_time,
    checked_worker,
)
from sightline.framequeue.stores.folder_check import advice
from sightline.framequeue.stores.folder_files import PictureFiles
from sightline.framequeue.stores.folder_table import Coming, PictureTable

T = TypeVar("T")

LIMIT_BYTES: Final = 2**30
"""The budget where nobody says another."""


class FolderStore:
    """One handle. `sightline.framequeue.FrameStore` says what its methods do.

    Args:
        path: of the folder; it is made where it is not there.
        limit_bytes: the budget, from this handle's next picture on for all who use it; None: there is none.
        done_ttl_s: how long a key that this handle finished is remembered.
        durable: see the module.
        clock: tells the time.

    Raises:
        ConfigError: the budget or the time is not above 0, or the folder cannot be had.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        limit_bytes: int | None = LIMIT_BYTES,
        done_ttl_s: float = DONE_TTL_S,
        durable: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if limit_bytes is not None and limit_bytes < 1:
            raise ConfigError(f"expected a budget of at least 1 byte, got {limit_bytes}")
        self._limit = limit_bytes
        self._done_ttl_ns = ns(checked_time("a time to remember what is done", done_ttl_s))
        self._closed = False
        self._using = threading.Lock()
        self._path = Path(path).absolute()
        with contextlib.ExitStack() as opened:
            try:
                _make(self._path)
                self._files = PictureFiles(self._path, durable=durable)
                holders = Holders(self._path / "table-holders")
            except OSError as error:
                raise ConfigError(f"cannot use the folder {self._path}: {error.strerror}") from error
            self._holders = opened.enter_context(contextlib.closing(holders))
            table = PictureTable(self._path / "table.sqlite", self._files, clock, durable=durable)
            self._table = opened.enter_context(contextlib.closing(table))
            with self._holders.opening():
                self._holder = self._table.open(boot_id())
                if not self._holders.hold(self._holder):
                    raise ConfigError(
                        f"cannot use the folder {self._path}: the table that it had is still in use"
                    )
            self._opened = opened.pop_all()
        tell_of_forks(self)

    def put(self, frames: Sequence[tuple[FrameKey, bytes]], ttl_s: float | None) -> list[Put]:
        checked_frames(frames)
        ttl_ns = None if ttl_s is None else ns(checked_time("a time to live", ttl_s))
        with self._coming(frames) as coming:
            try:
                return self._do(lambda table: table.put(coming, ttl_ns, self._limit))
            except NoRoom:
                return self._all_refused(coming)

    def peek(self, key: FrameKey) -> bytes | None:
        return self._do(lambda table: table.peek(key))

    def getdel(self, key: FrameKey) -> bytes | None:
        return self._do(lambda table: table.take(key))

    def delete(self, keys: Iterable[FrameKey]) -> int:
        wanted = list(keys)
        return self._do(lambda table: table.delete(wanted))

    def claim(self, key: FrameKey, worker: str, lease_s: float) -> Taking:
        checked_worker(worker)
        lease_ns = ns(checked_time("a lease", lease_s))
        return self._do(lambda table: table.claim(key, worker, lease_ns))

    def extend(self, claim: Claim, lease_s: float) -> bool:
        lease_ns = ns(checked_time("a lease", lease_s))
        return self._do(lambda table: table.extend(claim, lease_ns))

    def give_back(self, claim: Claim, reason: str = "") -> bool:
        kept = checked_reason(reason)
        return self._do(lambda table: table.give_back(claim, kept))

    def bury(self, claim: Claim, reason: str, ttl_s: float) -> bool:
        ttl_ns, kept = ns(checked_time("a time to keep what is dead", ttl_s)), checked_reason(reason)
        return self._do(lambda table: table.bury(claim, kept, ttl_ns))

    def finish(self, claim: Claim, result: bytes = b"") -> bool:
        checked_result(result)
        return self._do(lambda table: table.finish(claim, result, self._done_ttl_ns))

    def sweep(self, orphan_age_s: float | None = None) -> Swept:
        age_ns = None if orphan_age_s is None else ns(checked_time("an age of orphans", orphan_age_s))
        return self._do(lambda table: table.sweep(age_ns, self._lives))

    def overdue(self, after_s: float, limit: int) -> list[FrameKey]:
        after_ns = ns(checked_time("a time after which a key is overdue", after_s))
        checked_many(limit)
        return self._do(lambda table: table.overdue(after_ns, limit))

    def last_captured_ms(self, camera_id: str) -> int | None:
        return self._do(lambda table: table.last_captured_ms(camera_id))

    def usage(self) -> StoreUsage:
        return self._do(PictureTable.usage)

    def check(self) -> list[Advice]:
        usage = self.usage()
        return advice(self._path, None if self._limit is None else self._limit - usage.total.bytes)

    def close(self) -> None:
        with self._using:
            if not self._closed:
                self._closed = True
                self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _forked(self) -> None:
        """In the new process: what is the other's stays its own, and its death can be seen."""
        self._using = threading.Lock()
        if not self._closed:
            self._closed = True
            self._holders.close()

    def _do(self, action: Callable[[PictureTable], T]) -> T:
        with self._using:
            if self._closed:
                raise Closed("this store is closed")
            return action(self._table)

    @contextlib.contextmanager
    def _coming(self, frames: Sequence[tuple[FrameKey, bytes]]) -> Iterator[list[Coming]]:
        """The pictures, written aside by as many threads as put some; what stays there is removed."""
        if self._closed:
            raise Closed("this store is closed")
        coming: list[Coming] = []
        try:
            for key, data in frames:
                room = self._files.has_room(len(data))
                coming.append(
                    Coming(key, self._files.write(data, key.format, self._holder) if room else None)
                )
            yield coming
        finally:
            for each in coming:
                self._files.drop(each.written)

    def _all_refused(self, coming: Sequence[Coming]) -> list[Put]:
        """The table itself had no room."""
        cameras = Counter(each.key.camera_id for each in coming)
        self._do(lambda table: table.count_refused(cameras))
        return [Put(each.key, refused=Refusal.FULL) for each in coming]

    def _lives(self, holder: int) -> bool:
        return holder == self._holder or self._holders.lives(holder)


def _make(path: Path) -> None:
    """A folder of this user alone, where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
