"""A pipe's counts over HTTP, for Prometheus: `http://127.0.0.1:PORT/metrics`, on this machine alone.

It has a thread of its own, and reads the counts in others when it is asked. Who wants them from elsewhere
puts a proxy with a login before it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Self

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sightline.errors import ConfigError
from sightline.log import get_logger
from sightline.pages.guard import Guard
from sightline.pages.guarded import Guarded
from sightline.pages.server import PageServer, listen, url_of
from sightline.pipe.counts.metrics import registry_of
from sightline.pipe.counts.stats import PipeStats

HOST: Final = "127.0.0.1"
PATH: Final = "/metrics"


class MetricsPage:
    """The page, from now until `close`.

    Args:
        read: gives the counts; called from several threads.
        port: 0: a free one.

    Attributes:
        port: where it is.
        url: of the page.

    Raises:
        ConfigError: the port is in use, or cannot be.
    """

    def __init__(self, read: Callable[[], PipeStats], port: int = 0) -> None:
        try:
            listening = listen(HOST, port)
        except OSError as error:
            raise ConfigError(f"cannot serve metrics on {HOST}:{port}: {error}") from error
        self.port: int = listening.getsockname()[1]
        self.url = url_of(listening).removesuffix("/") + PATH
        self._server = PageServer(Guarded(_app(read), Guard(HOST)))
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="pipe-metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Serve nothing more. Again is allowed."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def _app(read: Callable[[], PipeStats]) -> Starlette:
    registry = registry_of(read)

    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        try:
            return Response(encode(registry), media_type=content_type)
        except Exception as error:  # noqa: BLE001 - of whoever gives the counts
            get_logger("sightline.pipe").warning("metrics could not be read", reason=repr(error))
            return PlainTextResponse("the counts could not be read\n", HTTPStatus.INTERNAL_SERVER_ERROR)

    return Starlette(routes=[Route(PATH, metrics)])
