"""The parent's side of a running pipe: its flows' processes, what they say, and what is said to them.

One thread hears all flows and the supervisor. It promises: events reach a flow in the order of the board; a
flow that died is begun again with its wires, and started as it had been; what it said before it died counts.
Once all routines have given their last, or were killed, no process is left.
"""

from __future__ import annotations

import logging
import os
import pickle
import selectors
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import cloudpickle

import sightline
from sightline.clock import NS_PER_S, SYSTEM_CLOCK
from sightline.errors import Closed
from sightline.log import get_logger
from sightline.pipe.board import EventBoard, EventReport
from sightline.pipe.channel import Channel
from sightline.pipe.control import (
    Ask,
    Begin,
    Broken,
    Connect,
    Counts,
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
from sightline.pipe.directory import Targets
from sightline.pipe.event_names import KILL_EVENT_NAME, STOP_EVENT_NAME
from sightline.pipe.flow import CONTROL, FRAMES
from sightline.pipe.frame_host import PipeHost
from sightline.pipe.logs import write
from sightline.pipe.mistakes import PipeError
from sightline.pipe.plan import Change, Edges
from sightline.pipe.reports import State
from sightline.pipe.stats import FlowStats
from sightline.supervise.policy import Restart, Watch
from sightline.supervise.spec import ChildSpec, Sockets
from sightline.supervise.supervisor import Supervisor
from sightline.supervise.watched import State as ChildState

_HANGS_S: Final = 1.0
"""What a process has, after its routines had their time, before it is killed."""
_ANSWER_S: Final = 1.0
"""What a flow has to tell that a routine was late, beyond the routine's own time."""


class _Flow:
    """What the parent knows of a flow.

    Attributes:
        spec: pickled.
        channel: to its process; None while there is none that was heard of.
        ready: whether its routines are made; over: whether no process will be begun any more.
        joined: other flows that there is a way to.
        states: of its routines.
        last: its counts, when it told them last.
    """

    def __init__(self, name: str, spec: bytes, routines: Iterable[str]) -> None:
        self.name = name
        self.spec = spec
        self.channel: Channel | None = None
        self.ready = self.over = False
        self.fault = ""
        self.joined: set[str] = set()
        self.states = dict.fromkeys(routines, State.STOPPED)
        self.last: FlowStats | None = None

    @property
    def done(self) -> bool:
        """Whether nothing is to be done there any more."""
        return self.over or all(state in {State.DONE, State.KILLED} for state in self.states.values())


class Parent:
    """A pipe from its build to its end. Any thread may use it.

    Args:
        board: with all flows added.
        edges: what leads from where to where, as it is and will be.
        specs: the pickled `FlowSpec` of each flow.
        logger: the pipe's.
        stop_s, hung_s, restart: see `Pipe`.
        on_unlink: called, in a thread of ours, when a routine wants no wire to another any more.
    """

    def __init__(
        self,
        board: EventBoard,
        edges: Edges,
        specs: Mapping[str, bytes],
        logger: logging.Logger,
        *,
        stop_s: float,
        hung_s: float | None,
        restart: Restart,
        on_unlink: Callable[[str, str], object],
    ) -> None:
        self._board = board
        self._edges = edges
        self._logger = logger
        self._stop_s = stop_s
        self._on_unlink = on_unlink
        self._flows = {
            name: _Flow(name, spec, board.directory.routines(name)) for name, spec in specs.items()
        }
        self._changed = threading.Condition(threading.RLock())
        self._inbox: deque[Callable[[], object]] = deque()
        self._awaited: dict[int, EventReport | None] = {}
        self._kills: dict[int, list[str]] = {}
        self._asked: dict[int, dict[str, Any]] = {}
        self._numbers = 0
        self._released = self._ending = self._over = False
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._host = PipeHost()
        watch = Watch(ready_s=120.0, hung_s=hung_s or 60.0, stop_s=stop_s + _HANGS_S)
        self._supervisor = Supervisor(
            [self._child(name, watch, restart) for name in self._flows],
            on_state=lambda name, state, reason: self._ask(partial(self._on_state, name, state, reason)),
        )
        self._thread = threading.Thread(target=self._run, name="sightline-pipe", daemon=True)

    # For whoever has the pipe.

    def start(self) -> None:
        """Begin all flows, and wait until each is ready. Raises PipeError with the reasons of those that are not."""
        self._host.start()
        self._thread.start()
        self._supervisor.start()
        with self._changed:
            self._changed.wait_for(lambda: all(flow.ready or flow.fault for flow in self._flows.values()))
            faults = [f'flow "{flow.name}" {flow.fault}' for flow in self._flows.values() if flow.fault]
        if faults:
            self.close()
            raise PipeError(faults)

    def post(
        self, event: str, targets: Targets, parameters: bytes, wait: bool | float = False
    ) -> EventReport | None:
        """See `Pipe.notify_event`."""
        with self._changed:
            number = self._post(event, targets, parameters, None if isinstance(wait, bool) else wait)
            if wait:
                self._awaited[number] = None
            self._send_orders()
            if not wait:
                return None
            try:
                self._changed.wait_for(lambda: self._awaited[number] is not None)
            finally:
                report = self._awaited.pop(number)
            return report

    def rewire(self, change: Change) -> None:
        """Have edges that begin and end so; `edges` has them already. Returns when all flows do."""
        pairs = {edge.flows for edge in change.add if edge.crosses}
        with self._changed:
            for one, other in pairs:
                self._join(self._flows[one], self._flows[other])
        for flow in self._flows:
            theirs = Change(*([edge for edge in edges if flow in edge.flows] for edges in change))
            if any(theirs):
                self._ask_flows([flow], partial(_rewiring, cloudpickle.dumps(theirs)))

    def stats(self) -> dict[str, FlowStats]:
        """The counts of all flows that there were any of; of one that is no more, its last."""
        if not self._over:
            self._ask_flows(self._flows, Ask)
        return {flow.name: flow.last for flow in self._flows.values() if flow.last is not None}

    def pids(self) -> dict[str, int]:
        """The processes of flows that have one."""
        states = self._supervisor.states()
        return {name: status.pid for name, status in states.items() if status.pid is not None}

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until no routine has anything to do any more and no process is left. False: time was up."""
        with self._changed:
            return self._changed.wait_for(lambda: self._over, timeout_s)

    def close(self) -> None:
        """Kill all that runs, and wait for that. Again is allowed."""
        if self._thread.is_alive() and self._released:
            self.post(KILL_EVENT_NAME, {}, b"", wait=True)
            self.wait(2 * self._stop_s + _HANGS_S)
        self._supervisor.stop(_HANGS_S)
        self._ask(self._finish)
        self._thread.join()

    @property
    def over(self) -> bool:
        return self._over

    # In the supervisor's thread.

    def _child(self, name: str, watch: Watch, restart: Restart) -> ChildSpec:
        root = str(Path(sightline.__file__).parents[1])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        return ChildSpec(
            name=name,
            command=(sys.executable, "-P", "-m", "sightline.pipe.flow"),
            environ={"PYTHONPATH": path},
            sockets=partial(self._sockets, name),
            restart=restart,
            watch=watch,
        )

    def _sockets(self, name: str) -> Sockets:
        ours, theirs = socket.socketpair()
        frames = self._host.add()
        self._ask(partial(self._begun, self._flows[name], ours))
        return {CONTROL: theirs, FRAMES: frames}

    def _ask(self, what: Callable[[], object]) -> None:
        self._inbox.append(what)
        with suppress(OSError):  # it is awake, or over
            self._wake.send(b"!")

    # In our thread.

    def _run(self) -> None:
        try:
            while not self._over:
                self._turn()
        except BaseException:
            get_logger("sightline.pipe").exception("the parent of a pipe failed, and ends its flows")
            self._supervisor.stop(_HANGS_S)
            raise
        finally:
            self._leave()

    def _turn(self) -> None:
        with self._changed:
            due_ns = self._board.expire(SYSTEM_CLOCK.monotonic_ns())
            self._send_orders()
            self._watch_room()
        timeout_s = None if due_ns is None else max(0, due_ns - SYSTEM_CLOCK.monotonic_ns()) / NS_PER_S
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                with suppress(BlockingIOError):
                    while self._woken.recv(4096):
                        pass
            else:
                self._hear(key.data)
        while self._inbox:
            self._inbox.popleft()()

    def _watch_room(self) -> None:
        for flow in self._flows.values():
            if flow.channel is not None:
                unsent = selectors.EVENT_WRITE if flow.channel.unsent else 0
                self._selector.modify(flow.channel, selectors.EVENT_READ | unsent, flow)

    def _hear(self, flow: _Flow) -> bool:
        """What it said; whether it may say more."""
        channel = flow.channel
        if channel is None:
            return False
        try:
            channel.flush()
            for message, _ in channel.receive():
                self._heed(flow, message)
        except Closed:
            self._hang_up(flow)
            return False
        return True

    def _hang_up(self, flow: _Flow) -> None:
        with self._changed:
            channel, flow.channel, flow.ready = flow.channel, None, False
            self._give_answers(flow)
        if channel is not None:
            self._selector.unregister(channel)
            channel.close()

    def _heed(self, flow: _Flow, message: Said) -> None:
        match message:
            case Log(record):
                write(record, self._logger)
            case Unlink(routine, destination):
                threading.Thread(target=self._on_unlink, args=(routine, destination), daemon=True).start()
            case _:
                with self._changed:
                    self._note(flow, message)
                    self._send_orders()
                    self._changed.notify_all()

    def _note(self, flow: _Flow, message: Said) -> None:
        match message:
            case Ready():
                flow.ready = True
                self._release(flow)
            case Broken(reason):
                flow.fault = f"cannot be made: {reason}"
            case Handled(number, routine, error):
                self._board.handled(number, routine, error)
            case Post(event, targets, parameters):
                with suppress(Closed):  # whom it is for is no more
                    self._post(event, targets, parameters)
            case Rewired(number):
                self._answered(flow, number, True)
            case Counts(number, stats):
                flow.last = pickle.loads(stats)  # noqa: S301 - of our own process
                self._answered(flow, number, flow.last)
            case Told():
                self._told(flow, message)

    def _told(self, flow: _Flow, told: Told) -> None:
        state = State(told.state)
        flow.states[told.routine] = state
        if state in {State.DONE, State.KILLED}:
            self._board.routine_over(flow.name, told.routine)
            if all(each.done for each in self._flows.values()):
                self._end_flows(self._flows)
        elif state is State.FAILED:
            self._logger.error("%s.%s failed: %s", flow.name, told.routine, told.reason)

    def _begun(self, flow: _Flow, ours: socket.socket) -> None:
        """Its process is about to be there: what it is to know waits for it."""
        flow.channel = channel = Channel(ours, waits=False)
        flow.joined.clear()
        self._selector.register(channel, selectors.EVENT_READ, flow)
        over = [
            name
            for each in self._flows.values()
            for name, state in each.states.items()
            if state is State.DONE
        ]
        edges = cloudpickle.dumps(self._edges.of_flow(flow.name))
        with self._changed:
            self._say(flow, Begin(sys.path, str(Path.cwd()), sys.argv, flow.spec, edges, over))
            for peer in self._edges.peers(flow.name):
                self._flows[peer].joined.discard(flow.name)
                self._join(flow, self._flows[peer])

    def _join(self, one: _Flow, other: _Flow) -> None:
        """Give both an end of the way between them, where both are there and have none."""
        if one.channel is None or other.channel is None or other.name in one.joined:
            return
        first, second = socket.socketpair()
        self._say(one, Connect(other.name), first.detach())
        self._say(other, Connect(one.name), second.detach())
        one.joined.add(other.name)
        other.joined.add(one.name)

    def _on_state(self, name: str, state: ChildState, reason: str) -> None:
        flow = self._flows[name]
        if state not in {ChildState.WAITING, ChildState.QUARANTINED, ChildState.ENDED}:
            return
        while self._hear(flow) and flow.channel is not None and not flow.channel.dry:
            pass  # what it said before it ended
        self._hang_up(flow)
        with self._changed:
            flow.over = state is not ChildState.WAITING
            flow.fault = flow.fault or f"ended before it was ready: {reason}"
            if flow.over:
                self._board.flow_over(name, f"its flow ended: {reason}")
            else:
                self._board.flow_lost(name, f"its flow ended: {reason}")
            self._send_orders()
            if all(each.over for each in self._flows.values()):
                self._over = True
            elif all(each.done for each in self._flows.values()):
                self._end_flows(self._flows)
            self._changed.notify_all()

    def _release(self, flow: _Flow) -> None:
        """A flow is ready. The first time, none gets events before all are: nobody sends to who is not there."""
        flow.fault = ""
        if self._released:
            self._board.flow_ready(flow.name)
        elif all(each.ready for each in self._flows.values()):
            self._released = True
            for name in self._flows:
                self._board.flow_ready(name)

    def _end_flows(self, names: Iterable[str]) -> None:
        for name in names:
            self._supervisor.end(name, self._stop_s + _HANGS_S)

    def _leave(self) -> None:
        self._supervisor.stop(_HANGS_S)
        self._host.close()
        for flow in self._flows.values():
            self._hang_up(flow)
        self._selector.close()
        self._woken.close()
        self._wake.close()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _finish(self) -> None:
        self._over = True

    # With the lock held.

    def _post(self, event: str, targets: Targets, parameters: bytes, timeout_s: float | None = None) -> int:
        if event in {STOP_EVENT_NAME, KILL_EVENT_NAME}:
            timeout_s = min(timeout_s or float("inf"), self._stop_s + _ANSWER_S)
        number = self._board.post(event, targets, parameters, SYSTEM_CLOCK.monotonic_ns(), timeout_s)
        if event == KILL_EVENT_NAME:
            self._kills[number] = [flow for flow in targets or self._flows if not targets.get(flow)]
        return number

    def _send_orders(self) -> None:
        while self._board.orders:
            name, order = self._board.orders.popleft()
            self._say(self._flows[name], Handle(order.number, order.event, order.routines, order.parameters))
        while self._board.reports:
            self._tell(self._board.reports.popleft())

    def _say(self, flow: _Flow, message: Said, *fds: int) -> None:
        try:
            if flow.channel is None:
                raise Closed(f"flow {flow.name} has no process")
            if not flow.channel.send(message, *fds) and threading.current_thread() is not self._thread:
                self._ask(lambda: None)
        except Closed:  # its end is told by the supervisor
            pass

    def _tell(self, report: EventReport) -> None:
        if report.number in self._awaited:
            self._awaited[report.number] = report
            self._changed.notify_all()
        elif not report.ok:
            self._logger.warning("event %s failed: %s", report.event, dict(report.failed))
        for name in self._kills.pop(report.number, ()):
            self._supervisor.end(name, self._stop_s if report.ok else _HANGS_S)

    def _ask_flows(self, flows: Iterable[str], question: Callable[[int], Said]) -> None:
        with self._changed:
            self._numbers += 1
            number = self._numbers
            there = [flow for flow in flows if self._flows[flow].channel is not None]
            self._asked[number] = dict.fromkeys(there)
            for name in there:
                self._say(self._flows[name], question(number))
            self._changed.wait_for(lambda: not self._asked[number] or self._over)
            del self._asked[number]

    def _answered(self, flow: _Flow, number: int, _answer: Any) -> None:
        self._asked.get(number, {}).pop(flow.name, None)

    def _give_answers(self, flow: _Flow) -> None:
        """Nobody need wait for it any more."""
        for waiting in self._asked.values():
            waiting.pop(flow.name, None)
        self._changed.notify_all()


def _rewiring(change: bytes, number: int) -> Rewire:
    return Rewire(number, change)
