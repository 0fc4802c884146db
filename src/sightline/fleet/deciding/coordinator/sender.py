"""Whom to send what, and how often: configurations, welcomes, questions, and who was heard.

It promises: so many configurations a second and no more; who is heard and does not acknowledge is sent its
own again, ever more seldom; one list of leases each `ack_s`; one question to an agent, or to all, in a while.

Deliberately not here: what is in a configuration (`fleet`), and who is there (`watch`).
"""

from __future__ import annotations

from sightline.clock import ns
from sightline.fleet.deciding.coordinator.alarms import Alarms
from sightline.fleet.deciding.coordinator.fleet import Fleet
from sightline.fleet.deciding.coordinator.leases import Acks
from sightline.fleet.deciding.coordinator.node import Node
from sightline.fleet.deciding.coordinator.out import Out
from sightline.fleet.deciding.coordinator.pacing import Configs, Questions, Refusals
from sightline.fleet.inventory import NodeId
from sightline.fleet.messages.topics import AgentCommand, AgentInfo, AgentResponse
from sightline.fleet.timing import Timing

AGAIN = "again"
"""The alarm at which to look whether a configuration was acknowledged."""


class Sender:
    """Puts it out when it is time."""

    def __init__(self, fleet: Fleet, out: Out, alarms: Alarms, timing: Timing, now_ns: int) -> None:
        self._fleet, self._out, self._alarms = fleet, out, alarms
        self._lease_s = timing.lease_s
        self._acks = Acks(ns(timing.ack_s), now_ns)
        self._configs = Configs(timing.send_again_s, now_ns)
        self._questions = Questions()
        self._refusals = Refusals()
        self._began_ns = now_ns

    def due_ns(self) -> int | None:
        """When to flush; alarms ring by themselves."""
        due = (self._acks.due_ns(), self._configs.due_ns(), self._questions.due_ns(self._began_ns))
        return min((one for one in due if one is not None), default=None)

    def refuse(self, info: AgentInfo, refusal: str) -> None:
        if self._refusals.is_new(info.node_id, refusal):
            self._out.note(f"{info.hostname} is not let in: {refusal}", info.node_id)
        self._out.command(
            AgentCommand(
                command="refuse",
                node_id=info.node_id,
                reason=refusal,
                boot=info.boot,
                greeting=info.greeting,
                key=info.key,
            )
        )

    def welcome(self, node: Node, info: AgentInfo) -> None:
        self._refusals.forget(node.node_id)
        self._out.command(
            AgentCommand(
                command="welcome",
                node_id=node.node_id,
                boot=info.boot,
                greeting=info.greeting,
                generation=node.share.generation,
                lease_s=self._lease_s,
            )
        )

    def ask(self, node_id: NodeId, now_ns: int) -> None:
        """How is it with all of yours?"""
        if self._questions.may_ask(node_id, now_ns):
            self._out.command(AgentCommand(command="report", node_id=node_id))

    def ask_all(self) -> None:
        """How is it with everybody?"""
        self._questions.want_all()

    def heard(self, response: AgentResponse) -> None:
        """It is to be acknowledged."""
        self._acks.heard(response)

    def newest(self, node_id: NodeId) -> None:
        """It is to have its newest configuration, as soon as may be."""
        self._configs.want(node_id, is_new=True)

    def nothing(self, node_id: NodeId) -> None:
        """It has its newest configuration, or is no more."""
        self._configs.forget(node_id)
        self._alarms.clear(AGAIN, node_id)

    def look_again(self, node: Node) -> None:
        """Time has gone by since its newest configuration was sent."""
        if not node.knows and not node.is_lost and node.heard_ns is not None:
            self._configs.want(node.node_id, is_new=False)

    def flush(self, now_ns: int) -> None:
        """All that is due."""
        for node_id in sorted(self._fleet.changed):
            self.newest(node_id)
        self._fleet.changed.clear()
        for node_id in self._configs.take(now_ns):
            if (node := self._fleet.nodes.get(node_id)) is not None:
                self._out.send(node.share)
                self._alarms.set(AGAIN, node_id, self._configs.sent(node_id, now_ns))
        if (leases := self._acks.take(now_ns)) is not None:
            self._out.command(leases)
        if self._questions.take_all(now_ns):
            self._out.command(AgentCommand(command="report"))
