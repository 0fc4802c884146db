"""The fleet as people see it: machines, instances, how many of what. Each is made when it is looked at.

Deliberately not here: why something is so (`explaining`), and what would change (`planning`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, Literal, TypeAlias, TypeVar

import msgspec

from sightline.fleet.deciding.coordinator.fleet import Fleet
from sightline.fleet.deciding.coordinator.found import Found
from sightline.fleet.deciding.coordinator.node import AgentState, Node
from sightline.fleet.inventory import AgentSpec, NodeId
from sightline.fleet.messages.parts import FleetInstanceStatus, InstanceState

InstanceShown: TypeAlias = Literal[InstanceState, "unplaced", "idle", "blocked", "unwanted", "lost"]
"""What the state of an instance can be for users: what its agent says, or why that says nothing of it."""
K = TypeVar("K")
V = TypeVar("V")


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """A machine.

    Attributes:
        spec: what it has. state: see `AgentState`.
        generation: of what it is to run. seen, observed, verified: of what its agent has seen, runs well, and
            knows as good.
        deployment, reason: how far it is with the newest; "" as long as nothing was heard. refuses: it cannot
            use it.
        heard_ns: when it was heard last, monotonic; None: not since the coordinator began. boot: of what was
            heard last; -1: nothing.
        held: exclusive instances that may be running there.
        instances: names of those that it is to run. statuses: of all that are there, as last reported.
    """

    spec: AgentSpec
    state: AgentState
    generation: int
    seen: int
    observed: int
    verified: int
    deployment: str
    reason: str
    refuses: bool
    heard_ns: int | None
    boot: int
    held: tuple[str, ...]
    instances: tuple[str, ...]
    statuses: Mapping[str, FleetInstanceStatus]

    @property
    def hostname(self) -> str:
        """For people."""
        return self.spec.hostname

    @property
    def gave_up(self) -> bool:
        """It tried what it is to run, or cannot use it."""
        return self.deployment == "failed" and (self.refuses or self.seen >= self.generation)

    @property
    def is_current(self) -> bool:
        """It runs what it is to run, and runs it well."""
        return self.observed >= self.generation and self.deployment == "done"

    def heard_s(self, now_ns: int) -> float | None:
        """Seconds since it was heard."""
        return None if self.heard_ns is None else max(0, now_ns - self.heard_ns) / 1e9


class InstanceView(msgspec.Struct, frozen=True, kw_only=True):
    """An instance.

    Attributes:
        name: of it. wanted: it is in what was applied last, and enabled.
        node: where it is to be; None: nowhere. granted: that machine was told so.
        nodes: where it was reported.
        state: of `InstanceState` where it is to be; else "unplaced", "idle" (it has no cameras), "blocked"
            (it must not run twice, and is still elsewhere), "unknown" (not reported yet), "unwanted".
        reason: why it is not "running".
        generation: of its row; runs: of what runs.
        cameras: that it is to have, and each one's term.
        status: as last reported from where it is to be.
    """

    name: str
    wanted: bool
    node: NodeId | None
    granted: bool
    nodes: tuple[NodeId, ...]
    state: str
    reason: str
    generation: int
    cameras: Mapping[str, int]
    status: FleetInstanceStatus | None

    @property
    def runs(self) -> int:
        """The generation of what runs; 0: nothing does."""
        return self.status.generation if self.status else 0


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """How many. `current`: machines that run what they are to run. `camera_states`: all cameras, by state."""

    agents: dict[str, int]
    current: int
    instances: dict[str, int]
    cameras: int
    camera_states: dict[str, int] = {}
    unplaced_cameras: int
    unplaced_instances: int


class Lazy(Mapping[K, V], Generic[K, V]):
    """A mapping whose values are made when they are looked at, and its keys when they are counted."""

    def __init__(
        self, make: Callable[[K], V], has: Callable[[object], bool], keys: Callable[[], Sequence[K]]
    ) -> None:
        self._make, self._has, self._keys = make, has, keys

    def __getitem__(self, key: K) -> V:
        if not self._has(key):
            raise KeyError(key)
        return self._make(key)

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def __contains__(self, key: object) -> bool:
        return self._has(key)


class Views:
    """Of one fleet, as it is now."""

    def __init__(self, fleet: Fleet, found: Found) -> None:
        self._fleet = fleet
        self._found = found

    def agents(self) -> Mapping[NodeId, AgentView]:
        """All machines, those that were removed and did not confirm it yet too."""
        nodes = self._fleet.nodes
        return Lazy(lambda key: agent_view(nodes[key]), nodes.__contains__, lambda: sorted(nodes))

    def instances(self) -> Mapping[str, InstanceView]:
        """All that are wanted, or that somebody has."""
        fleet, found = self._fleet, self._found
        return Lazy(
            lambda name: instance_view(fleet, found, name),
            lambda name: name in fleet.inventory.instances or name in found.names(),
            lambda: sorted({*fleet.inventory.instances, *found.names()}),
        )

    def totals(self) -> Totals:
        """All machines and instances, counted by state."""
        fleet, placed = self._fleet, self._fleet.placed
        nodes = fleet.nodes.values()
        return Totals(
            agents=dict(Counter(node.state for node in nodes)),
            current=sum(not node.is_lost and node.said.observed >= node.share.generation for node in nodes),
            instances=dict(Counter(instance_state(fleet, name) for name in fleet.inventory.instances)),
            cameras=len(fleet.inventory.cameras),
            camera_states=camera_states(fleet),
            unplaced_cameras=len(placed.unplaced_cameras) if placed else 0,
            unplaced_instances=len(placed.unplaced_instances) if placed else 0,
        )


def agent_view(node: Node) -> AgentView:
    """One machine as it is now."""
    said = node.said
    return AgentView(
        spec=node.spec,
        state=node.state,
        generation=node.share.generation,
        seen=said.generation,
        observed=said.observed,
        verified=said.verified,
        deployment=said.deployment,
        reason=said.reason,
        refuses=node.refuses,
        heard_ns=node.heard_ns,
        boot=said.boot,
        held=tuple(sorted(said.held)),
        instances=tuple(node.given),
        statuses=said.statuses,
    )


def instance_state(fleet: Fleet, name: str) -> str:
    """The one word for how an instance is."""
    spec = fleet.inventory.instances.get(name)
    if spec is None or not spec.enabled:
        return "unwanted"
    node = fleet.nodes.get(fleet.placement.instances.get(name))  # type: ignore[arg-type]  # None is nobody's
    if node is None:
        return "unplaced"
    if name in fleet.blocked:
        return "blocked"
    if not fleet.cameras_on.get(name):
        return "idle"
    status = node.said.statuses.get(name)
    return "unknown" if status is None else status.state


def camera_states(fleet: Fleet) -> dict[str, int]:
    """How many cameras are in which state. One of which nothing is reported is as its instance is."""
    states: Counter[str] = Counter()
    for name, cameras in fleet.cameras_on.items():
        states.update(_states_on(fleet, name, cameras))
    for camera_id, spec in fleet.inventory.cameras.items():
        if camera_id not in fleet.placement.cameras:
            states["unplaced" if spec.enabled else "unwanted"] += 1
    return dict(states)


def _states_on(fleet: Fleet, name: str, cameras: Iterable[str]) -> Iterator[str]:
    node = fleet.nodes.get(fleet.placement.instances.get(name))  # type: ignore[arg-type]  # None is nobody's
    status = node.said.statuses.get(name) if node else None
    is_news = status is None or node is None or not node.is_lost
    otherwise = instance_state(fleet, name) if is_news else "lost"
    figures = status.cameras if status and is_news else {}
    return ((figures[one].state if one in figures else "") or otherwise for one in cameras)


def instance_view(fleet: Fleet, found: Found, name: str) -> InstanceView:
    """One instance as it is now."""
    spec = fleet.inventory.instances.get(name)
    node_id = fleet.placement.instances.get(name)
    node = fleet.nodes.get(node_id) if node_id is not None else None
    status = node.said.statuses.get(name) if node else None
    state = instance_state(fleet, name)
    return InstanceView(
        name=name,
        wanted=spec is not None and spec.enabled,
        node=node_id,
        granted=node is not None and name in node.given,
        nodes=tuple(found.on(name)),
        state=state,
        reason=_reason(fleet, name, state, status),
        generation=spec.generation if spec else 0,
        cameras={one: fleet.terms.of(one) for one in fleet.cameras_on.get(name, ())},
        status=status,
    )


def _reason(fleet: Fleet, name: str, state: str, status: FleetInstanceStatus | None) -> str:
    if state == "blocked":
        return fleet.blocked[name][1]
    if state == "idle":
        return "it has no cameras, and runs nothing without one"
    if state == "unplaced":
        return str(fleet.placed.why_instance(name)) if fleet.placed else ""
    return status.reason if status else ""
