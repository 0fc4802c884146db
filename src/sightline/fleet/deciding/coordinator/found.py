"""Which machines reported which instance, kept by what changes."""

from __future__ import annotations

from collections.abc import Collection, KeysView

from sightline.fleet.inventory import NodeId


class Found:
    """By name of the instance."""

    def __init__(self) -> None:
        self._on: dict[str, set[NodeId]] = {}

    def changed(self, node_id: NodeId, was: Collection[str], now: Collection[str]) -> None:
        """A machine reports these now."""
        for name in now:
            if name not in was:
                self._on.setdefault(name, set()).add(node_id)
        for name in was:
            if name not in now:
                self._drop(name, node_id)

    def on(self, name: str) -> list[NodeId]:
        """Who has it, in order."""
        return sorted(self._on.get(name, ()))

    def names(self) -> KeysView[str]:
        """All that somebody has."""
        return self._on.keys()

    def _drop(self, name: str, node_id: NodeId) -> None:
        nodes = self._on.get(name, set())
        nodes.discard(node_id)
        if not nodes:
            self._on.pop(name, None)
