"""Pages over HTTP by uvicorn, as a part of a program that does something else.

It promises: a port that is taken is told to whoever asked for it; signals and logging stay the program's own,
and no stranger writes into its log; who says nothing keeps no connection for long, and who reads nothing does
not keep the server from its end; connections have a bound, in all and (`crowd`) of one address. What is
served, and to whom, is an ASGI application's affair (`guarded`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sightline.pages.crowd import Crowd, Verdict, Whose
from sightline.pages.guarded import App

MAX_PORT: Final = 65535
MAX_CONNECTIONS: Final = 64
"""Where a server is told no other number."""
SILENT_S: Final = 10.0
"""How long a connection may be there without a whole request."""
UNREAD_S: Final = 30.0
"""How long a connection may be there with something sent that its other end does not take."""
CLOSE_S: Final = 0.5
"""What answers have to end by themselves at the end; then those that are not read are cut off."""
_TICKS: Final = 10
"""Of a tenth of a second: between two looks at who is silent."""
_CAN_ANSWER: Final = frozenset({h11.IDLE, h11.SEND_RESPONSE})
_UVICORNS: Final = logging.getLogger("uvicorn.error")
_LOGGER: Final = logging.getLogger("sightline.pages")
_LOGGER.setLevel(logging.ERROR)  # what a stranger does wrongly is a warning of uvicorn's, for each


def listen(host: str, port: int) -> socket.socket:
    """A listening socket: made here, so that a port that is taken is told to who asked for it.

    Raises:
        OSError: it is taken, cannot be, or the host is not an address of this machine.
    """
    if type(port) is not int or not 0 <= port <= MAX_PORT:  # the resolver would take its lower 16 bits
        raise OSError(errno.EINVAL, f"expected a port from 0 to {MAX_PORT}, got {port!r}")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except UnicodeError as error:  # a label of a name is too long, or empty
        raise OSError(errno.EINVAL, f"expected an address or a name: {error}") from error
    listening = socket.create_server(address[:2], family=family)
    # For all that it accepts: asyncio does it where a socket names its protocol, as these do not. Without it
    # the second part of an answer waits 40 ms for the first to be acknowledged.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        # Who is gone, or reads nothing, holds no connection for good.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_S * 1000))
    return listening


def address_of(listening: socket.socket) -> str:
    """Where it listens, whatever it was called."""
    address: str = listening.getsockname()[0]
    return address


def url_of(listening: socket.socket) -> str:
    """Where it is reached, as a browser has it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _nobodys(_address: str) -> None: ...


class PageServer(uvicorn.Server):
    """Uvicorn's server: run in a thread (`run`), or in a loop that is there (`serve`), with sockets to use.

    Args:
        app: what is served.
        over: asked ten times a second whether the end has come; `should_exit` says so too.
        most_connections: more are answered with 503, and twice as many with nothing; None: `MAX_CONNECTIONS`.
        whose: of an address for whom its connections count, who may have half of them; None: nobody's do.
    """

    def __init__(
        self,
        app: App,
        *,
        over: Callable[[], bool] = lambda: False,
        most_connections: int | None = None,
        whose: Whose = _nobodys,
    ) -> None:
        if _UVICORNS.level == logging.NOTSET:
            _UVICORNS.setLevel(logging.WARNING)  # it tells of each begin and end
        most = most_connections or MAX_CONNECTIONS
        connection: Any = partial(_Connection, Crowd(most, whose))
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=connection,
                ws="none",
                lifespan="off",
                log_config=None,  # logging is the process's business; so is `access_log`, which is for all
                server_header=False,
                proxy_headers=False,
                limit_concurrency=most,
            )
        )
        self._over = over
        self._silent: dict[tuple[Any, Any], float] = {}

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None: they are the program's."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Whether to end."""
        if counter % _TICKS == 0:
            self._cut_off_silent(asyncio.get_running_loop().time())
        return await super().on_tick(counter) or self._over()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Once what is being answered is, or `CLOSE_S` seconds from now."""
        asyncio.get_running_loop().call_later(CLOSE_S, self._cut_off)
        await super().shutdown(sockets)

    def _cut_off(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def _cut_off_silent(self, now_s: float) -> None:
        # Uvicorn waits without end for the first request of a connection, and for the end of any one's head.
        waiting = [
            (one, one.cycle)
            for one in self.server_state.connections
            if isinstance(one, _Connection)  # and no WebSocket, which may rest
            and (one.cycle is None or one.cycle.response_complete)
        ]
        self._silent = {key: self._silent.get(key, now_s) for key in waiting}
        for (connection, _), since_s in self._silent.items():
            if now_s - since_s > SILENT_S:
                connection.transport.abort()


class _Connection(H11Protocol):
    """Uvicorn's, of which strangers fill no log: what they do wrongly is told to them alone."""

    def __init__(self, crowd: Crowd, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._crowd = crowd
        self.logger = _LOGGER
        self.access_log = False  # addresses hold the token

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as there
        super().connection_made(transport)
        verdict = self._crowd.come(self._address)
        if verdict is Verdict.OUT or len(self.connections) > 2 * (self.limit_concurrency or MAX_CONNECTIONS):
            transport.abort()
        elif verdict is Verdict.BUSY:
            self.limit_concurrency = 0

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._crowd.go(self._address)

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP; it may have come after a request, and while that or nothing is answered."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # nobody hears its answer, or the rest of it
        if self.conn.our_state in _CAN_ANSWER:
            super().send_400_response(msg)
        else:
            self.transport.close()
