"""The wires of one flow: inlets of its routines, and the beginnings of all edges that begin in it.

An edge within the flow puts messages into the inlet itself. One that leads to another flow, or comes from
one, runs through the trunk to that flow, which may come later than the edge, end, and be there again.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

from sightline.pipe.codec import Codec
from sightline.pipe.edge import EdgeStats
from sightline.pipe.edge import Outlet as EdgeOutlet
from sightline.pipe.frames import FrameSpace
from sightline.pipe.inlet import Inlet
from sightline.pipe.outlet import LocalOutlet, Outlet
from sightline.pipe.plan import Edge, FlowSpec
from sightline.pipe.trunk import Trunk


class Wiring:
    """One flow's.

    Args:
        spec: of the flow.
        frames: its shared memory.
    """

    def __init__(self, spec: FlowSpec, frames: FrameSpace | None) -> None:
        self._flow = spec.name
        self._codec = Codec(frames)
        self._edges: dict[int, Edge] = {}
        self._leaving: dict[int, EdgeOutlet] = {}
        self._trunks: dict[str, Trunk] = {}
        names = [routine.name for routine in spec.routines]
        self.inlets: Mapping[str, Inlet] = {name: Inlet() for name in names if name not in spec.sources}

    def add(self, edges: Iterable[Edge]) -> dict[tuple[str, str], Outlet]:
        """Edges that begin or end here, from now on. The outlets of those that begin here, by their ends."""
        outlets: dict[tuple[str, str], Outlet] = {}
        for edge in edges:
            if edge.number in self._edges:
                continue  # told twice: this process began while the pipe was being wired anew
            self._edges[edge.number] = edge
            if edge.destination_flow == self._flow:
                self.inlets[edge.destination].link(edge.source, edge.settings)
            if edge.source_flow == self._flow:
                outlets[edge.ends] = self._outlet(edge)
            if edge.crosses:
                self._attach(edge)
        return outlets

    def remove(self, edges: Iterable[Edge]) -> list[tuple[str, str]]:
        """Edges that are no more. The ends of those that no other edge is in the place of."""
        gone = []
        for edge in edges:
            if self._edges.pop(edge.number, None) is None:
                continue
            outlet = self._leaving.pop(edge.number, None)
            if outlet is not None:
                outlet.close()
            if all(edge.ends != other.ends for other in self._edges.values()):
                gone.append(edge.ends)
                if edge.destination_flow == self._flow:
                    self.inlets[edge.destination].unlink(edge.source)
        return gone

    def part(self, peer: str) -> list[tuple[str, str]]:
        """That flow is no more: what came from it has ended. The ends of edges that led there, now gone."""
        edges = [edge for edge in self._edges.values() if peer in edge.flows]
        for edge in edges:
            if edge.source_flow == peer:
                self.inlets[edge.destination].ended(edge.source)
        return self.remove(edge for edge in edges if edge.destination_flow == peer)

    def connect(self, peer: str, sock: socket.socket) -> None:
        """The way to that flow, from now on."""
        old = self._trunks.pop(peer, None)
        if old is not None:
            old.close()
        self._trunks[peer] = trunk = Trunk(sock, self._codec)
        for edge in self._edges.values():
            if edge.crosses and peer in edge.flows:
                self._attach(edge)
        trunk.start()

    def stats(self) -> dict[tuple[str, str], EdgeStats]:
        """Of the edges that come in, by their ends."""
        told = [pair for trunk in self._trunks.values() for pair in trunk.stats().items()]
        return {self._edges[number].ends: stats for number, stats in told if number in self._edges}

    def close(self, timeout_s: float) -> None:
        """Send what waits for so long, then end."""
        for trunk in self._trunks.values():
            trunk.close(timeout_s)

    def _outlet(self, edge: Edge) -> Outlet:
        if not edge.crosses:
            return LocalOutlet(self.inlets[edge.destination], edge.source)
        outlet = self._leaving[edge.number] = EdgeOutlet(edge.settings, self._codec, edge.transmitter)
        return outlet

    def _attach(self, edge: Edge) -> None:
        """To the trunk to its other end, if that is there."""
        peer = next(flow for flow in edge.flows if flow != self._flow)
        trunk = self._trunks.get(peer)
        if trunk is None:
            return
        if edge.source_flow == self._flow:
            trunk.carry(edge.number, self._leaving[edge.number])
            return
        inlet = self.inlets[edge.destination]
        trunk.deliver(edge.number, inlet, edge.source, edge.settings, edge.transmitter)
