"""Children of a few lines each, and whoever supervises them in a process of its own."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from sightline.supervise import ChildSpec, Restart, State, Supervisor, Watch

GOOD = """
from sightline.supervise import Child
child = Child.here()
child.ready("here I am")
child.wait()
"""
SOON = Restart(delay_s=0.01, most_delay_s=0.05, most_ends=100)


def spec(name: str, code: str = GOOD, *words: str, **settings: Any) -> ChildSpec:
    """A child that runs this code, with these words as its arguments."""
    begin = [sys.executable, "-c", code, *words]
    return ChildSpec(name=name, command=begin, **{"restart": SOON} | settings)


def command(name: str, *words: str, **settings: Any) -> ChildSpec:
    """A child that knows nothing of us."""
    known: dict[str, Any] = {"restart": SOON, "watch": Watch(ready_s=None)}
    return ChildSpec(name=name, command=words, **known | settings)


def reach(supervisor: Supervisor, name: str, state: State, timeout_s: float = 20) -> str:
    """Wait until that child is so; gives the reason."""
    reached = supervisor.wait_until(lambda states: states[name].state is state, timeout_s)
    status = supervisor.states()[name]
    assert reached, f"expected {name} to be {state}, it is {status}"
    return status.reason


def end_of(supervisor: Supervisor, name: str, ends: int, timeout_s: float = 20) -> str:
    """Wait until that child has ended so often by itself; gives the reason."""
    reached = supervisor.wait_until(lambda states: states[name].ends >= ends, timeout_s)
    status = supervisor.states()[name]
    assert reached, f"expected {ends} ends of {name}, it is {status}"
    return status.reason


def pid_of(supervisor: Supervisor, name: str) -> int:
    pid = supervisor.states()[name].pid
    assert pid is not None
    return pid


def is_gone(pid: int) -> bool:
    """Whether that process is no more, or a zombie that only its parent has not seen yet."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


class Program:
    """A program in a process group of its own, as a terminal begins one; it writes lines of what happens."""

    def __init__(self, path: Path, code: str) -> None:
        self._path = path
        script = path.with_suffix(".py")
        script.write_text(code)
        begin = [sys.executable, str(script), str(path)]
        self.popen = subprocess.Popen(begin, process_group=0, stderr=subprocess.PIPE, text=True)

    def lines(self) -> list[str]:
        return self._path.read_text().splitlines() if self._path.exists() else []

    def said(self, word: str) -> list[str]:
        """What stands behind this word, in the lines that begin with it."""
        return [line.removeprefix(f"{word} ") for line in self.lines() if line.split(" ")[0] == word]

    def pids(self) -> list[int]:
        return [int(pid) for pid in self.said("pid")]

    def end(self) -> str:
        """Kill what is left of it. Gives what it wrote to standard error, the first time."""
        for leader in (self.popen.pid, *self.pids()):
            with suppress(ProcessLookupError):
                os.killpg(leader, signal.SIGKILL)
        assert self.popen.stderr is not None
        with self.popen:
            return "" if self.popen.stderr.closed else self.popen.stderr.read()
