"""The event board: numbers events, says to whom each goes and when, and gathers who did it. Pure.

It promises: events go to each flow in the order in which they were posted; what is posted before the pipe is
built, or while a flow is not there, waits for it; every event is reported once, when all that were meant have
answered, are gone, or had their time. A flow that was begun again is told to start what it had been told to
start and not to stop since, and to show what it was to show (LOG_DATA); what else it was told before is lost
with it. Of an event's parameters nothing but LOG_DATA's `on` is any concern of it. It sends nothing and takes
no lock.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from sightline.clock import ns
from sightline.errors import BufferFull, Closed
from sightline.pipe.counts.reports import State
from sightline.pipe.directory import Directory, Targets
from sightline.pipe.event_names import KILL_EVENT_NAME, LOG_DATA, START_EVENT_NAME, STOP_EVENT_NAME

MOST_KEPT: Final = 10_000
"""Events that may wait for a pipe to be built, or for one flow."""


class EventReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an event.

    Attributes:
        number: its place in the order of the pipe's events, from 1.
        event: its name.
        done: names of the routines that handled it, in the order in which they told.
        failed: what went wrong, by the name of the routine. Routines that are killed, or are done and to be
            started, are in it if they were named, and otherwise not meant.
    """

    number: int
    event: str
    done: tuple[str, ...] = ()
    failed: dict[str, str] = {}

    @property
    def ok(self) -> bool:
        return not self.failed


class Order(NamedTuple):
    """An event on its way to one flow, for these of its routines. Number 0: nobody asks for its end."""

    number: int
    event: str
    routines: tuple[str, ...]
    parameters: bytes


class _Posted(NamedTuple):
    number: int
    event: str
    targets: Targets
    parameters: bytes
    due_ns: int | None


class _Pending:
    """An event of which not all is known."""

    def __init__(
        self, posted: _Posted, meant: Mapping[str, tuple[str, ...]], failed: Mapping[str, str]
    ) -> None:
        self.posted = posted
        self.open = {name: flow for flow, names in meant.items() for name in names}
        self.done: list[str] = []
        self.failed = dict(failed)

    def answer(self, routine: str, error: str | None) -> None:
        if self.open.pop(routine, None) is None:
            return
        if error is None:
            self.done.append(routine)
        else:
            self.failed[routine] = error

    def report(self) -> EventReport:
        posted = self.posted
        return EventReport(
            number=posted.number, event=posted.event, done=tuple(self.done), failed=dict(self.failed)
        )


class _Line:
    """What goes to one flow."""

    def __init__(self) -> None:
        self.waiting: deque[Order] = deque()
        self.ready = self.over = False
        self.why_over = ""
        self.started: dict[str, None] = {}
        self.shown: dict[str, bytes] = {}
        self.ended: dict[str, State] = {}

    def show(self, order: Order) -> None:
        """Know whose pictures are to be in the log from now on, and how it was told."""
        on = _on(order.parameters)
        for routine in order.routines:
            if on or (on is None and routine not in self.shown):
                self.shown[routine] = order.parameters
            else:
                self.shown.pop(routine, None)

    def why_not(self, event: str, routine: str) -> str:
        """Why a routine cannot do what is asked; "": it can, or there is nothing to be done for that."""
        if event == KILL_EVENT_NAME:
            return ""
        state = self.ended.get(routine)
        if state is State.KILLED or (state is State.DONE and event == START_EVENT_NAME):
            return f"it is {state}"
        return self.why_over


