"""A hub that listens: on TCP, on a Unix socket, or on both; in a running loop, or as a process of its own.

It listens wider than this machine only where clients must show a token or a certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from sightline.hub.address import HubAddress
from sightline.hub.broker.listeners import BACKLOG, hub_listener, side_sockets, tcp_listeners
from sightline.hub.broker.machine import Hub
from sightline.hub.broker.own_channel import OwnChannel
from sightline.hub.broker.process import HubProcess
from sightline.hub.broker.protocol import HubProtocol, Pump
from sightline.hub.broker.statistics import statistics
from sightline.hub.broker.tls import server_tls
from sightline.hub.settings import DEFAULT_PORT, Limits, ServerSettings, digest
from sightline.log import get_logger, hide_secret
from sightline.shm.host import Host
from sightline.shm.segment import can_share


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
        host=Host() if settings.sharing and can_share() else None,
    )
    async with contextlib.AsyncExitStack() as stack:
        sides = stack.enter_context(side_sockets(hub.shares, settings.host, settings.unix_path))
        pump = Pump(hub, loop)
        stack.callback(pump.close)
        tls = server_tls(settings, pump.refused_tls)
        port = settings.port
        if settings.host is not None:
            for listener in tcp_listeners(settings.host, port):
                stack.callback(listener.close)
                port = listener.getsockname()[1]
                server = await loop.create_server(
                    lambda: HubProtocol(pump, sides.tcp),
                    sock=listener,
                    ssl=tls,
                    ssl_handshake_timeout=settings.limits.handshake_s if tls else None,
                    backlog=BACKLOG,
                )
                stack.callback(server.close)
        if settings.unix_path is not None:
            unix_socket = stack.enter_context(hub_listener(settings.unix_path))
            unix_server = await loop.create_unix_server(
                lambda: HubProtocol(pump, sides.unix), sock=unix_socket, backlog=BACKLOG
            )
            stack.callback(unix_server.close)
        OwnChannel(hub, settings.statistics_every_s).begin(time.monotonic_ns())
        metrics_port = settings.metrics_port
        if metrics_port is not None:
            # Its web server is a fifth of what is imported here, and most hubs have none.
            from sightline.hub.broker.metrics_page import metrics_page  # noqa: PLC0415

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
        sharing: bool = True,
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
            sharing=sharing,
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
