"""A routine at work within its flow: what the flow starts, stops, links and asks for counts.

It promises that a routine's methods are called one at a time, in order, by threads of its own; that what
came is processed, failed, dropped by a reason or held, always; and that a deadline passes with a report and
not with a hang. It cannot end a method that does not return: `stop` and `kill` tell where that one is, and
only the end of the process helps then. Replicas are copies of the routine, made by cloudpickle before any is
set up.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

import cloudpickle

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import ConfigError
from sightline.pipe.coroutines import FlowLoop
from sightline.pipe.delivery import Delivery
from sightline.pipe.desk import OwnDesk
from sightline.pipe.engine import Engine
from sightline.pipe.event_names import KILL_EVENT_NAME, START_EVENT_NAME, STOP_EVENT_NAME
from sightline.pipe.inlet import Inlet
from sightline.pipe.outlet import Outlet
from sightline.pipe.replicas import Table
from sightline.pipe.reports import Outcome, RoutineStats, RunnerEvent, State
from sightline.pipe.routine import Routine

_FOREMOST: Final = (State.FAILED, State.SETTING_UP, State.CLEANING_UP, State.RUNNING, State.STOPPED)
"""The state of replicas is the first of these that any of them has; else they are all done, or killed."""


class Runner:
    """One routine.

    Args:
        routine: what is run. Nobody else may call it from `open` on.
        inlet: where its messages come from; None: it is a source.
        outlets: where what it gives goes, by the name of the routine there.
        report: called with each change of state and each missed deadline, from any thread: quick, and it
            raises nothing.
        loop: the flow's, for what is `async`; its owner closes it.
        clock: times calls, and paces them.

    Raises:
        ConfigError: replicas of a source, or of a routine that cannot be copied.
    """

    def __init__(
        self,
        routine: Routine,
        inlet: Inlet | None,
        outlets: Mapping[str, Outlet],
        report: Callable[[RunnerEvent], None],
        *,
        loop: FlowLoop,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.name = routine.name
        self._inlet = inlet
        self._report = report
        self._delivery = Delivery(outlets)
        self._table: Table | None = None
        self._told = (State.STOPPED, "")
        self._telling = threading.Lock()
        self._engines = [
            Engine(one, desk, is_source=inlet is None, on_change=self._on_change, loop=loop, clock=clock)
            for one, desk in self._places(routine)
        ]

    def open(self) -> None:
        """Begin to listen to events; before that they are kept."""
        for engine in self._engines:
            engine.open()

    def handle(self, event: str, parameters: Mapping[str, Any] | None = None) -> Future[Outcome]:
        """Put an event in line, behind the message in hand. START, STOP and KILL are answered when they are
        carried out. An event that the routine does not know is answered as such.
        """
        answers = [engine.handle(event, parameters) for engine in self._engines]
        return answers[0] if len(answers) == 1 else _joined(answers)

    def start(self, timeout_s: float | None = None) -> Outcome:
        """Set up, and take messages. Waits at most `timeout_s` seconds for that, and reports if it was not
        enough.
        """
        return self._wait(START_EVENT_NAME, timeout_s)

    def stop(self, timeout_s: float | None = None) -> Outcome:
        """Clean up after the message in hand; what is held stays held."""
        return self._wait(STOP_EVENT_NAME, timeout_s)

    def kill(self, timeout_s: float | None = None) -> Outcome:
        """As `stop`, and drop all that is held; for good."""
        return self._wait(KILL_EVENT_NAME, timeout_s)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end of its threads, at most so long for each; it comes with KILL."""
        for engine in self._engines:
            engine.join(timeout_s)

    def overdue(self, event: str, timeout_s: float) -> Outcome:
        """Report that an event was not carried out in time, and write down where the routine is."""
        state, _ = self.state
        told = f"{event} was not carried out within {timeout_s} s: a method does not return"
        for engine in self._engines:
            engine.routine.logger.error("%s: %s; it is at\n%s", self.name, told, engine.stack)
        self._report(RunnerEvent(self.name, state, told, hangs=True))
        return Outcome(self.name, event, True, state, told)

    def link(self, destination: str, outlet: Outlet) -> None:
        """Send there too from now on, or by this outlet instead of the one before."""
        self._delivery.link(destination, outlet)

    def unlink(self, destination: str) -> None:
        """Send nothing there any more."""
        self._delivery.unlink(destination)

    @property
    def state(self) -> tuple[State, str]:
        """What it is doing, and why if that is no good."""
        states = [engine.running.status for engine in self._engines]
        if len(states) == 1:
            return states[0]
        for state in _FOREMOST:
            reasons = {number: reason for number, (one, reason) in enumerate(states) if one is state}
            if reasons:
                told = (f"replica {number}: {reason}" for number, reason in reasons.items() if reason)
                return state, "; ".join(told)
        return states[0]

    def stats(self) -> RoutineStats:
        """The counts, which add up."""
        books = [engine.books for engine in self._engines]
        # What was taken is counted before what became of it: read the other way round, nothing is missing.
        processed, failed = sum(one.processed for one in books), sum(one.failed for one in books)
        dropped = sum((one.dropped for one in books), Counter[str]())
        wires_in = self._inlet.stats() if self._inlet is not None else {}
        entered = sum(wire.entered for wire in wires_in.values()) if wires_in else processed + failed
        for wire in wires_in.values():
            dropped.update(wire.dropped)
        state, reason = self.state
        return RoutineStats(
            routine=self.name,
            state=state,
            reason=reason,
            entered=entered,
            processed=processed,
            failed=failed,
            dropped=dict(dropped),
            held=entered - processed - failed - dropped.total(),
            given=sum(one.given for one in books),
            unsent=self._delivery.unsent + (self._table.waiting if self._table else 0),
            lost=dict(self._delivery.lost),
            busy_ns=sum(one.busy_ns for one in books),
            durations=tuple(map(sum, zip(*(one.durations for one in books), strict=True))),
            wires_in=wires_in,
            wires_out=self._delivery.stats(),
        )

    def _places(self, routine: Routine) -> list[tuple[Routine, Any]]:
        """Each copy of the routine, and where it works."""
        count = routine.settings.replicas
        if count == 1:
            return [(routine, OwnDesk(self._inlet, self._delivery))]
        if self._inlet is None:
            raise ConfigError(f"{self.name} is a source: expected replicas=1, got {count}")
        self._table = Table(self._inlet, self._delivery, routine.settings)
        return list(zip([routine, *_copies(routine, count - 1)], self._table.seats, strict=True))

    def _wait(self, event: str, timeout_s: float | None) -> Outcome:
        try:
            return self.handle(event).result(timeout_s)
        except TimeoutError:
            return self.overdue(event, timeout_s or 0.0)

    def _on_change(self) -> None:
        with self._telling:
            state, reason = self.state
            if (state, reason) != self._told:
                self._told = (state, reason)
                self._report(RunnerEvent(self.name, state, reason))


def _copies(routine: Routine, count: int) -> list[Routine]:
    try:
        pickled = cloudpickle.dumps(routine)
    except Exception as error:
        raise ConfigError(f"{routine.name} cannot be copied, as replicas need: {error}") from error
    return [cloudpickle.loads(pickled) for _ in range(count)]


def _joined(answers: list[Future[Outcome]]) -> Future[Outcome]:
    """The answer of all: what any of them knew, and what failed at any."""
    whole: Future[Outcome] = Future()
    left = [len(answers)]
    lock = threading.Lock()

    def count(_answer: Future[Outcome]) -> None:
        with lock:
            left[0] -= 1
            last = not left[0]
        if last:
            outcomes = [answer.result() for answer in answers]
            errors = [f"replica {n}: {one.error}" for n, one in enumerate(outcomes) if one.error]
            first = outcomes[0]
            whole.set_result(
                Outcome(first.routine, first.event, first.handled, first.state, "; ".join(errors) or None)
            )

    for answer in answers:
        answer.add_done_callback(count)
    return whole