class EventBoard:
    """One pipe's board.

    Attributes:
        directory: who is in the pipe.
        orders: what is to be sent, each with its flow; whoever sends it takes it out.
        reports: events of which all is known; whoever tells it takes it out.
    """

    def __init__(self) -> None:
        self.directory = Directory()
        self.orders: deque[tuple[str, Order]] = deque()
        self.reports: deque[EventReport] = deque()
        self._lines: dict[str, _Line] = {}
        self._kept: list[_Posted] | None = []
        self._pending: dict[int, _Pending] = {}
        self._number = 0

    def add_flow(self, flow: str, routines: Mapping[str, Any]) -> None:
        """A flow, and the events that each of its routines answers."""
        self.directory.add(flow, routines)
        self._lines[flow] = _Line()

    def build(self) -> None:
        """All flows are known: what was posted before goes to those that were meant."""
        kept, self._kept = self._kept or [], None
        for posted in kept:
            self._route(posted)

    def post(
        self,
        event: str,
        targets: Targets,
        parameters: bytes,
        now_ns: int,
        timeout_s: float | None = None,
    ) -> int:
        """Take in an event, and give its number. It is reported `timeout_s` seconds from now at the latest.

        Raises:
            ConfigError: a name that nobody has; the message has those that there are.
            Closed: all that are meant were killed or given up; a further KILL is no error.
            BufferFull: `MOST_KEPT` events wait already; a KILL of a pipe that is built is taken nevertheless.
        """
        self.directory.check(event, targets)
        self._check_room(event, targets)
        self._number += 1
        due_ns = None if timeout_s is None else now_ns + ns(timeout_s)
        posted = _Posted(self._number, event, dict(targets), parameters, due_ns)
        if self._kept is None:
            self._route(posted)
        else:
            self._kept.append(posted)
        return self._number

    def handled(self, number: int, routine: str, error: str | None) -> None:
        """A routine did it, or could not."""
        pending = self._pending.get(number)
        if pending is not None:
            pending.answer(routine, error)
            self._settle(number)

    def flow_ready(self, flow: str) -> None:
        """A flow takes events: the first time, or again after it was lost."""
        line = self._lines[flow]
        line.ready = True
        for routine, parameters in line.shown.items():
            self.orders.append((flow, Order(0, LOG_DATA, (routine,), parameters)))
        if line.started:
            again = tuple(line.started)
            self.orders.append((flow, Order(0, START_EVENT_NAME, again, b"")))
        while line.waiting:
            self._send(flow, line.waiting.popleft())

    def flow_lost(self, flow: str, reason: str) -> None:
        """A flow's process is gone, and what it had not answered with it. What waits for it stays."""
        line = self._lines[flow]
        line.ready = False
        waiting = {order.number for order in line.waiting}
        self.orders = deque(order for order in self.orders if order[0] != flow)
        self._give_up(flow, reason, keep=waiting)

    def flow_over(self, flow: str, reason: str) -> None:
        """A flow is gone for good: it was killed, or begun again too often."""
        self.flow_lost(flow, reason)
        line = self._lines[flow]
        line.over, line.why_over = True, reason
        line.waiting.clear()
        line.started.clear()
        line.shown.clear()
        self._give_up(flow, reason, keep=set())

    def routine_over(self, flow: str, routine: str, state: State) -> None:
        """A routine is done or killed: it is not begun again with its flow."""
        line = self._lines[flow]
        line.started.pop(routine, None)
        line.shown.pop(routine, None)
        line.ended[routine] = state

    def expire(self, now_ns: int) -> int | None:
        """Report what had its time. When to call this again; None: there is no need."""
        dues = sorted(
            (pending.posted.due_ns, number)
            for number, pending in self._pending.items()
            if pending.posted.due_ns is not None
        )
        for due_ns, number in dues:
            if due_ns > now_ns:
                return due_ns
            pending = self._pending[number]
            for routine in list(pending.open):
                pending.answer(routine, "no answer in time")
            self._settle(number)
        return None

    def _check_room(self, event: str, targets: Targets) -> None:
        if self._kept is not None:
            if len(self._kept) >= MOST_KEPT:
                raise BufferFull(f"{MOST_KEPT} events wait for the pipe to be built: call build()")
            return
        if event == KILL_EVENT_NAME:
            return
        lines = {flow: self._lines[flow] for flow in targets or self._lines}
        if lines and all(line.over for line in lines.values()):
            raise Closed(f"event {event!r}: nobody takes it any more, as {', '.join(lines)} ended")
        full = [flow for flow, line in lines.items() if len(line.waiting) >= MOST_KEPT]
        if full:
            raise BufferFull(f"{MOST_KEPT} events wait for {', '.join(full)} already")

    def _route(self, posted: _Posted) -> None:
        meant: dict[str, tuple[str, ...]] = {}
        failed: dict[str, str] = {}
        for flow, names in self.directory.meant(posted.event, posted.targets).items():
            why_not = {name: self._lines[flow].why_not(posted.event, name) for name in names}
            failed |= {name: why for name, why in why_not.items() if why and posted.targets.get(flow)}
            able = tuple(name for name, why in why_not.items() if not why)
            if able and not self._lines[flow].over:
                meant[flow] = able
        self._pending[posted.number] = _Pending(posted, meant, failed)
        for flow, names in meant.items():
            order = Order(posted.number, posted.event, names, posted.parameters)
            if self._lines[flow].ready:
                self._send(flow, order)
            else:
                self._lines[flow].waiting.append(order)
        self._settle(posted.number)

    def _send(self, flow: str, order: Order) -> None:
        started = self._lines[flow].started
        if order.event == LOG_DATA:
            self._lines[flow].show(order)
        elif order.event == START_EVENT_NAME:
            started.update(dict.fromkeys(order.routines))
        elif order.event in {STOP_EVENT_NAME, KILL_EVENT_NAME}:
            for routine in order.routines:
                started.pop(routine, None)
        self.orders.append((flow, order))

    def _give_up(self, flow: str, reason: str, keep: set[int]) -> None:
        for number in [number for number in self._pending if number not in keep]:
            pending = self._pending[number]
            for routine in [routine for routine, where in pending.open.items() if where == flow]:
                pending.answer(routine, reason)
            self._settle(number)

    def _settle(self, number: int) -> None:
        pending = self._pending[number]
        if not pending.open:
            del self._pending[number]
            self.reports.append(pending.report())


def _on(parameters: bytes) -> bool | None:
    """What LOG_DATA is told by its parameters; None: to turn it."""
    try:
        on = pickle.loads(parameters).get("on") if parameters else None  # noqa: S301 - of our own processes
    except Exception:  # noqa: BLE001 - of a class of the user's
        return None
    return None if on is None else bool(on)
