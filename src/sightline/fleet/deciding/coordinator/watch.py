"""Who is there: heard, lost when the lease and the margin are over, gone when others are to take over.

A machine that is lost runs nothing any more that must not run twice. Nobody is lost before a whole lease went
by in which it could have been heard: not at the coordinator's begin, and not after the bus was away.

Deliberately not here: what is sent to whom (`sender`).
"""

from __future__ import annotations

from sightline.clock import ns
from sightline.fleet.deciding.coordinator.alarms import Alarms
from sightline.fleet.deciding.coordinator.fleet import Fleet
from sightline.fleet.deciding.coordinator.node import Node
from sightline.fleet.deciding.coordinator.out import Out
from sightline.fleet.inventory import NodeId
from sightline.fleet.timing import Timing

CAUTION = "caution"
GONE = "gone"
LOST = "lost"
"""Alarms."""


class Watch:
    """Looks after all machines of a fleet."""

    def __init__(self, fleet: Fleet, out: Out, alarms: Alarms, timing: Timing, now_ns: int) -> None:
        self._fleet, self._out, self._alarms = fleet, out, alarms
        self._limit_ns = ns(timing.lease_s + timing.margin_s)
        self._move_ns = ns(timing.move_after_s)
        self._floor_ns = now_ns
        if fleet.cautious:  # first: who is lost at that moment has what was postponed until then
            alarms.set(CAUTION, None, now_ns + self._limit_ns)
        for node_id in fleet.nodes:
            self.expect(node_id, now_ns)

    def deaf_until(self, now_ns: int) -> None:
        """Nobody could be heard; who has what is not sure."""
        self._floor_ns = now_ns
        self._fleet.cautious = True
        self._alarms.set(CAUTION, None, now_ns + self._limit_ns)

    def expect(self, node_id: NodeId, now_ns: int) -> None:
        """It has the length of a lease from now to be heard."""
        self._alarms.set(LOST, node_id, now_ns + self._limit_ns)

    def heard(self, node: Node, now_ns: int) -> bool:
        """True: it is back, or for the first time."""
        was_away = node.heard_ns is None or node.is_lost
        node.heard_ns = now_ns
        if node.is_lost:
            node.lost_ns, node.gone = None, False
            self._out.note(f"{node.name} is back", node.node_id)
            self._alarms.clear(GONE, node.node_id)
        if was_away:
            self._alarms.set(LOST, node.node_id, self._lost_at(node))
        return was_away

    def look_at(self, node: Node, now_ns: int) -> bool:
        """Whether it is lost now."""
        lost_ns = self._lost_at(node)
        if lost_ns > now_ns:
            self._alarms.set(LOST, node.node_id, lost_ns)
            return False
        node.lost_ns = now_ns
        self._fleet.is_sure(node)
        self._fleet.freed(self._fleet.holders.lease_is_over(node.node_id))
        if not node.removed:
            self._out.note(f"{node.name} is lost", node.node_id)
            self._alarms.set(GONE, node.node_id, now_ns + self._move_ns)
        return True

    def _lost_at(self, node: Node) -> int:
        heard_ns = self._floor_ns if node.heard_ns is None else max(node.heard_ns, self._floor_ns)
        return heard_ns + self._limit_ns
