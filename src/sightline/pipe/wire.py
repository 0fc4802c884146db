"""Wires, and what a pipe makes of them and of its routines: a graph."""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from sightline.errors import ConfigError
from sightline.pipe.fitting import item_of, signature_of
from sightline.pipe.functional import logic_of
from sightline.pipe.graph import Graph, Link, Node
from sightline.pipe.routine import Routine
from sightline.pipe.settings import WireSettings
from sightline.pipe.several import Several
from sightline.pipe.transmitters import DataTransmitter


class Wire:
    """From one routine to one or several others.

    Args:
        source: whose data it carries.
        destinations: who gets it, each all of it; a single routine may stand for itself.
        data_transmitter: how data is carried; None: as the flow of the source, or else the pipe, says.
        settings: its policy and capacity; None: as the network of the pipe says.
    """

    __slots__ = ("data_transmitter", "destinations", "settings", "source")

    def __init__(
        self,
        source: Routine,
        destinations: Sequence[Routine] | Routine,
        data_transmitter: DataTransmitter | None = None,
        *,
        settings: WireSettings | None = None,
    ) -> None:
        self.source = source
        self.destinations = (destinations,) if isinstance(destinations, Routine) else tuple(destinations)
        self.data_transmitter = data_transmitter
        self.settings = settings
        ends: tuple[object, ...] = (source, *self.destinations)
        if len(ends) < 2 or not all(isinstance(end, Routine) for end in ends):
            raise ConfigError(
                f"expected a wire from a routine to at least one routine, got {source!r} and {destinations!r}"
            )

    def single(self) -> Iterator[Wire]:
        """The same as wires to one routine each."""
        for one in self.destinations:
            yield Wire(self.source, one, self.data_transmitter, settings=self.settings)

    @property
    def ends(self) -> tuple[int, int]:
        """Of a wire to one routine, by their ids: a routine may be a dataclass, which has no hash."""
        return id(self.source), id(self.destinations[0])

    def __repr__(self) -> str:
        return f"Wire({self.source.name} > {', '.join(one.name for one in self.destinations)})"


Wires: TypeAlias = Mapping[tuple[int, int], Wire]
"""Wires to one routine each, by their ends."""


def wires_with(wires: Wires, more: Iterable[Wire]) -> Wires:
    """These too, in the place of those between the same routines."""
    return {**wires, **{wire.ends: wire for many in more for wire in many.single()}}


def wires_without(wires: Wires, source: str, destinations: Collection[str]) -> Wires:
    """Without those from `source` to these; to all where none is named.

    Raises:
        ConfigError: there is no such wire.
    """
    gone = {
        ends: wire.destinations[0].name
        for ends, wire in wires.items()
        if wire.source.name == source and (not destinations or wire.destinations[0].name in destinations)
    }
    missing = set(destinations) - set(gone.values())
    if missing or not gone:
        raise ConfigError(f"no wire leads from {source} to {', '.join(sorted(missing)) or 'any'}")
    return {ends: wire for ends, wire in wires.items() if ends not in gone}


def node_of(routine: Routine, flow_name: str = "") -> Node:
    """What a graph knows of a routine."""
    takes, gives, needs_data = signature_of(logic_of(routine))
    if routine.settings.batch_size > 1:
        takes = item_of(takes)
    if issubclass(typing.get_origin(gives) or object, Several):
        gives = item_of(gives)
    live = routine.live
    return Node(routine.name, flow_name, routine.role, takes, gives, needs_data, live)


def graph_of(
    flows: Iterable[tuple[str, Sequence[Routine]]],
    wires: Iterable[Wire],
    settings_of: Callable[[str], WireSettings],
) -> Graph:
    """The graph of routines and wires.

    Args:
        flows: by name. A routine that stands in two is two nodes; wires lead to the last of them.
        wires: as they are.
        settings_of: those of a wire that has none of its own, by the name of the routine that it leads to.
    """
    nodes: dict[int, Node] = {}  # by id: a routine may be a dataclass, which has no hash
    named = []
    for name, routines in flows:
        made = [(routine, node_of(routine, name)) for routine in routines]
        nodes.update((id(routine), node) for routine, node in made)
        named.append((name, [node for _, node in made]))
    links = [link for wire in wires for link in _links(wire, nodes, settings_of)]
    return Graph(named, links)


def _links(
    wire: Wire, nodes: Mapping[int, Node], settings_of: Callable[[str], WireSettings]
) -> Iterable[Link]:
    source = nodes.get(id(wire.source)) or node_of(wire.source)
    for routine in wire.destinations:
        destination = nodes.get(id(routine)) or node_of(routine)
        yield Link(source, destination, wire.settings or settings_of(routine.name))
