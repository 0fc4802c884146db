"""One thread that calls the methods of one routine object, and nobody else does.

Whatever is wanted of a routine is put in line and done by its thread between two messages, so a routine
needs no lock of its own. `Running` says what is to be done, `Work` calls `main_logic`, the `Desk` is where
messages come from and go to. A method that does not return keeps its routine from all else.
"""

from __future__ import annotations

import math
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from inspect import iscoroutine
from typing import Any, Final, NamedTuple

from sightline.clock import NS_PER_S, Clock
from sightline.pipe.counts.books import Books
from sightline.pipe.counts.reports import Outcome, State
from sightline.pipe.event_names import KILL_EVENT_NAME, LOG_DATA, START_EVENT_NAME, STOP_EVENT_NAME
from sightline.pipe.flow.bell import Bell
from sightline.pipe.flow.coroutines import FlowLoop
from sightline.pipe.flow.desk import Desk
from sightline.pipe.flow.failures import Failures, log_error, text_of
from sightline.pipe.flow.pace import Pace
from sightline.pipe.flow.running import Act, Running
from sightline.pipe.flow.showing import Showing
from sightline.pipe.flow.work import HAND, RAISED, Call, InBatches, Means, OneByOne, Sourcing, Work
from sightline.pipe.fps import is_constant, own_rate_fps
from sightline.pipe.functional import accepts, logic_of
from sightline.pipe.handlers import events_of
from sightline.pipe.routine import Routine

FOREVER_S: Final = math.inf


class _Asked(NamedTuple):
    event: str
    parameters: Mapping[str, Any]
    answer: Future[Outcome]


