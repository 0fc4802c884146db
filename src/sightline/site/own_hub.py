"""The hub behind a site's bus: whether one answers, and one of our own where none does.

A hub is begun only where the address is of this machine alone. It is a supervised process: it ends with this
one, however this one ends, and is begun again where it ends by itself or hangs.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from sightline.errors import BusError, ConfigError, WireError
from sightline.hub.address import HubAddress
from sightline.hub.client.tls import tls_fault
from sightline.hub.settings import Limits, ServerSettings
from sightline.hub.wire.header import HEAD_BYTES, Head, Kind
from sightline.loopback import is_loopback
from sightline.site.capturing import is_within_process
from sightline.site.private_folder import private_folder
from sightline.site.talk import READY_S, Talk, supervised
from sightline.supervise import ChildSpec, State, Supervisor, When

PRIVATE_LIMITS: Final = Limits(window_messages=64, unwanted_s=0.0)
"""Of a hub between captures and workers alone: of a file little is on its way, and nothing goes nowhere."""
_LIMITS: Final = Limits()
_ANSWER_S: Final = 1.0
_HUNG_S: Final = 30.0
_STOP_S: Final = 2.0


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


def hub_talk(address: HubAddress, limits: Limits = _LIMITS, log_level: str = "warning") -> Talk:
    """With a hub's process that is to listen at `address`."""
    settings = ServerSettings(
        host=None if address.unix_path else address.host,
        port=address.port,
        unix_path=address.unix_path,
        token=address.token,
        limits=limits,
    )
    return Talk("hub", lambda: msgspec.json.encode((settings, log_level)) + b"\n")


def hub_child(talk: Talk) -> ChildSpec:
    """That process, for a supervisor."""
    return talk.child("sightline.site.hub_process", hung_s=_HUNG_S, stop_s=_STOP_S, when=When.ALWAYS)


def await_hub(
    supervisor: Supervisor, timeout_s: float = READY_S, give_up: Callable[[], bool] = lambda: False
) -> None:
    """Wait until a hub that was begun just now is ready.

    Raises:
        ConfigError: it cannot listen there; the words are its own.
        BusError: it takes too long, or is given up, which is noticed when it ends.
    """
    known = {State.RUNNING, State.WAITING, State.QUARANTINED}
    is_known = supervisor.wait_until(lambda of: of["hub"].state in known or give_up(), timeout_s)
    status = supervisor.states()["hub"]
    if status.state in {State.WAITING, State.QUARANTINED}:
        raise ConfigError(status.reason.removesuffix(" (exit code 1)"))
    if not is_known or status.state is not State.RUNNING:
        raise BusError(f"the hub was not ready within {timeout_s:g} s")


class OwnHub:
    """A hub at `address` between `start()` and `stop()`; one that ends by itself is begun again."""

    def __init__(self, address: HubAddress) -> None:
        self._address = address
        self._talk = hub_talk(address)
        self._supervisor = supervised({self._talk: hub_child(self._talk)})

    @property
    def shown(self) -> str:
        """Its address, without what is secret."""
        return self._address.shown

    @property
    def pid(self) -> int | None:
        """Of its process; None where there is none at this moment."""
        return self._supervisor.states()["hub"].pid

    def start(self, timeout_s: float = READY_S) -> None:
        """Begin it.

        Raises:
            ConfigError: it cannot listen there.
            BusError: it takes too long.
        """
        self._supervisor.start()
        await_hub(self._supervisor, timeout_s)

    def stop(self) -> None:
        """End it. Again is allowed."""
        self._supervisor.stop()


def address_to_begin(url: str) -> HubAddress | None:
    """Where a hub is to be begun; None where one answers, or where it is not for us to begin one."""
    address = hub_of(url)
    return None if address is None or not may_begin(address) or answers(address) else address


class Meeting(NamedTuple):
    """Where the processes of a site meet.

    Attributes:
        url: of their bus.
        hub: where a hub is to be begun for it; None: there is no need to.
        private: whether nobody else can reach that.
    """

    url: str
    hub: HubAddress | None
    private: bool


def meeting_at(url: str, opened: ExitStack) -> Meeting:
    """Where processes of a site with this bus meet; what they need for it is there until `opened` is closed.

    Raises:
        ConfigError: no folder can be made for a hub that nobody else can reach.
    """
    if not is_within_process(url):
        return Meeting(url, address_to_begin(url), private=False)
    path = opened.enter_context(private_folder()) / "hub.sock"
    private = f"hub://{quote(str(path))}"
    return Meeting(private, HubAddress.of(private), private=True)


def begun_where_none_answers(url: str) -> OwnHub | None:
    """A hub of our own, which runs; None where one answers, or where it is not for us to begin one.

    Raises:
        ConfigError: it cannot listen there.
        BusError: it takes too long.
    """
    address = address_to_begin(url)
    if address is None:
        return None
    hub = OwnHub(address)
    try:
        hub.start()
    except (ConfigError, BusError):
        hub.stop()
        if answers(address):  # somebody else was faster
            return None
        raise
    return hub
