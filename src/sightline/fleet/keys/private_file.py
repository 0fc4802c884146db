"""A file that its owner alone can read: made whole or not at all, and refused where others can read it.

Deliberately not here: what stands in it, and replacing one that is there.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from sightline.bus.kafka_files import open_to_others
from sightline.errors import ConfigError


def read_private(path: Path, most_bytes: int) -> bytes | None:
    """What stands in it; None where there is no such file.

    Raises:
        ConfigError: others can read it, it is no plain file of ours, or it is longer than `most_bytes`.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    try:
        _check(path, os.fstat(handle))  # of what is read, whatever the name stands for by now
        data = os.read(handle, most_bytes + 1)
    finally:
        os.close(handle)
    if len(data) > most_bytes:
        raise ConfigError(f"expected at most {most_bytes} bytes in {path}, got more")
    return data


def make_private(path: Path, data: bytes) -> bool:
    """Make the file with `data` in it, on disk when this returns; False where it is there already.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _made(path, data)
    except OSError as error:
        raise ConfigError(f"cannot make {path}: {error.strerror}") from None


def _made(path: Path, data: bytes) -> bool:
    handle, written = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(data)
            file.flush()
            os.fsync(handle)
        # Of two that make it at once the first stays: `rename` would replace what the other has read.
        with suppress(FileExistsError):
            os.link(written, path)
            return True
        return False
    finally:
        Path(written).unlink()
        sync(path.parent)


def sync(path: Path) -> None:
    """A file or a folder, as it is now, is on disk when this returns. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"expected a plain file at {path}")
    if open_to_others(path, found.st_mode):
        mode = stat.S_IMODE(found.st_mode)
        raise ConfigError(
            f"expected {path} to be its owner's alone, its mode is {mode:04o}: chmod 600 {path}"
        )
    if found.st_uid not in {os.geteuid(), 0}:
        raise ConfigError(f"expected {path} to be ours or root's, it is that of user {found.st_uid}")
