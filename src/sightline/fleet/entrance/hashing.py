"""Passwords hashed and compared, a few at once: each takes 64 MiB and a core for some tens of milliseconds.

Promises: no more than `AT_ONCE` are under way and `WAITING` wait, whoever asks for how many; the rest is told
to come again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sightline.fleet.entrance.refusals import TooManyTries
from sightline.fleet.people.passwords import check_password, fits, hashed

AT_ONCE: Final = 2
WAITING: Final = 16


class Hashing:
    """Any thread may use it."""

    def __init__(self) -> None:
        self._within = threading.BoundedSemaphore(AT_ONCE + WAITING)
        self._at_once = threading.BoundedSemaphore(AT_ONCE)

    def hashed(self, password: str) -> str:
        """A new one, as it is kept. Raises ConfigError: it may not be set; TooManyTries."""
        check_password(password)
        with self._turn():
            return hashed(password)

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether it is that one; None: of nobody. Raises TooManyTries."""
        with self._turn():
            return fits(kept, password)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._within.acquire(blocking=False):
            raise TooManyTries(1)
        try:
            with self._at_once:
                yield
        finally:
            self._within.release()
