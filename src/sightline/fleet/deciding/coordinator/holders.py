"""Which machines may be running an instance: those that were given it and did not yet give it back.

A machine holds an instance while it is in its share. When it is not any more, it holds it until it answered
that it knows so and has ended it, or until its lease is over. A machine that reports one that it never was
given holds it as well.

Deliberately not here: when a lease is over, and who is given what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from sightline.fleet.inventory import NodeId


class Holders:
    """Of all instances."""

    def __init__(self) -> None:
        self._of: dict[str, set[NodeId]] = defaultdict(set)
        self._leaving: dict[NodeId, dict[str, bool]] = defaultdict(dict)

    def others(self, name: str, node_id: NodeId) -> set[NodeId]:
        """Who else may be running it."""
        held = self._of.get(name)
        return held - {node_id} if held else set()

    def leaving(self, node_id: NodeId) -> Collection[str]:
        """What a machine is to give back."""
        return self._leaving.get(node_id, {}).keys()

    def gives(self, node_id: NodeId, names: Iterable[str]) -> None:
        """These are in its share."""
        for name in names:
            self._of[name].add(node_id)
            self._leaving[node_id].pop(name, None)

    def takes_back(self, node_id: NodeId, name: str, *, exclusive: bool) -> None:
        """It is not in its share any more. What was not exclusive is not reported as held."""
        if node_id in self._of.get(name, ()):
            self._leaving[node_id][name] = exclusive

    def reports(self, node_id: NodeId, names: Iterable[str]) -> None:
        """It says that it may be running these, which it should not."""
        for name in names:
            self._of[name].add(node_id)
            self._leaving[node_id][name] = True

    def answers(self, node_id: NodeId, held: Collection[str], there: Collection[str]) -> list[str]:
        """It knows its newest share. `held`: exclusive ones that it may be running; `there`: all that it has.
        Gives what it gave back.
        """
        leaving = self._leaving.get(node_id)
        if not leaving:
            return []
        free = [name for name, exclusive in leaving.items() if _is_given_back(name, held, there, exclusive)]
        return self._free(node_id, free)

    def lease_is_over(self, node_id: NodeId) -> list[str]:
        """It runs nothing any more of what it was to give back; gives that."""
        return self._free(node_id, list(self._leaving.get(node_id, ())))

    def forget(self, node_id: NodeId) -> list[str]:
        """It is no more of this fleet, and its lease is over; gives what it had."""
        for name, nodes in self._of.items():
            if node_id in nodes:
                self._leaving[node_id].setdefault(name, True)
        names = self.lease_is_over(node_id)
        self._leaving.pop(node_id, None)
        return names

    def _free(self, node_id: NodeId, names: list[str]) -> list[str]:
        for name in names:
            del self._leaving[node_id][name]
            self._of[name].discard(node_id)
            if not self._of[name]:
                del self._of[name]
        return names


def _is_given_back(name: str, held: Collection[str], there: Collection[str], exclusive: bool) -> bool:
    return name not in held and (exclusive or name not in there)
