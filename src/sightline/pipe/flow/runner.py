"""A routine at work within its flow: what the flow starts, stops, links and asks for counts.

It promises that a routine's methods are called one at a time, in order, by threads of its own; that what
came is processed, failed, dropped by a reason or held, always; and that a deadline passes with a report and
not with a hang. It cannot end a method that does not return: `stop` and `kill` tell where that one is, and
only the end of the process helps then. Replicas are copies of the routine, made by cloudpickle before any is
set up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

import cloudpickle

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import ConfigError
from sightline.pipe.counts.accounts import ROUTINE_WORDS, Account, mark
from sightline.pipe.counts.books import BOOK_WORDS, Books
from sightline.pipe.counts.ledger import private
from sightline.pipe.counts.reports import Outcome, RunnerEvent, State
from sightline.pipe.flow.coroutines import FlowLoop
from sightline.pipe.flow.desk import Desk, OwnDesk
from sightline.pipe.flow.engine import Engine
from sightline.pipe.flow.failures import log_error, text_of
from sightline.pipe.flow.gauge import Reading
from sightline.pipe.flow.replicas import Table
from sightline.pipe.flow.work import RAISED
from sightline.pipe.fps import is_constant, own_rate_fps
from sightline.pipe.routine import Routine
from sightline.pipe.wires.delivery import Delivery
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.outlet import Outlet

_FOREMOST: Final = (State.FAILED, State.SETTING_UP, State.CLEANING_UP, State.RUNNING, State.STOPPED)
"""The state of replicas is the first of these that any of them has; else they are all done, or killed."""


def _own_account(*_key: str, words: int) -> memoryview:
    return private(words)


class Runner:
    """One routine.

    Args:
        routine: what is run. Nobody else may call it from `open` on.
        inlet: where its messages come from; None: it is a source.
        outlets: where what it gives goes, by the name of the routine there.
        report: called with each change of state and each missed deadline, from any thread: quick, and it
            raises nothing.
        broken: called, from any thread, with why a thread of this routine has ended, which is no fault of the
            routine: nothing that it has in hand can be told.
        loop: the flow's, for what is `async`; its owner closes it.
        clock: times calls, and paces them.
        account: gives what its counts stand in, and go on in; see `Ledger.account`.

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
        broken: Callable[[str], object],
        loop: FlowLoop,
        clock: Clock = SYSTEM_CLOCK,
        account: Account = _own_account,
    ) -> None:
        self.name = routine.name
        self._inlet = inlet
        self._report = report
        self._clock = clock
        self._words = account("routine", routine.name, words=ROUTINE_WORDS)
        self._delivery = Delivery(outlets, self._words)
        books = [
            Books(account("books", routine.name, str(number), words=BOOK_WORDS))
            for number in range(routine.settings.replicas)
        ]
        self._told = (State.STOPPED, "")
        self._telling = threading.Lock()
        self._engines = [
            Engine(
                one,
                desk,
                books=own,
                is_source=inlet is None,
                on_change=self._on_change,
                on_broken=broken,
                loop=loop,
                clock=clock,
            )
            for (one, desk), own in zip(self._places(routine, books), books, strict=True)
        ]

    def open(self) -> None:
        """Begin to listen to events; before that they are kept."""
        for engine in self._engines:
            engine.open()

    def be_over(self, state: State) -> None:
        """It was done, or killed, in a process before this one: so it is here. Before `open`."""
        for engine in self._engines:
            engine.be_over(state)

    def handle(self, event: str, parameters: Mapping[str, Any] | None = None) -> Future[Outcome]:
        """Put an event in line, behind the message in hand. START, STOP and KILL are answered when they are
        carried out. An event that the routine does not know is answered as such.
        """
        answers = [engine.handle(event, parameters) for engine in self._engines]
        return answers[0] if len(answers) == 1 else _joined(answers)

    def overdue(self, event: str, timeout_s: float) -> Outcome:
        """Report that an event was not carried out in time, and write down where the routine is."""
        state, _ = self.state
        told = f"{event} was not carried out within {timeout_s} s: a method does not return"
        for engine in self._engines:
            log_error(engine.routine, "%s; it is at\n%s", told, engine.stack)
        self._report(RunnerEvent(self.name, state, told, hangs=True))
        return Outcome(self.name, event, True, state, told)

    def pace(self, fps: float) -> None:
        """Be no faster than that from now on, in calls a second; 0.0: as fast as it goes."""
        for engine in self._engines:
            engine.pace(fps or None)

    def time_turns(self) -> None:
        """Take the times that `reading` tells, from now on."""
        for engine in self._engines:
            engine.timed = True

    def reading(self) -> Reading:
        """What it did, for those who pace it."""
        engines, count = self._engines, len(self._engines)
        routine = engines[0].routine
        return Reading(
            taken=sum(one.books.processed + one.books.failed for one in engines),
            work_ns=sum(engine.turned_ns for engine in engines) // count,
            given=sum(engine.books.given for engine in engines),
            in_hand_ns=sum(engine.in_hand_ns for engine in engines) // count,
            waiting=self._waiting(count * routine.settings.batch_size),
            may_be_told=self._may_be_told(routine),
            most_fps=own_rate_fps(routine),
        )

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

    def own_stats(self) -> tuple[Any, ...]:
        """What the routine, and each replica of it, tells of itself."""
        return tuple(told for told in map(_own_stats, self._engines) if told is not None)

    def mark(self) -> None:
        """Remember what was processed by now, once a second: from that the rate is told."""
        mark(self._words, sum(engine.books.processed for engine in self._engines), self._clock.monotonic_ns())

    def _waiting(self, next_calls: int) -> int:
        """Messages that wait, here or in wires, beyond those for the next calls and one of each wire."""
        if self._inlet is None:
            return 0
        waiting = len(self._inlet) + sum(engine.held for engine in self._engines)
        return max(0, waiting - max(next_calls, self._inlet.wires))

    @staticmethod
    def _may_be_told(routine: Routine) -> bool:
        """A live source does not wait, and of a batch nobody knows how many messages it is."""
        return not routine.live and not is_constant(routine) and routine.settings.batch_size == 1

    def _places(self, routine: Routine, books: Sequence[Books]) -> list[tuple[Routine, Desk]]:
        """Each copy of the routine, and where it works."""
        count = routine.settings.replicas
        if count == 1:
            return [(routine, OwnDesk(self._inlet, self._delivery))]
        if self._inlet is None:
            raise ConfigError(f"{self.name} is a source: expected replicas=1, got {count}")
        table = Table(self._inlet, self._delivery, routine.settings, sum(one.given for one in books))
        return list(zip([routine, *_copies(routine, count - 1)], table.seats, strict=True))

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
    copies = [cloudpickle.loads(pickled) for _ in range(count)]
    for copy in copies:
        copy.join_as(routine)
    return copies


def _own_stats(engine: Engine) -> Any:
    try:
        return engine.routine.own_stats()
    except RAISED as error:  # the counts of others do not depend on it
        return text_of(error)


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
