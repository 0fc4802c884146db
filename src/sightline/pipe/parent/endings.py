"""The end of a process that has pipes: none of their flows outlives it, and each has time for its cleanup.

The end of a script, be it by an exception or by Ctrl-C, ends its pipes as that of a `with` block does.
SIGTERM, at which Python ends without a word, is made an ordinary end, where nobody made it something else.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from contextlib import ExitStack
from typing import Any, Protocol
from weakref import WeakSet


class Ending(Protocol):
    def close(self) -> None: ...


_running: WeakSet[Any] = WeakSet()
_pid = 0


def at_exit(pipe: Ending) -> None:
    """Close it when this process ends, if that was not done by then."""
    global _pid  # noqa: PLW0603 - of this process alone: a fork of it has no flows
    if _pid != os.getpid():
        _pid = os.getpid()
        _running.clear()
        atexit.register(_close_all)
    _running.add(pipe)
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGTERM, _terminate)


def _close_all() -> None:
    if os.getpid() == _pid:
        with ExitStack() as pipes:  # each, whatever another raises
            for pipe in list(_running):
                pipes.callback(pipe.close)


def _terminate(number: int, _frame: Any) -> None:
    sys.exit(128 + number)
