"""Where the cameras of a pool would have its instances: on machines with their labels.

A pool's cameras may ask for machines that its instances do not ask for. Each instance that gets a place goes
where it serves cameras that have none yet, then those that have the fewest instances each (the method of
highest averages), so that the cameras of two rooms have an instance in either.

Deliberately not here: whether such a machine can be had; a wish is no condition.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final, TypeAlias

from sightline.fleet.inventory import AgentSpec, CameraSpec, Labels, NodeId
from sightline.fleet.placing.books import unlike

LabelsKey: TypeAlias = tuple[tuple[str, str], ...]
Wish: TypeAlias = tuple[LabelsKey, NodeId | None]
NO_WISH: Final[Wish] = ((), None)


def labels_key(labels: Labels) -> LabelsKey:
    """Labels as a key: the same for any order."""
    return tuple(sorted(labels.items())) if labels else ()


def wish_of(camera: CameraSpec) -> Wish:
    """What a camera asks of its instance's machine."""
    return (labels_key(camera.labels), camera.node)


def common_wish(cameras: Iterable[CameraSpec]) -> Wish:
    """What all these ask for; nothing where two of them contradict each other."""
    labels: Labels = {}
    nodes: set[NodeId | None] = set()
    for camera in cameras:
        if camera.node is not None:
            nodes.add(camera.node)
        for key, value in camera.labels.items():
            if labels.setdefault(key, value) != value:
                return NO_WISH
    return (labels_key(labels), next(iter(nodes), None)) if len(nodes) <= 1 else NO_WISH


class PoolWishes:
    """Of one pool."""

    def __init__(self, cameras: Iterable[CameraSpec]) -> None:
        counts = Counter(wish_of(camera) for camera in cameras)
        self._counts = counts
        self._order = {wish: order for order, wish in enumerate(sorted(counts, key=str))}
        self._served: dict[Wish, int] = dict.fromkeys(counts, 0)
        self._by_first: dict[object, list[Wish]] = defaultdict(list)
        for wish in self._order:
            self._by_first[_first(wish)].append(wish)
        self._heap: list[tuple[bool, float, int, Wish]] = []

    def serve(self, machine: AgentSpec) -> None:
        """An instance is there already: it counts for the cameras that need it most of those it can have."""
        firsts: list[object] = [None, machine.node_id, *machine.labels.items()]
        able = [wish for first in firsts for wish in self._by_first.get(first, ()) if _is_met(wish, machine)]
        if able:
            self._served[min(able, key=self._rank)] += 1

    def next_wish(self) -> Wish:
        """Where the next instance would best go; it is counted as being there."""
        if not self._counts:
            return NO_WISH
        if not self._heap:
            self._heap = [(*self._rank(wish), wish) for wish in self._order]
            heapq.heapify(self._heap)
        wish = self._heap[0][3]
        self._served[wish] += 1
        heapq.heapreplace(self._heap, (*self._rank(wish), wish))
        return wish

    def _rank(self, wish: Wish) -> tuple[bool, float, int]:
        served = self._served[wish]
        return (served > 0, -self._counts[wish] / (served + 1), self._order[wish])


def _first(wish: Wish) -> object:
    """By what of a machine a wish is found."""
    labels, node = wish
    return node or (labels[0] if labels else None)


def _is_met(wish: Wish, machine: AgentSpec) -> bool:
    labels, node = wish
    return (node is None or node == machine.node_id) and not unlike(dict(labels), machine.labels)
