"""Both kinds of event loop, and waiting in them."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from sightline.hub.broker.loops import new_loop

T = TypeVar("T")

both_loops = pytest.mark.parametrize(
    "make_loop", [asyncio.new_event_loop, new_loop], ids=["asyncio", "quickest"]
)
MakeLoop = Callable[[], asyncio.AbstractEventLoop]


def run(make_loop: MakeLoop, main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(main)


async def until(condition: Callable[[], T | None], what: str, timeout_s: float = 10.0) -> T:
    """The condition's first true answer."""
    end_s = time.monotonic() + timeout_s
    while not (answer := condition()):
        assert time.monotonic() < end_s, f"waited {timeout_s} s for {what}"
        await asyncio.sleep(0.002)
    return answer
