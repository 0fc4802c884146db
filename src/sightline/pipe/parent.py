"""The parent's side of a running pipe: its flows' processes, what they say, and what is said to them.

One thread hears all flows and the supervisor. It promises: events reach a flow in the order of the board; a
flow that died is begun again with its wires, and started as it had been; what it said before it died counts.
Once all routines have given their last, or were killed, no process is left.
"""

from __future__ import annotations

import logging
import pickle
import socket
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import cloudpickle

from sightline.clock import SYSTEM_CLOCK
from sightline.errors import BufferFull, Closed, ConfigError, SharingError, SightlineError
from sightline.pipe.asking import Asking
from sightline.pipe.audit import Audit
from sightline.pipe.board import EventBoard, EventReport
from sightline.pipe.channel import Channel
from sightline.pipe.control import (
    Begin,
    Broken,
    Durations,
    Gone,
    Handle,
    Handled,
    Log,
    OwnStats,
    Post,
    Ready,
    Rewired,
    Said,
    Told,
    Unlink,
)
from sightline.pipe.directory import Targets
from sightline.pipe.event_names import KILL_EVENT_NAME, STOP_EVENT_NAME
from sightline.pipe.far_flow import FarFlow
from sightline.pipe.flow_child import CONTROL, FRAMES, LEAVE_S, Surroundings, flow_child
from sightline.pipe.frame_host import PipeHost
from sightline.pipe.hearing import Hearing
from sightline.pipe.logs import tell, write
from sightline.pipe.mistakes import PipeError
from sightline.pipe.pacer import Pacer
from sightline.pipe.pickling import own_of
from sightline.pipe.plan import Change, Edges
from sightline.pipe.reports import State
from sightline.pipe.stats import PipeState, PipeStats
from sightline.supervise.policy import Restart
from sightline.supervise.spec import Sockets
from sightline.supervise.supervisor import Statuses, Supervisor
from sightline.supervise.watched import State as ChildState

ANSWER_S: Final = 2.0
"""How long a flow that does not say what its routines tell of themselves is waited for."""


