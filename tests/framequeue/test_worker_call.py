"""Handlers that are interrupted, from another thread."""

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tools.services.waiting import wait_for

from sightline.framequeue.work.call import (
    Call,
    CoroutineCall,
    FunctionCall,
    LoopThread,
    TimeLimitExceeded,
    is_coroutine_function,
)

TIMEOUT_S = 30.0


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close(TIMEOUT_S)


def spin(began: threading.Event) -> None:
    began.set()
    while True:
        time.sleep(0.001)


def interrupt_after(began: threading.Event, call: Call, times: int = 1) -> None:
    def interrupt() -> None:
        began.wait(TIMEOUT_S)
        for _ in range(times):
            call.interrupt()

    threading.Thread(target=interrupt).start()


def test_a_function_gives_what_it_returns_and_raises_what_it_raises() -> None:
    assert FunctionCall(str, 7).run() == "7"
    with pytest.raises(ValueError, match="invalid literal"):
        FunctionCall(int, "x").run()


def test_a_function_that_runs_is_interrupted() -> None:
    began = threading.Event()
    call = FunctionCall(spin, began)
    interrupt_after(began, call)
    with pytest.raises(TimeLimitExceeded, match="longer than its time limit"):
        call.run()


def test_a_function_may_clean_up() -> None:
    began, cleaned = threading.Event(), []

    def tidy(_argument: object) -> str:
        try:
            spin(began)
        except TimeLimitExceeded:
            cleaned.append(True)
        return "clean"

    call = FunctionCall(tidy, None)
    interrupt_after(began, call, times=2)
    assert call.run() == "clean"
    assert cleaned == [True]


def test_a_function_that_is_interrupted_before_it_begins_does_not() -> None:
    calls: list[int] = []
    call = FunctionCall(calls.append, 7)
    call.interrupt()
    with pytest.raises(TimeLimitExceeded):
        call.run()
    assert not calls


def test_nothing_is_raised_after_it_ended() -> None:
    call = FunctionCall(str, 7)
    assert call.run() == "7"
    call.interrupt()
    assert sum(range(1000)) == 499500


def test_an_interrupt_at_the_very_end_hits_the_call_or_nothing() -> None:
    """The exception of one call is never raised in what its thread does next."""
    for _ in range(300):
        call = FunctionCall(lambda _argument: sum(range(50)), None)
        other = threading.Thread(target=call.interrupt)
        other.start()
        with contextlib.suppress(TimeLimitExceeded):
            assert call.run() == 1225
        other.join()
        assert sum(range(200)) == 19900


def test_a_coroutine_is_awaited_and_cancelled(loop: LoopThread) -> None:
    began, cleaned = threading.Event(), threading.Event()

    async def double(argument: int) -> int:
        await asyncio.sleep(0)
        return argument * 2

    async def hang(_argument: object) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    assert CoroutineCall(double, 4, loop).run() == 8
    call = CoroutineCall(hang, None, loop)
    interrupt_after(began, call)
    with pytest.raises(TimeLimitExceeded):
        call.run()
    assert cleaned.wait(TIMEOUT_S)


def test_a_coroutine_that_was_cancelled_by_others_failed(loop: LoopThread) -> None:
    async def cancelled(_argument: object) -> None:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="cancelled by what it awaited"):
        CoroutineCall(cancelled, None, loop).run()


def test_a_coroutine_that_will_not_be_cancelled_is_not_over(loop: LoopThread) -> None:
    began, go_on, answers = asyncio.Event(), asyncio.Event(), list[str]()

    async def stubborn(_argument: object) -> str:
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await go_on.wait()
        return "late"

    call = CoroutineCall(stubborn, None, loop)
    waiting = threading.Thread(target=lambda: answers.append(call.run()))
    waiting.start()
    wait_for(began.is_set, TIMEOUT_S, "it to begin")
    call.interrupt()
    call.interrupt()
    waiting.join(0.2)
    assert waiting.is_alive()
    loop.soon(go_on.set)
    waiting.join(TIMEOUT_S)
    assert answers == ["late"]


def test_a_coroutine_that_is_interrupted_before_it_begins_does_not(loop: LoopThread) -> None:
    held, calls = threading.Event(), list[object]()

    async def called(argument: object) -> None:
        calls.append(argument)

    loop.soon(lambda: held.wait(TIMEOUT_S))
    call = CoroutineCall(called, 7, loop)
    call.interrupt()
    held.set()
    with pytest.raises(TimeLimitExceeded):
        call.run()
    assert not calls


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_a_coroutine_that_wants_to_end_the_process_ends_alone(
    loop: LoopThread, kind: type[BaseException]
) -> None:
    async def end(_argument: object) -> None:
        raise kind

    async def go_on(argument: int) -> int:
        return argument

    with pytest.raises(kind):
        CoroutineCall(end, None, loop).run()
    assert CoroutineCall(go_on, 4, loop).run() == 4


def test_closing_a_loop_cancels_what_runs_and_takes_no_more() -> None:
    loop, began, cleaned = LoopThread(), threading.Event(), threading.Event()

    async def hang(_argument: object) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    CoroutineCall(hang, None, loop)
    assert began.wait(TIMEOUT_S)
    loop.close(TIMEOUT_S)
    loop.close(TIMEOUT_S)
    assert cleaned.is_set()
    wait_for(
        lambda: not any(t.name == "sightline-frames-loop" for t in threading.enumerate()), TIMEOUT_S, "end"
    )
    with pytest.raises(RuntimeError, match="closed"):
        CoroutineCall(hang, None, loop)


class Awaited:
    async def __call__(self, argument: Any) -> Any:
        return argument


async def awaited(_one: object, _two: object) -> None: ...


def test_it_is_known_what_is_to_be_awaited() -> None:
    assert is_coroutine_function(Awaited())
    assert is_coroutine_function(awaited)
    assert is_coroutine_function(functools.partial(awaited, 1))
    assert not is_coroutine_function(str)
    assert not is_coroutine_function(lambda: None)
