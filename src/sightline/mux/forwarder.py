"""The thread that sends messages on: one for all cameras, in the order of each.

It sleeps until a camera says that something changed, or until the time that one named. What it sends, and
where to, is its user's business; a send that waits makes it wait, and so, in the end, the reading of those
cameras whose lines are full.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from sightline.log import Repeated, get_logger

CLOSE_S: Final = 5.0

Line = TypeVar("Line", bound=Hashable)


class Forwarder(Generic[Line]):
    """Calls `send` of each line that changed or is due, one after the other.

    Args:
        send: sends what may go; gives the time at which to ask again, in monotonic ns, or None.
    """

    def __init__(self, send: Callable[[Line], int | None], *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._send = send
        self._clock = clock
        self._changed = threading.Condition()
        self._dirty: dict[Line, None] = {}
        self._dues: dict[Line, int] = {}
        self._closing = False
        self._trouble = Repeated(get_logger("sightline.mux"), "messages could not be sent on", clock=clock)
        self._thread = threading.Thread(target=self._run, name="mux-forward", daemon=True)
        self._thread.start()

    def changed(self, line: Line) -> None:
        """Something may be sent of this line. From any thread; it only tells."""
        with self._changed:
            if line not in self._dirty:
                self._dirty[line] = None
                self._changed.notify()

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Send what may go now, and end. False where that took longer: the thread waits for its broker."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)
        self._trouble.flush()
        return not self._thread.is_alive()

    def _run(self) -> None:
        while lines := self._next():
            for line in lines:
                try:
                    due_ns = self._send(line)
                except Exception as error:  # noqa: BLE001  one camera's trouble must not end the others
                    self._trouble.add(error=repr(error))
                    due_ns = None
                if due_ns is None:
                    self._dues.pop(line, None)
                else:
                    self._dues[line] = due_ns

    def _next(self) -> list[Line]:
        """The lines to look at, as soon as there are some; none at the end."""
        with self._changed:
            while True:
                now_ns = self._clock.monotonic_ns()
                due = [line for line, at_ns in self._dues.items() if at_ns <= now_ns]
                if self._dirty or due:
                    dirty, self._dirty = self._dirty, {}
                    return list(dirty | dict.fromkeys(due))
                if self._closing:
                    return []
                next_ns = min(self._dues.values(), default=None)
                self._changed.wait(None if next_ns is None else (next_ns - now_ns) / NS_PER_S)
