"""News of the fleet for a browser, as server-sent events: an answer that goes on until the page is closed.

    retry: 2000
    id: 1764000000123            event: news   data: {"topics": ["cameras", "events"]}
                                 event: still  data: {}     at once and every 5 s, where nothing else was

It promises: who comes back with the last number that they heard (`Last-Event-ID`, or `?last=`) is told what
changed since; who says no number, or none of ours, is told all. Who takes nothing for `SLOW_S` is left. While
the fleet cannot be looked at nothing is said, and a page calls itself stale.

Deliberately not here: what changed (`news`), and anything of it: an event names topics, and whoever hears it
asks for what they may see; the end of a session (`fleet.api.staying`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from http import HTTPStatus
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.clock import ns
from sightline.cockpit.looks import look
from sightline.cockpit.shell import Shell
from sightline.cockpit.watching import EVERY_S, Watching
from sightline.fleet.people.principal import Principal
from sightline.pages.guarded import Receive, Scope, Send

HEARTBEAT_S: Final = 5.0
SLOW_S: Final = 10.0
_LONGEST_NUMBER: Final = 18
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def stream_routes(shell: Shell) -> list[Route]:
    """One."""
    looks = partial(look, shell.parts.service)
    watching = Watching(shell.news, looks, shell.parts.listeners, every_s=EVERY_S)

    async def stream(request: Request) -> Response:
        return cast(Response, _Stream(shell, watching, request, shell.asked(request).principal))

    return [Route("/stream", stream, name="page_stream")]


class _Stream:
    """An answer to one listener."""

    def __init__(self, shell: Shell, watching: Watching, request: Request, who: Principal) -> None:
        self._shell, self._watching, self._who = shell, watching, who
        self._known = known_number(request)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        with self._watching.listening(self._who):
            gone = asyncio.create_task(_gone(receive))
            try:
                await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": _HEADERS})
                await self._tell(gone, send)
            finally:
                gone.cancel()

    async def _tell(self, gone: asyncio.Task[None], send: Send) -> None:
        async with aclosing(self._said()) as said:
            telling = asyncio.create_task(_tell_all(said, send))
            await asyncio.wait({gone, telling}, return_when=asyncio.FIRST_COMPLETED)
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _said(self) -> AsyncGenerator[str]:
        """What is said, without end."""
        yield "retry: 2000\n\n"
        clock = self._shell.clock
        said_last: int | None = None
        while True:
            await self._watching.next_look()
            now = clock.monotonic_ns()
            text = self._new(said_last is None or now - said_last >= ns(HEARTBEAT_S))
            if text:
                said_last = now
                yield text

    def _new(self, is_due: bool) -> str:
        news = self._watching.news
        if not self._watching.is_well:
            return ""
        if self._known != news.newest:
            topics, self._known = news.since(self._known), news.newest
            return f"id: {news.newest}\nevent: news\ndata: {json.dumps({'topics': topics})}\n\n"
        return "event: still\ndata: {}\n\n" if is_due else ""


def known_number(request: Request) -> int | None:
    """The last that a listener heard; None: it says none."""
    said = request.headers.get("last-event-id") or request.query_params.get("last", "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= _LONGEST_NUMBER else None


async def _tell_all(said: AsyncGenerator[str], send: Send) -> None:
    async for text in said:
        async with asyncio.timeout(SLOW_S):
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
