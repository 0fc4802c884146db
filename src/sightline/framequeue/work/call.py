"""Calls of a handler that another thread can interrupt: a function's, and a coroutine's.

A function is interrupted by an exception that is raised within its thread, at the next step of Python: a call
into C is not (`PyThreadState_SetAsyncExc`). It is raised within the handler or not at all: never in what its
thread does afterwards. A coroutine is cancelled, at its next await; all run in one thread of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, Protocol

from sightline.errors import SightlineError


class TimeLimitExceeded(SightlineError, TimeoutError):
    """Raised within a handler that has run for its whole time: clean up, and let it pass."""

    def __init__(self, message: str = "the handler ran longer than its time limit") -> None:
        super().__init__(message)


class Call(Protocol):
    """One call of a handler."""

    def run(self) -> Any:
        """What the handler returned. Raises what it raised, and TimeLimitExceeded where that ended it."""

    def interrupt(self) -> None:
        """Ends the call, from any thread, if it lets itself be ended, or has it not begin; once."""


class FunctionCall:
    """Of a function, in the thread that runs it."""

    def __init__(self, handler: Callable[[Any], Any], argument: Any) -> None:
        self._handler = handler
        self._argument = argument
        self._lock = threading.Lock()
        self._thread_id: int | None = None
        self._interrupted = False

    def run(self) -> Any:
        with self._lock:
            if self._interrupted:
                raise TimeLimitExceeded
            self._thread_id = threading.get_ident()
        try:
            return self._handler(self._argument)
        finally:
            self._leave()  # where it is raised in here it comes out of `run` as well, and there is no second

    def interrupt(self) -> None:
        with self._lock:
            first, self._interrupted = not self._interrupted, True
            if first and self._thread_id is not None:
                _raise_in(self._thread_id, TimeLimitExceeded)

    def _leave(self) -> None:
        """From here on nothing is raised in this thread: what was on its way is taken back."""
        with self._lock:
            thread_id, self._thread_id = self._thread_id, None
            if thread_id is not None and self._interrupted:
                _raise_in(thread_id, None)


class CoroutineCall:
    """Of a coroutine function, in the thread of `loop`; one that is cancelled and goes on is not over."""

    def __init__(
        self, handler: Callable[[Any], Coroutine[Any, Any, Any]], argument: Any, loop: LoopThread
    ) -> None:
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None
        self._interrupted = False
        self._future = loop.submit(self._awaited(handler, argument))

    def run(self) -> Any:
        try:
            return self._future.result()
        except CancelledError:
            if not self._interrupted:
                raise RuntimeError("the handler was cancelled by what it awaited") from None
            raise TimeLimitExceeded from None

    def interrupt(self) -> None:
        first, self._interrupted = not self._interrupted, True
        if first:
            self._loop.soon(self._cancel)

    async def _awaited(self, handler: Callable[[Any], Coroutine[Any, Any, Any]], argument: Any) -> Any:
        self._task = asyncio.current_task()
        if self._interrupted:
            raise asyncio.CancelledError
        return await handler(argument)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


class LoopThread:
    """An event loop in a thread of its own, until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="sightline-frames-loop", daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Raises RuntimeError where the loop is closed."""
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            raise

    def soon(self, call: Callable[[], object]) -> None:
        """Calls it in the thread of the loop, unless that is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)

    def close(self, timeout_s: float) -> None:
        """Cancels what runs, and ends; a handler that holds the loop up is left behind after `timeout_s`."""
        self.soon(self._end)
        self._thread.join(timeout_s)

    def _end(self) -> None:
        self._ending = True
        self._loop.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._ending:
            with contextlib.suppress(
                SystemExit, KeyboardInterrupt
            ):  # a handler's: they end a loop of asyncio
                self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


def is_coroutine_function(handler: Callable[..., Any]) -> bool:
    """Whether a call of `handler` is to be awaited; an object with an `async def __call__` counts."""
    called = getattr(handler, "__call__", None)  # noqa: B004 - its kind is asked for, not whether it is there
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(called)


def _raise_in(thread_id: int, kind: type[BaseException] | None) -> None:
    raised = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), raised)
