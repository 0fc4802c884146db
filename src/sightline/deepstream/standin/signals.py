"""Signals, taken as the real application takes them, or not at all.

There SIGINT has a handler that says so, notes it, and is gone after the first: a second one ends the program
at once. The note is looked at when the pipeline runs, not while it is being made. No other has a handler.
As the first process of a container the kernel keeps from it what has none.
"""

from __future__ import annotations

import signal
import threading
from typing import Final

from sightline.deepstream.standin.output import say

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


class Signals:
    """Of this process, from `begin` on; main thread alone.

    Attributes:
        interrupted: is set by SIGINT, and stays so.
    """

    def __init__(self) -> None:
        self.interrupted = threading.Event()
        self._deaf = False

    def begin(self) -> None:
        signal.signal(signal.SIGINT, self._note)

    def heed(self, heeded: bool) -> None:
        """Whether they are taken heed of; those that came meanwhile are lost."""
        if heeded is not self._deaf:
            return
        self._deaf = not heeded
        for one in _ENDING:
            signal.signal(one, signal.SIG_IGN if self._deaf else signal.SIG_DFL)
        if heeded:
            self.begin()

    def _note(self, *_: object) -> None:
        say("** ERROR: <_intr_handler>: User Interrupted.. \n")
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self.interrupted.set()
