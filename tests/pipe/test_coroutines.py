"""The loop of a flow."""

import asyncio
import threading
import time

import pytest

from sightline.pipe.flow import coroutines
from sightline.pipe.flow.coroutines import FlowLoop


def test_coroutines_give_and_raise_what_they_do(no_leaks: None) -> None:
    loop = FlowLoop()

    async def give(value: int) -> int:
        await asyncio.sleep(0)
        if value < 0:
            raise ValueError("below")
        if value == 0:
            raise StopIteration
        return value

    assert loop.run(give(3)) == 3
    with pytest.raises(ValueError, match="below"):
        loop.run(give(-1))
    with pytest.raises(StopIteration):
        loop.run(give(0))
    loop.close()
    loop.close()


def test_what_still_runs_is_cancelled_at_the_end(no_leaks: None) -> None:
    loop, told = FlowLoop(), []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            told.append("ended")

    async def begin() -> "asyncio.Task[None]":
        task = asyncio.create_task(endless())
        await asyncio.sleep(0)
        return task

    task = loop.run(begin())
    loop.close()
    assert told == ["ended"]
    assert task.cancelled()


def test_a_loop_that_was_never_used_has_no_thread(no_leaks: None) -> None:
    FlowLoop().close()


def test_a_loop_that_was_stopped_goes_on(no_leaks: None) -> None:
    loop = FlowLoop()

    async def stop() -> None:
        asyncio.get_running_loop().stop()

    async def give() -> int:
        await asyncio.sleep(0.01)
        return 3

    for _ in range(3):
        loop.run(stop())
        assert loop.run(give()) == 3
    loop.close()


def test_the_end_waits_for_no_thread_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coroutines, "LEAVE_S", 0.1)
    loop, go = FlowLoop(), threading.Event()

    async def hang() -> None:
        asyncio.get_running_loop().run_in_executor(None, go.wait, 30)

    loop.run(hang())
    begun = time.monotonic()
    loop.close()
    assert time.monotonic() - begun < 20
    go.set()
