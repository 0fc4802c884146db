"""Waiting for a condition, with a deadline. Nothing here sleeps for a fixed time and hopes."""

import time
from collections.abc import Callable
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
