"""The parent's side of a running pipe: its flows' processes, what they say, and what is said to them.

One thread hears all flows and the supervisor. It promises: events reach a flow in the order of the board; a
flow that died is begun again with its wires, and started as it had been; what it said before it died counts.
Once all routines have given their last, or were killed, no process is left.
"""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Final

from sightline.clock import SYSTEM_CLOCK
from sightline.errors import BufferFull, Closed, ConfigError, SharingError, SightlineError
from sightline.pipe.control import (
    Broken,
    Durations,
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
from sightline.pipe.counts.audit import Audit
from sightline.pipe.counts.stats import PipeState, PipeStats
from sightline.pipe.directory import Targets
from sightline.pipe.event_names import KILL_EVENT_NAME
from sightline.pipe.flow.flow_child import CONTROL, FRAMES, LEAVE_S, flow_child
from sightline.pipe.logs import tell, write
from sightline.pipe.mistakes import PipeError
from sightline.pipe.parent.asking import Asking
from sightline.pipe.parent.board import EventBoard, EventReport
from sightline.pipe.parent.far_flow import FarFlow
from sightline.pipe.parent.hearing import Hearing
from sightline.pipe.parent.keeping import Keeping
from sightline.pipe.parent.pacer import Pacer
from sightline.pipe.parent.posting import Posting
from sightline.pipe.pickling import own_of
from sightline.pipe.plan import Change, Edges
from sightline.pipe.wires.frame_host import PipeHost
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
        fault: what of ours broke, if that was why.

    Raises:
        OSError: no memory, or no descriptor, is left for it; a SharingError among these.
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
        self.fault = ""
        self._board = board
        self._logger = logger
        self._stop_s = stop_s
        self._on_unlink = on_unlink
        self._flows = {
            name: FarFlow(name, spec, board.directory.routines(name)) for name, spec in specs.items()
        }
        self._telling = telling
        self._pacer = Pacer(self._flows, edges)
        self._changed = threading.Condition(threading.RLock())
        self._asking = Asking(self._flows, self._changed, self._send_orders)
        self._closed = False
        child = partial(flow_child, stop_s=stop_s, hung_s=hung_s, restart=restart, on_line=on_line)
        with ExitStack() as undo:
            self._audit = Audit(self._flows, edges)
            undo.callback(self._audit.close)
            self._host = PipeHost()
            undo.callback(self._host.close)
            self._hearing = Hearing(
                self._flows.values(),
                prepare=self._prepare,
                hear=lambda flow: flow.drain(self._heed),
                leave=self._leave,
            )
            undo.callback(self._hearing.discard)
            self._supervisor = Supervisor(
                [child(name, partial(self._sockets, name)) for name in self._flows],
                on_state=lambda name, state, reason: self._hearing.ask(
                    partial(self._on_state, name, state, reason)
                ),
            )
            self._posting = Posting(
                board, self._flows, self._changed, logger, stop_s=stop_s, end=self._supervisor.end
            )
            self._keeping = Keeping(
                self._flows,
                board=board,
                edges=edges,
                audit=self._audit,
                pacer=self._pacer,
                asking=self._asking,
                hearing=self._hearing,
                logger=logger,
                end=self._supervisor.end,
            )
            undo.pop_all()

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
            self._changed.wait_for(
                lambda: self._keeping.released or self.over or all(flow.ready or flow.fault for flow in flows)
            )
            if self._closed:
                raise Closed("the pipe was closed while it was built")
            if self._keeping.released:
                return
            faults = [f'flow "{flow.name}" {flow.fault}' for flow in flows if flow.fault]
            raise PipeError([*faults, *filter(None, [self.fault])])

    def post(
        self, event: str, targets: Targets, parameters: bytes, wait: bool | float = False
    ) -> EventReport | None:
        """See `Pipe.notify_event`."""
        if wait:
            self.check_may_wait()
        with self._changed:
            timeout_s = wait if wait and not isinstance(wait, bool) else None
            number = self._posting.post(event, targets, parameters, timeout_s=timeout_s, awaited=bool(wait))
            self._send_orders()
            if not wait:
                return None
            report = self._posting.wait(number, lambda: self.over)
            if report is None:
                raise Closed(self.fault or "the pipe ended")
            return report

    def rewire(self, change: Change) -> None:
        """Have edges begin and end so; returns when all flows do.

        Raises:
            OSError: no descriptor is left for a way between two flows; nothing is changed.
        """
        self.check_may_wait()
        with self._changed:
            self._keeping.rewire(change)
        self._asking.rewire(change)
        with self._changed:
            self._keeping.part(change)

    def stats(self) -> PipeStats:
        """The counts of now. Flows are asked only for what routines tell of themselves, where some do."""
        if not self.over and self._telling:
            self.check_may_wait()
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
        """Wait until no routine has anything to do any more and no process is left. False: time was up.

        Raises Closed: something of ours broke, and ended it.
        """
        if not self.over:
            self.check_may_wait()
        with self._changed:
            over = self._changed.wait_for(lambda: self.over, timeout_s)
        if self.fault:
            raise Closed(self.fault)
        return over

    def close(self) -> None:
        """Kill all that runs, and wait for that. Again is allowed."""
        self.check_may_wait()
        with self._changed:
            self._closed = True
        if self._keeping.released and not self.over:
            self._end_those_away()
            with suppress(BufferFull, Closed):
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

    def check_may_wait(self) -> None:
        """Raises ConfigError: the caller is called by a thread of ours, which would have to do it."""
        if self._hearing.here or self._supervisor.here:
            raise ConfigError(
                "expected no handler of a pipe's log, nor its on_line, to wait for that pipe: they hold it up"
            )

    # In the supervisor's thread.

    def _sockets(self, name: str) -> Sockets:
        ours, theirs = socket.socketpair()
        self._hearing.ask(partial(self._begun, name, ours))
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
                threading.Thread(target=self._unlink, args=(routine, destination), daemon=True).start()
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
                self._keeping.ready(flow)
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
                self._keeping.told(flow, message)

    def _post_for(self, flow: FarFlow, post: Post) -> None:
        try:
            self._posting.post(post.event, post.targets, post.parameters)
        except SightlineError as error:  # whom it is for is no more, or has too much to do
            tell(self._logger, logging.WARNING, "event %s of flow %s: %s", post.event, flow.name, error)

    def _unlink(self, routine: str, destination: str) -> None:
        """As a routine asked for: nobody is there to be told of a mistake."""
        try:
            self._on_unlink(routine, destination)
        except SightlineError as error:
            text = "%s asked to be unlinked from %s: %s"
            tell(self._logger, logging.WARNING, text, routine, destination, error)

    def _begun(self, name: str, ours: socket.socket) -> None:
        with self._changed:
            self._keeping.begun(self._flows[name], ours)
            self._changed.notify_all()

    def _on_state(self, name: str, state: ChildState, reason: str) -> None:
        if state not in {ChildState.WAITING, ChildState.QUARANTINED, ChildState.ENDED}:
            return
        flow = self._flows[name]
        while flow.drain(self._heed):
            pass  # what it said before it ended
        with self._changed:
            self._keeping.ended(flow, state, reason)
            self._send_orders()
            self._changed.notify_all()

    def _leave(self, broke: BaseException | None = None) -> None:
        try:
            with ExitStack() as steps:  # from the last to the first, each whatever became of another
                steps.callback(self._close_counts)
                steps.callback(self._host.close)
                steps.callback(self._supervisor.stop, LEAVE_S)
                if broke is not None:
                    steps.callback(self._broke, broke)
        except Exception as error:  # noqa: BLE001 - it is told as any other
            self._broke(error)
        finally:
            with self._changed:
                self.over = True
                self._changed.notify_all()

    def _close_counts(self) -> None:
        with self._changed, ExitStack() as steps:
            steps.callback(self._audit.close)
            steps.callback(self._send_orders)
            for flow in self._flows.values():
                steps.callback(self._audit.ended, flow.name)
                steps.callback(self._board.flow_over, flow.name, "the pipe ended")
                steps.callback(self._keeping.hang_up, flow)

    def _broke(self, error: BaseException) -> None:
        """What nobody should ever see."""
        self.fault = self.fault or f"the pipe broke: {type(error).__name__}: {error}"
        text = "".join(traceback.format_exception(error))
        tell(self._logger, logging.CRITICAL, "the pipe broke, and ends: %s", text)

    # With the lock held.

    def _send_orders(self) -> None:
        self._pacer.tell()
        self._posting.send()
        if not self._hearing.here:
            self._hearing.ask(lambda: None)  # it may have a new deadline, or something that waits for room
