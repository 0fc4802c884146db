"""What would change: by an inventory that is not applied yet, if machines were lost or drained, or if the
load were spread anew. Changes nothing.

Deliberately not here: logins and addresses of cameras. That they changed shows by the generation since which
a camera is made as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from sightline.fleet.deciding.coordinator.fleet import Fleet
from sightline.fleet.inventory import CameraSpec, InstanceSpec, Inventory, NodeId
from sightline.fleet.placing.placed import Placed

Change: TypeAlias = Literal["add", "change", "move", "remove", "unplaced"]
"""`unplaced`: it is wanted, and has no place."""


class InstancePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of an instance.

    Attributes:
        name, change: what and how.
        node, was: the machine it would be on, and is on; None: none.
        restarts: what runs would be ended and begun anew. ends: it would be ended for good.
        cameras: that it would have.
        why: for people.
    """

    name: str
    change: Change
    node: NodeId | None
    was: NodeId | None
    restarts: bool
    ends: bool
    cameras: tuple[str, ...]
    why: str


class CameraPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a camera: the instance it would be on, and is on; None: none."""

    camera_id: str
    change: Change
    instance: str | None
    was: str | None
    why: str


class NodePlan(msgspec.Struct, frozen=True, kw_only=True):
    """How much would happen on a machine."""

    node_id: NodeId
    hostname: str
    begins: int = 0
    restarts: int = 0
    ends: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that would change; what is not named stays as it is."""

    revision: int
    instances: tuple[InstancePlan, ...] = ()
    cameras: tuple[CameraPlan, ...] = ()
    nodes: tuple[NodePlan, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing would begin, end, move or change; what has no place has none now either."""
        changes = {*(one.change for one in self.instances), *(one.change for one in self.cameras)}
        return not self.nodes and changes <= {"unplaced"}


class _Side(msgspec.Struct, frozen=True):
    """What is wanted and where it is, now or then."""

    inventory: Inventory
    instances: dict[str, NodeId]
    cameras: dict[str, str]
    groups: dict[str, tuple[str, ...]]

    def outline(self, name: str) -> tuple[object, ...] | None:
        """All that makes an instance what it is; None: it does not run."""
        spec, node_id = self.inventory.instances.get(name), self.instances.get(name)
        cameras = self.groups.get(name)
        if spec is None or node_id is None or not cameras:
            return None
        return (node_id, _made(spec), tuple((one, self._made(one)) for one in cameras))

    def _made(self, camera_id: str) -> int:
        camera = self.inventory.cameras.get(camera_id)
        return _made(camera) if camera else 0


def _made(spec: CameraSpec | InstanceSpec) -> int:
    return spec.made or spec.generation


def _is_other(old: CameraSpec, spec: CameraSpec) -> bool:
    """Whether it says something else, whatever was said between."""
    if _made(old) != _made(spec):
        return True
    return msgspec.structs.replace(old, generation=0, made=0) != msgspec.structs.replace(
        spec, generation=0, made=0
    )


def plan(
    fleet: Fleet,
    inventory: Inventory,
    *,
    lost: Iterable[NodeId] = (),
    drained: Iterable[NodeId] = (),
    rebalance: bool = False,
) -> Plan:
    """Compare what was applied last with what would be."""
    placed = fleet.try_place(inventory, lost=lost, drained=drained, rebalance=rebalance)
    now = _side(fleet.inventory, fleet.placement.instances, fleet.placement.cameras)
    then = _side(inventory, placed.placement.instances, placed.placement.cameras)
    instances = tuple(filter(None, (_instance(name, now, then, placed) for name in _names(now, then))))
    cameras = tuple(filter(None, (_camera(one, now, then, placed) for one in _camera_ids(now, then))))
    return Plan(
        revision=inventory.revision,
        instances=instances,
        cameras=cameras,
        nodes=_nodes(fleet, instances, now, then),
    )


def _side(inventory: Inventory, instances: dict[str, NodeId], cameras: dict[str, str]) -> _Side:
    groups: dict[str, list[str]] = {}
    for camera_id, name in cameras.items():
        groups.setdefault(name, []).append(camera_id)
    return _Side(inventory, instances, cameras, {name: tuple(sorted(ids)) for name, ids in groups.items()})


def _names(now: _Side, then: _Side) -> list[str]:
    return sorted({*now.instances, *(n for n, spec in then.inventory.instances.items() if spec.enabled)})


def _camera_ids(now: _Side, then: _Side) -> list[str]:
    return sorted({*now.cameras, *(c for c, spec in then.inventory.cameras.items() if spec.enabled)})


def _instance(name: str, now: _Side, then: _Side, placed: Placed) -> InstancePlan | None:
    before, after = now.outline(name), then.outline(name)
    was, node = now.instances.get(name), then.instances.get(name)
    change = _change_of(name, now, then)
    if change is None and before == after:
        return None
    return InstancePlan(
        name=name,
        change=change or "change",
        node=node,
        was=was,
        restarts=before is not None and after is not None and before != after,
        ends=before is not None and after is None,
        cameras=then.groups.get(name, ()),
        why=str(placed.why_instance(name)),
    )


def _change_of(name: str, now: _Side, then: _Side) -> Change | None:
    was, node = now.instances.get(name), then.instances.get(name)
    spec = then.inventory.instances.get(name)
    if spec is None or not spec.enabled:
        return "remove"
    if node is None:
        return "unplaced"
    if was is None:
        return "add"
    return "move" if was != node else None


def _camera(camera_id: str, now: _Side, then: _Side, placed: Placed) -> CameraPlan | None:
    was, instance = now.cameras.get(camera_id), then.cameras.get(camera_id)
    change = _camera_change(camera_id, now, then)
    if change is None:
        return None
    why = str(placed.why_camera(camera_id))
    return CameraPlan(camera_id=camera_id, change=change, instance=instance, was=was, why=why)


def _camera_change(camera_id: str, now: _Side, then: _Side) -> Change | None:
    was, instance = now.cameras.get(camera_id), then.cameras.get(camera_id)
    spec, old = then.inventory.cameras.get(camera_id), now.inventory.cameras.get(camera_id)
    if spec is None or not spec.enabled:
        return "remove"
    if instance is None:
        return "unplaced"
    if was is None:
        return "add"
    if was != instance:
        return "move"
    return "change" if old is None or _is_other(old, spec) else None


def _nodes(fleet: Fleet, plans: Iterable[InstancePlan], now: _Side, then: _Side) -> tuple[NodePlan, ...]:
    counts: dict[NodeId, list[int]] = {}
    for one in plans:
        before, after = now.outline(one.name) is not None, then.outline(one.name) is not None
        same = before and after and one.was == one.node
        if after and one.node is not None:
            counts.setdefault(one.node, [0, 0, 0])[1 if same else 0] += 1
        if before and not same and one.was is not None:
            counts.setdefault(one.was, [0, 0, 0])[2] += 1
    return tuple(
        NodePlan(node_id=node_id, hostname=fleet.name_of(node_id), begins=n[0], restarts=n[1], ends=n[2])
        for node_id, n in sorted(counts.items())
    )
