"""What each flow of a pipe is told of it: its routines, and the edges that begin or end in it. Pure.

An *edge* is one wire between two routines, with a number that no other edge of the pipe ever has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import NamedTuple

from sightline.pipe.directory import Directory
from sightline.pipe.routine import Routine
from sightline.pipe.settings import WireSettings
from sightline.pipe.transmitters import DataTransmitter
from sightline.pipe.wire import Wire
from sightline.shm.settings import Sharing


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One wire from one routine to one other, each named with its flow.

    Attributes:
        number: that no other edge ever has; of the one in its place, too.
        version: how often its transmitter was another by now.
    """

    source: str
    source_flow: str
    destination: str
    destination_flow: str
    settings: WireSettings
    transmitter: DataTransmitter | None
    number: int = 0
    version: int = 0

    @property
    def crosses(self) -> bool:
        return self.source_flow != self.destination_flow

    @property
    def flows(self) -> tuple[str, str]:
        return self.source_flow, self.destination_flow

    @property
    def ends(self) -> tuple[str, str]:
        """The routines: there is one edge at most between two of them."""
        return self.source, self.destination


def edges_of(
    flows: Iterable[tuple[str, Sequence[Routine]]],
    wires: Iterable[Wire],
    settings_of: Callable[[str], WireSettings],
    transmitters: Mapping[str, DataTransmitter | None],
) -> Iterator[Edge]:
    """Wires to one routine each as edges, without numbers.

    Args:
        flows: by name, with the routines in them.
        wires: between these.
        settings_of: those of a wire that has none of its own, by the name of the routine that it leads to.
        transmitters: of wires that have none of their own, by the flow that they lead from; within a flow no
            wire has one.
    """
    flow_of = {id(routine): name for name, routines in flows for routine in routines}
    for wire in wires:
        source, destination = wire.source, wire.destinations[0]
        flow, to_flow = flow_of[id(source)], flow_of[id(destination)]
        transmitter = wire.data_transmitter or transmitters[flow]
        yield Edge(
            source=source.name,
            source_flow=flow,
            destination=destination.name,
            destination_flow=to_flow,
            settings=wire.settings or settings_of(destination.name),
            transmitter=transmitter if flow != to_flow else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSpec:
    """What a flow is.

    Attributes:
        routines: in the order in which they were given to `create_flow`.
        sources: the names of those that get no data from others.
        directory: who else is in the pipe, and answers what.
        logger: the name of the pipe's logger, whose level is `level`; `root_level` is that of all others.
        stop_s: seconds that a routine has for what it has in hand and its cleanup.
        paced: whether its routines are to tell how long they take.
        hung_s: see `Pipe`.
        sharing: how much memory it has for pictures; None: what is usual.
    """

    name: str
    routines: Sequence[Routine]
    sources: frozenset[str]
    directory: Directory
    logger: str
    level: int
    root_level: int
    stop_s: float
    hung_s: float | None = None
    sharing: Sharing | None = None
    paced: bool = False


class Change(NamedTuple):
    """From one set of edges to another: those that begin, or are otherwise from then on; those that end."""

    add: list[Edge]
    remove: list[Edge]

    def first_in(self, flow: str) -> Change:
        """What a flow does first: have edges that come in, and let nothing leave along old ones."""
        return Change(
            [edge for edge in self.add if edge.destination_flow == flow],
            [edge for edge in self.remove if edge.source_flow == flow],
        )

    def then_in(self, flow: str) -> Change:
        """What a flow does when all have done what comes first."""
        return Change(
            [edge for edge in self.add if edge.source_flow == flow and edge.crosses],
            [edge for edge in self.remove if edge.destination_flow == flow and edge.crosses],
        )


class Edges:
    """All edges of a pipe, as they are now."""

    def __init__(self) -> None:
        self._edges: dict[tuple[str, str], Edge] = {}
        self._numbers = count(1)

    def __iter__(self) -> Iterator[Edge]:
        return iter(self._edges.values())

    def of_flow(self, flow: str) -> list[Edge]:
        """Those that begin or end there."""
        return [edge for edge in self._edges.values() if flow in edge.flows]

    def peers(self, flow: str) -> list[str]:
        """The other flows that it has an edge with."""
        both = {name: None for edge in self.of_flow(flow) for name in edge.flows}
        return [name for name in both if name != flow]

    def change(self, wanted: Iterable[Edge]) -> Change:
        """What leads to these edges, whatever their numbers: one with the same ends keeps its own."""
        new: dict[tuple[str, str], Edge] = {}
        for edge in wanted:
            old = self._edges.get(edge.ends) or replace(edge, number=next(self._numbers))
            version = old.version + (old.transmitter != edge.transmitter)
            now = replace(edge, number=old.number, version=version)
            new[edge.ends] = old if old == now else now
        return Change(
            [edge for ends, edge in new.items() if self._edges.get(ends) is not edge],
            [edge for ends, edge in self._edges.items() if ends not in new],
        )

    def apply(self, change: Change) -> None:
        """Have them so from now on."""
        for edge in change.remove:
            del self._edges[edge.ends]
        self._edges |= {edge.ends: edge for edge in change.add}
