"""A coordinator driven by hand: a clock that is moved, agents that say what they are told to say."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from uuid import UUID

import msgspec

from sightline.clock import ns
from sightline.fleet.deciding.coordinator.actions import (
    Action,
    Memory,
    NodeShare,
    Noted,
    Save,
    SendCommand,
    SendConfig,
)
from sightline.fleet.deciding.coordinator.machine import Coordinator
from sightline.fleet.inventory import AgentSpec, CameraSpec, InstanceSpec, Inventory, NodeId
from sightline.fleet.messages.parts import FleetInstanceStatus
from sightline.fleet.messages.topics import AgentCommand, AgentInfo, AgentResponse
from sightline.fleet.timing import Timing

TIMING = Timing()
LEASE_OVER_S = TIMING.lease_s + TIMING.margin_s


def node_id(letter: str) -> NodeId:
    """That of the machine "a", "b", ..."""
    return UUID(int=ord(letter) << 64 | 0x4000_8000_0000_0000_0000 | 1 << 63, version=4)


A, B, C = (node_id(letter) for letter in "abc")


def inventory(*specs: InstanceSpec | CameraSpec, revision: int = 1) -> Inventory:
    return Inventory(
        revision=revision,
        cameras={one.camera_id: one for one in specs if isinstance(one, CameraSpec)},
        instances={one.name: one for one in specs if isinstance(one, InstanceSpec)},
    )


def one_on(name: str, node: NodeId | None = None, **more: Any) -> tuple[InstanceSpec, CameraSpec]:
    """An instance with a camera of its own."""
    return (
        InstanceSpec(name=name, node=node, **more),
        CameraSpec(camera_id=f"cam-{name}", instance=name),
    )


class Hand:
    """Keeps what was saved and sent. `disk` is what another coordinator would begin with."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.now_s = 1000.0
        self.disk = memory or Memory(fresh=True)
        self.actions: list[Action] = []
        self.sent: dict[NodeId, NodeShare] = {}
        self.seqs: dict[NodeId, int] = {}
        self.machine = Coordinator(self.disk, TIMING, self.now_ns)
        self.take(self.machine.tick(self.now_ns))

    @property
    def now_ns(self) -> int:
        return ns(self.now_s)

    def again(self, disk: Memory | None = None, *, floor: int | None = None, jump: int = 0) -> None:
        """The coordinator's process ends and begins with what is on disk."""
        self.disk = msgspec.structs.replace(disk or self.disk, fresh=False)
        above = round(self.now_s * 1000) if floor is None else floor
        self.machine = Coordinator(self.disk, TIMING, self.now_ns, floor=above, jump=jump)
        self.take(self.machine.tick(self.now_ns))

    def take(self, actions: list[Action]) -> list[Action]:
        self.actions = actions
        saved = False
        for action in actions:
            if isinstance(action, Save):
                assert not saved, "one Save, before all that rests on it"
                saved = True
                self._save(action)
            elif isinstance(action, SendConfig):
                assert self.disk.shares[action.share.node_id] == action.share, "saved before it is sent"
                self.sent[action.share.node_id] = action.share
        return actions

    def _save(self, save: Save) -> None:
        shares = {**self.disk.shares, **save.shares}
        self.disk = msgspec.structs.replace(
            self.disk,
            agents={**self.disk.agents, **save.agents},
            shares={node: share for node, share in shares.items() if share is not None},
            placement=save.placement or self.disk.placement,
            terms={**self.disk.terms, **save.terms},
        )

    # Time

    def wait(self, seconds: float, *heard: NodeId) -> list[Action]:
        """Let time go by, these agents answering every few seconds."""
        end_s, every = self.now_s + seconds, TIMING.status_s / 2
        done: list[Action] = []
        while self.now_s < end_s:
            for one in heard:
                done += self.respond(one)
            due_ns = self.machine.due_ns()
            step_s = end_s if due_ns is None else due_ns / 1e9
            self.now_s = min(end_s, self.now_s + every, max(step_s, self.now_s + 0.01))
            done += self.take(self.machine.tick(self.now_ns))
        return done

    # Agents

    def greet(self, node: NodeId, *, refusal: str | None = None, **said: Any) -> list[Action]:
        facts: dict[str, Any] = {
            "hostname": chr(node.int >> 64 & 0x7F),
            "ip_address": ip_address("127.0.0.1"),
            "boot": 1,
            "greeting": 1,
            "runtimes": ["docker", "process"],
        }
        info = AgentInfo(node_id=node, **(facts | said))
        return self.take(self.machine.heard_info(info, self.now_ns, refusal=refusal))

    def join(self, *nodes: NodeId, **said: Any) -> None:
        """They greet, and answer; then the fleet has come to rest."""
        for node in nodes:
            self.greet(node, **said)
        self.wait(2.0, *nodes)

    def respond(self, node: NodeId, **said: Any) -> list[Action]:
        """It has its newest configuration and runs it, unless it says something else."""
        seq = self.seqs[node] = self.seqs.get(node, 0) + 1
        share = self.sent.get(node, NodeShare(node_id=node))
        facts: dict[str, Any] = {
            "boot": 1,
            "seq": seq,
            "full_seq": seq,
            "generation": share.generation,
            "observed_generation": share.generation,
            "held": [one.name for one in share.instances if one.exclusive],
            "status": [status(one.name) for one in share.instances],
        }
        response = AgentResponse(node_id=node, **(facts | said))
        return self.take(self.machine.heard_response(response, self.now_ns))

    # Users

    def apply(self, *specs: InstanceSpec | CameraSpec) -> list[Action]:
        wanted = inventory(*specs, revision=self.disk.inventory.revision + 1)
        self.disk = msgspec.structs.replace(self.disk, inventory=wanted)
        return self.take(self.machine.applied(wanted, self.now_ns))

    def drain(self, node: NodeId, *, drained: bool = True) -> list[Action]:
        spec = msgspec.structs.replace(self.spec(node), drained=drained)
        return self.take(self.machine.agent_changed(spec, self.now_ns))

    def remove(self, node: NodeId) -> list[Action]:
        agents = {one: spec for one, spec in self.disk.agents.items() if one != node}
        self.disk = msgspec.structs.replace(self.disk, agents=agents)
        return self.take(self.machine.agent_removed(node, self.now_ns))

    # What came of it

    def spec(self, node: NodeId) -> AgentSpec:
        return self.machine.agents()[node].spec

    def given(self, node: NodeId) -> list[str]:
        """Names in the share that was sent last."""
        return [one.name for one in self.sent[node].instances] if node in self.sent else []

    def term(self, node: NodeId, camera_id: str) -> int:
        share = self.sent[node]
        return next(c.term for one in share.instances for c in one.cameras if c.camera_id == camera_id)

    def commands(self, kind: str, actions: list[Action] | None = None) -> list[AgentCommand]:
        chosen = self.actions if actions is None else actions
        found = [one.command for one in chosen if isinstance(one, SendCommand)]
        return [one for one in found if one.command == kind]

    def configs(self, actions: list[Action]) -> list[NodeShare]:
        return [one.share for one in actions if isinstance(one, SendConfig)]

    def noted(self, actions: list[Action]) -> str:
        return "; ".join(one.what for one in actions if isinstance(one, Noted))


def status(name: str, state: str = "running", **more: Any) -> FleetInstanceStatus:
    return FleetInstanceStatus(instance_name=name, state=state, generation=1, **more)
