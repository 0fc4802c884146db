"""Who waits for something to change: a thread, or a coroutine of any loop.

`wait` and `wait_async` come back with what the condition gave once that is true. Whoever changes the state
rings afterwards; nobody who looks again after being entered can miss it. Not for use across processes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Bell:
    """Wakes all who wait, each time that it rings; they look for themselves whether it was for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], object]] = []

    def ring(self) -> None:
        """Called from any thread, after the change."""
        if self._waiting:
            with self._lock:
                waiting, self._waiting = self._waiting, []
            for wake in waiting:
                wake()

    def wait(self, condition: Callable[[], T], timeout_s: float | None) -> T:
        """What `condition` gives: once that is true, or at the end of the time whatever it is."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while not (outcome := condition()):
            woken = threading.Event()
            self._add(woken.set)
            if outcome := condition():
                self._remove(woken.set)
                return outcome
            if not woken.wait(None if until is None else max(0.0, until - time.monotonic())):
                self._remove(woken.set)
                return condition()
        return outcome

    async def wait_async(self, condition: Callable[[], T], timeout_s: float | None) -> T:
        """As `wait`, without holding up the running loop."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (outcome := condition()):
                    if outcome := await self._rung(condition):
                        break
                return outcome
        except TimeoutError:
            return condition()

    async def _rung(self, condition: Callable[[], T]) -> T:
        """What the condition gives now; where that is not true it comes back after the next ring."""
        loop = asyncio.get_running_loop()
        rung = loop.create_future()
        wake = partial(_wake, loop, threading.get_ident(), rung)
        self._add(wake)
        try:
            if not (outcome := condition()):
                await rung
            return outcome
        finally:
            self._remove(wake)

    def _add(self, wake: Callable[[], object]) -> None:
        with self._lock:
            self._waiting.append(wake)

    def _remove(self, wake: Callable[[], object]) -> None:
        with self._lock:
            if wake in self._waiting:
                self._waiting.remove(wake)


def _wake(loop: asyncio.AbstractEventLoop, thread: int, rung: asyncio.Future[None]) -> None:
    if threading.get_ident() == thread:
        _settle(rung)
    else:
        with suppress(RuntimeError):  # that loop is closed
            loop.call_soon_threadsafe(_settle, rung)


def _settle(rung: asyncio.Future[None]) -> None:
    if not rung.done():
        rung.set_result(None)
