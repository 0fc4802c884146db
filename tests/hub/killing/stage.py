"""Processes that are killed and replaced at once, by forks of an interpreter that has all it needs.

Whoever uses it must have no threads. All that it started ends with it, even where it is killed itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from random import Random
from typing import Final, Self

from tests.hub.killing.roles import Role, Told, Where
from tests.hub.killing.slate import Column, Row, Slate

MIB: Final = 1 << 20
ROOM_BYTES: Final = 1024 * MIB
"""What a process may map beyond what it begins with; and what all may have together."""
MOST_FILE_BYTES: Final = 64 * MIB
_DIES_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of linux/prctl.h


class Seat:
    """A part to be played, and who plays it now. `mortal`: whether it is one of those that are killed."""

    def __init__(self, name: str, role: Role, row: Row, *, mortal: bool = True) -> None:
        self.name = name
        self.role = role
        self.row = row
        self.mortal = mortal
        self.pid = 0

    @property
    def works(self) -> bool:
        """Whether who plays it now has begun to."""
        return self.row[Column.WORKS] == self.pid

    @property
    def descriptors(self) -> list[str]:
        """What those of its process lead to."""
        found = []
        for entry in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(str(entry.readlink()))
        return found

    @property
    def own_bytes(self) -> int:
        """Memory of its process that is not shared."""
        return _kib(f"/proc/{self.pid}/status", "RssAnon:") * 1024

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"


class Stage:
    """All of them."""

    def __init__(self, where: Where, dice: Random) -> None:
        self.slate = Slate()
        self.seats: list[Seat] = []
        self._where = where
        self._dice = dice
        self._shared_before = shared_bytes()

    def add(self, name: str, role: Role, *, mortal: bool = True) -> Seat:
        seat = Seat(name, role, self.slate.row(len(self.seats)), mortal=mortal)
        self.seats.append(seat)
        self.begin(seat)
        return seat

    def begin(self, seat: Seat) -> None:
        told = Told(self.slate, seat.row, self._where, self._dice.getrandbits(32))
        sys.stdout.flush()
        seat.pid = os.fork() or _play(seat.role, told)

    def kill(self, seat: Seat) -> None:
        """SIGKILL, wherever it is, and it is gone when this returns."""
        os.kill(seat.pid, signal.SIGKILL)
        _, status = os.waitpid(seat.pid, 0)
        if os.WTERMSIG(status) != signal.SIGKILL:
            raise RuntimeError(f"{seat} ended by itself: {status}")

    def check(self) -> None:
        """Raises RuntimeError where one ended by itself, or all together have too much memory."""
        for seat in self.seats:
            ended, status = os.waitpid(seat.pid, os.WNOHANG)
            if ended:
                self.seats.remove(seat)
                raise RuntimeError(f"{seat} ended by itself: {status}")
        shared = shared_bytes() - self._shared_before
        own = sum(seat.own_bytes for seat in self.seats)
        if shared + own > ROOM_BYTES:
            raise RuntimeError(f"{shared // MIB} MiB are shared, {own // MIB} MiB are not: too much")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for seat in self._dice.sample(self.seats, len(self.seats)):
            os.kill(seat.pid, signal.SIGKILL)  # nobody else waits for it: the number is still its own
            os.waitpid(seat.pid, 0)
        self.seats.clear()


def shared_bytes() -> int:
    """Shared memory of all processes of the machine."""
    return _kib("/proc/meminfo", "Shmem:") * 1024


def _kib(path: str, name: str) -> int:
    """0 of a process that has ended."""
    lines = (line.split() for line in Path(path).read_text("utf-8").splitlines())
    return next((int(words[1]) for words in lines if words and words[0] == name), 0)


def _play(role: Role, told: Told) -> int:
    code = 1
    try:
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
        room = _kib("/proc/self/status", "VmSize:") * 1024 + ROOM_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE_BYTES, MOST_FILE_BYTES))
        role(told)
        code = 0
    except BaseException:  # noqa: BLE001 - told, and its end is seen
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
