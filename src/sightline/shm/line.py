"""A lock for what is also told by `__del__`.

The end of an object may come in any thread and, as garbage is collected where it is found, within any lock:
within this very one too, as it is had by the same thread. So `put` waits for nothing: it appends to a deque,
and whoever gets the lock without waiting does what is in line; and whoever had the lock looks again after
giving it back, so that nothing stays behind.

In a child made by `fork` the lock is free, whoever had it, and nothing is in line.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Self, TypeVarTuple
from weakref import WeakSet

Ts = TypeVarTuple("Ts")


class Line:
    """A lock, to be used by `with`, and things that are done with it held, one after the other.

    None of these may raise, and none may take this lock.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._waiting.clear()

    def put(self, what: Callable[[*Ts], object], *arguments: *Ts) -> None:
        """Have it done: before this returns, or by who has the lock at the moment. From anywhere."""
        self._waiting.append((what, arguments))
        self._settle()

    def __enter__(self) -> Self:
        """Waits for the lock; all that was put before is done then."""
        self._lock.acquire()
        try:
            self._do_waiting()
        except BaseException:  # KeyboardInterrupt: there will be no `__exit__`
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._settle()

    def _settle(self) -> None:
        while self._waiting and self._lock.acquire(blocking=False):
            try:
                self._do_waiting()
            finally:
                self._lock.release()

    def _do_waiting(self) -> None:
        while self._waiting:
            what, arguments = self._waiting.popleft()
            what(*arguments)


_all: Final[WeakSet[Line]] = WeakSet()


def _begin_all() -> None:
    for line in tuple(_all):
        line._begin()  # noqa: SLF001 - for nobody else to call


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all)
