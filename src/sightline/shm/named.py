"""Shared memory of a system that has none without a name: a file, whose name is gone as soon as it is open.

It is weaker than sealed memory. Nothing but good will keeps another process from writing to it or from
shortening it, which kills whoever looks at it; and a process that is killed in the moment between a file's
making and the end of its name leaves it behind. Such files are swept when the next is made: their names tell
whose they were, and when that process began, so that a number which is in use again misleads nobody.

A sweep that errs does no harm: what is in use has no name any more.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from sightline.errors import SharingError

_NAME: Final = re.compile(r"sightline-(\d{1,10})-(\d{1,20})-\d{1,20}", re.ASCII)
_ZEROS: Final = bytes(1024 * 1024)
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - made with O_EXCL, nameless at once

_numbers = itertools.count()


def create(size: int) -> int:
    """The descriptor of a new file of zeros, all of which is there and which has no name any more.

    Raises:
        SharingError: no room, told before any is taken.
        OSError: the system's.
    """
    where = folder()
    sweep(where)
    _need_room(where, size)
    path = where / f"sightline-{os.getpid()}-{started(os.getpid()) or 0}-{next(_numbers)}"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        path.unlink(missing_ok=True)  # a sweep of another container may have been quicker
        _fill(fd, size)
    except BaseException:
        os.close(fd)
        raise
    return fd


def folder() -> Path:
    """Where such files are made: in memory where there is a place for that."""
    return _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def sweep(where: Path) -> int:
    """Removes the files that processes which are gone left in this folder; how many."""
    swept = 0
    for path in where.iterdir():
        found = _NAME.fullmatch(path.name)
        if found and started(int(found[1])) != int(found[2]):
            with suppress(OSError):
                path.unlink()
                swept += 1
    return swept


def started(pid: int) -> int | None:
    """When that process began, in ticks since the system did (proc(5), `starttime`).

    None: there is no such process, or nothing that tells.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[19])


def _need_room(where: Path, size: int) -> None:
    free = shutil.disk_usage(where).free
    if size > free:
        raise SharingError(f"expected room for {size} bytes in {where}, got {free}")


def _fill(fd: int, size: int) -> None:
    """Zeros, written: not every system can be told to set room aside."""
    with open(fd, "wb", closefd=False) as file:
        file.writelines(_ZEROS[: size - start] for start in range(0, size, len(_ZEROS)))
