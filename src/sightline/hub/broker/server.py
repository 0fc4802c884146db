"""A hub that listens: on TCP, on a Unix socket, or on both; in a running loop, or as a process of its own.

It listens wider than this machine only where clients must show a token or a certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from sightline.errors import ConfigError
from sightline.hub.address import HubAddress
from sightline.hub.broker.machine import Hub
from sightline.hub.broker.metrics_page import metrics_page
from sightline.hub.broker.own_channel import OwnChannel
from sightline.hub.broker.process import HubProcess
from sightline.hub.broker.protocol import HubProtocol, Pump
from sightline.hub.broker.statistics import statistics
from sightline.hub.settings import DEFAULT_PORT, Limits, digest
from sightline.log import get_logger, hide_secret
from sightline.loopback import is_loopback

BACKLOG: Final = 512
MODE: Final = 0o600
"""Of a Unix socket: who it belongs to may connect."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a hub listens.

    Attributes:
        host, port: of TCP; host None: no TCP; port 0: a free one.
        unix_path: of a Unix socket; None: none.
        token: that clients must know; None: none.
        tls_certificate, tls_key: files in PEM form of what the hub shows; None: no TLS.
        tls_client_ca: file in PEM form of who signs what clients must show; None: they need not.
        metrics_port: of its figures for Prometheus, on this machine alone; 0: a free one; None: not.
        statistics_every_s: how often its statistics channel has a message while it is read.
        limits: what strangers can make it hold.
    """

    host: str | None = "127.0.0.1"
    port: int = DEFAULT_PORT
    unix_path: str | None = None
    token: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    metrics_port: int | None = None
    statistics_every_s: float = 1.0
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if self.host is None and self.unix_path is None:
            raise ConfigError("expected a host, a unix_path or both to listen on")
        for port in (self.port, self.metrics_port or 0):
            if not 0 <= port < 65_536:
                raise ConfigError(f"expected a port of 0 to 65535, got {port}")
        if not 0 < self.statistics_every_s < math.inf:
            raise ConfigError(f"expected statistics_every_s above 0, got {self.statistics_every_s}")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigError("expected tls_certificate and tls_key together")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ConfigError("tls_client_ca needs tls_certificate and tls_key")
        if self.token == "":
            raise ConfigError("expected a token that is not empty")
        self._check_guarded()

    def _check_guarded(self) -> None:
        guarded = self.token is not None or self.tls_client_ca is not None
        if self.host is not None and not is_loopback(self.host) and not guarded:
            raise ConfigError(
                f"on {self.host} anybody in the network could read and write every channel: "
                "give token= (clients give the same), or tls_certificate=, tls_key= and tls_client_ca="
            )


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """Where a hub listens in fact."""

    host: str | None
    port: int
    unix_path: str | None
    metrics_port: int | None


@contextlib.asynccontextmanager
async def listening(settings: ServerSettings) -> AsyncIterator[Listening]:
    """A hub within the running loop.

    Raises:
        ConfigError: the address is in use or is none of this machine, or a certificate cannot be read.
    """
    loop = asyncio.get_running_loop()
    if settings.token is not None:
        hide_secret(settings.token)
    hub = Hub(
        settings.limits,
        token_digest=None if settings.token is None else digest(settings.token),
        began_ns=time.monotonic_ns(),
    )
    tls = _tls(settings)
    async with contextlib.AsyncExitStack() as stack:
        pump = Pump(hub, loop)
        stack.callback(pump.close)
        port = settings.port
        if settings.host is not None:
            for listener in _tcp_listeners(settings.host, port):
                stack.callback(listener.close)
                port = listener.getsockname()[1]
                server = await loop.create_server(
                    lambda: HubProtocol(pump),
                    sock=listener,
                    ssl=tls,
                    ssl_handshake_timeout=settings.limits.handshake_s if tls else None,
                    backlog=BACKLOG,
                )
                stack.callback(server.close)
        if settings.unix_path is not None:
            unix_listener = stack.enter_context(_unix_listener(settings.unix_path))
            unix_server = await loop.create_unix_server(
                lambda: HubProtocol(pump), sock=unix_listener, backlog=BACKLOG
            )
            stack.callback(unix_server.close)
        OwnChannel(hub, settings.statistics_every_s).begin(time.monotonic_ns())
        metrics_port = settings.metrics_port
        if metrics_port is not None:
            page = metrics_page(lambda: statistics(hub, time.monotonic_ns()), metrics_port)
            metrics_port = await stack.enter_async_context(page)
        where = Listening(
            host=settings.host, port=port, unix_path=settings.unix_path, metrics_port=metrics_port
        )
        get_logger("sightline.hub").info("hub listens", host=where.host, port=port, unix_path=where.unix_path)
        yield where


class StreamServer:
    """A hub.

    As a process of its own, which is ready when `start()` returns and ends when its parent does:

        server = StreamServer(port=4820)
        server.start()
        ...
        server.stop()

    or `with StreamServer() as server:`. Within a running loop: `async with StreamServer() as server:` or
    `await server.serve()`. For the arguments see `ServerSettings`.

    Attributes:
        host, port, unix_path, metrics_port: where it listens; a port that was 0 is told after the start.

    Raises:
        ConfigError: an argument is wrong, or the hub would be open to a network without any proof.
    """

    def __init__(
        self,
        host: str | None = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        unix_path: str | None = None,
        token: str | None = None,
        tls_certificate: str | None = None,
        tls_key: str | None = None,
        tls_client_ca: str | None = None,
        metrics_port: int | None = None,
        statistics_every_s: float = 1.0,
        limits: Limits | None = None,
    ) -> None:
        self.settings = ServerSettings(
            host=host,
            port=port,
            unix_path=unix_path,
            token=token,
            tls_certificate=tls_certificate,
            tls_key=tls_key,
            tls_client_ca=tls_client_ca,
            metrics_port=metrics_port,
            statistics_every_s=statistics_every_s,
            limits=limits or Limits(),
        )
        self.host = host
        self.port = port
        self.unix_path = unix_path
        self.metrics_port = metrics_port
        self._process: HubProcess | None = None
        self._stack: contextlib.AsyncExitStack | None = None

    @property
    def url(self) -> str:
        """The address for clients: `hub://host:port`; where there is only a Unix socket, `hub:///its/path`."""
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """All addresses for clients, TCP's first."""
        tcp = [] if self.host is None else [HubAddress(host=self.host, port=self.port)]
        unix = [] if self.unix_path is None else [HubAddress(unix_path=str(Path(self.unix_path).absolute()))]
        return [address.shown for address in (*tcp, *unix)]

    def start(self, timeout_s: float = 10.0) -> None:
        """Begin as a process of its own, and come back when clients can connect.

        Raises:
            ConfigError: it cannot listen there; the message says why.
            TimeoutError: it was not ready in time.
        """
        if self._process is not None and self._process.is_alive():
            return
        self.stop()  # one that was killed has left its pipes
        # Begun again it is where its clients look for it, also where any free port had been asked for.
        settings = msgspec.structs.replace(self.settings, port=self.port)
        self._process = HubProcess(msgspec.json.encode(settings))
        self._listens(msgspec.json.decode(self._process.begin(timeout_s), type=Listening))

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the process: clients are told, and connect again when it is back. Again is allowed."""
        if self._process is not None:
            self._process.end(timeout_s)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the process ended, at most so long."""
        if self._process is not None:
            self._process.join(timeout_s)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.is_alive()

    @property
    def pid(self) -> int | None:
        """Of the process; None where there is none."""
        return None if self._process is None else self._process.pid

    async def serve(self) -> None:
        """Run within the loop until cancelled."""
        async with self:
            await asyncio.Event().wait()

    def _listens(self, where: Listening) -> None:
        self.port, self.metrics_port = where.port, where.metrics_port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        stack = contextlib.AsyncExitStack()
        self._listens(await stack.enter_async_context(listening(self.settings)))
        self._stack = stack
        return self

    async def __aexit__(self, *failure: object) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()


