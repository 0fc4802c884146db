"""Events between the parent of a pipe and its flows: what goes out, who waits for what became of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from sightline.clock import SYSTEM_CLOCK
from sightline.pipe.control import Handle
from sightline.pipe.directory import Targets
from sightline.pipe.event_names import KILL_EVENT_NAME, STOP_EVENT_NAME
from sightline.pipe.flow.flow_child import LEAVE_S
from sightline.pipe.logs import tell
from sightline.pipe.parent.board import EventBoard, EventReport
from sightline.pipe.parent.far_flow import FarFlow


class Posting:
    """Those of one pipe. Whoever uses it holds `changed`.

    Args:
        board: with all flows added.
        flows: by name.
        changed: notified where somebody waits for a report that is there now.
        logger: the pipe's.
        stop_s: that a routine has for STOP and KILL.
        end: called with a flow all of which was told to be killed, and the seconds that its process has left.
    """

    def __init__(
        self,
        board: EventBoard,
        flows: Mapping[str, FarFlow],
        changed: threading.Condition,
        logger: logging.Logger,
        *,
        stop_s: float,
        end: Callable[[str, float], object],
    ) -> None:
        self._board = board
        self._flows = flows
        self._changed = changed
        self._logger = logger
        self._stop_s = stop_s
        self._end = end
        self._awaited: dict[int, EventReport | None] = {}
        self._kills: dict[int, list[str]] = {}

    def post(
        self,
        event: str,
        targets: Targets,
        parameters: bytes,
        *,
        timeout_s: float | None = None,
        awaited: bool = False,
    ) -> int:
        """Take in an event; its number. See `EventBoard.post`. `wait` has to follow an awaited one."""
        if event in {STOP_EVENT_NAME, KILL_EVENT_NAME}:
            timeout_s = min(timeout_s or float("inf"), self._stop_s + LEAVE_S)
        number = self._board.post(event, targets, parameters, SYSTEM_CLOCK.monotonic_ns(), timeout_s)
        if event == KILL_EVENT_NAME:
            self._kills[number] = [flow for flow in targets or self._flows if not targets.get(flow)]
        if awaited:
            self._awaited[number] = None
        return number

    def wait(self, number: int, over: Callable[[], bool]) -> EventReport | None:
        """Wait until all is known of an event. None: it is over, and nobody will tell."""
        try:
            self._changed.wait_for(lambda: self._awaited[number] is not None or over())
        finally:
            report = self._awaited.pop(number)
        return report

    def send(self) -> None:
        """Send what the board has for flows, and tell what it knows."""
        while self._board.orders:
            name, order = self._board.orders.popleft()
            self._flows[name].say(Handle(order.number, order.event, order.routines, order.parameters))
        while self._board.reports:
            self._tell(self._board.reports.popleft())

    def _tell(self, report: EventReport) -> None:
        if report.number in self._awaited:
            self._awaited[report.number] = report
            self._changed.notify_all()
        elif not report.ok:
            tell(self._logger, logging.WARNING, "event %s failed: %s", report.event, dict(report.failed))
        for name in self._kills.pop(report.number, ()):
            self._end(name, self._stop_s if report.ok else LEAVE_S)
