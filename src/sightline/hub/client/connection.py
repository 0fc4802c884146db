"""One connection to a hub: bytes of a socket in and out, and nothing that is decided.

On uvloop what is written is not copied: the transport holds it until it has gone. Sending stops while the
socket takes no more, so that what waits, waits in the lanes, where turns are fair.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Final, cast

import msgspec

from sightline.errors import BusError, SightlineError
from sightline.hub.client.tls import tls_fault
from sightline.hub.settings import DEFAULT_PORT, KIB, MIB
from sightline.hub.sockets import tune, write
from sightline.hub.wire.header import Frame, Head, Kind
from sightline.hub.wire.lanes import Lanes
from sightline.hub.wire.parser import Parser
from sightline.loopback import is_loopback

HANDSHAKE_BYTES: Final = 4 * KIB
TICK_BYTES: Final = 1 * MIB
"""What is handed to the transport at once."""
NO_TLS: Final = "; if it speaks TLS, give tls_ca"
"""Such a hub says nothing to a client without."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a hub is; `unix_path` goes first. `tls`: how to trust it and to show oneself."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    unix_path: str | None = None
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return self.unix_path or f"{self.host}:{self.port}"


class Connection(asyncio.BufferedProtocol):
    """The protocol of one connection.

    Args:
        on_frame: called with each frame and the time; what it raises ends the connection.

    Attributes:
        closed: done when the connection is gone, with the reason as its result.
        lanes: what is to be sent, once there are any.
    """

    def __init__(self, on_frame: Callable[[Frame, int], object]) -> None:
        self.closed: asyncio.Future[SightlineError] = asyncio.get_running_loop().create_future()
        self.lanes: Lanes | None = None
        self.on_frame = on_frame
        self._parser = Parser(max_frame_bytes=HANDSHAKE_BYTES)
        self._transport: asyncio.Transport | None = None
        self._writable = True
        self._first = False
        self._heard = False
        self._unheard = ""
        self._error: SightlineError | None = None

    @property
    def local(self) -> bool:
        """Whether the hub is on this machine, as far as its address tells."""
        peer = None if self._transport is None else self._transport.get_extra_info("peername")
        return self._transport is not None and (not isinstance(peer, tuple) or is_loopback(peer[0]))

    def allow(self, frame_bytes: int) -> None:
        """The hub is known: it may send such frames."""
        self._parser.max_frame_bytes = frame_bytes

    def send(self, frame: bytes) -> bool:
        """Send a small frame at once, if it is the first since something came; whether it was.

        It answers what came one turn of the loop sooner; more of them go better together.
        """
        if self._transport is None or not self._writable or not self._first:
            return False
        self._first = False
        self._transport.write(frame)
        return True

    def flush(self) -> None:
        """Hand over what waits in the lanes, as far as the socket takes it."""
        if self._transport is None or self.lanes is None or not self._writable:
            return
        buffers = self.lanes.take(TICK_BYTES, time.monotonic_ns())
        if buffers:
            write(self._transport, buffers)
            if self.lanes.pending:
                asyncio.get_running_loop().call_soon(self.flush)

    def end(self, error: SightlineError, *, politely: bool = False) -> None:
        """Close it, for `error`; `politely`: after what waits was sent, with a word of goodbye."""
        if self._transport is None or self._error is not None:
            return
        self._error = error
        if politely:
            self._transport.write(Head(0, Kind.BYE).packed())
            self._transport.close()
        else:
            self.abort()

    def abort(self) -> None:
        """Close it, with what waits unsent."""
        if self._transport is not None:
            self._transport.abort()

    # For the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=TICK_BYTES)
        tune(transport.get_extra_info("socket"))
        over_tcp = isinstance(transport.get_extra_info("peername"), tuple)
        if over_tcp and transport.get_extra_info("sslcontext") is None:
            self._unheard = f" before it said a word{NO_TLS}"

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the parser knows
        return self._parser.get_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        now_ns = time.monotonic_ns()
        self._first = self._heard = True
        try:
            for frame in self._parser.buffer_updated(nbytes):
                self.on_frame(frame, now_ns)
        except SightlineError as error:
            self.end(error)

    def eof_received(self) -> None:
        return None

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if not self.closed.done():
            why = _why(error) if self._heard else _why(error) or self._unheard
            self.closed.set_result(self._error or BusError(f"the hub broke off{why}"))


def _why(error: Exception | None) -> str:
    if isinstance(error, ssl.SSLError):  # with TLS 1.3 our certificate is judged behind the handshake
        return f": {tls_fault(error)}"
    return f": {error}" if error else ""


async def connect(connection: Connection, address: Address) -> None:
    """Raises BusError where nothing answers."""
    loop = asyncio.get_running_loop()
    try:
        if address.unix_path is not None:
            await loop.create_unix_connection(lambda: connection, address.unix_path)
        else:
            await loop.create_connection(lambda: connection, address.host, address.port, ssl=address.tls)
    except ssl.SSLError as error:
        raise BusError(f"no TLS with the hub at {address}: {tls_fault(error)}") from error
    except (OSError, UnicodeError) as error:  # a name that cannot be one is the latter
        raise BusError(f"no hub answers at {address}: {error}") from error