def _tcp_listeners(host: str, port: int) -> Iterator[socket.socket]:
    """One for each address that `host` stands for; those behind the first get its port."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(f"expected a host of this machine, got {host!r}: {error}") from error
    bound = False
    for family, kind, protocol, _, address in dict.fromkeys(found):
        listener = socket.socket(family, kind, protocol)
        try:
            _bind(listener, (address[0], port, *address[2:]))
        except OSError as error:
            listener.close()
            if bound and error.errno == errno.EADDRNOTAVAIL:  # `localhost` of a machine without IPv6
                continue
            if error.errno == errno.EADDRINUSE:
                raise ConfigError(f"port {port} of {host} is in use: another hub may run there") from error
            raise ConfigError(f"cannot listen on {host}:{port}: {error}") from error
        bound, port = True, listener.getsockname()[1]
        yield listener


def _bind(listener: socket.socket, address: tuple[object, ...]) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.setblocking(False)


@contextlib.contextmanager
def _unix_listener(path: str) -> Iterator[socket.socket]:
    """A socket at `path` that only this user may connect to. A file left by a dead hub is replaced."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    place = Path(path)
    try:
        _clear_stale(place)
        os.fchmod(listener.fileno(), MODE)  # Linux makes the file with it; elsewhere it has no effect
        listener.bind(path)
        place.chmod(MODE)
        listener.listen(BACKLOG)  # before that, another hub would take the file for one that was left
        listener.setblocking(False)
        inode = place.stat().st_ino
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {path}: {error}") from error
    try:
        yield listener
    finally:
        listener.close()
        with contextlib.suppress(OSError):
            if place.stat().st_ino == inode:
                place.unlink()


def _clear_stale(place: Path) -> None:
    if not place.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(place))
        except ConnectionRefusedError:
            place.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another hub answers there")


def _tls(settings: ServerSettings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        if settings.tls_client_ca is not None:
            context.load_verify_locations(settings.tls_client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot use the certificate files: {error}") from error
    return context