class Engine:
    """The thread of a routine, or of one of its replicas.

    Args:
        routine: what is run; nobody else may call it from now on.
        desk: where its messages come from and go to.
        books: where it counts.
        is_source: whether nothing comes to it.
        on_change: called by this thread whenever the state may have changed: quick, and it raises nothing.
        on_broken: called by this thread with why it ends, where that is no method's doing.
        loop: runs what is `async`.
        clock: times calls, and paces them.

    Attributes:
        paced_fps: a bound of its rate, beside its own; None: there is none. A constant one of its own wins.
        timed: whether turns are timed.
        thread: its own, which ends with KILL.
        turned_ns: by these, what calls took with all that goes with them: taking, giving.
    """

    def __init__(
        self,
        routine: Routine,
        desk: Desk,
        *,
        books: Books,
        is_source: bool,
        on_change: Callable[[], None],
        on_broken: Callable[[str], object],
        loop: FlowLoop,
        clock: Clock,
    ) -> None:
        self.routine = routine
        self._name = routine.name  # whatever becomes of that
        self.running = Running(routine.settings.restart)
        self._desk = desk
        self._on_change = on_change
        self._on_broken = on_broken
        self._loop = loop
        self._clock = clock
        self._asked: deque[_Asked] = deque()
        self._bell = Bell()
        self._pace = Pace()
        self._events = events_of(type(routine))
        self.books = books
        self._failures = Failures(routine, books, clock)
        self._logic = self._call(is_source)
        self._means = means = Means(
            routine.name,
            self._logic,
            desk=desk,
            books=books,
            failures=self._failures,
            run=loop.run,
            interrupted=self._asked,
            clock=clock,
        )
        self._work = _work(routine, means, is_source)
        self._over = False
        self.paced_fps: float | None = None
        self.timed = False
        self.turned_ns = self._turn_ns = 0
        self.thread = threading.Thread(target=self._run, name=routine.name, daemon=True)
        desk.listen(self._bell.ring)

    def open(self) -> None:
        """Begin to listen to events; before that they are kept."""
        self.thread.start()

    def be_over(self, state: State) -> None:
        """As it was in a process before this one. Before `open`."""
        self.running.be_over(state)
        self._close(state.value)

    def handle(self, event: str, parameters: Mapping[str, Any] | None = None) -> Future[Outcome]:
        """Put an event in line. START, STOP and KILL are answered when they are carried out."""
        asked = _Asked(event, parameters or {}, Future())
        self._asked.append(asked)
        self._bell.ring()
        if self._over:  # the thread may have looked for the last time before
            self._answer_the_rest()
        return asked.answer

    @property
    def in_hand_ns(self) -> int:
        """How long it is in its turn, where turns are timed; 0: it is in none."""
        begun_ns = self._turn_ns
        return self._clock.monotonic_ns() - begun_ns if begun_ns else 0

    @property
    def held(self) -> int:
        """Messages in hand that wait for the one that is worked on."""
        return self._work.held

    def pace(self, fps: float | None) -> None:
        """Be no faster from now on; None: as fast as it goes. From any thread."""
        self.paced_fps = fps
        self._bell.ring()

    @property
    def stack(self) -> str:
        """Where its thread is at this moment."""
        frame = sys._current_frames().get(self.thread.ident or 0)  # noqa: SLF001  # public by its documentation
        return "".join(traceback.format_stack(frame)) if frame else ""

    def log_data(self, on: bool | None = None, every_s: float = 1.0) -> None:
        """Have pictures of what the routine takes and gives in its log, or no more. In its thread.

        Args:
            on: None: the other way round than it is.
            every_s: seconds between two calls of `main_logic` that are shown.
        """
        wanted = self._means.call is self._logic if on is None else on
        call = Showing(self._logic, self.routine, every_s, self._clock) if wanted else self._logic
        self._means.call = call

    def _call(self, is_source: bool) -> Call:
        logic = logic_of(self.routine)
        if is_source and not accepts(logic):
            logic = partial(logic, None)
        return logic

    def _run(self) -> None:
        try:
            while not self._over:
                self._bell.clear()
                if self._asked:
                    self._answer(self._asked.popleft())
                elif wait_s := self._turn():
                    self._bell.wait(wait_s)
        except BaseException as error:  # noqa: BLE001 - the state of what it has in hand is not known
            where = "".join(traceback.format_tb(error.__traceback__))
            self._on_broken(f"routine {self._name} broke: {text_of(error)}\n{where}")
        finally:
            self._over = True
            self._answer_the_rest()

    def _turn(self) -> float:
        """Do the next piece of work. Seconds until there may be another, if nobody rings before."""
        if self.running.state is not State.RUNNING:
            return self._wait_for_restart()
        if not self._desk.ready():
            return FOREVER_S
        if self._work.over:
            self._do(self.running.ended())
            return 0.0
        rate_fps = self._rate_fps()
        if rate_fps is None:
            return self._work_on(HAND)
        return self._paced_turn(rate_fps)

    def _paced_turn(self, rate_fps: float) -> float:
        now_ns = self._clock.monotonic_ns()
        wait_s = self._pace.wait_s(rate_fps, now_ns)
        if wait_s:
            return wait_s
        calls = self.books.calls
        wait_s = self._work_on(1)
        if self.books.calls != calls:
            self._pace.begin(rate_fps, now_ns)
        return wait_s

    def _work_on(self, most: int) -> float:
        if not self.timed:
            return self._work.turn(most)
        calls = self.books.calls
        self._turn_ns = begun_ns = self._clock.monotonic_ns()
        wait_s = self._work.turn(most)
        self._turn_ns = 0
        if self.books.calls != calls:
            self.turned_ns += self._clock.monotonic_ns() - begun_ns
        return wait_s

    def _rate_fps(self) -> float | None:
        routine, paced_fps = self.routine, self.paced_fps
        rate_fps = own_rate_fps(routine)
        if paced_fps is not None and not is_constant(routine):
            rate_fps = min(rate_fps or math.inf, paced_fps)
        return None if rate_fps is None else rate_fps / routine.settings.replicas

    def _wait_for_restart(self) -> float:
        due_ns = self.running.due_ns
        if due_ns is None:
            return FOREVER_S
        wait_s = (due_ns - self._clock.monotonic_ns()) / NS_PER_S
        if wait_s <= 0:
            self.books.restarted()
            self._do(self.running.tick(due_ns))
        return max(0.0, wait_s)

    def _answer(self, asked: _Asked) -> None:
        if not asked.answer.set_running_or_notify_cancel():
            return
        try:
            errors = self._handled(asked)
            if asked.event in _CARRIED_OUT:
                self._do(_CARRIED_OUT[asked.event](self.running))
                errors += [self.running.reason] if self.running.reason else []
        except BaseException as error:
            asked.answer.set_result(self._outcome(asked.event, True, text_of(error)))
            raise
        known = asked.event in self._events or asked.event in _CARRIED_OUT or asked.event == LOG_DATA
        asked.answer.set_result(self._outcome(asked.event, known, "; ".join(errors) or None))

    def _handled(self, asked: _Asked) -> list[str]:
        """Call the methods that answer the event. What failed."""
        methods = [getattr(self.routine, name) for name in self._events.get(asked.event, ())]
        if asked.event == LOG_DATA:
            methods.append(self.log_data)
        tried = [self._try(partial(method, **asked.parameters)) for method in methods]
        return [error for error in tried if error is not None]

    def _answer_the_rest(self) -> None:
        while self._asked:
            try:
                asked = self._asked.popleft()
            except IndexError:  # the thread or another caller was quicker
                return
            if asked.answer.set_running_or_notify_cancel():
                asked.answer.set_result(self._outcome(asked.event, False, None))

    def _outcome(self, event: str, handled: bool, error: str | None) -> Outcome:
        return Outcome(self._name, event, handled, self.running.state, error)

    def _do(self, acts: tuple[Act, ...]) -> None:
        """Carry out what `Running` says, and what that says of it."""
        self._on_change()
        for act in acts:
            match act:
                case Act.SETUP:
                    begun_ns = self._clock.monotonic_ns()
                    error = self._try(self.routine.setup)
                    now_ns = self._clock.monotonic_ns()
                    self.books.set_up(now_ns - begun_ns)
                    self._do(self.running.set_up(error, now_ns))
                case Act.CLEANUP:
                    self._failures.flush()
                    self._do(self.running.cleaned_up(self._try(self.routine.cleanup)))
                case Act.END:
                    self._desk.end()
                case Act.OVER:
                    self._over = True
        if self.running.over:
            self._close(self.running.state.value)

    def _close(self, reason: str) -> None:
        self._work.drop(reason)
        self._desk.close(reason)

    def _try(self, method: Callable[[], Any]) -> str | None:
        """Call somebody's method. What it raised, if anything; it is in the log then."""
        try:
            given = method()
            if iscoroutine(given):
                self._loop.run(given)
        except RAISED as error:
            called = getattr(method, "func", method)
            name = getattr(called, "__name__", type(called).__name__)
            log_error(self.routine, "%s failed", name, error=error)
            return f"{name}: {text_of(error)}"
        return None


def _work(routine: Routine, means: Means, is_source: bool) -> Work:
    settings = routine.settings
    if is_source:
        return Sourcing(means)
    if settings.batch_size > 1:
        return InBatches(means, settings.batch_size, settings.max_wait_s)
    return OneByOne(means)


_CARRIED_OUT: Mapping[str, Callable[[Running], tuple[Act, ...]]] = {
    START_EVENT_NAME: Running.start,
    STOP_EVENT_NAME: Running.stop,
    KILL_EVENT_NAME: Running.kill,
}
