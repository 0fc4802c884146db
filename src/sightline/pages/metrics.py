"""Figures over HTTP, for Prometheus: `http://127.0.0.1:PORT/metrics`, on this machine alone.

The page has a thread of its own, and reads the figures in others when it is asked. Who wants them from
elsewhere puts a proxy with a login before it.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import Final, Self

from prometheus_client import CollectorRegistry
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

HOST: Final = "127.0.0.1"
PATH: Final = "/metrics"


class FiguresPage:
    """The page, from now until `close`.

    Args:
        registry: gives the figures; asked from several threads.
        port: 0: a free one.
        whose: they are, for the log and the thread's name.

    Attributes:
        port: where it is.
        url: of the page.

    Raises:
        ConfigError: the port is in use, or cannot be.
    """

    def __init__(self, registry: CollectorRegistry, port: int = 0, *, whose: str) -> None:
        try:
            listening = listen(HOST, port)
        except OSError as error:
            raise ConfigError(f"cannot serve metrics on {HOST}:{port}: {error}") from error
        self.port: int = listening.getsockname()[1]
        self.url = url_of(listening).removesuffix("/") + PATH
        self._server = PageServer(Guarded(_app(registry, whose), Guard(HOST)))
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name=f"{whose}-metrics", daemon=True
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


def _app(registry: CollectorRegistry, whose: str) -> Starlette:
    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        try:
            return Response(encode(registry), media_type=content_type)
        except Exception as error:  # noqa: BLE001 - of whoever gives the figures
            get_logger(f"sightline.{whose}").warning("metrics could not be read", reason=repr(error))
            return PlainTextResponse("the figures could not be read\n", HTTPStatus.INTERNAL_SERVER_ERROR)

    return Starlette(routes=[Route(PATH, metrics)])