class Parent:
    """A pipe from its build to its end. Any thread may use it.

    Args:
        board: with all flows added.
        edges: what leads from where to where, as it is and will be.
        specs: the pickled `FlowSpec` of each flow.
        logger: the pipe's.
        stop_s, hung_s, restart, on_line: see `Pipe`.
        telling: flows with routines that tell something of themselves, beside their counts.
        on_unlink: called, in a thread of its own, when a routine wants no wire to another any more.

    Attributes:
        over: whether all has ended.
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
        on_line: Callable[[str, str], object] | None,
        telling: Collection[str],
        on_unlink: Callable[[str, str], object],
    ) -> None:
        self.over = False
        self._board = board
        self._edges = edges
        self._logger = logger
        self._stop_s = stop_s
        self._on_unlink = on_unlink
        self._flows = {
            name: FarFlow(name, spec, board.directory.routines(name)) for name, spec in specs.items()
        }
        self._telling = telling
        self._audit = Audit(self._flows, edges)
        self._pacer = Pacer(self._flows, edges)
        self._changed = threading.Condition(threading.RLock())
        self._awaited: dict[int, EventReport | None] = {}
        self._kills: dict[int, list[str]] = {}
        self._asking = Asking(self._flows, self._changed, self._send_orders)
        self._released = self._closed = False
        self._surroundings = pickle.dumps(Surroundings.of_now())
        self._host = PipeHost()
        self._hearing = Hearing(
            self._flows.values(),
            prepare=self._prepare,
            hear=lambda flow: flow.drain(self._heed),
            leave=self._leave,
        )
        child = partial(flow_child, stop_s=stop_s, hung_s=hung_s, restart=restart, on_line=on_line)
        self._supervisor = Supervisor(
            [child(name, partial(self._sockets, name)) for name in self._flows],
            on_state=lambda name, state, reason: self._hearing.ask(
                partial(self._on_state, name, state, reason)
            ),
        )

    # For whoever has the pipe.

    def start(self) -> None:
        """Begin all flows, and wait until each is ready. Raises PipeError: why some are not; Closed."""
        with self._changed:
            if self._closed:
                self._leave()
                self._hearing.discard()
                raise Closed("the pipe was closed before it was built")
            self._host.start()
            self._hearing.start()
            self._supervisor.start()
            flows = self._flows.values()
            self._changed.wait_for(lambda: self.over or all(flow.ready or flow.fault for flow in flows))
            faults = [f'flow "{flow.name}" {flow.fault}' for flow in flows if flow.fault]
            if faults:
                raise PipeError(faults)
            if self._closed:
                raise Closed("the pipe was closed while it was built")

    def post(
        self, event: str, targets: Targets, parameters: bytes, wait: bool | float = False
    ) -> EventReport | None:
        """See `Pipe.notify_event`."""
        if wait:
            self._check_may_wait()
        with self._changed:
            number = self._post(event, targets, parameters, None if isinstance(wait, bool) else wait)
            if not wait:
                self._send_orders()
                return None
            self._awaited[number] = None
            self._send_orders()
            try:
                self._changed.wait_for(lambda: self._awaited[number] is not None)
            finally:
                report = self._awaited.pop(number)
            return report

    def rewire(self, change: Change) -> None:
        """Have edges begin and end so; `edges` says so already. Returns when all flows do."""
        self._check_may_wait()
        with self._changed:
            self._audit.link(self._edges)
            self._pacer.link(self._edges)
            for edge in change.add:
                self._flows[edge.source_flow].join(self._flows[edge.destination_flow])
        self._asking.rewire(change)

    def stats(self) -> PipeStats:
        """The counts of now. Flows are asked only for what routines tell of themselves, where some do."""
        if not self.over and self._telling:
            self._check_may_wait()
            self._asking.own_stats(self._telling, ANSWER_S)
        # In the caller's thread, and without the lock: it runs what belongs to the user.
        own = {name: own_of(told) for flow in self._flows.values() for name, told in flow.own.items()}
        with self._changed:
            state = PipeState.OVER if self.over else PipeState.RUNNING
            return self._audit.stats(state, self._supervisor.states(), self._host.stats(), own)

    def processes(self) -> Statuses:
        """How those of the flows are."""
        return self._supervisor.states()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until no routine has anything to do any more and no process is left. False: time was up."""
        with self._changed:
            return self._changed.wait_for(lambda: self.over, timeout_s)

    def close(self) -> None:
        """Kill all that runs, and wait for that. Again is allowed."""
        self._check_may_wait()
        with self._changed:
            self._closed = True
        if self._released and not self.over:
            self._end_those_away()
            with suppress(BufferFull):
                self.post(KILL_EVENT_NAME, {}, b"", wait=True)
                self.wait(self._stop_s + 2 * LEAVE_S)
        self._supervisor.stop(LEAVE_S)
        self._hearing.end()
        self._hearing.join()

    def _end_those_away(self) -> None:
        """There is no routine in them that could clean up, and none is to begin any more."""
        with self._changed:
            for flow in self._flows.values():
                if not flow.ready:
                    self._supervisor.end(flow.name, LEAVE_S)

    def _check_may_wait(self) -> None:
        if self._hearing.here:
            raise ConfigError("expected no handler of a pipe's log to wait for that pipe: it holds it up")

    # In the supervisor's thread.

    def _sockets(self, name: str) -> Sockets:
        ours, theirs = socket.socketpair()
        self._hearing.ask(partial(self._begun, self._flows[name], ours))
        try:
            return {CONTROL: theirs, FRAMES: self._host.add()}
        except SharingError:  # pictures are copied then
            return {CONTROL: theirs}

    # In our thread.

    def _prepare(self) -> int | None:
        with self._changed:
            due_ns = self._board.expire(SYSTEM_CLOCK.monotonic_ns())
            self._send_orders()
            return due_ns

    def _heed(self, flow: FarFlow, message: Said) -> None:
        match message:
            case Log(record):
                write(record, self._logger)
            case Unlink(routine, destination):
                # It asks flows and waits for them, which this thread has to hear meanwhile.
                threading.Thread(target=self._on_unlink, args=(routine, destination), daemon=True).start()
            case Durations():
                with self._changed:
                    self._pacer.heard(message)
            case _:
                with self._changed:
                    self._note(flow, message)
                    self._send_orders()
                    self._changed.notify_all()

    def _note(self, flow: FarFlow, message: Said) -> None:
        match message:
            case Ready():
                self._release(flow)
            case Broken(reason):
                flow.fault = f"cannot be made: {reason}"
            case Handled(number, routine, error):
                self._board.handled(number, routine, error)
            case Post():
                self._post_for(flow, message)
            case Rewired(number):
                self._asking.answered(flow.name, number)
            case OwnStats(number, stats):
                flow.own = stats
                self._asking.answered(flow.name, number)
            case Told():
                self._told(flow, message)

    def _post_for(self, flow: FarFlow, post: Post) -> None:
        try:
            self._post(post.event, post.targets, post.parameters)
        except SightlineError as error:  # whom it is for is no more, or has too much to do
            tell(self._logger, logging.WARNING, "event %s of flow %s: %s", post.event, flow.name, error)

    def _told(self, flow: FarFlow, told: Told) -> None:
        if told.hangs:
            return  # the flow's log has it, with where it is
        state = flow.states[told.routine] = State(told.state)
        flow.reasons[told.routine] = told.reason
        self._pacer.look(flow)
        if state is State.FAILED:
            tell(self._logger, logging.ERROR, "%s.%s failed: %s", flow.name, told.routine, told.reason)
        if told.routine in flow.given_their_last:
            self._board.routine_over(flow.name, told.routine)
            self._end_if_done()

    def _release(self, flow: FarFlow) -> None:
        """A flow is ready. At first none gets events before all are: who sends must find its readers."""
        flow.ready, flow.fault = True, ""
        self._pacer.begun(flow)
        if self._released:
            self._board.flow_ready(flow.name)
        elif all(each.ready for each in self._flows.values()):
            self._released = True
            for name in self._flows:
                self._board.flow_ready(name)

    def _begun(self, flow: FarFlow, ours: socket.socket) -> None:
        """A process of it is about to be there: what it is to know waits for it."""
        channel = Channel(ours)
        self._hearing.add(channel, flow)
        with self._changed:
            flow.begin(channel)
            self._audit.begun(flow)
            edges = cloudpickle.dumps(self._edges.of_flow(flow.name))
            flow.say(Begin(self._surroundings, flow.spec, edges, flow.past))
            for peer in map(self._flows.__getitem__, self._edges.peers(flow.name)):
                flow.join(peer)
                if peer.over:
                    flow.say(Gone(peer.name))

    def _on_state(self, name: str, state: ChildState, reason: str) -> None:
        if state not in {ChildState.WAITING, ChildState.QUARANTINED, ChildState.ENDED}:
            return
        flow = self._flows[name]
        while flow.drain(self._heed):
            pass  # what it said before it ended
        self._hang_up(flow)
        with self._changed:
            self._audit.ended(name)
            flow.fault = flow.fault or f"ended before it was ready: {reason}"
            if state is ChildState.WAITING:
                self._board.flow_lost(name, f"its flow ended: {reason}")
            else:
                self._over(flow, reason)
            self._send_orders()
            self._changed.notify_all()

    def _over(self, flow: FarFlow, reason: str) -> None:
        """It will not be there again: nobody need wait for it."""
        flow.over = True
        self._board.flow_over(flow.name, f"its flow ended: {reason}")
        for peer in self._edges.peers(flow.name):
            self._flows[peer].say(Gone(flow.name))
        if all(each.over for each in self._flows.values()):
            self._hearing.end()
        self._end_if_done()

    def _hang_up(self, flow: FarFlow) -> None:
        with self._changed:
            channel = flow.end()
            self._pacer.look(flow)
            self._asking.gone(flow.name)
            self._changed.notify_all()
        if channel is not None:
            self._hearing.remove(channel)
            channel.close()

    def _leave(self) -> None:
        self._supervisor.stop(LEAVE_S)
        self._host.close()
        for flow in self._flows.values():
            self._hang_up(flow)
        with self._changed:
            self.over = True
            for name in self._flows:
                self._audit.ended(name)
                self._board.flow_over(name, "the pipe ended")
            self._send_orders()
            self._audit.close()
            self._changed.notify_all()

    # With the lock held.

    def _post(self, event: str, targets: Targets, parameters: bytes, timeout_s: float | None = None) -> int:
        if event in {STOP_EVENT_NAME, KILL_EVENT_NAME}:
            timeout_s = min(timeout_s or float("inf"), self._stop_s + LEAVE_S)
        number = self._board.post(event, targets, parameters, SYSTEM_CLOCK.monotonic_ns(), timeout_s)
        if event == KILL_EVENT_NAME:
            self._kills[number] = [flow for flow in targets or self._flows if not targets.get(flow)]
        return number

    def _send_orders(self) -> None:
        self._pacer.tell()
        while self._board.orders:
            name, order = self._board.orders.popleft()
            flow = self._flows[name]
            flow.say(Handle(order.number, order.event, order.routines, order.parameters))
        while self._board.reports:
            self._tell(self._board.reports.popleft())
        if not self._hearing.here:
            self._hearing.ask(lambda: None)  # it may have a new deadline, or something that waits for room

    def _tell(self, report: EventReport) -> None:
        if report.number in self._awaited:
            self._awaited[report.number] = report
            self._changed.notify_all()
        elif not report.ok:
            tell(self._logger, logging.WARNING, "event %s failed: %s", report.event, dict(report.failed))
        for name in self._kills.pop(report.number, ()):
            self._supervisor.end(name, self._stop_s if report.ok else LEAVE_S)

    def _end_if_done(self) -> None:
        if all(each.done for each in self._flows.values()):
            for name in self._flows:
                self._supervisor.end(name)
