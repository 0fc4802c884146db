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
from typing import Final, Self

from sightline.errors import ConfigError

PID_FILE: Final = "pid"
WAIT_S: Final = 10.0

_LOOK_S: Final = 0.05
_SLACK_S: Final = 2.0  # the kernel counts starts in hundredths of a second since a boot time in whole ones


class PidFile:
    """The file while its process runs. A `with` block removes it.

    Raises:
        ConfigError: it cannot be written, or names another process that still runs.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if (other := _named(self.path)) is not None and other != os.getpid() and _is_writer(other, self.path):
            raise ConfigError(f"{self.path}: process {other}, which wrote it, still runs")
        try:
            self.path.write_text(f"{os.getpid()}\n")
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written: {error.strerror}") from error

    def remove(self) -> None:
        """Take it away, if it is still ours. Again is allowed."""
        if _named(self.path) == os.getpid():
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.remove()


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
    pid = _named(file)
    if pid is None or pid <= 1:
        raise ConfigError(f"{file}: expected the id of a process, a number above 1")
    if _began_s(pid) is None:
        return f"process {pid} is gone already"
    if not _is_writer(pid, file):
        raise ConfigError(f"{file}: process {pid} began after this was written, so it is another one")
    began_s = _began_s(pid)
    for number, limit_s in ((signal.SIGTERM, wait_s), (signal.SIGKILL, WAIT_S)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _is_gone(pid, began_s, limit_s):
            return f"process {pid} ended by {number.name}"
    raise ConfigError(f"process {pid} is still there {WAIT_S:g} s after SIGKILL")


def _named(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _is_writer(pid: int, path: Path) -> bool:
    """Whether a process of this number ran when the file was written."""
    began_s = _began_s(pid)
    return began_s is not None and began_s <= path.stat().st_mtime + _SLACK_S


def _is_gone(pid: int, began_s: float | None, limit_s: float) -> bool:
    until_s = time.monotonic() + limit_s
    while _began_s(pid) == began_s:
        if time.monotonic() > until_s:
            return False
        time.sleep(_LOOK_S)
    return True


def _began_s(pid: int) -> float | None:
    """When the process began, in seconds since 1970 (proc(5): `stat`, field 22); None: it does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    except (OSError, StopIteration):
        return None
    if fields[0] in {"Z", "X"}:  # it has ended, and its parent has not asked for it yet
        return None
    return int(boot.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")


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
