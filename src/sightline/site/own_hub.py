"""The hub behind a site's bus: whether one answers, and one of our own where none does.

A hub is begun only where the address is of this machine alone. It is a process that ends with this one,
however this one ends; if it ends by itself it is begun again, as cameras are tried again.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BusError, ConfigError, WireError
from sightline.hub.address import HubAddress
from sightline.hub.broker.server import StreamServer
from sightline.hub.client.tls import tls_fault
from sightline.hub.wire.header import HEAD_BYTES, Head, Kind
from sightline.log import get_logger
from sightline.loopback import is_loopback
from sightline.site.restarts import Restarts

_ANSWER_S: Final = 1.0


def hub_of(url: str) -> HubAddress | None:
    """The hub that a bus's URL names; None where it names another broker. Raises ConfigError."""
    return HubAddress.of(url) if url.startswith("hub:") else None


def answers(address: HubAddress, timeout_s: float = _ANSWER_S) -> bool:
    """Whether a hub greets us there, as each does first of all. Raises ConfigError for a wrong TLS file."""
    return why_silent(address, timeout_s) is None


def why_silent(address: HubAddress, timeout_s: float = _ANSWER_S) -> str | None:
    """Why no hub greets us there; None: one does. Raises ConfigError for a wrong TLS file."""
    tls = address.tls()
    try:
        with _connected(address, timeout_s) as connection:
            if tls is None:
                return _why_no_hub(connection)
            with tls.wrap_socket(connection, server_hostname=address.host) as safe:
                return _why_no_hub(safe)
    except ssl.SSLError as error:
        return tls_fault(error)
    except (OSError, WireError) as error:
        return str(error)


def _connected(address: HubAddress, timeout_s: float) -> socket.socket:
    if address.unix_path is None:
        return socket.create_connection((address.host, address.port), timeout_s)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout_s)
        connection.connect(address.unix_path)
    except OSError:
        connection.close()
        raise
    return connection


def _why_no_hub(connection: socket.socket | ssl.SSLSocket) -> str | None:
    data = b""
    while len(data) < HEAD_BYTES:
        part = connection.recv(HEAD_BYTES - len(data))
        if not part:
            return "what answers there says nothing"
        data += part
    greeted = Head.unpacked(data).kind == Kind.CHALLENGE
    return None if greeted else "what answers there is no hub"


def may_begin(address: HubAddress) -> bool:
    """Whether it is for us to begin a hub there: only this machine can reach it, and without TLS."""
    return (address.unix_path is not None or is_loopback(address.host)) and address.tls_ca is None


class OwnHub:
    """A hub at `address` between `start()` and `stop()`."""

    def __init__(self, address: HubAddress, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._address = address
        self._clock = clock
        self._restarts = Restarts()
        self._server = StreamServer(
            None if address.unix_path else address.host,
            address.port,
            unix_path=address.unix_path,
            token=address.token,
        )

    @property
    def shown(self) -> str:
        """Its address, without what is secret."""
        return self._address.shown

    @property
    def pid(self) -> int | None:
        return self._server.pid

    def start(self) -> None:
        """Begin it. Raises ConfigError where it cannot listen there, TimeoutError where it takes too long."""
        self._server.start()
        self._restarts.begun(self._clock.monotonic_ns())

    def look(self) -> None:
        """Begin it again, where it has ended and it is time to."""
        now_ns = self._clock.monotonic_ns()
        if self._restarts.due_ns is None and not self._server.is_alive():
            self._server.stop()  # what is left of it
            self._restarts.ended(now_ns)
            get_logger("sightline.site").warning("the hub ended by itself", hub=self.shown)
        if self._restarts.is_due(now_ns):
            self._begin_again()

    def stop(self) -> None:
        """End it. Again is allowed."""
        self._server.stop()

    def _begin_again(self) -> None:
        try:
            self._server.start()
        except (ConfigError, TimeoutError) as error:
            self._restarts.ended(self._clock.monotonic_ns())
            get_logger("sightline.site").error("the hub cannot be begun again", error=str(error))
        else:
            self._restarts.begun(self._clock.monotonic_ns())


def begun_where_none_answers(url: str, *, clock: Clock = SYSTEM_CLOCK) -> OwnHub | None:
    """A hub of our own, which runs; None where one answers, or where it is not for us to begin one.

    Raises:
        ConfigError: it cannot listen there.
        BusError: it takes too long.
    """
    address = hub_of(url)
    if address is None or not may_begin(address) or answers(address):
        return None
    hub = OwnHub(address, clock=clock)
    try:
        hub.start()
    except TimeoutError as error:
        hub.stop()
        raise BusError(str(error)) from None
    except ConfigError:
        hub.stop()
        if answers(address):  # somebody else was faster
            return None
        raise
    return hub
