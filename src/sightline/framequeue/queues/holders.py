"""Who of the processes that use a file still lives: each has a number, and a lock on the byte of that number.

The kernel ends a lock with the process that has it, however that ends; so nobody writes heartbeats, no clock
is asked, and a process that is merely slow keeps what it holds. The locks are of open files (`F_OFD_SETLK`):
those of one process are several holders. Byte 0 is for whoever opens the queue, one at a time.

Does not do: reach beyond one machine. The numbers are given out by whoever owns this.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FLOCK: Final = struct.Struct("hhqqi4x")  # type, whence, start, length, pid, as in struct flock of 64 bits
_OPENING: Final = 0


class Holders:
    """The locks of one open file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b", buffering=0)

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """Nobody else opens the queue meanwhile."""
        self._set(fcntl.F_OFD_SETLKW, fcntl.F_WRLCK, _OPENING)
        try:
            yield
        finally:
            self._set(fcntl.F_OFD_SETLKW, fcntl.F_UNLCK, _OPENING)

    def hold(self, number: int) -> bool:
        """From now on this number lives, until `close` or the end of this process. False: another's does."""
        free = not self.lives(number)
        if free:
            self._set(fcntl.F_OFD_SETLK, fcntl.F_WRLCK, number)
        return free

    def lives(self, number: int) -> bool:
        """Whether another one has this number."""
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, number, 1, 0)
        kind: int = _FLOCK.unpack(fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, asked))[0]
        return kind != fcntl.F_UNLCK

    def close(self) -> None:
        self._file.close()

    def _set(self, how: int, kind: int, byte: int) -> None:
        fcntl.fcntl(self._file, how, _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0))
