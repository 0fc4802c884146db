"""A receiver of webhooks: a real HTTP server on this machine that answers as it is told."""

import json
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from typing import Any, NamedTuple

SECRET = "a secret of both sides"


class Reply(NamedTuple):
    """How to answer a request: after `wait_s`, with headers, and `trickle` bytes that never end."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    wait_s: float = 0.0
    trickle: bool = False


class Request(NamedTuple):
    at_s: float
    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def delivery(self) -> str:
        return self.headers["sightline-delivery"]

    @property
    def indices(self) -> list[int]:
        return [result["index"] for result in self.json["results"]]

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


class Receiver:
    """Every request that came, in order, and what it was answered."""

    def __init__(self, port: int, replies: Iterable[Reply], trust: ssl.SSLContext | None) -> None:
        self.requests: list[Request] = []
        self._replies = chain(replies, repeat(Reply()))
        self._lock = threading.Lock()
        self.ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        if trust is not None:
            self._server.socket = trust.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        scheme = "http" if trust is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def taken(self) -> list[Request]:
        return [request for request in list(self.requests) if request.status == 200]

    @property
    def indices(self) -> list[int]:
        """Of the results that were taken, in the order in which they came."""
        return [index for request in self.taken for index in request.indices]

    def close(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, handler: BaseHTTPRequestHandler) -> Reply:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            reply = next(self._replies)
            self.requests.append(Request(time.monotonic(), handler.path, headers, body, reply.status))
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

            def do_POST(self) -> None:
                reply = receiver.take(self)
                receiver.ending.wait(reply.wait_s)
                try:
                    self._answer(reply)
                except OSError:  # the sender has gone
                    self.close_connection = True

            def _answer(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", "1000000" if reply.trickle else "2")
                self.end_headers()
                self.wfile.write(b"ok")
                while reply.trickle and not receiver.ending.wait(0.05):
                    self.wfile.write(b".")

            def log_message(self, *_: object) -> None: ...

        return Handler


@contextmanager
def receiving(*replies: Reply, port: int = 0, trust: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that gives these answers first, and then takes all."""
    receiver = Receiver(port, replies, trust)
    try:
        yield receiver
    finally:
        receiver.close()
