"""The flows of a pipe in its parent's care: processes of them come, are ready, say how they are, and end."""

from __future__ import annotations

import logging
import pickle
import socket
from collections.abc import Callable, Mapping

import cloudpickle

from sightline.pipe.channel import Channel
from sightline.pipe.control import Begin, Gone, Told
from sightline.pipe.counts.audit import Audit
from sightline.pipe.counts.reports import State
from sightline.pipe.flow.flow_child import Surroundings
from sightline.pipe.logs import tell
from sightline.pipe.parent.asking import Asking
from sightline.pipe.parent.board import EventBoard
from sightline.pipe.parent.far_flow import FarFlow
from sightline.pipe.parent.hearing import Hearing
from sightline.pipe.parent.pacer import Pacer
from sightline.pipe.plan import Change, Edges
from sightline.supervise.watched import State as ChildState


class Keeping:
    """Of one pipe. Whoever uses it holds the parent's lock.

    Args:
        flows: by name.
        board: with all of them added.
        edges: what leads from where to where; changed by `rewire`.
        audit, pacer, asking: of these flows.
        hearing: the thread that hears their channels.
        logger: the pipe's.
        end: called with a flow whose process has nothing to do any more.

    Attributes:
        released: whether all flows were ready at once: from then on they get events.
    """

    def __init__(
        self,
        flows: Mapping[str, FarFlow],
        *,
        board: EventBoard,
        edges: Edges,
        audit: Audit,
        pacer: Pacer,
        asking: Asking,
        hearing: Hearing,
        logger: logging.Logger,
        end: Callable[[str], object],
    ) -> None:
        self.released = False
        self._flows = flows
        self._board = board
        self._edges = edges
        self._audit = audit
        self._pacer = pacer
        self._asking = asking
        self._hearing = hearing
        self._logger = logger
        self._end = end
        self._surroundings = pickle.dumps(Surroundings.of_now())

    # From any thread.

    def rewire(self, change: Change) -> None:
        """Edges are to begin and end so. Raises OSError: no descriptor is left; nothing is changed."""
        for edge in change.add:
            if edge.crosses:
                self._flows[edge.source_flow].join(self._flows[edge.destination_flow])
        self._edges.apply(change)
        self._audit.link(self._edges)
        self._pacer.link(self._edges)

    def part(self, change: Change) -> None:
        """Edges begin and end so now: say of those that lead nowhere, or come from nowhere, that they do."""
        crossing = [edge.flows for edge in change.add if edge.crosses]
        for name, peer in {*crossing, *(flows[::-1] for flows in crossing)}:
            if self._flows[name].over:
                self._flows[peer].say(Gone(name))

    # In the thread that hears them.

    def begun(self, flow: FarFlow, ours: socket.socket) -> None:
        """A process of it is about to be there: what it is to know waits for it."""
        flow.begin(Channel(ours))
        try:
            self._introduce(flow)
        except OSError as error:  # no descriptor is left: the process ends by this, and another is begun
            flow.fault = f"cannot be told what it is: {error}"
            tell(self._logger, logging.ERROR, "flow %s %s", flow.name, flow.fault)
            self.hang_up(flow)

    def ready(self, flow: FarFlow) -> None:
        """Its routines are made. None gets events before all are ready: who sends must find its readers."""
        flow.ready, flow.fault = True, ""
        self._pacer.begun(flow)
        if self.released:
            self._board.flow_ready(flow.name)
        elif all(each.ready for each in self._flows.values()):
            self.released = True
            for name in self._flows:
                self._board.flow_ready(name)

    def told(self, flow: FarFlow, told: Told) -> None:
        """A routine of it came into a state."""
        if told.hangs:
            return  # the flow's log has it, with where it is
        state = flow.states[told.routine] = State(told.state)
        flow.reasons[told.routine] = told.reason
        self._pacer.look(flow)
        if state is State.FAILED:
            tell(self._logger, logging.ERROR, "%s.%s failed: %s", flow.name, told.routine, told.reason)
        if told.routine in flow.given_their_last:
            self._board.routine_over(flow.name, told.routine, state)
            self._end_if_done()

    def ended(self, flow: FarFlow, state: ChildState, reason: str) -> None:
        """Its process is no more."""
        if not flow.ready:
            flow.fault = flow.fault or f"ended before it was ready: {reason}"
        elif state is not ChildState.WAITING:
            flow.fault = f"ended: {reason}"
        if state is ChildState.QUARANTINED:
            flow.given_up = reason
        self.hang_up(flow)
        self._audit.ended(flow.name)
        if state is ChildState.WAITING:
            self._board.flow_lost(flow.name, f"its flow ended: {reason}")
        else:
            self._over(flow, reason)

    def hang_up(self, flow: FarFlow) -> None:
        """Nothing is said to it, or heard of it, any more. Again is allowed."""
        channel = flow.end()
        self._pacer.look(flow)
        self._asking.gone(flow.name)
        if channel is not None:
            self._hearing.remove(channel)
            channel.close()

    def _introduce(self, flow: FarFlow) -> None:
        assert flow.channel is not None
        self._hearing.add(flow.channel, flow)
        self._audit.begun(flow)
        edges = cloudpickle.dumps(self._edges.of_flow(flow.name))
        flow.say(Begin(self._surroundings, flow.spec, edges, flow.past))
        for peer in map(self._flows.__getitem__, self._edges.peers(flow.name)):
            flow.join(peer)
            if peer.over:
                flow.say(Gone(peer.name))

    def _over(self, flow: FarFlow, reason: str) -> None:
        """It will not be there again: nobody need wait for it."""
        flow.over = True
        self._board.flow_over(flow.name, f"its flow ended: {reason}")
        for peer in self._edges.peers(flow.name):
            self._flows[peer].say(Gone(flow.name))
        if all(each.over for each in self._flows.values()):
            self._hearing.end()
        self._end_if_done()

    def _end_if_done(self) -> None:
        if all(each.done for each in self._flows.values()):
            for name in self._flows:
                self._end(name)
