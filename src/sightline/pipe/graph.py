"""What a pipe is made of: routines in flows, and the wires between them. Pure.

A graph says what follows from its wires: which routine is a source, a middle or a destination, which wires
cross from one flow to another, which go in a circle. It does not say whether that is right (see `mistakes`)
and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sightline.pipe.routine import Role
from sightline.pipe.settings import Policy, WireSettings


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One routine. Two of one name are two nodes.

    Attributes:
        flow: the name of the flow that it is in; empty where it is in none.
        role: what its class says it is; None: whatever its wires make of it.
        takes, gives: the annotations of its `main_logic`; Any where there is none.
        needs_data: whether `main_logic` has to be (True) or cannot be (False) given data; None: either.
        live: whether it is a source that does not wait: what nobody takes in time is old.
    """

    name: str
    flow: str = ""
    role: Role | None = None
    takes: Any = Any
    gives: Any = Any
    needs_data: bool | None = None
    live: bool = False

    def __str__(self) -> str:
        return f'"{self.name}"'


@dataclass(frozen=True, slots=True)
class Link:
    """One wire between two routines."""

    source: Node
    destination: Node
    settings: WireSettings = field(default_factory=WireSettings)

    @property
    def crosses(self) -> bool:
        """Whether it leads from one process to another."""
        return self.source.flow != self.destination.flow

    @property
    def waits(self) -> bool:
        """Whether its writer waits where there is no room."""
        return self.settings.policy is not Policy.LIVE


class Graph:
    """Flows by name with their nodes, in the order in which they were made, and the links between nodes."""

    def __init__(self, flows: Iterable[tuple[str, Sequence[Node]]], links: Iterable[Link] = ()) -> None:
        self.flows = tuple((name, tuple(nodes)) for name, nodes in flows)
        self.links = tuple(links)
        self._into: dict[Node, list[Link]] = {}
        self._out_of: dict[Node, list[Link]] = {}
        for link in self.links:
            self._into.setdefault(link.destination, []).append(link)
            self._out_of.setdefault(link.source, []).append(link)

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for _, nodes in self.flows for node in nodes)

    def into(self, node: Node) -> Sequence[Link]:
        """The links that lead to it."""
        return self._into.get(node, ())

    def out_of(self, node: Node) -> Sequence[Link]:
        """The links that lead away from it."""
        return self._out_of.get(node, ())

    def role(self, node: Node) -> Role | None:
        """What its links make of it; None: it has none."""
        if self.into(node):
            return Role.MIDDLE if self.out_of(node) else Role.DESTINATION
        return Role.SOURCE if self.out_of(node) else None

    def circles(self) -> Iterator[tuple[Node, ...]]:
        """Ways along links that lead back to where they began: at least one of each set that hangs together.

        The first node of a circle stands at its end again.
        """
        done: set[Node] = set()
        for node in self._out_of:
            if node not in done:
                yield from self._circles_from(node, done)

    def _circles_from(self, root: Node, done: set[Node]) -> Iterator[tuple[Node, ...]]:
        # In depth first, by hand: a pipe may be a line longer than the interpreter's stack.
        way: dict[Node, Iterator[Link]] = {root: iter(self.out_of(root))}
        while way:
            node, links = next(reversed(way.items()))
            following = next((link.destination for link in links if link.destination not in done), None)
            if following is None:
                del way[node]
                done.add(node)
            elif following in way:
                nodes = list(way)
                yield (*nodes[nodes.index(following) :], following)
            else:
                way[following] = iter(self.out_of(following))
