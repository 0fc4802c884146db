"""Instances that go on where they were until they run where they went: nothing is to run on a machine that is
drained, but it is in no hurry.

Only where that is allowed: not those that must not run twice. Their cameras have a newer term where they
went, so that of two results the newer one holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from sightline.fleet.deciding.coordinator.actions import InstanceShare
from sightline.fleet.deciding.coordinator.node import Node
from sightline.fleet.inventory import Inventory, NodeId, Placement

MOST_S: Final = 120.0
"""Then it ends where it was, whatever runs elsewhere."""


class Stay(msgspec.Struct, frozen=True):
    """What goes on where, and who is to take over."""

    node_id: NodeId
    share: InstanceShare
    heir: NodeId


class Lingering:
    """All of them, by name."""

    def __init__(self) -> None:
        self._stays: dict[str, Stay] = {}

    def __bool__(self) -> bool:
        return bool(self._stays)

    def __contains__(self, name: str) -> bool:
        return name in self._stays

    def at(self, node_id: NodeId) -> Iterator[InstanceShare]:
        """What goes on there."""
        return (stay.share for stay in self._stays.values() if stay.node_id == node_id)

    def end(self, name: str) -> NodeId | None:
        """It ends where it was; gives where that is."""
        stay = self._stays.pop(name, None)
        return None if stay is None else stay.node_id

    def taken_over(self, heir: Node) -> list[str]:
        """What runs there now as it should, of what it was to take over."""
        if not heir.knows:
            return []
        return [name for name, stay in self._stays.items() if stay.heir == heir.node_id and _runs(heir, name)]

    def review(self, inventory: Inventory, placement: Placement, nodes: Mapping[NodeId, Node]) -> None:
        """End what does not hold any more."""
        for name, stay in list(self._stays.items()):
            if placement.instances.get(name) != stay.heir or not may_linger(stay, inventory, nodes):
                del self._stays[name]

    def begin(
        self, name: str, was: NodeId, heir: NodeId, inventory: Inventory, nodes: Mapping[NodeId, Node]
    ) -> bool:
        """An instance was moved. True: it goes on where it was for a while."""
        node = nodes.get(was)
        share = node.given.get(name) if node else None
        if share is None or share.exclusive:
            return False
        stay = Stay(was, share, heir)
        if not may_linger(stay, inventory, nodes):
            return False
        self._stays[name] = stay
        return True


def may_linger(stay: Stay, inventory: Inventory, nodes: Mapping[NodeId, Node]) -> bool:
    """Both machines are there, and nothing else about it was changed."""
    node, heir = nodes.get(stay.node_id), nodes.get(stay.heir)
    if node is None or node.state != "draining" or heir is None or heir.state != "connected":
        return False
    spec = inventory.instances.get(stay.share.name)
    if spec is None or not spec.enabled or spec.exclusive or spec.generation != stay.share.generation:
        return False
    cameras = ((inventory.cameras.get(one.camera_id), one.generation) for one in stay.share.cameras)
    return all(camera and camera.enabled and camera.generation == wanted for camera, wanted in cameras)


def _runs(node: Node, name: str) -> bool:
    status = node.said.statuses.get(name)
    return status is not None and status.state == "running"
