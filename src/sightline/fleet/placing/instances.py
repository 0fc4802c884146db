"""Instances to machines: by hand, then what may stay, then the rest, the ones with the most needs first.

Who was there already comes first among equals, so that nothing moves that need not. An instance for which
the fleet finds the machine goes to the least loaded one; where it can be had, to one with what its cameras
ask for and with room for them. It is left without a place only if no machine that takes something new meets
its needs with what the others have taken.

Deliberately not here: cameras' own places (`cameras`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from sightline.fleet.inventory import CameraSpec, InstanceSpec, Inventory, NodeId, Placement
from sightline.fleet.placing.books import Machine, absence, instance_hindrance
from sightline.fleet.placing.machines import Machines
from sightline.fleet.placing.wishes import NO_WISH, PoolWishes, Wish, common_wish

BY_HAND: Final = "by hand"
KEPT: Final = "kept"
FOUND: Final = "found"


class Instances:
    """Gives each instance its machine. `places` and `how` are the outcome."""

    def __init__(
        self, inventory: Inventory, machines: Machines, current: Placement, *, rebalance: bool
    ) -> None:
        self.places: dict[str, Machine] = {}
        self.how: dict[str, str] = {}
        self._machines = machines
        self._current = current.instances
        self._specs = [spec for _, spec in sorted(inventory.instances.items()) if spec.enabled]
        self._own = _own_cameras(inventory)
        self._expected = self._expectations(inventory, current)
        self._wishes = _pool_wishes(inventory)
        self._most = self._fair_load() if rebalance else None

    def place(self) -> None:
        """All of them."""
        self._by_hand()
        self._kept()
        self._rest()

    def _by_hand(self) -> None:
        named = [spec for spec in self._specs if spec.node is not None]
        for spec in sorted(named, key=lambda spec: self._current.get(spec.name) != spec.node):
            machine = self._machines.by_id.get(spec.node) if spec.node is not None else None
            if machine is not None and not machine.spec.drained and not instance_hindrance(spec, machine):
                self._put(spec, machine, BY_HAND)

    def _kept(self) -> None:
        for spec in self._specs:
            machine = (
                self._machines.by_id.get(self._current[spec.name]) if spec.name in self._current else None
            )
            if spec.node is None and machine is not None and self._may_stay(spec, machine):
                self._put(spec, machine, KEPT)

    def _may_stay(self, spec: InstanceSpec, machine: Machine) -> bool:
        if machine.spec.drained or machine.standing == "gone" or instance_hindrance(spec, machine):
            return False
        load = machine.load + 1 + self._expected[spec.name]
        return self._most is None or machine.instances == 0 or load <= self._most

    def _rest(self) -> None:
        for name, machine in self.places.items():
            if (wishes := self._wishes.get(self._pools[name])) is not None:
                wishes.serve(machine.spec)
        rest = [spec for spec in self._specs if spec.node is None and spec.name not in self.places]
        for spec in sorted(rest, key=self._need):
            if (found := self._find(spec)) is not None:
                self._put(spec, found, FOUND)

    def _need(self, spec: InstanceSpec) -> tuple[int, int, int, str]:
        return (-spec.gpus, -len(spec.labels), -self._expected[spec.name], spec.name)

    def _find(self, spec: InstanceSpec) -> Machine | None:
        wish, cameras = self._wish(spec), len(self._own.get(spec.name, ()))
        for asked, room in ((wish, cameras), (wish, 0), (NO_WISH, cameras), (NO_WISH, 0)):
            if (machine := self._machines.least_loaded(spec, asked, room)) is not None:
                return machine
        return None

    def _wish(self, spec: InstanceSpec) -> Wish:
        if (own := self._own.get(spec.name)) is not None:
            return common_wish(own)
        wishes = self._wishes.get(spec.pool)
        return NO_WISH if wishes is None else wishes.next_wish()

    def _put(self, spec: InstanceSpec, machine: Machine, how: str) -> None:
        machine.take(spec, self._expected[spec.name])
        self.places[spec.name] = machine
        self.how[spec.name] = how

    def _expectations(self, inventory: Inventory, current: Placement) -> dict[str, int]:
        """Cameras by instance: put there by hand, and those it has or an equal part of its pool's."""
        self._pools = {spec.name: spec.pool for spec in self._specs}
        has: dict[str, int] = defaultdict(int)
        pooled: dict[str, int] = defaultdict(int)
        for camera in inventory.cameras.values():
            if camera.enabled and camera.instance is None:
                pooled[camera.pool] += 1
                has[current.cameras.get(camera.camera_id, "")] += 1
        sizes: dict[str, int] = defaultdict(int)
        for spec in self._specs:
            sizes[spec.pool] += 1
        return {
            spec.name: len(self._own.get(spec.name, ()))
            + (has.get(spec.name, 0) or -(-pooled[spec.pool] // sizes[spec.pool]))
            for spec in self._specs
        }

    def _fair_load(self) -> int:
        """What each machine would have if all had the same."""
        total = sum(self._expected.values()) + len(self._expected)
        return -(-total // max(1, self._machines.free_count))


def _own_cameras(inventory: Inventory) -> dict[str, list[CameraSpec]]:
    own: dict[str, list[CameraSpec]] = defaultdict(list)
    for camera in inventory.cameras.values():
        if camera.enabled and camera.instance is not None:
            own[camera.instance].append(camera)
    return dict(own)


def _pool_wishes(inventory: Inventory) -> dict[str, PoolWishes]:
    pools: dict[str, list[CameraSpec]] = defaultdict(list)
    for camera in inventory.cameras.values():
        if camera.enabled and camera.instance is None:
            pools[camera.pool].append(camera)
    return {pool: PoolWishes(cameras) for pool, cameras in pools.items()}


def instance_refusal(spec: InstanceSpec, machine: Machine) -> str:
    """Why a machine does not take an instance that has no place, as things are at the end."""
    return absence(machine) or instance_hindrance(spec, machine)


def why_not_by_hand(spec: InstanceSpec, by_id: Mapping[NodeId, Machine]) -> tuple[str, str]:
    """Of an instance that was put on a machine by hand: that machine, and why it is not there."""
    machine = by_id.get(spec.node) if spec.node is not None else None
    if machine is None:
        return str(spec.node), "no machine of this fleet"
    return machine.spec.hostname, "drained" if machine.spec.drained else instance_hindrance(spec, machine)
