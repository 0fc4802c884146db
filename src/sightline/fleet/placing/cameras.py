"""Cameras to instances that have a machine: by hand, then what may stay, then the rest.

A camera for which the fleet finds the instance goes to the one of its pool that has the fewest, on the
machine that has the fewest. It is left without a place only if no instance of its pool, on a machine that
takes something new, meets its needs with what the others have taken.

Deliberately not here: instances without a machine; no camera is on one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from sightline.fleet.inventory import CameraSpec, InstanceSpec, Inventory, NodeId, Placement
from sightline.fleet.placing.books import Group, Machine, absence, camera_hindrance
from sightline.fleet.placing.instances import BY_HAND, FOUND, KEPT
from sightline.fleet.placing.least import Least
from sightline.fleet.placing.machines import Machines
from sightline.fleet.placing.wishes import Wish, wish_of

_Pool = dict[NodeId, list[Group]]
_NONE: Final[_Pool] = {}


class Cameras:
    """Gives each camera its instance. `places` and `how` are the outcome."""

    def __init__(
        self,
        inventory: Inventory,
        machines: Machines,
        instances: dict[str, Machine],
        current: Placement,
        *,
        rebalance: bool,
    ) -> None:
        self.places: dict[str, Group] = {}
        self.how: dict[str, str] = {}
        self.groups = {
            name: Group(inventory.instances[name], machine, order)
            for order, (name, machine) in enumerate(sorted(instances.items()))
        }
        self.pools: dict[str, _Pool] = defaultdict(lambda: defaultdict(list))
        for group in self.groups.values():
            self.pools[group.spec.pool][group.machine.spec.node_id].append(group)
        self._machines = machines
        self._current = current.cameras
        self._specs = [spec for _, spec in sorted(inventory.cameras.items()) if spec.enabled]
        self._least: dict[tuple[str, Wish], Least[Group]] = {}
        self._most = self._fair_counts() if rebalance else None

    def place(self) -> None:
        """All of them."""
        self._by_hand()
        auto = [spec for spec in self._specs if spec.instance is None]
        for spec in auto:
            self._keep(spec)
        for spec in auto:
            if spec.camera_id not in self.places and (group := self._find(spec)) is not None:
                self._put(spec, group, FOUND)

    def _by_hand(self) -> None:
        named = [spec for spec in self._specs if spec.instance is not None]
        for spec in sorted(named, key=lambda spec: self._current.get(spec.camera_id) != spec.instance):
            group = self.groups.get(spec.instance or "")
            if group is not None and not camera_hindrance(spec, group):
                self._put(spec, group, BY_HAND)

    def _keep(self, spec: CameraSpec) -> None:
        group = self.groups.get(self._current.get(spec.camera_id, ""))
        if group is not None and self._may_stay(spec, group):
            self._put(spec, group, KEPT)

    def _may_stay(self, spec: CameraSpec, group: Group) -> bool:
        if group.spec.pool != spec.pool or group.machine.standing == "gone":
            return False
        if self._most is not None and group.cameras >= self._most[spec.pool]:
            return False
        return not camera_hindrance(spec, group)

    def _find(self, spec: CameraSpec) -> Group | None:
        wish = wish_of(spec)
        least = self._least.get((spec.pool, wish))
        if least is None:
            least = self._least[spec.pool, wish] = self._least_for(spec.pool, wish)
        return least.take()

    def _least_for(self, pool: str, wish: Wish) -> Least[Group]:
        by_node = self.pools.get(pool, _NONE)
        ids = self._machines.with_labels(*wish)
        nodes = sorted(ids & by_node.keys())
        return Least((group for node in nodes for group in by_node[node]), _by_cameras, _has_room)

    def _put(self, spec: CameraSpec, group: Group, how: str) -> None:
        group.take()
        self.places[spec.camera_id] = group
        self.how[spec.camera_id] = how

    def _fair_counts(self) -> dict[str, int]:
        """What each instance of a pool would have if all had the same."""
        counts: dict[str, int] = defaultdict(int)
        for spec in self._specs:
            group = self.groups.get(spec.instance) if spec.instance is not None else None
            counts[group.spec.pool if group is not None else spec.pool] += 1
        sizes = {pool: sum(map(len, by_node.values())) for pool, by_node in self.pools.items()}
        return {pool: -(-count // max(1, sizes.get(pool, 1))) for pool, count in counts.items()}


def _by_cameras(group: Group) -> tuple[int, ...]:
    return (group.cameras, group.machine.cameras, group.order)


def _has_room(group: Group) -> bool:
    return not group.is_full


def camera_refusal(spec: CameraSpec, group: Group) -> str:
    """Why an instance does not take a camera that has no place, as things are at the end."""
    if spec.instance is None and spec.pool != group.spec.pool:
        return f"it is of pool {group.spec.pool!r}, not of {spec.pool!r}"
    away = "" if spec.instance is not None else absence(group.machine)
    return f"{group.machine.spec.hostname} is {away}" if away else camera_hindrance(spec, group)


def named_instance(spec: CameraSpec, inventory: Inventory) -> InstanceSpec | None:
    """That a camera was put on by hand, where there is one of that name."""
    return None if spec.instance is None else inventory.instances.get(spec.instance)
