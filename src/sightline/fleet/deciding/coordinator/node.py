"""A machine as the coordinator knows it: what it was told to run, and what its agent last said.

Deliberately not here: what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from sightline.fleet.deciding.coordinator.actions import InstanceShare, NodeShare
from sightline.fleet.inventory import AgentSpec, NodeId
from sightline.fleet.messages.parts import FleetInstanceStatus
from sightline.fleet.messages.topics import AgentInfo, AgentResponse
from sightline.fleet.placing.books import Standing

AgentState: TypeAlias = Literal["waiting", "connected", "lost", "draining", "removed"]
"""`waiting`: not heard since the coordinator began, and not long enough ago to be lost. `draining`: it is
heard, and nothing is to run there."""


class Said(msgspec.Struct):
    """The last that an agent said of itself.

    Attributes:
        boot, seq: of its newest message.
        greeting: number of its last one.
        full_seq: of its last full response; -1: none is known.
        generation, observed, verified: of configurations: seen, running well, known good.
        deployment, reason: how far it is with the newest.
        refused: a configuration that it has, and cannot use; 0: none.
        held: exclusive instances that may be running there.
        statuses: of all its instances, by name.
    """

    boot: int = -1
    seq: int = -1
    full_seq: int = -1
    greeting: int = 0
    generation: int = 0
    observed: int = 0
    verified: int = 0
    deployment: str = ""
    reason: str = ""
    refused: int = 0
    held: frozenset[str] = frozenset()
    statuses: dict[str, FleetInstanceStatus] = {}


class Node:
    """One machine.

    Attributes:
        spec: what it has. share: all that it was last told to run; given: the same, by name.
        removed: users took it out of the fleet; it is told to end everything.
        heard_ns: when it was heard last; None: not since the coordinator began. lost_ns: since when it is
            lost. gone: it is lost for so long that others take over.
        said: see there.
    """

    def __init__(self, spec: AgentSpec, share: NodeShare | None = None, *, removed: bool = False) -> None:
        self.spec = spec
        self.removed = removed
        self.heard_ns: int | None = None
        self.lost_ns: int | None = None
        self.gone = False
        self.said = Said()
        self.share = share or NodeShare(node_id=spec.node_id)
        self.given: Mapping[str, InstanceShare] = {}
        self.tell(self.share)

    @property
    def node_id(self) -> NodeId:
        return self.spec.node_id

    @property
    def name(self) -> str:
        """For people."""
        return self.spec.hostname

    def tell(self, share: NodeShare) -> None:
        """It is to run this."""
        self.share = share
        self.given = {instance.name: instance for instance in share.instances}

    @property
    def has_exclusive(self) -> bool:
        """It was given something that must not run twice, or says that it has it."""
        return bool(self.said.held) or any(one.exclusive for one in self.given.values())

    @property
    def is_lost(self) -> bool:
        return self.lost_ns is not None

    @property
    def knows(self) -> bool:
        """It answered that it has the newest."""
        return self.said.generation >= self.share.generation

    @property
    def refuses(self) -> bool:
        """It answered that it cannot use the newest."""
        return self.said.refused >= self.share.generation and not self.knows

    @property
    def state(self) -> AgentState:
        if self.removed:
            return "removed"
        if self.is_lost:
            return "lost"
        if self.heard_ns is None:
            return "waiting"
        return "draining" if self.spec.drained else "connected"

    @property
    def standing(self) -> Standing:
        """For placing. One that was not heard yet is expected: else who is heard first would take all."""
        if not self.is_lost:
            return "here"
        return "gone" if self.gone else "quiet"

    def is_news(self, boot: int, seq: int) -> bool:
        """Newer than all that was heard of it. An agent of the document's fields alone counts nothing; a
        lost one may have a clock that was set back.
        """
        said = self.said
        return (
            (boot, seq) > (said.boot, said.seq)
            or (boot == 0 and seq == 0)
            or (self.is_lost and boot != said.boot)
        )

    def said_already(self, info: AgentInfo) -> bool:
        """A greeting that was heard: anybody may send it again, so it is no sign of life."""
        return 0 < info.greeting <= self.said.greeting and info.boot == self.said.boot

    def greets(self, info: AgentInfo) -> None:
        """Keep what a greeting says."""
        if info.boot != self.said.boot:
            self.said = Said(boot=info.boot, statuses=self.said.statuses)
        self.said.greeting = max(self.said.greeting, info.greeting)
        self.said.generation = max(self.said.generation, info.generation)
        self.said.observed = max(self.said.observed, info.observed_generation)

    def answers(self, response: AgentResponse) -> None:
        """Keep what a response says, but for its statuses."""
        if response.boot != self.said.boot:
            self.said = Said(boot=response.boot, statuses=self.said.statuses)
        said = self.said
        said.seq = response.seq
        said.generation = response.generation
        said.observed = response.observed_generation
        said.verified = response.verified_generation
        said.deployment = response.deployment
        said.reason = response.reason
        said.refused = response.refused
        said.held = frozenset(response.held)


def merged_spec(known: AgentSpec | None, info: AgentInfo) -> AgentSpec:
    """What an agent says of itself, and what users said of it: labels of both, its own ones holding."""
    return AgentSpec(
        node_id=info.node_id,
        hostname=info.hostname,
        capacity=info.capacity,
        gpus=len(info.gpulist or ()),
        labels={**known.labels, **info.labels} if known else dict(info.labels),
        runtimes=tuple(info.runtimes) or ("docker",),
        drained=known.drained if known else False,
    )
