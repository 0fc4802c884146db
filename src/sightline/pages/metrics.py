"""Figures over HTTP, for Prometheus: `http://127.0.0.1:PORT/metrics`, on this machine alone.

It has a thread of its own, and one more for each who asks at once, and reads the figures when it is asked.
Who wants them from elsewhere puts a proxy with a login before it.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final, Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from sightline.errors import ConfigError
from sightline.log import get_logger
from sightline.pages.guard import Guard

HOST: Final = "127.0.0.1"
PATH: Final = "/metrics"
_GUARD: Final = Guard(HOST)
_MOST_ASKING: Final = 20
_ASKS_S: Final = 5.0
"""How long somebody may take to say what they want."""


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
            self._server = _Server((HOST, port), registry, whose)
        except (OSError, OverflowError) as error:
            raise ConfigError(f"cannot serve metrics on {HOST}:{port}: {error}") from error
        self.port: int = self._server.server_address[1]
        self.url = f"http://{HOST}:{self.port}{PATH}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name=f"{whose}-metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Serve nothing more. Again is allowed."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], registry: CollectorRegistry, whose: str) -> None:
        self.registry = registry
        self.log = get_logger(f"sightline.{whose}")
        self._room = threading.Semaphore(_MOST_ASKING)
        super().__init__(address, _Asked)

    def server_bind(self) -> None:
        """As any server: that of the base class asks the network what this machine is called."""
        TCPServer.server_bind(self)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - as the base class has it
        return self._room.acquire(blocking=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread is left for it
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the base class has it
        self.log.warning("metrics could not be served", exc_info=True)  # noqa: LOG014 - called from one


class _Asked(BaseHTTPRequestHandler):
    server: _Server
    timeout = _ASKS_S
    server_version = "sightline"
    sys_version = ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        refusal = _GUARD.refusal(path, query, self.headers.items())
        if refusal is not None:
            self.send_error(refusal.status, refusal.why)
        elif path != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self._tell()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
        """Who asked is nobody's business."""

    def _tell(self) -> None:
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        try:
            text = encode(self.server.registry)
        except Exception as error:  # noqa: BLE001 - of whoever gives the figures
            self.server.log.warning("metrics could not be read", reason=repr(error))
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self._answer(text, content_type)

    def _answer(self, text: bytes, content_type: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
