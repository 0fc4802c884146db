"""The wires of one flow: inlets of its routines, and the beginnings of all edges that begin in it.

An edge within the flow puts messages into the inlet itself. One that leads to another flow, or comes from
one, runs through the trunk to that flow, which may come later than the edge, end, and be there again.
"""

from __future__ import annotations

import math
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sightline.errors import ConfigError, SharingError
from sightline.overflow import Overflow
from sightline.pipe.counts.accounts import END_WORDS, Account
from sightline.pipe.plan import Edge, FlowSpec
from sightline.pipe.transmitters import BasicTransmitter
from sightline.pipe.wires.codec import Codec
from sightline.pipe.wires.edge import Outlet as EdgeOutlet
from sightline.pipe.wires.frames import FrameSpace
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.outlet import LocalOutlet, Outlet
from sightline.pipe.wires.trunk import Trunk

REST_S: Final = 2.0
"""To read what a flow had sent that is no more: it takes no time, as its end of the socket is closed."""


class Wiring:
    """One flow's.

    Args:
        spec: of the flow.
        frames: its shared memory.
        failed: called, from any thread, with why a way to another flow is no more, where that is our fault.
        account: gives what the counts of a wire stand in; see `Ledger.account`.
    """

    def __init__(
        self, spec: FlowSpec, frames: FrameSpace | None, account: Account, *, failed: Callable[[str], object]
    ) -> None:
        self._flow = spec.name
        self._failed = failed
        self._codec = Codec(frames)
        self._edges: dict[int, Edge] = {}
        self._leaving: dict[int, EdgeOutlet] = {}
        self._trunks: dict[str, Trunk] = {}
        names = [routine.name for routine in spec.routines]
        self._account = account
        self._locks: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)
        self.inlets: Mapping[str, Inlet] = {
            name: Inlet(account=partial(self._words, "in", name))
            for name in names
            if name not in spec.sources
        }

    def add(self, edges: Iterable[Edge]) -> dict[tuple[str, str], Outlet]:
        """Edges that begin or end here, or are otherwise, from now on. The new outlets, by their ends.

        Raises:
            ConfigError: a transmitter of somebody's own raised; this flow cannot go on.
        """
        outlets: dict[tuple[str, str], Outlet] = {}
        for edge in edges:
            known = edge.number in self._edges
            self._edges[edge.number] = edge
            if edge.destination_flow == self._flow:
                self.inlets[edge.destination].link(edge.source, edge.settings, edge.number)
            with _blamed(edge):
                if edge.source_flow == self._flow and not known:
                    outlets[edge.ends] = self._outlet(edge)
                elif edge.number in self._leaving:
                    self._leaving[edge.number].relink(edge.settings, edge.transmitter, edge.version)
            if edge.crosses and not (known and edge.source_flow == self._flow):
                self._attach(edge)
        return outlets

    def remove(self, edges: Iterable[Edge]) -> list[tuple[str, str]]:
        """Edges that are no more. The ends of those that were here."""
        gone = []
        for edge in edges:
            if self._edges.pop(edge.number, None) is None:
                continue
            outlet = self._leaving.pop(edge.number, None)
            if outlet is not None:
                outlet.close()
            gone.append(edge.ends)
            if edge.destination_flow == self._flow:
                self._unlink(edge)
        return gone

    def part(self, peer: str) -> list[tuple[str, str]]:
        """That flow is no more: what came from it has ended. The ends of edges that led there, now gone."""
        if peer in self._trunks:
            self._trunks.pop(peer).close(REST_S)
        edges = [edge for edge in self._edges.values() if peer in edge.flows]
        for edge in edges:
            if edge.source_flow == peer:
                self.inlets[edge.destination].ended(edge.source)
        return self.remove(edge for edge in edges if edge.destination_flow == peer)

    def connect(self, peer: str, number: int, sock: socket.socket) -> None:
        """The way to that flow, from now on; no other ever has this number.

        Raises:
            ConfigError: as `add`.
            SharingError: no descriptor is left.
        """
        old = self._trunks.pop(peer, None)
        if old is not None:
            old.close(REST_S)
        try:
            trunk = Trunk(sock, self._codec, number=number, on_end=self._ended)
        except OSError as error:
            sock.close()
            raise SharingError(f"no descriptor is left for the way to flow {peer}: {error}") from error
        self._trunks[peer] = trunk
        for edge in self._edges.values():
            if edge.crosses and peer in edge.flows:
                self._attach(edge)
        trunk.start()

    def array(self, source: str, shape: int | Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """For data of that routine: in a slot, where a wire of it leads to a flow that takes it there."""
        leaving = [edge for edge in list(self._edges.values()) if edge.source == source and edge.crosses]
        least = min((_shared_from_bytes(edge) for edge in leaving), default=math.inf)
        lengths = shape if isinstance(shape, Sequence) else (shape,)
        if self._codec.frames is None or math.prod(lengths) * np.dtype(dtype).itemsize < least:
            return np.empty(shape, dtype)
        waits = any(edge.settings.rule is Overflow.BLOCK for edge in leaving)
        return self._codec.frames.array(shape, dtype, wait=waits)

    def close(self, timeout_s: float) -> None:
        """Send what waits for so long, then end."""
        for trunk in self._trunks.values():
            trunk.close(timeout_s)

    def _ended(self, fault: str | None) -> None:
        if fault is not None:
            self._failed(fault)

    def _outlet(self, edge: Edge) -> Outlet:
        if not edge.crosses:
            return LocalOutlet(self.inlets[edge.destination], edge.source)
        outlet = self._leaving[edge.number] = EdgeOutlet(
            edge.settings,
            self._codec,
            edge.transmitter,
            version=edge.version,
            words=self._words("out", edge.source, edge.destination),
            lock=self._locks[edge.ends],
        )
        return outlet

    def _words(self, end: str, owner: str, other: str) -> memoryview:
        return self._account(end, owner, other, words=END_WORDS)

    def _unlink(self, edge: Edge) -> None:
        """Behind what its writer had sent."""
        unlink = partial(self.inlets[edge.destination].unlink, edge.source, edge.number)
        trunk = self._trunks.get(edge.source_flow)
        if trunk is None:
            unlink()
        else:
            trunk.part(edge.number, unlink)

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
        with _blamed(edge):
            trunk.deliver(
                edge.number, inlet, edge.source, edge.settings, edge.transmitter, version=edge.version
            )


@contextmanager
def _blamed(edge: Edge) -> Iterator[None]:
    """What is raised within is its transmitter's fault."""
    try:
        yield
    except Exception as error:
        raise ConfigError(f"the transmitter of wire {edge.source} > {edge.destination}: {error!r}") from error


def _shared_from_bytes(edge: Edge) -> int:
    return (edge.transmitter or BasicTransmitter()).shared_from_bytes
