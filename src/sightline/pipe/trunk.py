"""All edges between two flows, on one Unix stream socket."""

from __future__ import annotations

import socket
from typing import Any

from sightline.pipe.codec import Codec
from sightline.pipe.edge import EdgeStats, Inlet, Outlet
from sightline.pipe.frames import FrameSpace


class Trunk:
    """One end. Both ends may have outlets and inlets; edges are told apart by ids that the pipe gives.

    Begins to read once `start` was called: inlets that are given before lose nothing. Threads: one.

    Args:
        sock: one end of a `socketpair(AF_UNIX, SOCK_STREAM)`; this object's from now on.
        codec: of the flow; all its trunks have the same.
        frames: of the flow; None: nothing is shared, everything goes through the socket.
        on_end: called in the trunk's thread, once, when the other end is gone or has closed.
    """

    def __init__(self, sock: socket.socket, codec: Codec, frames: FrameSpace | None, *, on_end: Any) -> None: ...

    def start(self) -> None:
        """Begin to read and to write."""

    def carry(self, edge_id: int, outlet: Outlet) -> None:
        """What is put into `outlet` goes here from now on; also one whose former trunk has ended.

        An outlet is made without a trunk: `Outlet(settings: WireSettings, transmitter=None)`; then a live one
        drops, and a lossless one makes its writer wait, until it is carried. So it outlives a restart of the
        flow at the other end.
        """

    def deliver(self, edge_id: int, inlet: Inlet, source: str, transmitter: Any = None) -> None:
        """What comes on this edge goes into `inlet`, as messages of the routine `source`.

        A live inlet takes all and drops by its own rule. A lossless one takes what it has room for; its
        `on_room` is to call `made_room(edge_id)` of this trunk, in whichever thread took something.
        """

    def made_room(self, edge_id: int) -> None:
        """The inlet of this edge took something out. From any thread; waits for nothing."""

    def stats(self) -> dict[int, EdgeStats]:
        """Of the edges that come in here, by their ids; an outlet has its own `stats`."""

    def close(self, timeout_s: float = 0.0) -> None:
        """Send what waits for so long, then end. Outlets may be carried by another trunk."""
