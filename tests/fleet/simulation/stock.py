"""Inventories: a first one, and the next one after some act of a user."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from tests.fleet.simulation.documents import Manner

from sightline.fleet.inventory import CameraSpec, InstanceSpec, Inventory, NodeId

Change = Callable[[Inventory, list[NodeId]], Inventory]


class Stock:
    """Makes them; `manners` is told how each instance is run."""

    def __init__(self, rng: random.Random, manners: dict[str, Manner]) -> None:
        self._rng, self._manners = rng, manners
        self._instances = self._cameras = 0
        self.changes: list[Change] = [
            self.edit_instance,
            self.edit_camera,
            self.add_instance,
            self.remove_instance,
            self.pin_instance,
            self.toggle_instance,
            self.add_camera,
            self.remove_camera,
            self.move_camera,
            self.toggle_camera,
        ]

    def first(self, nodes: list[NodeId], instances: int) -> Inventory:
        specs = [self._instance(nodes) for _ in range(instances)]
        names = [spec.name for spec in specs]
        cameras = [self._camera(names) for _ in range(2 * instances)]
        return Inventory(
            cameras={camera.camera_id: camera for camera in cameras},
            instances={spec.name: spec for spec in specs},
        )

    def change(self, inventory: Inventory, nodes: list[NodeId]) -> Inventory:
        """Some act of a user."""
        return self._rng.choice(self.changes)(inventory, nodes)

    def edit_instance(self, inventory: Inventory, _nodes: list[NodeId]) -> Inventory:
        spec = self._some(inventory.instances)
        return inventory if spec is None else _with(inventory, replace(spec, generation=spec.generation + 1))

    def edit_camera(self, inventory: Inventory, _nodes: list[NodeId]) -> Inventory:
        camera = self._some(inventory.cameras)
        if camera is None:
            return inventory
        return _with(inventory, replace(camera, generation=camera.generation + 1))

    def add_instance(self, inventory: Inventory, nodes: list[NodeId]) -> Inventory:
        return _with(inventory, self._instance(nodes))

    def remove_instance(self, inventory: Inventory, _nodes: list[NodeId]) -> Inventory:
        spec = self._some(inventory.instances)
        if spec is None:
            return inventory
        instances = {name: one for name, one in inventory.instances.items() if name != spec.name}
        cameras = {
            name: replace(one, instance=None, generation=one.generation + 1)
            if one.instance == spec.name
            else one
            for name, one in inventory.cameras.items()
        }
        return replace(inventory, instances=instances, cameras=cameras)

    def pin_instance(self, inventory: Inventory, nodes: list[NodeId]) -> Inventory:
        """To some machine, or to none any more."""
        spec = self._some(inventory.instances)
        if spec is None or not nodes:
            return inventory
        node = self._rng.choice([*nodes, None]) if self._rng.random() < 0.7 else None
        return self.pin(inventory, spec.name, node)

    def pin(self, inventory: Inventory, name: str, node: NodeId | None) -> Inventory:
        """That one, to that machine."""
        spec = inventory.instances[name]
        return _with(inventory, replace(spec, node=node, labels={}, gpus=0, generation=spec.generation + 1))

    def toggle_instance(self, inventory: Inventory, _nodes: list[NodeId]) -> Inventory:
        spec = self._some(inventory.instances)
        if spec is None:
            return inventory
        return _with(inventory, replace(spec, enabled=not spec.enabled, generation=spec.generation + 1))

    def add_camera(self, inventory: Inventory, _nodes: list[NodeId]) -> Inventory:
        return _with(inventory, self._camera(list(inventory.instances)))

    def remove_camera(self, inventory: Inventory, _nodes: list[NodeId]) -> Inventory:
        camera = self._some(inventory.cameras)
        cameras = {name: one for name, one in inventory.cameras.items() if one is not camera}
        return replace(inventory, cameras=cameras)

    def move_camera(self, inventory: Inventory, _nodes: list[NodeId]) -> Inventory:
        camera, spec = self._some(inventory.cameras), self._some(inventory.instances)
        if camera is None or spec is None:
            return inventory
        moved = replace(camera, instance=spec.name, node=None, generation=camera.generation + 1)
        return _with(inventory, moved)

    def toggle_camera(self, inventory: Inventory, _nodes: list[NodeId]) -> Inventory:
        camera = self._some(inventory.cameras)
        if camera is None:
            return inventory
        return _with(inventory, replace(camera, enabled=not camera.enabled, generation=camera.generation + 1))

    def _some(self, those: dict[str, Any]) -> Any:
        return self._rng.choice(list(those.values())) if those else None

    def _instance(self, nodes: list[NodeId]) -> InstanceSpec:
        rng = self._rng
        name = f"i{self._instances:05d}"
        self._instances += 1
        self._manners[name] = Manner(one_at_a_time=rng.random() < 0.2)
        kind = rng.random()
        return InstanceSpec(
            name=name,
            kind="worker",
            runtime="process" if rng.random() < 0.25 else "docker",
            pool=f"p{self._instances % 7}",
            exclusive=rng.random() < 0.3,
            node=rng.choice(nodes) if nodes and kind < 0.15 else None,
            labels={rng.choice(["room", "zone"]): rng.choice(["a", "b"])} if 0.15 <= kind < 0.3 else {},
            gpus=1 if 0.3 <= kind < 0.35 else 0,
        )

    def _camera(self, instances: list[str]) -> CameraSpec:
        rng = self._rng
        name = f"c{self._cameras:05d}"
        self._cameras += 1
        by_hand = instances and rng.random() < 0.5
        return CameraSpec(
            camera_id=name,
            instance=rng.choice(instances) if by_hand else None,
            pool=f"p{rng.randrange(7)}",
        )


def _with(inventory: Inventory, spec: InstanceSpec | CameraSpec) -> Inventory:
    if isinstance(spec, InstanceSpec):
        return replace(inventory, instances={**inventory.instances, spec.name: spec})
    return replace(inventory, cameras={**inventory.cameras, spec.camera_id: spec})
