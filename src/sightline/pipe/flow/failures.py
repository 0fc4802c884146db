"""What becomes of a message on which `main_logic` failed: logged, and given to the dead-letter hook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from sightline.clock import Clock
from sightline.log import Repeated, get_logger
from sightline.pipe.counts.books import Books
from sightline.pipe.routine import Routine

if TYPE_CHECKING:
    import structlog

LONGEST: Final = 4000
"""Characters of an error's text that are told."""


def text_of(error: BaseException) -> str:
    """What an error says of itself, cut where that is too much."""
    name = type(error).__name__
    try:
        text = f"{name}: {error}"
    except Exception as failure:  # noqa: BLE001 - whoever's class it is
        return f"{name}: it has no text, as {name}.__str__ raises {type(failure).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def log_error(routine: Routine, text: str, *parts: object, error: BaseException | None = None) -> None:
    """Write a line to the routine's log, whatever its logger does."""
    try:
        routine.logger.error("%s: " + text, routine.name, *parts, exc_info=error)  # noqa: G003 - ours
    except Exception:  # noqa: BLE001 - anybody's logger
        own = get_logger("sightline.pipe")
        own.exception("a line of a routine's log cannot be written", routine=routine.name, line=text % parts)


class _Line:
    """Writes through anybody's logger, as `Repeated` wants it: with the traceback of the last of them."""

    def __init__(self, routine: Routine) -> None:
        self._routine = routine

    def warning(self, event: str, *, times: int, error: BaseException) -> None:
        log_error(
            self._routine,
            "%s failed, %d times since this was last told: %s",
            *(event, times, text_of(error)),
            error=error,
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
