"""The routes of DeepStream's REST server that a fleet asks: health, and the list of streams.

As `nvds_rest_server` of NVIDIA/DeepStream has them, which only an application with `nvmultiurisrcbin` serves.
Like there, who can reach the address needs no login: this is for tests. What is deliberately not here: all
routes that set something within the pipeline.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final, Protocol

MOST_BODY: Final = 64 << 10
_SILENT_S: Final = 5.0
_LENGTH: Final = re.compile(r"[0-9]{1,9}")
_LOOK_S: Final = 0.05
"""Between two looks at whether the end has come."""
Answer = tuple[HTTPStatus, dict[str, Any]]


class Streams(Protocol):
    """What the routes ask; called in other threads."""

    def ready(self) -> bool: ...
    def cameras(self) -> list[str]: ...
    def add(self, camera: str) -> bool: ...
    def remove(self, camera: str) -> bool: ...


class Routes:
    """Serves them from now until `close`. Raises OSError where the address is taken."""

    def __init__(self, host: str, port: int, streams: Streams) -> None:
        self._server = _Server((host, port), _handler(streams))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_S,), name="routes", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # the other asks name servers what this machine is called

    def handle_error(self, *_: object) -> None:
        """Nothing: who asked hung up."""


def _handler(streams: Streams) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SILENT_S

        def do_GET(self) -> None:
            self._answer(_asked(self.path, streams))

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not _LENGTH.fullmatch(length) or int(length) > MOST_BODY:
                status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if length else HTTPStatus.LENGTH_REQUIRED
                self._answer(_wrong(f"expected a body of at most {MOST_BODY} bytes", status))
                return
            self._answer(_told(self.path, self.rfile.read(int(length)), streams))

        def _answer(self, answer: Answer) -> None:
            status, body = answer
            data = json.dumps({"status": f"HTTP/1.1 {status.value} {status.phrase}", **body}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Nothing: it is asked every few seconds."""

    return Handler


def _asked(path: str, streams: Streams) -> Answer:
    route = _route(path)
    if route in _HEALTH:
        key = _HEALTH[route]
        well = key != "ds-ready" or streams.ready()
        return HTTPStatus.OK, {"reason": "GET_SUCCESS", "health-info": {key: "YES" if well else "NO"}}
    if route == "stream/get-stream-info":
        there = streams.cameras()
        listed = [{"camera_id": name, "camera_name": name, "source_id": at} for at, name in enumerate(there)]
        info = {"stream-count": len(there), "stream-info": listed}
        return HTTPStatus.OK, {"reason": "GET_LIVE_STREAM_INFO_SUCCESS", "stream-info": info}
    return _wrong(f"no such route: {path[:200]}", HTTPStatus.NOT_FOUND)


_HEALTH: Final = {
    "health/get-dsready-state": "ds-ready",
    "ready": "ds-ready",
    "live": "ds-liveness",
    "startup": "ds-startup",
}


def _told(path: str, body: bytes, streams: Streams) -> Answer:
    acts: dict[str, tuple[str, Callable[[str], bool]]] = {
        "stream/add": ("add", streams.add),
        "stream/remove": ("remove", streams.remove),
    }
    if (route := _route(path)) not in acts:
        return _wrong(f"no such route: {path[:200]}", HTTPStatus.NOT_FOUND)
    word, act = acts[route]
    camera = _camera(body, word)
    if camera is None:
        return _wrong(f"expected value.camera_id, value.camera_url and a value.change with {word!r}")
    if not act(camera):
        return _wrong(f"STREAM_{word.upper()}_FAIL: {camera}", HTTPStatus.INTERNAL_SERVER_ERROR)
    return HTTPStatus.OK, {"reason": f"STREAM_{word.upper()}_SUCCESS"}


def _camera(body: bytes, word: str) -> str | None:
    """The camera that a message names, where it has all that must be in it."""
    try:
        value = json.loads(body)["value"]
        named, url, change = value["camera_id"], value["camera_url"], value["change"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    whole = all(isinstance(each, str) and each and _utf8(each) for each in (named, url, change))
    return named if whole and word in change else None


def _utf8(text: str) -> bool:
    """JSON can name half of a character, which no message can carry."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _route(path: str) -> str:
    return path.partition("?")[0].removeprefix("/api/v1/").strip("/")


def _wrong(reason: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Answer:
    return status, {"reason": reason}
