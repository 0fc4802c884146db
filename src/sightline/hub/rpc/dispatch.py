"""The side that is called: runs methods, and answers each call once.

Async methods run as tasks of the loop that hands in the calls, plain ones in threads: a slow method blocks no
other. Promises: a call is answered once, with a value or a failure, or not at all where it was cancelled or
its connection went; a method that is not there, and arguments that do not fit, fail without running anything;
whatever a method raises ends that call and nothing else. At any moment

    received = done + failed + refused + cancelled + timed_out + lost + in_flight

A call that is cancelled, late or lost ends here at once. An async method is cancelled with it; a plain one
runs on, and nobody gets what it gives. Until it ends, it counts in `running`, which is never above `most`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from sightline.clock import NS_PER_S
from sightline.errors import SightlineError, WireError
from sightline.hub.rpc.messages import Arguments, Out, arguments_of, error_frame, method_of, reply_frame
from sightline.hub.rpc.raising import failure_of
from sightline.hub.rpc.serving import Served
from sightline.hub.rpc.threads import Threads
from sightline.hub.settings import MIB
from sightline.hub.wire.control import Code, Failure
from sightline.hub.wire.header import Frame

MOST: Final = 1000


class DispatchStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one moment. `refused`: nothing was run; `failed`: the method raised."""

    received: int
    done: int
    failed: int
    refused: int
    cancelled: int
    timed_out: int
    lost: int
    in_flight: int
    running: int


_COUNTED: Final = frozenset(DispatchStats.__struct_fields__) - {"in_flight", "running"}


class _Unfit(Exception):
    """Why a call was not run."""


class _Call:
    """One that has not ended. `task`: of an async method."""

    __slots__ = ("frame", "number", "served", "task", "timer")

    def __init__(self, frame: Frame, served: Served) -> None:
        self.frame = frame
        self.number = frame.head.seq
        self.served = served
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Dispatcher:
    """Methods with their calls. All of it is for one thread, that of the loop.

    Args:
        methods: by full name, as `find_served` gives them.
        send: takes an answer's head and pieces; called in the loop.
        most: calls at work at a time; above that, the next is told that we are busy.
        most_bytes: of a call or an answer, as the hub said; may be set anew.
        name: of the threads.
    """

    def __init__(
        self,
        methods: Mapping[str, Served],
        send: Callable[[Out], object],
        *,
        most: int = MOST,
        most_bytes: int = 16 * MIB,
        name: str = "rpc",
    ) -> None:
        self.most_bytes = most_bytes
        self._methods = methods
        self._send = send
        self._most = most
        self._threads = Threads(most, name)
        self._calls: dict[int, _Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._counts: Counter[str] = Counter()
        self._running = 0

    def call(self, frame: Frame) -> None:
        """A CALL came. Raises WireError where its number is already that of another."""
        if frame.head.seq in self._calls:
            raise WireError(f"expected a new number for a call, got {frame.head.seq} again")
        self._counts["received"] += 1
        try:
            served = self._methods.get(name := method_of(frame))
        except WireError as error:
            self._refuse(frame, Code.WRONG, error.message)
            return
        if served is None:
            self._refuse(frame, Code.MISSING, f"no method {name!r} is served")
        elif self._running >= self._most or not self._begin(_Call(frame, served)):
            self._refuse(frame, Code.BUSY, f"{self._most} calls are in hand, which is all that it takes")

    def cancel(self, number: int) -> None:
        """A CANCEL came: whoever called no longer waits. Nothing is answered."""
        if number in self._calls:
            self._end(self._calls[number], "cancelled")

    def lose(self) -> None:
        """The connection is gone: no call of it can be answered any more."""
        for call in list(self._calls.values()):
            self._end(call, "lost")

    async def close(self, grace_s: float = 2.0) -> None:
        """End all calls, and give async methods so long to clean up after themselves."""
        self.lose()
        self._threads.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)

    def stats(self) -> DispatchStats:
        counted = {name: self._counts[name] for name in _COUNTED}
        return DispatchStats(**counted, in_flight=len(self._calls), running=self._running)

    def _begin(self, call: _Call) -> bool:
        """False: no thread is to be had."""
        loop = asyncio.get_running_loop()
        is_async = call.served.is_async
        # Before it runs: a method that asks for the end of all this finds itself in hand.
        self._running += 1
        self._calls[call.number] = call
        if not is_async and not self._threads.run(partial(self._run_in_thread, call, loop)):
            self._running -= 1
            del self._calls[call.number]
            return False
        if call.frame.head.time_ns > 0:
            call.timer = loop.call_later(call.frame.head.time_ns / NS_PER_S, self._late, call)
        if is_async:
            call.task = loop.create_task(self._run(call))
            self._tasks.add(call.task)
            call.task.add_done_callback(self._task_ended)
        return True

    async def _run(self, call: _Call) -> None:
        try:
            args, kwargs = self._arguments(call)
            value = await call.served.function(*args, **kwargs)
            answer = self._answer(call, value)
        except GeneratorExit:  # the loop is gone
            raise
        except BaseException as error:  # noqa: BLE001  nothing that a method raises may end the client
            if self._is_current(call):
                self._settle(call, *_failed(call, error))
        else:
            self._settle(call, "done", answer)

    def _run_in_thread(self, call: _Call, loop: asyncio.AbstractEventLoop) -> None:
        try:
            args, kwargs = self._arguments(call)
            kind, answer = "done", self._answer(call, call.served.function(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  nothing that a method raises may end the client
            kind, answer = _failed(call, error)
        with suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(self._thread_ended, call, kind, answer)

    def _arguments(self, call: _Call) -> Arguments:
        try:
            given = arguments_of(call.frame, most_bytes=self.most_bytes)
            call.served.fitting.check(given.args, given.kwargs)
        except (TypeError, SightlineError) as error:
            raise _Unfit(f"{call.served.name}{call.served.signature}: {error}") from None
        return given

    def _answer(self, call: _Call, value: object) -> Out:
        try:
            return reply_frame(call.number, value, most_bytes=self.most_bytes)
        except TypeError as error:
            raise TypeError(f"{call.served.name} gave what cannot be sent: {error}") from None

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._running -= 1
        self._tasks.discard(task)

    def _thread_ended(self, call: _Call, kind: str, answer: Out) -> None:
        self._running -= 1
        self._settle(call, kind, answer)

    def _settle(self, call: _Call, kind: str, answer: Out) -> None:
        if self._is_current(call):
            self._forget(call, kind)
            self._send(answer)

    def _late(self, call: _Call) -> None:
        self._end(call, "timed_out")
        self._send(
            error_frame(call.number, Failure(code=Code.TIMEOUT, message="it was given up: its time was over"))
        )

    def _end(self, call: _Call, kind: str) -> None:
        """Without what the method would have given."""
        self._forget(call, kind)
        if call.task is not None:
            call.task.cancel()

    def _forget(self, call: _Call, kind: str) -> None:
        del self._calls[call.number]
        self._counts[kind] += 1
        if call.timer is not None:
            call.timer.cancel()

    def _refuse(self, frame: Frame, code: str, message: str) -> None:
        self._counts["refused"] += 1
        self._send(error_frame(frame.head.seq, Failure(code=code, message=message)))

    def _is_current(self, call: _Call) -> bool:
        return self._calls.get(call.number) is call


def _failed(call: _Call, error: BaseException) -> tuple[str, Out]:
    if isinstance(error, _Unfit):
        return "refused", error_frame(call.number, Failure(code=Code.WRONG, message=str(error)))
    return "failed", error_frame(call.number, failure_of(error))
