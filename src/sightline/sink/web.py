"""The preview's page over HTTP: what it serves, and to whom.

    /                 the page          /page.css /page.js /icon.svg   its parts, the same for everyone
    /status.json      numbers of each camera
    /stream.mjpeg     annotated pictures of all cameras, or of each ?camera=, as multipart/x-mixed-replace

One stream carries several cameras: a browser opens no more than six connections to a server, and a page
with a stream for each camera would stop at the sixth. With one `?camera=` it is plain MJPEG, for any viewer.

A stream sends the newest picture there is when the one before has gone out: a viewer who reads slowly gets
fewer pictures, and holds up nobody.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from importlib.resources import files
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, quote

import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightline.log import REDACTOR
from sightline.sink.board import Board, Shot

Status = Callable[[], Mapping[str, Any]]
BOUNDARY: Final = "picture"
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
ASSETS: Final = {
    "/page.css": "text/css; charset=utf-8",
    "/page.js": "text/javascript; charset=utf-8",
    "/icon.svg": "image/svg+xml",
}
"""Open to everyone: they are in the source, and a page cannot send its token for them."""
SECURITY: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # the address may hold the token
    "cross-origin-resource-policy": "same-origin",  # another site's page must not show our pictures
    "cache-control": "no-store",
}


class Show(NamedTuple):
    """What the page shows and how; `ending` says that streams are to end."""

    board: Board
    status: Status
    max_fps: float
    ending: Callable[[], bool]


def make_app(show: Show, *, host: str, token: str | None) -> Starlette:
    """The application for a server that listens on `host`."""

    async def page(_request: Request) -> Response:
        return Response(_file("page.html"), media_type="text/html; charset=utf-8")

    async def asset(request: Request) -> Response:
        return Response(_file(request.url.path[1:]), media_type=ASSETS[request.url.path])

    def numbers(_request: Request) -> Response:  # not async: the caller's status may take its time
        return Response(status_json(show), media_type="application/json")

    async def stream(request: Request) -> Response:
        wanted = request.query_params.getlist("camera")
        return StreamingResponse(
            pictures(show, frozenset(wanted) or None),
            media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}",
        )

    return Starlette(
        routes=[
            Route("/", page),
            *(Route(path, asset) for path in ASSETS),
            Route("/status.json", numbers),
            Route("/stream.mjpeg", stream),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=names_of(host), www_redirect=False),
            *([Middleware(Guard, token=token)] if token else []),
        ],
    )


async def pictures(show: Show, wanted: Collection[str] | None) -> AsyncIterator[bytes]:
    """Each new picture of the wanted cameras, all when None, as parts of a multipart stream."""
    sent: dict[str, int] = {}
    clock = asyncio.get_running_loop().time
    yield f"--{BOUNDARY}\r\n".encode()
    while not show.ending():
        next_round_at_s = clock() + 1 / show.max_fps
        for camera_id, number in show.board.numbers().items():
            if sent.get(camera_id) != number and (wanted is None or camera_id in wanted):
                shot = await to_thread.run_sync(show.board.shot, camera_id)
                sent[camera_id] = shot.number
                yield part(shot)
        await asyncio.sleep(max(0.0, next_round_at_s - clock()))


def part(shot: Shot) -> bytes:
    """One picture of a stream. The boundary comes last: a browser shows a picture when it has come to it."""
    head = (
        f"Content-Type: image/jpeg\r\nContent-Length: {len(shot.jpeg)}\r\n"
        f"X-Camera: {quote(shot.camera_id, safe='')}\r\n\r\n"
    )
    return head.encode() + shot.jpeg + f"\r\n--{BOUNDARY}\r\n".encode()


def status_json(show: Show) -> bytes:
    """The caller's status with our numbers in it, and without a secret."""
    try:
        told: dict[str, Any] = msgspec.to_builtins(show.status(), enc_hook=str, str_keys=True)
    except Exception as error:  # noqa: BLE001  the caller's own: the page must say so, not end
        told = {"fault": f"{type(error).__name__}: {error}"}
    cameras = {name: dict(facts) for name, facts in told.get("cameras", {}).items()}
    for name, facts in show.board.facts().items():
        cameras.setdefault(name, {}).update(facts)
    return msgspec.json.encode(REDACTOR.value({**told, "cameras": cameras}))


def names_of(host: str) -> list[str]:
    """The names by which a browser may call a server on `host`; any, where it listens on every address.

    A page of another site can point a name of its own at this address (DNS rebinding) and then read
    whatever answers. A server on every address cannot know its names, but has a token.
    """
    if _is_every(host):
        return ["*"]
    return [f"[{host}]" if ":" in host else host, *LOOPBACK]


def _is_every(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def _file(name: str) -> bytes:
    return files("sightline.sink").joinpath("page", name).read_bytes()


class SecurityHeaders:
    """Adds `SECURITY` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Guard:
    """Lets in who knows the token: `?token=` or `Authorization: Bearer`."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ASSETS or self._knows(scope):
            await self._app(scope, receive, send)
        else:
            told = "This preview needs its token: add ?token=... to the address.\n"
            refusal = PlainTextResponse(told, 401, {"www-authenticate": "Bearer"})
            await refusal(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        kind, _, credentials = Headers(scope=scope).get("authorization", "").partition(" ")
        offered = [credentials] if kind.lower() == "bearer" else []
        offered += parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return any(hmac.compare_digest(one.encode(), self._token) for one in offered)
