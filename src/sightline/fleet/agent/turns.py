"""What the agent's machine is to hear, from several threads, one thing at a time.

What comes over the bus waits for room, so that its broker has what waits; answers to what the machine asked
for are as few as it asked for, and never wait.

Deliberately not here: what is heard, and what is done about it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from sightline.fleet.deciding.agent.machine import Action, Agent

Turn: TypeAlias = Callable[[Agent, int], list[Action]]
"""Of the machine, at a time: what it is told."""

MOST_MESSAGES: Final = 256


class Turns:
    """Any thread may put; one takes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: deque[tuple[Turn, bool]] = deque()
        self._messages = 0
        self._closed = False

    def put(self, turn: Turn) -> None:
        """An answer. After `close` it goes nowhere."""
        with self._changed:
            self._line.append((turn, False))
            self._changed.notify_all()

    def put_message(self, turn: Turn) -> None:
        """Something from outside; waits for room."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._messages < MOST_MESSAGES)
            self._messages += 1
            self._line.append((turn, True))
            self._changed.notify_all()

    def take(self, timeout_s: float | None) -> Turn | None:
        """The next one; None: none came in time, or it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._line, timeout_s)
            if self._closed or not self._line:
                return None
            turn, from_outside = self._line.popleft()
            self._messages -= from_outside
            self._changed.notify_all()
            return turn

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
