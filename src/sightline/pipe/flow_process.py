"""What runs in the process of a flow.

It does what the parent says on the channel between them: makes routines and wires, hands events to routines
in the order in which they came, and tells what became of each. It waits for no routine. Of one that does not
do in time what STOP or KILL asks, it tells where it is; only the end of the process helps then, which is the
parent's to bring about.
"""

from __future__ import annotations

import logging
import os
import pickle
import select
import socket
import sys
import traceback
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, Final, NamedTuple

import cloudpickle

from sightline.clock import SYSTEM_CLOCK, ns
from sightline.pipe.channel import Channel
from sightline.pipe.control import (
    Ask,
    Begin,
    Broken,
    Connect,
    Counts,
    Gone,
    Handle,
    Handled,
    Log,
    Post,
    Ready,
    Rewire,
    Rewired,
    Said,
    Told,
    Unlink,
)
from sightline.pipe.coroutines import FlowLoop
from sightline.pipe.directory import Directory, Targets
from sightline.pipe.event_names import KILL_EVENT_NAME, STOP_EVENT_NAME
from sightline.pipe.frames import FrameSpace
from sightline.pipe.logs import forward_all
from sightline.pipe.plan import Change, Edge, FlowSpec
from sightline.pipe.reports import Outcome, RunnerEvent
from sightline.pipe.runner import Runner
from sightline.pipe.stats import FlowStats
from sightline.pipe.wiring import Wiring
from sightline.supervise.child import Child

LOOK_S: Final = 0.5
"""How often routines are asked whether they are there, and deadlines looked at."""
_UNKNOWN: Final = "alive?"
"""No event of anybody's: a routine says so between two messages, and shows by that that it is not stuck."""


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
        self, event_name: str, specific_flow_routines: Targets | None = None, **event_parameters: Any
    ) -> None:
        targets = {flow: list(names) for flow, names in (specific_flow_routines or {}).items()}
        self._directory.check(event_name, targets)
        self._channel.send(Post(event_name, targets, cloudpickle.dumps(event_parameters)))

    def unlink(self, routine_name: str, unlink_routine_name: str) -> None:
        self._channel.send(Unlink(routine_name, unlink_routine_name))


