"""Whether somebody edited the files of an instance by hand, which then runs by what it does not say.

Promises: contents are what counts. They are made and read again only where a file's number, size, rights or
times are others than at the last look, so that a look costs next to nothing.

Deliberately not here: putting them right, which making the instance ready does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from sightline.deepstream.generating.files import CURRENT, Content, differing

Marks: TypeAlias = frozenset[tuple[str | int, ...]]
_MOST: Final = 4096


class OwnFiles:
    """Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._right: OrderedDict[Path, Marks] = OrderedDict()

    def drift(self, folder: Path, contents: Callable[[], Mapping[str, Content]]) -> str:
        """Names of files below `folder` (see `put`) that are not as they should be, for people.

        Raises:
            OSError, ConfigError: it cannot be told.
        """
        marks = _marks(folder)
        with self._lock:
            if self._right.get(folder) == marks:
                return ""
        wrong = differing(contents(), folder)
        if wrong:
            return f"edited: {', '.join(wrong)}"
        with self._lock:
            self._right[folder] = marks
            while len(self._right) > _MOST:
                self._right.popitem(last=False)
        return ""


def _marks(folder: Path) -> Marks:
    """Empty where there are none."""
    current = folder / CURRENT
    if not current.is_dir():
        return frozenset()
    there = [(each.name, each.stat(follow_symlinks=False)) for each in current.iterdir()]
    own = [(name, s.st_ino, s.st_size, s.st_mode, s.st_mtime_ns, s.st_ctime_ns) for name, s in there]
    return frozenset([(str(current.readlink()),), *own])
