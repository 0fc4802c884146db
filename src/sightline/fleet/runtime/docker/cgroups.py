"""Ends what runs in containers by the kernel alone: for when their engine does not answer.

Docker names control groups after the whole id of their container: `docker-ID.scope`, or `ID` within `docker`
(https://docs.docker.com/engine/containers/runmetrics/), in both versions of them.

Deliberately not here: what was paused by version 1, which takes no signal before it goes on, and machines on
which we may not see or signal these processes: there nothing is ended.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")


def kill_processes_of(containers: Collection[str]) -> int:
    """SIGKILL for each process of these; how many took it."""
    handles = {pid: handle for pid in _processes(containers) if (handle := _handle(pid)) is not None}
    killed = 0
    # Once more, now that a number can be nobody else's any more.
    for pid in handles.keys() & _processes(containers):
        with suppress(OSError):
            signal.pidfd_send_signal(handles[pid], signal.SIGKILL)
            killed += 1
    for handle in handles.values():
        os.close(handle)
    return killed


def _processes(containers: Collection[str]) -> set[int]:
    found: set[int] = set()
    for folder, _, files in os.walk(_ROOT) if containers else ():
        if "cgroup.procs" in files and any(each in folder for each in containers):
            with suppress(OSError):  # it is gone, or made of threads
                found.update(map(int, (Path(folder) / "cgroup.procs").read_text("ascii").split()))
    return found - {0}  # of another namespace


def _handle(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
