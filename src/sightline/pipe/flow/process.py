"""What runs in the process of a flow.

It does what the parent says on the channel between them: makes routines and wires, hands events to routines
in the order in which they came, and tells what became of each. It waits for no routine. Of one that does not
do in time what STOP or KILL asks, it tells where it is; only the end of the process helps then, which is the
parent's to bring about.
"""

from __future__ import annotations

import logging
import math
import pickle
import select
import socket
import traceback
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from sightline.clock import SYSTEM_CLOCK, ns
from sightline.errors import Closed, ConfigError, SharingError
from sightline.pipe.channel import Channel
from sightline.pipe.control import (
    Ask,
    Begin,
    Broken,
    Connect,
    Durations,
    Gone,
    Handle,
    Handled,
    Keep,
    Log,
    OwnStats,
    Pace,
    Post,
    Ready,
    Rewire,
    Rewired,
    Said,
    Told,
    Unlink,
    plain,
)
from sightline.pipe.counts.accounts import PROCESS_WORDS
from sightline.pipe.counts.ledger import Ledger
from sightline.pipe.counts.reports import Outcome, RunnerEvent, State
from sightline.pipe.counts.usage import Usage
from sightline.pipe.directory import Directory, Targets
from sightline.pipe.event_names import KILL_EVENT_NAME, STOP_EVENT_NAME
from sightline.pipe.flow.coroutines import FlowLoop
from sightline.pipe.flow.failures import LONGEST, text_of
from sightline.pipe.flow.flow_child import LEAVE_S, Surroundings
from sightline.pipe.flow.gauge import Gauge, Reading
from sightline.pipe.flow.runner import Runner
from sightline.pipe.flow.work import RAISED
from sightline.pipe.logs import forward_all
from sightline.pipe.pickling import parameters_as_bytes
from sightline.pipe.plan import Change, Edge, FlowSpec
from sightline.pipe.wires.frames import FrameSpace
from sightline.pipe.wires.wiring import Wiring
from sightline.supervise.board import Lane
from sightline.supervise.child import Child

LOOK_S: Final = 0.5
"""How often routines are asked whether they are there, and deadlines looked at."""
_NOTHING: Final = ""
"""No event can be called so: a routine says between two messages that it is none of its, and shows by that
that it is not stuck."""
MOST_UNHEARD: Final = 1000
"""Messages to the parent that may wait: with more, nothing is read of what it says."""
LOG_PATIENCE_S: Final = 1.0
"""How long a line of the log waits for the parent, where the one before did not wait in vain."""


class _Due(NamedTuple):
    """STOP or KILL, to be carried out by then."""

    at_ns: int
    number: int
    runner: Runner
    event: str
    answer: Future[Outcome]


class _Reach:
    """What routines of this flow can reach of the pipe."""

    def __init__(self, channel: Channel, directory: Directory) -> None:
        self._channel = channel
        self._directory = directory

    def notify_event(
        self,
        event_name: str,
        specific_flow_routines: Targets | None = None,
        *,
        wait: bool | float = False,
        **event_parameters: Any,
    ) -> None:
        if wait:
            raise ConfigError(f"event {event_name!r} cannot be waited for by a routine: expected no wait")
        given = {} if specific_flow_routines is None else specific_flow_routines
        self._directory.check(event_name, given)
        targets = {flow: list(names) for flow, names in given.items()}
        self._ask(Post(event_name, targets, parameters_as_bytes(event_name, event_parameters)))

    def unlink(self, routine_name: str, unlink_routine_name: str) -> None:
        self._ask(Unlink(routine_name, unlink_routine_name))

    def _ask(self, message: Said) -> None:
        """A routine says as much as the parent can hear, and no more."""
        self._channel.send(message)
        self._channel.drain()


