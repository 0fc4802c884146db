"""The hub's sockets: what comes in goes to the machine, what its lanes have goes out once a loop tick.

The backlog of a slow reader stays in its feeds, where its policy is at work: a transport is given about
`BUDGET_BYTES` at a time, and nothing while it has more than that.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, cast

from sightline.errors import WireError
from sightline.hub.broker.connection import Connection
from sightline.hub.broker.machine import Hub
from sightline.hub.settings import KIB, MIB
from sightline.hub.sockets import tune, write
from sightline.hub.wire.header import Buffer, Kind
from sightline.hub.wire.parser import Parser
from sightline.log import Repeated, get_logger
from sightline.loopback import is_loopback

BUDGET_BYTES: Final = MIB
TICK_S: Final = 0.1
"""How often what is due is looked for, and how late the loop is."""
LARGE_S: Final = 10.0
"""How often it is told that a buffer without bounds holds much."""
_WAITED_FOR: Final = frozenset((Kind.CALL, Kind.REPLY, Kind.REQUEST, Kind.ERROR))
"""Of these a lone one is passed on at once: somebody does nothing until its answer is there."""
GOODBYE_S: Final = 1.0
"""How long an ended connection has to take what it was sent."""
BESIDE_BYTES: Final = 64 * KIB
"""What a frame may have beside its payload."""


class Pump:
    """The machine and its connections within one loop."""

    def __init__(self, hub: Hub, loop: asyncio.AbstractEventLoop) -> None:
        self.hub = hub
        self.protocols: dict[Connection, HubProtocol] = {}
        self._loop = loop
        self._scheduled = False
        self._due_s = loop.time() + TICK_S
        self._ticker = loop.call_at(self._due_s, self._tick)
        self._log = get_logger("sightline.hub")
        self._refusals = Repeated(self._log, "connection ended by the hub")
        self._handshakes = Repeated(self._log, "no TLS with a client")
        self._large = Repeated(self._log, "a buffer without bounds holds much", every_s=LARGE_S)

    def schedule(self) -> None:
        """Send what there is, once for all that comes in within this tick of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        self._scheduled = False
        hub, now_ns = self.hub, time.monotonic_ns()
        hub.settle(now_ns)
        dirty = tuple(hub.dirty)
        hub.dirty.clear()
        for connection in dirty:
            protocol = self.protocols.get(connection)
            if protocol is not None:
                try:
                    protocol.send(now_ns)
                except Exception:  # noqa: BLE001 - a fault of ours ends one connection, and no other
                    self._log.exception("cannot send", client=connection.name)
                    protocol.abort()
        while hub.endings:
            connection = hub.endings.pop()
            protocol = self.protocols.get(connection)
            if protocol is not None:
                self._refused(connection)
                protocol.close(now_ns)
        if (host := hub.shares.host) is not None:
            host.relieve(now_ns)
        if hub.unsettled:
            self.schedule()

    def close(self) -> None:
        """Say goodbye to all, and come to no more ticks."""
        self._ticker.cancel()
        self.hub.close(time.monotonic_ns())
        self.flush()
        self.hub.shares.close()  # what comes after this flushes as well
        self._refusals.flush()
        self._handshakes.flush()

    def refused_tls(self, reason: str) -> None:
        """A client did not come in: no frame of it was ever seen."""
        self.hub.refused["tls"] += 1
        self._handshakes.add(reason=reason)

    def _tick(self) -> None:
        now_s = self._loop.time()
        lag_ms = max(0.0, now_s - self._due_s) * 1000
        hub = self.hub
        hub.lag_ms += (lag_ms - hub.lag_ms) / 10
        hub.lag_peak_ms = max(hub.lag_peak_ms, lag_ms)
        # First, so that a fault of ours in what is due does not end all ticks.
        self._due_s = now_s + TICK_S
        self._ticker = self._loop.call_at(self._due_s, self._tick)
        now_ns = time.monotonic_ns()
        hub.tick(now_ns)
        if (host := hub.shares.host) is not None:
            host.tick(now_ns)
        for feed in hub.readers.large():
            self._large.add(client=feed.client, channel=feed.channel.name, bytes=feed.buffer.held_bytes)
        self.flush()

    def _refused(self, connection: Connection) -> None:
        if connection.ending not in {"bye", "closing", "lost"}:
            self._refusals.add(reason=connection.ending, client=connection.name, address=connection.address)


class HubProtocol(asyncio.BufferedProtocol):
    """One connection. `side`: the name of the side socket that belongs to where it was made; None: none."""

    def __init__(self, pump: Pump, side: bytes | None = None) -> None:
        self._pump = pump
        self._side = side
        self._hub = pump.hub
        self._parser = Parser(max_frame_bytes=pump.hub.limits.handshake_bytes)
        self._paused = False
        self._greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=BUDGET_BYTES, low=BUDGET_BYTES // 4)
        tune(transport.get_extra_info("socket"))
        side = self._side if _is_of_this_machine(transport) else None
        self._connection = self._hub.connected(_address(transport), time.monotonic_ns(), side)
        self._pump.protocols[self._connection] = self
        self._pump.schedule()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the parser knows
        return self._parser.get_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        hub, connection, now_ns = self._hub, self._connection, time.monotonic_ns()
        connection.received_bytes += nbytes
        try:
            frames = self._parser.buffer_updated(nbytes)
        except WireError as error:
            hub.broke_protocol(connection, str(error), now_ns)
        else:
            for frame in frames:
                hub.received(connection, frame, now_ns)
            if not self._greeted and connection.session is not None:
                self._greeted = True
                self._parser.max_frame_bytes = hub.limits.message_bytes + BESIDE_BYTES
            if len(frames) == 1 and frames[0].head.kind in _WAITED_FOR:
                self._pump.flush()  # a turn of the loop sooner
                return
        self._pump.schedule()

    def send(self, now_ns: int) -> None:
        """Hand over what may go now."""
        if self._paused:
            return
        lanes = self._connection.lanes
        buffers = lanes.take(BUDGET_BYTES, now_ns)
        if buffers:
            self._write(buffers)
        if lanes.pending and not self._paused:
            self._connection.mark()

    def abort(self) -> None:
        self._transport.abort()

    def close(self, now_ns: int) -> None:
        """Send what was said to it last, and end."""
        buffers = self._connection.lanes.take(BUDGET_BYTES, now_ns)
        if buffers and not self._transport.is_closing():
            self._write(buffers)
        self._transport.close()
        # One that does not read would keep what is unsent for ever.
        asyncio.get_running_loop().call_later(GOODBYE_S, self._transport.abort)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._connection.mark()
        self._pump.schedule()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - gone is gone
        self._pump.protocols.pop(self._connection, None)
        self._hub.disconnected(self._connection, time.monotonic_ns())
        self._pump.schedule()

    def _write(self, buffers: list[Buffer]) -> None:
        transport = self._transport
        write(transport, buffers)
        pending = transport.get_write_buffer_size()
        connection = self._connection
        connection.sent_bytes += sum(map(len, buffers))
        connection.pending_bytes = pending


def _address(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("peername")
    if isinstance(peer, tuple):
        host, port = peer[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return "unix"


def _is_of_this_machine(transport: asyncio.Transport) -> bool:
    peer = transport.get_extra_info("peername")
    return not isinstance(peer, tuple) or is_loopback(peer[0])
