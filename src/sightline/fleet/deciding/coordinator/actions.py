"""What the coordinator's machine remembers beyond its process, and what it wants done.

Order holds: what is to be saved stands before what is to be sent, and is on disk before that is sent.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from sightline.fleet.inventory import AgentSpec, Inventory, NodeId, Placement
from sightline.fleet.messages.topics import AgentCommand


class CameraShare(msgspec.Struct, frozen=True):
    """A camera on an instance: its generation and its term there."""

    camera_id: str
    generation: int
    term: int


class InstanceShare(msgspec.Struct, frozen=True):
    """An instance on a machine: its generation and its cameras."""

    name: str
    generation: int
    exclusive: bool = False
    cameras: tuple[CameraShare, ...] = ()


class NodeShare(msgspec.Struct, frozen=True, kw_only=True):
    """All that a machine is to run. Two that are equal but for `generation` say the same."""

    node_id: NodeId
    generation: int = 0
    instances: tuple[InstanceShare, ...] = ()


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a coordinator begins with: what was saved, or nothing.

    Attributes:
        inventory: applied last. agents: that are let in. shares: last made for each. placement: last made.
        terms: the last of each camera.
        fresh: nothing was ever sent out of this database: nobody can run anything that is not known here.
    """

    inventory: Inventory = Inventory()
    agents: dict[NodeId, AgentSpec] = {}
    shares: dict[NodeId, NodeShare] = {}
    placement: Placement = Placement()
    terms: dict[str, int] = {}
    fresh: bool = False


class Save(msgspec.Struct, frozen=True, kw_only=True):
    """Keep these; what is not named stays as it is. `None` as a share: the agent is no more."""

    agents: dict[NodeId, AgentSpec] = {}
    shares: dict[NodeId, NodeShare | None] = {}
    placement: Placement | None = None
    terms: dict[str, int] = {}


class SendConfig(msgspec.Struct, frozen=True):
    """Send this agent all that it is to run."""

    share: NodeShare


class SendCommand(msgspec.Struct, frozen=True):
    """Send this; to all agents where `command.node_id` is None."""

    command: AgentCommand


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a user would want to know: an agent came, went, or was refused; something moved, or
    failed.
    """

    what: str
    node_id: NodeId | None = None
    instance: str = ""
    camera_id: str = ""


Action: TypeAlias = Save | SendConfig | SendCommand | Noted
