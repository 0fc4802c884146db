"""The configurations that an agent keeps on its disk, each file whole or not at all.

    pending.json ─► verified.json ─► current.json ─► previous.json

`write_pending` keeps what is about to be deployed, `verify` says that it came through its gates, `promote`
makes it what the agent begins with. Each step is a file written beside and renamed, or a rename, and is on
the disk when it returns. So an agent that was killed, or whose machine lost its power, begins with what was
verified: the former one, or the new one where `verify` was done. What was only pending is dropped.

A file that was damaged since is told and set aside, as `NAME.broken`, and the one before it is taken; `load`
never raises. Files are their owner's alone (0600, in a folder 0700); documents are kept as they were
received, logins sealed.

Deliberately not here: what a document means, and when a step is due (`deployment`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from sightline.errors import StoreError
from sightline.fleet.keys.private_file import sync

PENDING: Final = "pending.json"
VERIFIED: Final = "verified.json"
CURRENT: Final = "current.json"
PREVIOUS: Final = "previous.json"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration as it is kept: its generation, its bytes, and what tells that they are whole."""

    generation: int
    document: bytes
    sha256: str


class Stages:
    """Those of one agent, in `folder`, which is made where it is not there.

    Args:
        folder: of nobody else.
        tell: is given what was wrong with a file at the begin.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self.folder = folder
        self._tell = tell

    def write_pending(self, document: bytes, generation: int) -> None:
        """Keep what is about to be deployed. Raises StoreError: no room, no right; what was there stays."""
        stored = Stored(generation=generation, document=document, sha256=_sum(document, generation))
        try:
            self._prepare()
            self._write(PENDING, msgspec.json.encode(stored))
        except OSError as error:
            raise _fault(f"keep generation {generation} as pending in {self.folder}", error) from None

    def verify(self) -> None:
        """What is pending came through its gates. Raises StoreError."""
        self._move(PENDING, VERIFIED)

    def promote(self) -> None:
        """What is verified becomes what the agent begins with. Raises StoreError."""
        if not self._path(VERIFIED).exists():
            raise StoreError(f"expected {VERIFIED} in {self.folder}, to make it current: it is not there")
        with suppress(FileNotFoundError):
            self._rename(CURRENT, PREVIOUS)
        self._move(VERIFIED, CURRENT)

    def load(self) -> Stored | None:
        """What to begin with; None: nothing was ever verified. Finishes what was interrupted, drops what is
        pending, and tells what is broken.
        """
        try:
            self._prepare()
            self._tidy()
            self._finish()
        except (OSError, StoreError) as error:
            self._tell(f"the configurations in {self.folder} cannot be put in order: {error}")
        return self._read(CURRENT) or self._read(PREVIOUS)

    def set_aside(self, why: str) -> Stored | None:
        """The current one cannot be used, though it is whole; gives the one before it."""
        self._break(CURRENT, why)
        return self._read(PREVIOUS)

    def _tidy(self) -> None:
        for left in [*self.folder.glob(".*.new"), self._path(PENDING)]:
            left.unlink(missing_ok=True)

    def _finish(self) -> None:
        """A process died between `verify` and the end of `promote`."""
        self._read(CURRENT)  # a broken one does not become the previous one
        if self._read(VERIFIED) is not None:
            self.promote()

    def _read(self, name: str) -> Stored | None:
        try:
            data = self._path(name).read_bytes()
            stored = msgspec.json.decode(data, type=Stored)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._break(name, f"it cannot be read: {type(error).__name__}")
            return None
        if stored.sha256 != _sum(stored.document, stored.generation):
            self._break(name, "its bytes are not those that were written")
            return None
        return stored

    def _break(self, name: str, why: str) -> None:
        self._tell(f"{self._path(name)} is not used: {why}")
        with suppress(OSError):
            self._path(name).replace(self._path(f"{name}.broken"))

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.folder.stat().st_mode & 0o077:
            self.folder.chmod(0o700)

    def _write(self, name: str, data: bytes) -> None:
        write_whole(self._path(name), data)

    def _move(self, name: str, to: str) -> None:
        try:
            self._rename(name, to)
        except OSError as error:
            raise _fault(f"make {name} {to} in {self.folder}", error) from None

    def _rename(self, name: str, to: str) -> None:
        _renamed(self._path(name), self._path(to))

    def _path(self, name: str) -> Path:
        return self.folder / name


def write_whole(path: Path, data: bytes) -> None:
    """The file has these bytes, for its owner alone, and is on the disk; or is as it was. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, _NEW, 0o600)
    try:
        _write_all(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    _renamed(new, path)


def _renamed(path: Path, to: Path) -> None:
    os.replace(path, to)  # noqa: PTH105 - as the rest, a call of the system
    sync(to.parent)


def _write_all(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


def _sum(document: bytes, generation: int) -> str:
    return hashlib.sha256(b"%d\n" % generation + document).hexdigest()


def _fault(what: str, error: OSError) -> StoreError:
    return StoreError(f"cannot {what}: {error.strerror or type(error).__name__}")