class FlowProcess:
    """One flow.

    Args:
        channel: to the parent.
        frames: the flow's shared memory.
        child: this process, as who supervises it knows it.
    """

    def __init__(self, channel: Channel, frames: FrameSpace | None, child: Child) -> None:
        self._channel = channel
        self._frames = frames
        self._child = child
        self._loop = FlowLoop()
        self._runners: dict[str, Runner] = {}
        self._alive: dict[str, Future[Outcome]] = {}
        self._due: list[_Due] = []
        self._woken, self._wake = socket.socketpair()

    def serve(self) -> None:
        """Do what comes, until this process is asked to end. Raises Closed when the parent is gone."""
        self._child.on_stop(lambda: self._wake.send(b"!"))
        poll = select.poll()
        for end in (self._channel, self._woken):
            poll.register(end, select.POLLIN)
        while not self._child.stopping:
            if any(fd == self._channel.fileno() for fd, _ in poll.poll(LOOK_S * 1000)):
                for message, descriptor in self._channel.receive():
                    self._do(message, descriptor)
            self._look()
        self._end()

    def _do(self, message: Said, descriptor: int | None) -> None:
        match message:
            case Begin():
                self._begin(message)
            case Connect(peer):
                self._wiring.connect(peer, socket.socket(fileno=descriptor))
            case Gone(peer):
                self._unlink(self._wiring.part(peer))
            case Handle():
                self._handle(message)
            case Rewire(number, change):
                self._rewire(pickle.loads(change))  # noqa: S301 - of the parent
                self._channel.send(Rewired(number))
            case Ask(number):
                self._channel.send(Counts(number, self._stats()))

    def _begin(self, begin: Begin) -> None:
        sys.path[:] = begin.sys_path
        sys.argv[:] = begin.argv
        try:
            os.chdir(begin.folder)
            spec: FlowSpec = pickle.loads(begin.spec)  # noqa: S301 - of the parent
            edges: list[Edge] = pickle.loads(begin.edges)  # noqa: S301 - of the parent
            self._make(spec, edges, begin.done)
        except Exception:  # noqa: BLE001 - whatever a module or a class of the user's raises when it is made
            self._channel.send(Broken(traceback.format_exc()))
            raise SystemExit(1) from None
        self._child.ready()
        self._channel.send(Ready())

    def _make(self, spec: FlowSpec, edges: list[Edge], done: list[str]) -> None:
        self._spec = spec
        forward_all(lambda record: self._channel.send(Log(record)), spec.logger, spec.level, spec.root_level)
        self._wiring = wiring = Wiring(spec, self._frames)
        outlets = wiring.add(edges)
        reach = _Reach(self._channel, spec.directory)
        for routine in spec.routines:
            routine.join_pipe(reach, spec.name)
            routine.set_logger(logging.getLogger(f"{spec.logger}.{spec.name}.{routine.name}"))
            theirs = {ends[1]: outlet for ends, outlet in outlets.items() if ends[0] == routine.name}
            inlet = wiring.inlets.get(routine.name)
            self._runners[routine.name] = Runner(routine, inlet, theirs, self._told, loop=self._loop)
        for ends, outlet in outlets.items():
            if ends[0] in done:
                outlet.ended()
        self._lanes = {name: self._child.lane(name) for name in self._runners} if spec.watched else {}
        for runner in self._runners.values():
            runner.open()

    def _handle(self, handle: Handle) -> None:
        try:
            parameters = pickle.loads(handle.parameters) if handle.parameters else {}  # noqa: S301 - of the parent
        except Exception as error:  # noqa: BLE001 - a class of the user's
            for name in handle.routines:
                self._answer(handle.number, name, f"its parameters cannot be read: {error!r}")
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
        self._answer(number, outcome.routine, outcome.error)

    def _answer(self, number: int, routine: str, error: str | None) -> None:
        self._channel.send(Handled(number, routine, error))

    def _told(self, event: RunnerEvent) -> None:
        self._channel.send(Told(event.routine, event.state, event.reason, event.hangs))

    def _rewire(self, change: Change) -> None:
        outlets = self._wiring.add(change.add)
        for (source, destination), outlet in outlets.items():
            self._runners[source].link(destination, outlet)
        self._unlink(self._wiring.remove(change.remove))

    def _unlink(self, gone: list[tuple[str, str]]) -> None:
        for source, destination in gone:
            if source in self._runners:
                self._runners[source].unlink(destination)

    def _stats(self) -> bytes:
        routines = {name: runner.stats() for name, runner in self._runners.items()}
        return pickle.dumps(FlowStats(routines=routines, edges=self._wiring.stats()))

    def _look(self) -> None:
        """Which routines are there, and which do not do what they were told to."""
        for name, lane in self._lanes.items():
            alive = self._alive.get(name)
            if alive is None or alive.done():
                self._alive[name] = self._runners[name].handle(_UNKNOWN)
                lane.progress(0)
        now_ns = SYSTEM_CLOCK.monotonic_ns()
        late = [due for due in self._due if due.at_ns <= now_ns and not due.answer.done()]
        self._due = [due for due in self._due if due.at_ns > now_ns and not due.answer.done()]
        for due in late:
            self._answer(due.number, due.runner.name, due.runner.overdue(due.event, self._spec.stop_s).error)

    def _end(self) -> None:
        """Clean up what runs, send what waits, and tell the last counts."""
        if not self._runners:
            return
        answers = {runner: runner.handle(KILL_EVENT_NAME) for runner in self._runners.values()}
        wait(answers.values(), self._spec.stop_s)
        for runner, answer in answers.items():
            if not answer.done():
                runner.overdue(KILL_EVENT_NAME, self._spec.stop_s)
        self._loop.close()
        self._wiring.close(0.0)
        self._channel.send(Counts(0, self._stats()))
