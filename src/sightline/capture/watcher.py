"""The one timer of a process, shared by all its captures.

Each watched thing is asked to `tick`, and says in how many seconds it wants to be asked again. The thread
lives while something is watched. A tick must neither block nor raise: it is bookkeeping of microseconds.
"""

from __future__ import annotations

import threading
from typing import Final, Protocol


class Watched(Protocol):
    def tick(self) -> float: ...


class Watcher:
    """Ticks what was added until it is removed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: list[Watched] = []
        self._woken = False
        self._thread: threading.Thread | None = None

    def add(self, watched: Watched) -> None:
        with self._changed:
            self._watched.append(watched)
            self._wake()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="capture watcher", daemon=True)
                self._thread.start()

    def remove(self, watched: Watched) -> None:
        """Where it was the last, the thread is gone then; else a round under way may tick it once more."""
        with self._changed:
            if watched in self._watched:
                self._watched.remove(watched)
            self._wake()
            if self._thread is not threading.current_thread():
                self._changed.wait_for(lambda: self._watched or self._thread is None)

    def wake(self) -> None:
        """Tick soon: something happened that may want it earlier."""
        with self._changed:
            self._wake()

    def _wake(self) -> None:
        self._woken = True
        self._changed.notify_all()

    def _run(self) -> None:
        while watched := self._next():
            wait_s = min(one.tick() for one in watched)
            with self._changed:
                self._changed.wait_for(lambda: self._woken, wait_s)

    def _next(self) -> list[Watched]:
        with self._changed:
            self._woken = False
            if not self._watched:
                self._thread = None
                self._changed.notify_all()
            return list(self._watched)


WATCHER: Final = Watcher()
