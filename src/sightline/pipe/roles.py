"""Routines that say what they are: the pipe then tells when their wires say something else."""

from __future__ import annotations

from typing import ClassVar

from sightline.pipe.fps import FPSRoutine
from sightline.pipe.routine import Role


class SourceRoutine(FPSRoutine):
    """The first on a way: `main_logic(self)` gives data whenever it is called, StopIteration ends it."""

    role: ClassVar[Role | None] = Role.SOURCE


class MiddleRoutine(FPSRoutine):
    """`main_logic(self, data)` gives what is to go on, or None."""

    role: ClassVar[Role | None] = Role.MIDDLE


class DestinationRoutine(FPSRoutine):
    """The last on a way: what `main_logic(self, data)` gives is not looked at."""

    role: ClassVar[Role | None] = Role.DESTINATION
