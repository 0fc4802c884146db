"""The hub's figures over HTTP, for Prometheus: `http://127.0.0.1:PORT/metrics`, on this machine alone.

It runs in the hub's loop and makes the figures when it is asked. Who wants them from elsewhere puts a proxy
with a login before it: names of channels and clients stand in them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.errors import ConfigError
from sightline.hub.broker.metrics import CONTENT_TYPE, metrics_text
from sightline.hub.broker.statistics import HubStats

HOST: Final = "127.0.0.1"
_MOST_ASKING: Final = 20


@contextlib.asynccontextmanager
async def metrics_page(read: Callable[[], HubStats], port: int) -> AsyncIterator[int]:
    """Serves what `read` gives within the running loop, on `port` or, where that is 0, on a free one.

    Raises:
        ConfigError: the port is in use.
    """

    async def metrics(_request: Request) -> Response:
        return Response(metrics_text(read()), media_type=CONTENT_TYPE)

    app = Starlette(
        routes=[Route("/metrics", metrics)],
        # A page of another site can point a name of its own at this address (DNS rebinding).
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
    )
    listener = _listener(port)
    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,  # logging is the process's business
            log_level="warning",
            access_log=False,
            limit_concurrency=_MOST_ASKING,
        )
    )
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await serving
        listener.close()


class _Server(uvicorn.Server):
    """Uvicorn's server, which would take the signals that end the hub."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()  # whoever was told the address may ask at once
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot serve metrics on {HOST}:{port}: {error}") from error
    return listener
