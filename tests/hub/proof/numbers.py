"""A few counters in a file that a process can be killed over: what was stored stays stored."""

from __future__ import annotations

import mmap
from pathlib import Path


class Numbers:
    """So many integers, 0 at first, which others see as they change. Each has one writer."""

    def __init__(self, path: Path, count: int = 0) -> None:
        if count:
            path.write_bytes(bytes(8 * count))
        with path.open("r+b") as file:
            self._at = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")

    def __getitem__(self, place: int) -> int:
        return self._at[place]

    def __setitem__(self, place: int, number: int) -> None:
        self._at[place] = number
