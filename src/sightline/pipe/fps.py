"""A routine with a rate of its own, that may be told while it runs."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Final

from sightline.errors import ConfigError
from sightline.pipe.event_names import UPDATE_FPS_EVENT_NAME
from sightline.pipe.handlers import events
from sightline.pipe.routine import Routine

FPS_MULTIPLIER: Final = 2
"""How much faster a routine may go than the event said: the rate of others is known late, and grows."""

ROUTINE_NOTIFY_DURATIONS_INTERVAL: Final = 4
"""Seconds between two reports of how long routines took, where nothing changes; see `pacing`."""


class FPSRoutine(Routine):
    """A routine whose rate can be set: by itself for good, or by the event "update_fps"."""

    __const_fps: float | None = None
    __fps: float | None = None

    def set_const_fps(self, fps: float) -> None:
        """Begin `main_logic` at most `fps` times a second, evenly, whatever else is said. 0: no such bound.

        Raises:
            ConfigError: below 0, or no number.
        """
        self.__const_fps = _checked(fps) or None

    @events(UPDATE_FPS_EVENT_NAME)
    def update_fps(self, fps: float) -> None:
        """Be no faster than `FPS_MULTIPLIER` times `fps` from now on. 0: as fast as it goes."""
        self.__fps = _checked(fps) * FPS_MULTIPLIER or None

    @property
    def rate_fps(self) -> float | None:
        """The bound of now; None: none."""
        return self.__const_fps or self.__fps or self.settings.rate_fps

    @property
    def has_const_fps(self) -> bool:
        """Whether it set its rate by itself."""
        return self.__const_fps is not None


def own_rate_fps(routine: Routine) -> float | None:
    """The bound that a routine of any kind has where nobody paces it; None: none."""
    return routine.rate_fps if isinstance(routine, FPSRoutine) else routine.settings.rate_fps


def is_constant(routine: Routine) -> bool:
    """Whether it set its rate by itself, and nobody else may."""
    return isinstance(routine, FPSRoutine) and routine.has_const_fps


def _checked(fps: float) -> float:
    with suppress(TypeError):  # what comes with an event may be anything
        if 0 <= fps < math.inf:
            return fps
    raise ConfigError(f"expected a rate in frames/s of at least 0, got {fps!r}")
