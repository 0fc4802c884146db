"""Threads that decode: as many as the machine has cores, however many cameras there are.

Each camera is in the line at most once and worked on by one thread at a time, so its decoder needs no
lock; after a turn it goes to the end of the line, so that none waits for a busier one.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from sightline.log import Repeated, get_logger


class Work(Protocol):
    """What the pool runs: one camera's."""

    @property
    def camera_id(self) -> str: ...

    @property
    def ready(self) -> bool: ...

    def work(self) -> None: ...


class Pool:
    """Runs the work that is ready, fairly, on `threads` threads."""

    def __init__(self, threads: int, *, name: str = "decode") -> None:
        self._line: deque[Work] = deque()
        self._in_hand: set[Work] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._trouble = Repeated(get_logger("sightline.mux"), "a decoding thread met an error of ours")
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def wake(self, work: Work) -> None:
        """Say that `work` may be ready. From any thread, as often as one likes."""
        with self._changed:
            if work not in self._in_hand and not self._closed and work.ready:
                self._in_hand.add(work)
                self._line.append(work)
                self._changed.notify()

    def close(self, timeout_s: float = 5.0) -> None:
        """End the threads after their present turn and wait for them."""
        with self._changed:
            self._closed = True
            self._line.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout_s)
        self._trouble.flush()

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work.work()
            except Exception as error:  # noqa: BLE001  a bug at one camera must not end the others
                self._trouble.add(camera=work.camera_id, error=repr(error))
            with self._changed:
                self._in_hand.discard(work)
            # What came during the turn found the work in hand and left it to us.
            self.wake(work)

    def _next(self) -> Work | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._line)
            return None if self._closed else self._line.popleft()
