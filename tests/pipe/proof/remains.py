"""What of this machine something is to give back: measured before, compared afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import psutil
from tests.hub.killing.stage import shared_bytes
from tools.services.waiting import wait_for

SOON_S: Final = 15.0
SLACK_BYTES: Final = 1 << 20
"""What is shared is added up from counters of each core; the smallest pool is larger."""
_SHARED_MEMORY: Final = Path("/dev/shm")


class Machine(NamedTuple):
    """As it was."""

    names: frozenset[str]
    shared: int
    descriptors: int
    children: frozenset[int]

    @classmethod
    def now(cls) -> Machine:
        children = (child.pid for child in psutil.Process().children(recursive=True))
        names = (entry.name for entry in _SHARED_MEMORY.iterdir())
        return cls(frozenset(names), shared_bytes(), len(descriptors_of("self")), frozenset(children))

    def wait_until_back(self, pids: Iterable[int] = ()) -> None:
        """Raises AssertionError, with what is left, where something is, or one of `pids` lives."""
        pids = tuple(pids)
        try:
            wait_for(lambda: not self._left(pids), SOON_S, "nothing to be left")
        except TimeoutError:
            raise AssertionError(f"left behind: {', '.join(self._left(pids))}") from None

    def _left(self, pids: tuple[int, ...]) -> list[str]:
        now = Machine.now()
        left = [f"process {pid}" for pid in {*pids, *now.children} - self.children if is_alive(pid)]
        left += [f"name {name}" for name in now.names - self.names]
        if now.shared - self.shared > SLACK_BYTES:
            left.append(f"{now.shared - self.shared} bytes of shared memory")
        if now.descriptors > self.descriptors:
            left.append(f"{now.descriptors - self.descriptors} descriptors")
        return left


def is_alive(pid: int) -> bool:
    """Of an orphan that has ended the rest is for the first process of the machine to clear away."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def descriptors_of(pid: int | str) -> list[str]:
    """What those of a process lead to."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except FileNotFoundError:  # the one that lists this folder
            continue
    return found


def own_bytes(pid: int) -> int:
    """Memory of a process that is not shared."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))
