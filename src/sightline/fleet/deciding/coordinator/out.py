"""What one call of the machine wants done, in the order that holds: first what is to be saved."""

from __future__ import annotations

from sightline.fleet.deciding.coordinator.actions import (
    Action,
    NodeShare,
    Noted,
    Save,
    SendCommand,
    SendConfig,
)
from sightline.fleet.inventory import AgentSpec, NodeId, Placement
from sightline.fleet.messages.topics import AgentCommand


class Out:
    """Collects, and gives it all once."""

    def __init__(self) -> None:
        self.agents: dict[NodeId, AgentSpec] = {}
        self.shares: dict[NodeId, NodeShare | None] = {}
        self.placement: Placement | None = None
        self._sends: list[Action] = []
        self._noted: list[Action] = []

    def send(self, share: NodeShare) -> None:
        self._sends.append(SendConfig(share))

    def command(self, command: AgentCommand) -> None:
        self._sends.append(SendCommand(command))

    def note(
        self, what: str, node_id: NodeId | None = None, *, instance: str = "", camera_id: str = ""
    ) -> None:
        self._noted.append(Noted(what=what, node_id=node_id, instance=instance, camera_id=camera_id))

    def take(self, terms: dict[str, int]) -> list[Action]:
        """All of it, with the terms that changed."""
        actions: list[Action] = []
        if self.agents or self.shares or self.placement is not None or terms:
            actions.append(
                Save(agents=self.agents, shares=self.shares, placement=self.placement, terms=terms)
            )
        actions += self._sends
        actions += self._noted
        self.__init__()  # type: ignore[misc]  # as it was made
        return actions
