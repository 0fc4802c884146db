"""What outlives a process: an agent's three files, and a coordinator's database with its backups."""

from __future__ import annotations

import msgspec

from sightline.fleet.deciding.agent.desired import Desired, Stage
from sightline.fleet.deciding.coordinator.actions import Memory, NodeShare, Save
from sightline.fleet.inventory import AgentSpec, Inventory, NodeId, Placement


class AgentDisk:
    """Pending, verified and current, moved on by atomic renames; each rename may be the last thing done.

    The real one is `sightline.fleet.agent.disk`, with a test of its own that is interrupted at each step.
    """

    def __init__(self) -> None:
        self.pending: Desired | None = None
        self.verified: Desired | None = None
        self.current: Desired | None = None
        self.boot = 0

    def keep(self, stage: Stage, desired: Desired) -> str | None:
        """Why not, or None."""
        if stage == "pending":
            self.pending = desired
        elif stage == "verified":
            if self.pending is None or self.pending.generation != desired.generation:
                return f"no pending document of generation {desired.generation}"
            self.verified, self.pending = self.pending, None
        else:
            if self.verified is None or self.verified.generation != desired.generation:
                return f"no verified document of generation {desired.generation}"
            self.current, self.verified = self.verified, None
        return None

    def begin(self) -> Desired | None:
        """What a new process starts from: the last known good one. What was never verified is dropped."""
        self.boot += 1
        self.pending = None
        if self.verified is not None:
            self.current, self.verified = self.verified, None
        return self.current


class CoordinatorDisk:
    """The database: what was applied, what `Save` named, and who is enrolled.

    Attributes:
        enrolled: agents that may greet. full: it takes nothing more for now. saves: that it took.
    """

    def __init__(self) -> None:
        self.inventory = Inventory()
        self.agents: dict[NodeId, AgentSpec] = {}
        self.shares: dict[NodeId, NodeShare] = {}
        self.placement = Placement()
        self.terms: dict[str, int] = {}
        self.enrolled: set[NodeId] = set()
        self.fresh = True
        self.full = False
        self.saves = 0

    def save(self, save: Save) -> None:
        self.fresh = False
        self.saves += 1
        for node_id, share in save.shares.items():
            self._save_share(node_id, share)
        self.agents.update(save.agents)
        if save.placement is not None:
            self.placement = save.placement
        self.terms.update(save.terms)

    def _save_share(self, node_id: NodeId, share: NodeShare | None) -> None:
        if share is None:
            self.shares.pop(node_id, None)
            self.agents.pop(node_id, None)
        else:
            self.shares[node_id] = share

    def memory(self) -> Memory:
        return Memory(
            inventory=self.inventory,
            agents=dict(self.agents),
            shares=dict(self.shares),
            placement=self.placement,
            terms=dict(self.terms),
            fresh=self.fresh,
        )

    def backup(self) -> Backup:
        return Backup(self.memory(), frozenset(self.enrolled))

    def restore(self, backup: Backup) -> None:
        memory = backup.memory
        self.inventory, self.placement, self.fresh = memory.inventory, memory.placement, False
        self.agents, self.shares, self.terms = dict(memory.agents), dict(memory.shares), dict(memory.terms)
        self.enrolled = set(backup.enrolled)


class Backup(msgspec.Struct, frozen=True):
    """A copy of the database at one time."""

    memory: Memory
    enrolled: frozenset[NodeId]
