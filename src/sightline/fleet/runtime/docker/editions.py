"""Which edition of the guard is there, and which one its agent wants: another one after an upgrade.

The guard says its own in its lock file, the agent what it wants in a file beside it; a guard that finds
another one wanted leaves. So no process is ended by a number that may be another's by then.

Deliberately not here: the lock, and beginning one.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from sightline import __version__

LOCK: Final = "guard.lock"
WANTED: Final = "guard.wanted"
_HERE: Final = Path(__file__).parent
_MADE_OF: Final = (
    *(_HERE / name for name in ("guard.py", "editions.py", "engine.py", "containers.py")),
    _HERE.parent / "lease.py",
)


@cache
def own_edition() -> str:
    """Of a guard that is begun from here: another one where what it is made of changed."""
    parts = [__version__.encode(), *(path.read_bytes() for path in _MADE_OF)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def say_edition(lock: int, edition: str) -> None:
    """Into the lock file, by who has the lock."""
    with suppress(OSError):  # a guard that says nothing is left where it is
        os.ftruncate(lock, 0)
        os.pwrite(lock, edition.encode(), 0)


def edition_there(folder: Path) -> str:
    """Of the guard that has the lock; "" where it does not say."""
    return _text(folder / LOCK)


def want_edition(folder: Path, edition: str) -> None:
    """Any other one leaves. Raises OSError."""
    new = folder / f".{WANTED}.new"
    new.write_text(edition, "ascii")
    new.replace(folder / WANTED)


def is_relieved(folder: Path, edition: str) -> bool:
    """Whether another one than this is wanted."""
    wanted = _text(folder / WANTED)
    return bool(edition and wanted) and wanted != edition


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
