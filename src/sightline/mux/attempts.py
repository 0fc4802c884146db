"""What a mux was told to do and could not, and tries again.

Strict, a failure is raised where it happens. Otherwise it is logged and counted, and `again` tries it once
more, at most once a second. A wrong setting is raised in either case: trying again would not mend it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import ConfigError, SightlineError
from sightline.log import get_logger, redact

_AGAIN_NS: Final = ns(1.0)


class Attempts:
    """See the module. Any thread may use it.

    Attributes:
        strict: whether failures are raised.
        failures: those that were not.
    """

    def __init__(self, *, strict: bool = True, clock: Clock = SYSTEM_CLOCK) -> None:
        self.strict = strict
        self.failures = 0
        self._clock = clock
        self._lock = threading.RLock()
        self._undone: dict[str, Callable[[], object]] = {}
        self._tried_ns = 0
        self._logger = get_logger("sightline.mux")

    def do(self, what: str, work: Callable[[], object]) -> bool:
        """Does it, in the place of what was to be done by this name before; whether it could be done."""
        with self._lock:
            self._undone.pop(what, None)
            try:
                work()
            except ConfigError:
                raise
            except SightlineError as error:
                if self.strict:
                    raise
                self.failures += 1
                self._undone[what] = work
                self._tried_ns = self._clock.monotonic_ns()
                self._logger.warning("it failed, and is tried again", what=what, error=redact(str(error)))
                return False
            return True

    def again(self) -> None:
        """Tries once more what is left, in the order in which it failed first."""
        if not self._undone or self._clock.monotonic_ns() - self._tried_ns < _AGAIN_NS:
            return
        with self._lock:
            for what, work in list(self._undone.items()):
                self.do(what, work)

    def forget(self, what: str | None = None) -> None:
        """Tries this no more; None: nothing at all."""
        with self._lock:
            self._undone = {} if what is None else {k: v for k, v in self._undone.items() if k != what}

    def is_left(self, what: str) -> bool:
        """Whether it failed and is tried again."""
        return what in self._undone
