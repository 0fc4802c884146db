"""`main_logic`, called so that small pictures of what it takes and gives stand in the log.

Where nobody asked for that the routine's own method is called, and nothing here is. What cannot be shown
costs no message: that is logged, once a second at most.
"""

from __future__ import annotations

from collections.abc import Coroutine
from types import CoroutineType
from typing import Any, Final

from sightline.clock import Clock, ns
from sightline.log import Repeated, get_logger
from sightline.pipe.flow.work import Call
from sightline.pipe.pictures import log_picture
from sightline.pipe.routine import Routine

LEAST_EVERY_S: Final = 0.05


class Showing:
    """Calls `main_logic`; of one call every `every_s` seconds both sides are shown."""

    def __init__(self, call: Call, routine: Routine, every_s: float, clock: Clock) -> None:
        self._call = call
        self._routine = routine
        self._every_ns = ns(max(every_s, LEAST_EVERY_S))
        self._clock = clock
        self._due_ns = clock.monotonic_ns()
        self._failed = Repeated(get_logger("sightline.pipe"), "a picture cannot be logged", clock=clock)

    def __call__(self, *data: Any) -> Any:
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._due_ns:
            return self._call(*data)
        self._due_ns = now_ns + self._every_ns
        if data:
            self._show("input", data[0])
        given = self._call(*data)
        if type(given) is CoroutineType:
            return self._shown(given)
        self._show("output", given)
        return given

    async def _shown(self, given: Coroutine[Any, Any, Any]) -> Any:
        data = await given
        self._show("output", data)
        return data

    def _show(self, side: str, data: Any) -> None:
        try:
            log_picture(self._routine.logger, side, data, side=side)
        except Exception as error:  # noqa: BLE001 - of anybody's data, or logger
            self._failed.add(routine=self._routine.name, last=f"{type(error).__name__}: {error}")
