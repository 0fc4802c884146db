"""The client for programs that have an event loop.

Promises: `put_data` comes back when the message has its place in line, and waits while what the hub has not
acknowledged fills the window; what has its place in line is sent, after each reconnect again, until the hub
has it. Reading gives the messages of a channel in its order, each once. A client is used in one loop.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from sightline.errors import Closed, SightlineError
from sightline.hub.broker.statistics import HubStats
from sightline.hub.client.calling import Calling, Target
from sightline.hub.client.channels import Channels
from sightline.hub.client.connection import Address
from sightline.hub.client.core import ClientStats, Core
from sightline.hub.client.link import Identity, Link
from sightline.hub.client.messages import Messages
from sightline.hub.client.session import Session
from sightline.hub.client.siding import SHARING
from sightline.hub.rpc import Remote, find_served, make_proxy
from sightline.hub.rpc.proxy import Caller
from sightline.hub.settings import DEFAULT_PORT
from sightline.hub.wire.control import Request
from sightline.log import hide_secret
from sightline.shm.settings import Sharing


class AsyncStreamClient(Channels, Messages):
    """A client of a hub.

        async with AsyncStreamClient("display") as client:
            await client.subscribe_read_channel("analogue 1")
            value = await client.get_data("analogue 1")

    A class derived from it serves its methods `rpc_...`, and those marked `@rpc`, to other clients.

    Args:
        name: by which other clients know this one; "": the hub gives it one.
        host, port: of the hub.
        unix_path: of its Unix socket, instead of these.
        token: the one that the hub was given, where it was given one.
        tls: how to trust the hub's certificate, and to show one's own; None: no TLS.
        tto: how long the hub's answers and calls are waited for, in seconds, where nothing else is said.
        tto_name: the keyword by which one call of a method says so.
        agent: what this program is, for who lists the clients.
        rpc_key: what others must know to call this client's methods; None: nothing.
        rpc_most: calls of them in hand, above which others are told that it is busy.
        service: whose methods are served; None: those of this object, if it has some when it connects.
        sharing: how large payloads are shared with processes of this machine; None: they are not, either way.

    Raises:
        ConfigError: `service` serves nothing.
    """

    def __init__(
        self,
        name: str = "",
        host: str = "127.0.0.1",
        *,
        port: int = DEFAULT_PORT,
        unix_path: str | None = None,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        tto: float = 10.0,
        tto_name: str = "tto",
        agent: str = "",
        rpc_key: str | None = None,
        rpc_most: int = 1000,
        service: object | None = None,
        sharing: Sharing | None = SHARING,
    ) -> None:
        if token is not None:
            hide_secret(token)
        self._tto = tto
        self._tto_name = tto_name
        self._calling = Calling()
        session = Session(self._calling)
        self._link = Link(
            Address(host=host, port=port, unix_path=unix_path, tls=tls),
            Identity(name=name, token=token, agent=agent),
            session,
            sharing,
        )
        session.on_send = self._link.nudge
        self._core = Core(self._link, tto)
        self._calling.use(self._link)
        if service is not None:
            find_served(service)
        self._service = self if service is None else service
        self._rpc_key = rpc_key
        self._rpc_most = rpc_most

    @property
    def name(self) -> str:
        return self._link.name

    @property
    def is_alive(self) -> bool:
        """Whether the hub is connected at this moment."""
        return self._link.alive

    async def connect(self, timeout_s: float | None = 10.0) -> None:
        """Connect, and from then on stay so: a lost connection is made again, until `close`.

        Args:
            timeout_s: how long a hub is waited for; None: for ever.

        Raises:
            TimeoutError: no hub took us in time; it is still tried.
            HubError: the name is taken, or the token is not right.
            ConfigError: a method cannot be served under its name.
        """
        self._calling.prepare(self._service, key=self._rpc_key, most=self._rpc_most)
        self._link.start()
        await self._link.until_alive(timeout_s)
        await self._calling.serve(self._tto)

    async def close(self, timeout_s: float = 2.0) -> None:
        """Send what was put, for at most so long, and say goodbye. Whoever waits gets `Closed`."""
        self._link.check_loop()
        with contextlib.suppress(TimeoutError, SightlineError):
            await self._core.flush_all(timeout_s)
        self._core.end(Closed("this client is closed"))
        await self._calling.close()
        await self._link.close()

    async def __aenter__(self) -> Self:
        try:
            await self.connect(self._tto)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Remote calls.

    async def create_rpc_client_service(self, target: str, key: str | None = None) -> Any:
        """Another client's methods, as an object whose methods give something to await.

        Args:
            target: the other client's name.
            key: what it asks for; None: nothing.

        Raises:
            NoResponder: nobody serves under that name.
            HubError: the key is not right.
        """
        return await self.remote(target, key, lambda call: call)

    async def remote(self, target: str, key: str | None, through: Callable[[Caller], Caller]) -> Remote:
        """As `create_rpc_client_service`; each call goes `through` what it is given to."""
        other = Target(target, key)
        methods = await self._calling.methods(other, self._tto)

        def call(method: str, args: tuple[Any, ...], kwargs: dict[str, Any], timeout_s: float | None) -> Any:
            return self._calling.call(other, method, args, kwargs, timeout_s)

        return make_proxy(target, methods, through(call), timeout_name=self._tto_name, timeout_s=self._tto)

    # Other things.

    async def request(self, request: Request) -> Any:
        """What the hub answers to a request of the protocol. Raises SightlineError and TimeoutError."""
        return await self._core.request(request)

    async def server_statistics(self) -> HubStats:
        """The hub's figures."""
        return await self._core.server_statistics()

    def statistics(self) -> ClientStats:
        """This client's figures."""
        return msgspec.structs.replace(self._core.statistics(), calls=self._calling.in_hand)
