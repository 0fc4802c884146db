"""Being asked to stop, and waiting for that or for the end: what all that runs for a while has in common."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Self

from sightline.clock import SYSTEM_CLOCK, Clock, ns

_LOOK_S: Final = 0.1


class Stopping:
    """Whether something that runs was asked to stop. Any thread may ask, and a signal handler."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._begun = threading.Event()
        self._asked = False

    @property
    def asked(self) -> bool:
        """Whether it was asked to stop."""
        return self._asked

    def ask(self) -> None:
        """Let `wait` return; safe in a signal handler."""
        # Not the event: its lock may be held by the very thread that the signal interrupts.
        self._asked = True

    def begin(self) -> None:
        """Let `wait` return at once: everything is about to be stopped."""
        self._begun.set()

    def wait(self, is_over: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait until it is over, as is looked up ten times a second, or to stop; False: time was up first."""
        end_ns = None if timeout_s is None else self._clock.monotonic_ns() + ns(timeout_s)
        while not self._asked and not self._begun.is_set() and not is_over():
            if end_ns is not None and self._clock.monotonic_ns() >= end_ns:
                return False
            self._begun.wait(_LOOK_S)
        return True


class Runs(ABC):
    """Something that runs between `start()` and `stop()`; a `with` block does both."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._stopping = Stopping(clock)

    @abstractmethod
    def start(self) -> None:
        """Begin."""

    @abstractmethod
    def stop(self) -> None:
        """End. Again is allowed."""

    @abstractmethod
    def _is_over(self) -> bool:
        """Whether it has ended by itself: see to it that this is noticed."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended by itself or was asked to stop; False when time was up first."""
        return self._stopping.wait(self._is_over, timeout_s)

    def request_stop(self) -> None:
        """Let `wait` return; safe in a signal handler."""
        self._stopping.ask()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
