"""The hub's figures over HTTP, for Prometheus: `http://127.0.0.1:PORT/metrics`, on this machine alone.

It runs in the hub's loop and makes the figures when it is asked. Who wants them from elsewhere puts a proxy
with a login before it: names of channels and clients stand in them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.errors import ConfigError
from sightline.hub.broker.metrics import CONTENT_TYPE, metrics_text
from sightline.hub.broker.statistics import HubStats
from sightline.pages.guard import Guard
from sightline.pages.guarded import Guarded
from sightline.pages.server import PageServer, listen

HOST: Final = "127.0.0.1"


@contextlib.asynccontextmanager
async def metrics_page(read: Callable[[], HubStats], port: int) -> AsyncIterator[int]:
    """Serves what `read` gives within the running loop, on `port` or, where that is 0, on a free one.

    Raises:
        ConfigError: the port is in use.
    """

    async def metrics(_request: Request) -> Response:
        return Response(metrics_text(read()), media_type=CONTENT_TYPE)

    app = Starlette(routes=[Route("/metrics", metrics)])
    listener = _listener(port)
    server = PageServer(Guarded(app, Guard(HOST)))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await serving
        listener.close()


def _listener(port: int) -> socket.socket:
    try:
        return listen(HOST, port)
    except OSError as error:
        raise ConfigError(f"cannot serve metrics on {HOST}:{port}: {error}") from error
