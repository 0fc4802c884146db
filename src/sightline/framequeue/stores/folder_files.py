"""The pictures of a folder: each a file that is written aside, and has its name when it is whole.

    incoming/   what is being written, as NUMBER-N with the number of the handle that writes
    pictures/   what stands in the table, by names that never come again; or stood, or was to

A file comes into `pictures` and a row into the table within one step of the table, and it goes after a step.
So whoever finds there, while no step is in hand, a file without a row knows that nobody wants it.

Does not do: touch a file whose name is not one of its own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

from sightline.errors import BusError
from sightline.framequeue.key import FORMATS, PictureFormat

_NAME: Final = re.compile(rf"[0-9a-f]{{24}}\.(?:{'|'.join(FORMATS)})", re.ASCII)
_INCOMING: Final = re.compile(r"(?P<holder>[0-9]{1,18})-[0-9]+", re.ASCII)
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
_NOT_THERE: Final = (errno.ENOENT, errno.EIO)
_SPARE_BYTES: Final = 8 * 2**20
"""Of the disk, left to the table, whose log has some 4 MiB: so that what makes room can be written."""


class Written(NamedTuple):
    """A picture that is on its way."""

    path: Path
    name: str
    crc: int


class PictureFiles:
    """Both folders. `write` may be called from any thread, the others from one at a time.

    Args:
        folder: that they are in; it has to be there.
        durable: whether a file is on the disk before it is written, and its name before `settle` ends.

    Raises:
        OSError: they cannot be made.
    """

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._durable = durable
        self._incoming, self._pictures = folder / "incoming", folder / "pictures"
        for each in (self._incoming, self._pictures):
            each.mkdir(exist_ok=True)
        if durable:
            _sync(folder)
        self._written = count(1)
        self._kept: list[str] = []
        self._gone: list[str] = []

    def has_room(self, size: int) -> bool:
        """Whether the disk has room for so many bytes, and for what frees room; True where it does not say.

        Raises BusError.
        """
        with _told():
            disk = os.statvfs(self._pictures)
        return not disk.f_blocks or disk.f_bavail * disk.f_frsize - size >= _SPARE_BYTES

    def write(self, data: bytes, kind: PictureFormat, holder: int) -> Written | None:
        """A picture aside; None where the disk has no room for it. Raises BusError."""
        path = self._incoming / f"{holder}-{next(self._written)}"
        with _told(), _IfRoom(path):
            self._write(path, data)
            return Written(path, f"{secrets.token_hex(12)}.{kind}", zlib.crc32(data))
        return None

    def drop(self, written: Written | None) -> None:
        """What is still aside is not needed."""
        if written is not None:
            written.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """A step of the table is within this: what left goes after it, and what came where it fails."""
        self._kept, self._gone = [], []
        try:
            yield
        except BusError:  # it is known that nothing was committed
            self._remove(self._kept)
            raise
        self._remove(self._gone)

    def keep(self, written: Written) -> bool:
        """It stands in the table now; False where the disk has no room for its name. Raises BusError."""
        with _told(), _IfRoom(written.path):
            written.path.rename(self._pictures / written.name)
            self._kept.append(written.name)
            return True
        return False

    def leave(self, names: Iterable[str]) -> None:
        """They do not stand in the table any more."""
        self._gone += names

    def settle(self) -> None:
        """The names of what was kept are on the disk. Raises BusError."""
        if self._durable and self._kept:
            with _told():
                _sync(self._pictures)

    def read(self, name: str, size: int, crc: int) -> bytes | None:
        """The bytes; None where they are not there, or are others. Raises BusError."""
        with _told():
            try:
                with (self._pictures / name).open("rb", buffering=0) as file:
                    data = file.read(size + 1)
            except OSError as error:
                if error.errno in _NOT_THERE:
                    return None
                raise
        return data if len(data) == size and zlib.crc32(data) == crc else None

    def found(self) -> set[str]:
        """The names of all that is there. Raises BusError."""
        with _told(), os.scandir(self._pictures) as entries:
            return {entry.name for entry in entries if _NAME.fullmatch(entry.name)}

    def forget_unwritten(self, lives: Callable[[int], bool]) -> None:
        """What those began to write who do not live any more goes. Raises BusError."""
        with _told(), os.scandir(self._incoming) as entries:
            for entry in entries:
                match = _INCOMING.fullmatch(entry.name)
                if match is not None and not lives(int(match["holder"])):
                    (self._incoming / entry.name).unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        with path.open("wb", buffering=0) as file:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
            if self._durable:
                os.fsync(file.fileno())

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            with contextlib.suppress(OSError):  # it is found again by whoever sweeps
                (self._pictures / name).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """What was made in a folder is on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BusError(f"the folder of pictures failed: {error}") from error


class _IfRoom:
    """Goes on behind its block where that found no room on the disk; what it began is removed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, OSError):
            return False
        self._path.unlink(missing_ok=True)
        return error.errno in _NO_ROOM
