"""Waiting for a condition, with a deadline. Nothing here sleeps for a fixed time and hopes."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
POLL_S = 0.02


def wait_for(condition: Callable[[], T], timeout_s: float, what: str) -> T:
    """Calls `condition` until it gives something true, and returns that.

    Raises:
        TimeoutError: `timeout_s` passed; its message has `what` and the last (false) answer.
    """
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}; the last answer was {answer!r}")
        time.sleep(POLL_S)
    return answer


def halt(pid: int) -> None:
    """Stops it (SIGSTOP); once this returns none of its threads runs. On busy cores they do for a while: the
    one that takes the signal has to be given a turn first."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: _is_halted(pid), 20, f"{pid} to stop")


def _is_halted(pid: int) -> bool:
    try:
        stats = [task.joinpath("stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError:  # a thread ended meanwhile: it runs
        return False
    return all(stat.rpartition(")")[2].split()[0] in "Tt" for stat in stats)
