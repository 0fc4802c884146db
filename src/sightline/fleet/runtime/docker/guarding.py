"""What a guard does: it waits for the lease's end, and ends what must not run twice then.

By Docker; where that does not answer, by the kernel, for what Docker told of while the lease was on. It goes
on asking: only Docker can tell that nothing is left.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sightline.clock import NS_PER_S, ns
from sightline.errors import RuntimeFault
from sightline.fleet.runtime.docker.cgroups import kill_processes_of
from sightline.fleet.runtime.docker.containers import EXCLUSIVE, NODE, PREFIX, YES
from sightline.fleet.runtime.docker.editions import is_relieved
from sightline.fleet.runtime.docker.engine import Engine, Missing, Taken
from sightline.fleet.runtime.lease import Lease, boot_id, boottime_ns, read_lease

_LOOK_S: Final = 0.5
_ASK_S: Final = 2.0
"""Between two questions what runs, while the lease is on."""
_CALL_S: Final = 3.0
_RUNS: Final = ("running", "paused", "restarting", "created")


class Guarding:
    """Of the agent whose folder this is, for the guard of this edition."""

    def __init__(self, folder: Path, edition: str) -> None:
        self._folder, self._edition = folder, edition
        self._containers: frozenset[str] = frozenset()
        self._ask_ns = 0
        self._told = ""

    def run(self) -> None:
        """Returns once the lease is over and nothing exclusive runs, there is nothing left of the agent, or
        it wants another edition.
        """
        known: Lease | None = None
        while not is_relieved(self._folder, self._edition):
            known = read_lease(self._folder) or known
            if known is None or (is_over(known) and self._ended(known)):
                return
            self._wait(known)

    def _wait(self, lease: Lease) -> None:
        left_s = max(0, lease.deadline_ns - boottime_ns()) / NS_PER_S
        if left_s:
            self._told = ""  # what is wrong at its next end is news again
        if left_s > _CALL_S and boottime_ns() >= self._ask_ns:
            self._ask_ns = boottime_ns() + ns(_ASK_S)
            with suppress(RuntimeFault):
                self._know(frozenset(each["Id"] for each in _exclusive(lease)))
        time.sleep(min(_LOOK_S, left_s + 0.001) if left_s else _LOOK_S)

    def _know(self, containers: frozenset[str]) -> None:
        if containers != self._containers:
            _say(f"to end with the lease: {' '.join(sorted(each[:12] for each in containers)) or 'nothing'}")
        self._containers = containers

    def _ended(self, lease: Lease) -> bool:
        """Whether there is nothing left to be ended."""
        try:
            running = end_exclusive(lease)
        except RuntimeFault as error:
            if killed := kill_processes_of(self._containers):
                _say(f"ended {killed} processes without Docker, as the lease is over")
            if str(error) != self._told:
                _say(f"the lease is over, and it cannot be told what runs: {error}")
            self._told = str(error)
            return not self._folder.exists()
        self._told = ""
        return running == 0


def is_over(lease: Lease) -> bool:
    return lease.is_over(boottime_ns(), boot_id())


def end_exclusive(lease: Lease) -> int:
    """Kill the agent's containers that must not run twice; how many there were. Raises RuntimeFault."""
    running = _exclusive(lease)
    engine = Engine(lease.address, call_s=_CALL_S)
    try:
        for each in running:
            _end(engine, each["Id"], each["State"])
    finally:
        engine.close()
    return len(running)


def _exclusive(lease: Lease) -> list[Any]:
    labels = [f"{NODE}={lease.node}", f"{PREFIX}={lease.prefix}", f"{EXCLUSIVE}={YES}"]
    engine = Engine(lease.address, call_s=_CALL_S)
    try:
        found = engine.ask("what runs", lambda client: client.containers(all=True, filters={"label": labels}))
    finally:
        engine.close()
    return [each for each in found if each["State"] in _RUNS]


def _end(engine: Engine, container: str, state: str) -> None:
    def kill(client: Any) -> None:
        if state == "running":
            client.kill(container)  # what it said stays to be read
        else:
            client.remove_container(container, force=True, v=True)

    try:
        engine.ask(f"end {container[:12]}", kill)
    except (Missing, Taken):
        return
    _say(f"ended {container[:12]}, as the lease is over")


def _say(what: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {what}\n")
    sys.stderr.flush()
