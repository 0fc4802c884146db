"""Threads for methods that are not async: as many as are at work, up to a bound.

Promises: a job begins at once or is refused, so that none waits behind a slow one; a thread that was idle for
`idle_s` ends; threads that hang hold up neither `close` nor the end of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeAlias

Job: TypeAlias = Callable[[], object]


class Threads:
    """Runs jobs, which raise nothing. Any thread may use it.

    Args:
        most: threads at a time.
        name: of the threads.
        idle_s: how long one is kept without a job.
    """

    def __init__(self, most: int, name: str, *, idle_s: float = 10.0) -> None:
        self._most = most
        self._name = name
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._count = 0
        self._idle = 0  # those that wait and to whom no job was promised yet
        self._closed = False

    @property
    def count(self) -> int:
        return self._count

    def run(self, job: Job) -> bool:
        """Begin `job` in a thread. False: all are at work, none can be started, or it is closed."""
        with self._lock:
            if self._closed:
                return False
            if self._idle:
                self._idle -= 1
                self._jobs.put(job)
                return True
            return self._count < self._most and self._start(job)

    def close(self) -> None:
        """No other job begins; a thread ends with the job that it has."""
        with self._lock:
            self._closed = True
            for _ in range(self._idle):
                self._jobs.put(None)
            self._idle = 0

    def _start(self, job: Job) -> bool:
        try:
            threading.Thread(target=self._work, args=(job,), name=self._name, daemon=True).start()
        except RuntimeError:  # the system has no more threads
            return False
        self._count += 1
        return True

    def _work(self, job: Job | None) -> None:
        while job is not None:
            job()
            job = self._next()
        with self._lock:
            self._count -= 1

    def _next(self) -> Job | None:
        with self._lock:
            if self._closed:
                return None
            self._idle += 1
        try:
            return self._jobs.get(timeout=self._idle_s)
        except Empty:
            return self._leave()

    def _leave(self) -> Job | None:
        with self._lock:
            if self._idle:
                self._idle -= 1
                return None
        return self._jobs.get()  # in the same moment a job was promised to this one
