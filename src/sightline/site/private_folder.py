"""A folder for one process and its children, that nobody else may enter: removed at its end, or by the next.

It is locked as long as its process lives, however that ends; so whoever makes another one knows which of them
are left over, and removes those.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sightline.errors import ConfigError

PREFIX: Final = "sightline-up-"
_MOST_PATH_BYTES: Final = 60
"""Of the folder: unix(7) has 108 for the path of a socket, and macOS 104."""
_TRIES: Final = 3


def places() -> list[Path]:
    """Where such folders may be, the best first.

    Not $XDG_RUNTIME_DIR, which is removed when its user logs out: who runs in the background goes on then.
    """
    found = []
    with suppress(FileNotFoundError):  # no place of those that are known can be written to
        found.append(Path(tempfile.gettempdir()))
    return [*found, Path("/tmp")]  # noqa: S108 - the folder in it is of a new name, and ours alone


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new one, as long as this is open. Raises ConfigError where none can be made."""
    remove_left_over()
    folder, lock = _made()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_left_over() -> None:
    """Remove those of this user whose process is no more."""
    for place in dict.fromkeys(places()):
        for folder in place.glob(f"{PREFIX}*"):
            lock = _locked(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _made() -> tuple[Path, int]:
    for place in places():
        with suppress(OSError):
            for _ in range(_TRIES):
                folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
                lock = _locked(folder) if len(os.fsencode(folder)) <= _MOST_PATH_BYTES else None
                if lock is not None:
                    return folder, lock
                # Its path is too long, or nothing can be locked there; or another took it for one that was
                # left over, just now.
                folder.rmdir()
    raise ConfigError(f"cannot make a folder in {' or '.join(map(str, dict.fromkeys(places())))}")


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder; None: somebody else has it, or it is not ours, or it is gone."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there, held = folder.stat(), os.fstat(lock)
        if os.path.samestat(there, held) and held.st_uid == os.getuid():
            return lock
    os.close(lock)
    return None
