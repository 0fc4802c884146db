"""The one event loop of a flow, for routines whose methods are `async`.

It runs in a thread of its own from the first coroutine on. A routine waits for its coroutine and then takes
its next message, as any routine does; what its coroutines left running (`asyncio.create_task`) goes on
meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Final

LEAVE_S: Final = 1.0
"""What a thread that a coroutine began may need longer for is not waited for."""


class FlowLoop:
    """An event loop that any thread may give coroutines to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run it to its end and give what it gave, or raise what it raised."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._begun())
        try:
            return future.result()
        except RuntimeError as error:
            # Python makes a StopIteration that leaves a coroutine a RuntimeError (PEP 479).
            if isinstance(error.__cause__, StopIteration):
                raise error.__cause__ from None
            raise

    def close(self) -> None:
        """End the loop; what still runs in it is cancelled, and waited for no longer than `LEAVE_S`.

        Again is allowed.
        """
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            self._closing.set()
            loop.call_soon_threadsafe(loop.stop)
            thread.join(LEAVE_S)

    def _begun(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._closing = threading.Event()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop, self._closing), name="coroutines", daemon=True
                )
                self._thread.start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop, closing: threading.Event) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        while not closing.is_set():  # a coroutine may stop it, which the others are not to feel
            runner.get_loop().run_forever()
