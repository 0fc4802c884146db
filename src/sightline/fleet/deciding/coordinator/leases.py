"""Whom the coordinator heard: acknowledged to all in one command, once in a while."""

from __future__ import annotations

from sightline.fleet.inventory import NodeId
from sightline.fleet.messages.parts import SCHEMA
from sightline.fleet.messages.topics import AgentCommand, AgentResponse, Lease


class Acks:
    """The newest of each agent since the last command."""

    def __init__(self, every_ns: int, now_ns: int) -> None:
        self._every_ns = every_ns
        self._last_ns = now_ns - every_ns
        self._heard: dict[NodeId, AgentResponse] = {}

    def heard(self, response: AgentResponse) -> None:
        """It is to be acknowledged."""
        self._heard[response.node_id] = response

    def due_ns(self) -> int | None:
        """When the next command is to be sent; None: there is nothing to say."""
        return self._last_ns + self._every_ns if self._heard else None

    def take(self, now_ns: int) -> AgentCommand | None:
        """The command, where it is time for one."""
        due_ns = self.due_ns()
        if due_ns is None or due_ns > now_ns:
            return None
        leases = [
            Lease.model_construct(node_id=node_id, boot=one.boot, seq=one.seq)
            for node_id, one in self._heard.items()
        ]
        self._heard = {}
        self._last_ns = now_ns
        return AgentCommand(schema_version=SCHEMA, command="leases", leases=leases)
