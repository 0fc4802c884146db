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
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from importlib.resources import files
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sightline.log import REDACTOR
from sightline.pages.guard import Guard
from sightline.pages.guarded import SECURITY, App, Guarded
from sightline.sink.board import Board, Shot

Status = Callable[[], Mapping[str, Any]]
BOUNDARY: Final = "picture"
ASSETS: Final = {
    "/page.css": "text/css; charset=utf-8",
    "/page.js": "text/javascript; charset=utf-8",
    "/icon.svg": "image/svg+xml",
}
"""Open to everyone: they are in the source, and a page cannot send its token for them."""
POLICY: Final = {
    **SECURITY,
    "content-security-policy": f"{SECURITY['content-security-policy']}; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' blob:",
}


class Show(NamedTuple):
    """What the page shows and how; `ending` says that streams are to end."""

    board: Board
    status: Status
    max_fps: float
    ending: Callable[[], bool]


def make_app(show: Show, guard: Guard) -> App:
    """The application, for those whom the guard lets in."""
    return Guarded(_pages(show), guard, security=POLICY)


def _pages(show: Show) -> Starlette:
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
        ]
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


def _file(name: str) -> bytes:
    return files("sightline.sink").joinpath("page", name).read_bytes()
