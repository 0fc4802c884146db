"""Ending a mux from outside, by the file in which it wrote its process id.

    python -m sightline.mux.terminate [PIDFILE] [--wait SECONDS]

It sends SIGTERM, waits, and after that time SIGKILL. It promises to end no other process: one that began
after the file was written has only got the number of one that is gone, and is left alone. Exit code 0: the
process is gone; 1: it is not ours, or cannot be ended.

Deliberately not here: what a mux does at SIGTERM. `sightline mux` sends what it has in hand and ends.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sightline.errors import ConfigError
from sightline.mux.pid_file import began_s, pid_in, wrote

PID_FILE: Final = "pid"
WAIT_S: Final = 10.0

_LOOK_S: Final = 0.05


def terminate(path: str | os.PathLike[str] = PID_FILE, *, wait_s: float = WAIT_S) -> str:
    """Ends the process that wrote its id into the file; gives what was done, in a sentence.

    Args:
        path: a file with one number.
        wait_s: from SIGTERM to SIGKILL.

    Raises:
        ConfigError: there is no such file, it holds no number, or the number is another process's by now.
        PermissionError: it is another user's.
    """
    file = Path(path)
    if not file.exists():
        raise ConfigError(f"{file}: there is no such file; expected the id of a process in it")
    pid = pid_in(file)
    if pid is None or pid <= 1:
        raise ConfigError(f"{file}: expected the id of a process, a number above 1")
    if began_s(pid) is None:
        return f"process {pid} is gone already"
    if not wrote(pid, file):
        raise ConfigError(f"{file}: process {pid} began after this was written, so it is another one")
    began = began_s(pid)
    for number, limit_s in ((signal.SIGTERM, wait_s), (signal.SIGKILL, WAIT_S)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _is_gone(pid, began, limit_s):
            return f"process {pid} ended by {number.name}"
    raise ConfigError(f"process {pid} is still there {WAIT_S:g} s after SIGKILL")


def _is_gone(pid: int, began: float | None, limit_s: float) -> bool:
    until_s = time.monotonic() + limit_s
    while began_s(pid) == began:
        if time.monotonic() > until_s:
            return False
        time.sleep(_LOOK_S)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Gives its exit code."""
    parser = argparse.ArgumentParser(prog="python -m sightline.mux.terminate", description="End a mux.")
    parser.add_argument("pid_file", nargs="?", default=PID_FILE, help="the file with its process id: pid")
    parser.add_argument("--wait", type=float, default=WAIT_S, metavar="SECONDS", help="before SIGKILL: 10")
    chosen = parser.parse_args(arguments)
    try:
        sys.stdout.write(f"{terminate(chosen.pid_file, wait_s=chosen.wait)}\n")
    except (ConfigError, PermissionError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
