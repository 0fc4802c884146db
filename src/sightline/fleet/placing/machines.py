"""The machines of a placement, found by what is asked of them.

Deliberately not here: what is taken of them (`books`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from sightline.fleet.inventory import AgentSpec, InstanceSpec, NodeId
from sightline.fleet.placing.books import Machine, Standing, absence, instance_hindrance
from sightline.fleet.placing.least import Least
from sightline.fleet.placing.wishes import LabelsKey, Wish, labels_key


class Machines:
    """All of a fleet, in the order of their numbers."""

    def __init__(self, agents: Mapping[NodeId, AgentSpec], standing: Mapping[NodeId, Standing]) -> None:
        self.by_id = {
            node_id: Machine(agents[node_id], standing.get(node_id, "here"), order)
            for order, node_id in enumerate(sorted(agents))
        }
        self._free = {node_id for node_id, machine in self.by_id.items() if not absence(machine)}
        self._by_label: dict[tuple[str, str], set[NodeId]] = defaultdict(set)
        for node_id in self._free:
            for pair in self.by_id[node_id].spec.labels.items():
                self._by_label[pair].add(node_id)
        self._least: dict[tuple[object, ...], Least[Machine]] = {}
        self.free_count = len(self._free)

    def __len__(self) -> int:
        return len(self.by_id)

    def with_labels(self, labels: LabelsKey, node: NodeId | None = None) -> set[NodeId]:
        """Those that take something new and have these."""
        free = self._free if node is None else self._free & {node}
        if not labels:
            return free
        sets = sorted((self._by_label.get(pair, set()) for pair in labels), key=len)
        return free.intersection(*sets)

    def least_loaded(self, spec: InstanceSpec, wish: Wish, cameras: int) -> Machine | None:
        """The best one for a new instance that also has what is wished, with room for its cameras."""
        labels, node = wish
        asked = dict(labels) | spec.labels
        key = (spec.runtime, spec.gpus, labels_key(asked), node, cameras)
        least = self._least.get(key)
        if least is None:
            least = self._least[key] = self._least_for(
                spec, self.with_labels(labels_key(asked), node), cameras
            )
        return least.take()

    def _least_for(self, spec: InstanceSpec, ids: set[NodeId], cameras: int) -> Least[Machine]:
        def fits(machine: Machine) -> bool:
            return machine.has_room_for(cameras) and not instance_hindrance(spec, machine)

        return Least((self.by_id[node_id] for node_id in sorted(ids)), _by_load, fits)


def _by_load(machine: Machine) -> tuple[int, ...]:
    capacity = machine.spec.capacity
    over = int(capacity is not None and machine.expected >= capacity)
    return (over, machine.load, machine.order)