class FlowProcess:
    """One flow.

    Args:
        channel: to the parent.
        side: the socket by which the flow's shared memory is accounted for; None: nothing is shared.
        child: this process, as who supervises it knows it.
    """

    def __init__(self, channel: Channel, side: socket.socket | None, child: Child) -> None:
        self._channel = channel
        self._side = side
        self._frames: FrameSpace | None = None
        self._child = child
        self._loop = FlowLoop()
        self._runners: dict[str, Runner] = {}
        self._alive: dict[str, Future[Outcome]] = {}
        self._due: list[_Due] = []
        self._hung: set[Runner] = set()
        self._look_s = LOOK_S
        self._fault = ""
        self._gauge: Gauge | None = None
        self._usage: Usage | None = None
        self._lanes: dict[str, Lane] = {}
        self._lines_wait = True
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)

    def serve(self) -> int:
        """Do what comes, until this process is to end. The exit code. Raises Closed: the parent is gone."""
        self._child.on_stop(self._rouse)
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        while not (self._child.stopping or self._fault):
            poll.register(self._channel, self._wanted())
            for fd, _ in poll.poll(self._look_s * 1000):
                if fd == self._channel.fileno():
                    self._attend()
                else:
                    self._woken.recv(4096)
            self._look()
        self._end()
        if self._fault:
            self._child.failed(plain(self._fault))
        return 1 if self._fault else 0

    def _wanted(self) -> int:
        unsent = self._channel.unsent
        return (select.POLLIN if unsent < MOST_UNHEARD else 0) | (select.POLLOUT if unsent else 0)

    def _attend(self) -> None:
        self._channel.flush()
        if self._channel.unsent < MOST_UNHEARD:
            for message, descriptor in self._channel.receive():
                if self._fault:
                    continue
                try:
                    self._do(message, descriptor)
                except (ConfigError, SharingError) as error:  # of a wire, or the way to another flow
                    self._fail(str(error))

    def _say(self, message: Said) -> None:
        """From any thread; it waits for nobody."""
        with suppress(Closed):  # the parent is gone: `serve` hears of it, and this process is too
            if not self._channel.send(message):
                self._rouse()

    def _log(self, record: bytes) -> bool:
        """Send a line of the log, if it is read. Whoever writes waits for that a little, not each time."""
        if self._channel.unsent >= MOST_UNHEARD:
            with suppress(Closed):
                self._lines_wait = self._lines_wait and self._channel.drain(LOG_PATIENCE_S)
            if not self._lines_wait:
                return False
        self._lines_wait = True
        self._say(Log(record))
        return True

    def _rouse(self) -> None:
        with suppress(BlockingIOError):  # it will see that it is wanted
            self._wake.send(b"!")

    def _fail(self, fault: str) -> None:
        """Nothing more can come of this process: it is ended, and another begun. From any thread."""
        self._fault = fault
        self._rouse()

    def _do(self, message: Said, descriptor: int | None) -> None:
        match message:
            case Begin():
                self._begin(message)
            case Keep() | Connect() if descriptor is None:
                self._fail("no descriptor is left to open what the pipe gives this process")
            case Keep() if descriptor is not None:
                self._ledger = Ledger(descriptor)
                self._usage = Usage(self._ledger.account("process", words=PROCESS_WORDS))
            case Connect(peer, number):
                self._wiring.connect(peer, number, socket.socket(fileno=descriptor))
            case Gone(peer):
                self._unlink(self._wiring.part(peer))
            case Rewire(number, change):
                self._rewire(pickle.loads(change))  # noqa: S301 - of the parent
                self._say(Rewired(number))
            case _:
                self._heed(message)

    def _heed(self, message: Said) -> None:
        """What changes no wire."""
        match message:
            case Handle():
                self._handle(message)
            case Pace(routine, fps):
                self._runners[routine].pace(fps)
            case Ask(number):
                self._say(OwnStats(number, self._own_stats()))

    def _begin(self, begin: Begin) -> None:
        try:
            surroundings: Surroundings = pickle.loads(begin.surroundings)  # noqa: S301 - of the parent
            surroundings.enter()
            spec: FlowSpec = pickle.loads(begin.spec)  # noqa: S301 - of the parent
            edges: list[Edge] = pickle.loads(begin.edges)  # noqa: S301 - of the parent
            self._make(spec, edges, begin.over)
        except Exception:  # noqa: BLE001 - whatever a module or a class of the user's raises when it is made
            self._say(Broken(traceback.format_exc()[-LONGEST:]))
            self._channel.drain(LEAVE_S)
            raise SystemExit(1) from None
        self._child.ready()
        self._say(Ready())

    def _make(self, spec: FlowSpec, edges: list[Edge], over: dict[str, str]) -> None:
        self._spec = spec
        self._look_s = min(LOOK_S, (spec.hung_s or math.inf) / 4)
        if self._side is not None:
            self._frames = FrameSpace(self._side, spec.sharing)
        forward_all(self._log, spec.name, spec.logger, spec.level, spec.root_level)
        account = self._ledger.account
        self._wiring = wiring = Wiring(spec, self._frames, account, failed=self._fail)
        outlets = wiring.add(edges)
        reach = _Reach(self._channel, spec.directory)
        for routine in spec.routines:
            routine.join_pipe(reach, spec.name, wiring.array)
            routine.set_logger(logging.getLogger(f"{spec.logger}.{spec.name}.{routine.name}"))
            theirs = {ends[1]: outlet for ends, outlet in outlets.items() if ends[0] == routine.name}
            inlet = wiring.inlets.get(routine.name)
            self._runners[routine.name] = Runner(
                routine, inlet, theirs, self._told, broken=self._fail, loop=self._loop, account=account
            )
        for name, state in over.items():
            self._runners[name].be_over(State(state))
        watched = [one.name for one in spec.routines if spec.hung_s is not None and one.settings.watched]
        self._lanes = {name: self._child.lane(name) for name in watched}
        if spec.paced:
            self._gauge = Gauge(self._readings(), SYSTEM_CLOCK.monotonic_ns())
        for runner in self._runners.values():
            if spec.paced:
                runner.time_turns()
            runner.open()

    def _handle(self, handle: Handle) -> None:
        try:
            parameters = pickle.loads(handle.parameters) if handle.parameters else {}  # noqa: S301 - of the parent
        except RAISED as error:  # a class of the user's
            for name in handle.routines:
                self._answer(handle.number, name, f"its parameters cannot be read: {text_of(error)}")
            return
        for name in handle.routines:
            runner = self._runners[name]
            answer = runner.handle(handle.event, parameters)
            answer.add_done_callback(partial(self._answered, handle.number))
            if handle.event in {STOP_EVENT_NAME, KILL_EVENT_NAME}:
                at_ns = SYSTEM_CLOCK.monotonic_ns() + ns(self._spec.stop_s)
                self._due.append(_Due(at_ns, handle.number, runner, handle.event, answer))

    def _answered(self, number: int, answer: Future[Outcome]) -> None:
        outcome = answer.result()
        late = None if outcome.handled or outcome.event == KILL_EVENT_NAME else f"it is {outcome.state}"
        self._answer(number, outcome.routine, outcome.error or late)

    def _answer(self, number: int, routine: str, error: str | None) -> None:
        self._say(Handled(number, routine, error))

    def _told(self, event: RunnerEvent) -> None:
        self._say(Told(event.routine, event.state, event.reason, event.hangs))

    def _rewire(self, change: Change) -> None:
        outlets = self._wiring.add(change.add)
        for (source, destination), outlet in outlets.items():
            self._runners[source].link(destination, outlet)
        self._unlink(self._wiring.remove(change.remove))

    def _unlink(self, gone: list[tuple[str, str]]) -> None:
        for source, destination in gone:
            if source in self._runners:
                self._runners[source].unlink(destination)

    def _own_stats(self) -> dict[str, bytes]:
        told = {name: runner.own_stats() for name, runner in self._runners.items()}
        return {name: _pickled(own) for name, own in told.items() if own}

    def _look_at_counts(self) -> None:
        if self._usage is not None:
            self._usage.note()
        for runner in self._runners.values():
            runner.mark()

    def _look(self) -> None:
        """Which routines are there, and which do not do what they were told to."""
        for name, lane in self._lanes.items():
            runner, alive = self._runners[name], self._alive.get(name)
            if alive is None or alive.done():
                self._alive[name] = runner.handle(_NOTHING)
                lane.progress(0)
            elif runner.state[0] is State.SETTING_UP:
                lane.progress(0)  # weights may take minutes to be loaded
        if self._frames is not None:
            self._frames.reclaim()
            if self._frames.fault:
                self._fail(self._frames.fault)
        self._look_at_counts()
        now_ns = SYSTEM_CLOCK.monotonic_ns()
        if self._gauge is not None and self._gauge.due(now_ns):
            self._tell_durations(self._gauge, now_ns)
        late = [due for due in self._due if due.at_ns <= now_ns and not due.answer.done()]
        self._due = [due for due in self._due if due.at_ns > now_ns and not due.answer.done()]
        for due in late:
            self._hung.add(due.runner)
            due.answer.add_done_callback(partial(self._came_back, due.runner))
            self._answer(due.number, due.runner.name, due.runner.overdue(due.event, self._spec.stop_s).error)

    def _came_back(self, runner: Runner, _answer: Future[Outcome]) -> None:
        self._hung.discard(runner)

    def _tell_durations(self, gauge: Gauge, now_ns: int) -> None:
        if told := gauge.look(self._readings(), now_ns):
            self._say(Durations(told))

    def _readings(self) -> dict[str, Reading]:
        return {name: runner.reading() for name, runner in self._runners.items()}

    def _end(self) -> None:
        """Clean up what runs, and tell the last counts. Nobody waits again for who did not stop in time.

        What is not over may go on in another process: who meant it to end for good has said KILL before.
        """
        if not self._runners:
            return
        answers = {
            runner: runner.handle(STOP_EVENT_NAME)
            for runner in self._runners.values()
            if runner not in self._hung
        }
        wait(answers.values(), self._spec.stop_s)
        for runner, answer in answers.items():
            if not answer.done():
                runner.overdue(STOP_EVENT_NAME, self._spec.stop_s)
        self._loop.close()
        self._wiring.close(0.0)
        self._look_at_counts()
        self._say(OwnStats(0, self._own_stats()))
        with suppress(Closed):
            self._channel.drain(LEAVE_S)
        if self._frames is not None:
            self._frames.close()


def _pickled(own: tuple[Any, ...]) -> bytes:
    """What a routine tells of itself; as text, where that cannot be sent."""
    try:
        return pickle.dumps(own)
    except RAISED as error:  # a class of the user's
        return pickle.dumps((f"cannot be sent: {text_of(error)}",))
