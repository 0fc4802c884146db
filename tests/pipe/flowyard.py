"""Routines put to work in this process, and ended with the test."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from tests.pipe.atwork import AtWork
from tools.services.waiting import wait_for

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.pipe.counts.reports import RunnerEvent, State
from sightline.pipe.flow.coroutines import FlowLoop
from sightline.pipe.functional import FunctionalMiddleRoutine
from sightline.pipe.message import Message
from sightline.pipe.routine import Routine
from sightline.pipe.settings import Policy, RoutineSettings, WireSettings
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.outlet import LocalOutlet, Outlet

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=16)
SECONDS = 10.0


def messages(*data: Any, source: str = "source") -> list[Message]:
    return [Message(item, source, number, 0) for number, item in enumerate(data)]


def data_of(taken: list[Message]) -> list[Any]:
    return [message.data for message in taken]


def counting(most: int, name: str = "source") -> Routine:
    """A source of 0, 1, ..., most - 1."""
    numbers = iter(range(most))
    return FunctionalMiddleRoutine(lambda: next(numbers), name)


def made_of(func: Callable[..., Any], name: str, **settings: Any) -> Routine:
    routine = FunctionalMiddleRoutine(func, name)
    routine.settings = RoutineSettings(**settings)
    return routine


class FlowYard:
    def __init__(self) -> None:
        self.loop = FlowLoop()
        self.clock = SYSTEM_CLOCK
        self.told: list[RunnerEvent] = []
        self.broken: list[str] = []
        self.runners: list[AtWork] = []
        self.held = threading.Event()
        """Set at the end, so that a method that waits for it lets the test go."""

    def runner(
        self,
        routine: Routine,
        inlet: Inlet | None = None,
        outlets: Mapping[str, Outlet] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> AtWork:
        runner = AtWork(
            routine,
            inlet,
            outlets or {},
            self.told.append,
            broken=self.broken.append,
            loop=self.loop,
            clock=clock,
        )
        self.runners.append(runner)
        runner.open()
        return runner

    def chain(self, *routines: Routine, wires: WireSettings = LOSSLESS) -> list[AtWork]:
        """Routines in a row, the last first at work."""
        made: list[AtWork] = []
        outlets: dict[str, Outlet] = {}
        for before, routine in reversed(list(zip([None, *routines], routines, strict=False))):
            inlet = None if before is None else Inlet({before.name: wires})
            made.insert(0, self.runner(routine, inlet, outlets))
            if inlet is not None and before is not None:
                outlets = {routine.name: LocalOutlet(inlet, before.name)}
        for runner in reversed(made):
            assert runner.start(SECONDS).error is None
        return made

    def until(self, runner: AtWork, state: State) -> None:
        wait_for(lambda: runner.state[0] is state, SECONDS, f"{runner.name} {state.value}")

    def close(self) -> None:
        self.held.set()
        for runner in self.runners:
            runner.kill(SECONDS)
        for runner in self.runners:
            runner.join(SECONDS)
        self.loop.close()
