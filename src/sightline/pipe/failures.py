"""What becomes of a message on which `main_logic` failed: logged, and given to the dead-letter hook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import structlog

from sightline.clock import Clock
from sightline.log import Repeated
from sightline.pipe.books import Books
from sightline.pipe.routine import Routine


class _Line:
    """Writes through anybody's logger, as `Repeated` wants it: with the traceback of the last of them."""

    def __init__(self, routine: Routine) -> None:
        self._routine = routine

    def warning(self, event: str, *, times: int, error: BaseException) -> None:
        self._routine.logger.error(
            "%s: %s failed, %d times since this was last told: %s: %s",
            *(self._routine.name, event, times, type(error).__name__, error),
            exc_info=error,
        )


class Failures:
    """Those of one routine."""

    def __init__(self, routine: Routine, books: Books, clock: Clock) -> None:
        self._books = books
        self._dead_letter = routine.settings.dead_letter
        line = cast("structlog.stdlib.BoundLogger", _Line(routine))
        self._failed = Repeated(line, "main_logic", clock=clock)
        self._undelivered = Repeated(line, "the dead-letter hook", clock=clock)

    def add(self, data: Sequence[Any], error: BaseException) -> None:
        """`main_logic` raised `error` on these."""
        self._failed.add(error=error)
        if self._dead_letter is None:
            return
        for item in data:
            self._books.dead_letter()
            try:
                self._dead_letter(item, error)
            except BaseException as failure:  # noqa: BLE001  # somebody else's code, and no message is its fault
                self._undelivered.add(error=failure)

    def flush(self) -> None:
        """Write what was not written yet."""
        self._failed.flush()
        self._undelivered.flush()
