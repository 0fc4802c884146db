"""In front of the API and of the pages: who asks is looked up before anything of a request is read.

Promises: of the API a stranger learns nothing but that they are one, and `/healthz`; of what a stranger sends
little is taken, whatever it is for. The API has `/api/` and `/healthz`, pages all else, where there are any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from sightline.errors import SightlineError
from sightline.fleet.api.described import OPEN_PATHS
from sightline.fleet.api.entitled import NotLoggedIn, know
from sightline.fleet.api.problems import answer, problem_of, worded
from sightline.fleet.api.staying import Staying
from sightline.fleet.entrance.entrance import Asked, Entrance
from sightline.pages.guard import Guard
from sightline.pages.guarded import App, Guarded, Receive, Scope, Send

MOST_BODY: Final = 16 * 1024 * 1024
"""Bytes that may come with a request: a site of some thousand cameras."""
STRANGERS_BODY: Final = 16 * 1024
"""Bytes that may come from who is not logged in: a login."""


class _Served(NamedTuple):
    known: App
    strangers: App


class Front:
    """An ASGI application.

    Args:
        entrance: knows who asks.
        guard: refuses what no login may have.
        api: the API.
        pages: all else; None: there is nothing.
    """

    def __init__(self, entrance: Entrance, guard: Guard, api: App, pages: App | None = None) -> None:
        self._entrance = entrance
        self._api = _Served(
            Guarded(api, guard, most_body=MOST_BODY, wording=worded),
            Guarded(_open_alone(api), guard, most_body=STRANGERS_BODY, wording=worded),
        )
        self._pages = self._api if pages is None else _pages(pages, guard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        try:
            asked = await self._who(scope)
        except SightlineError as error:  # the database: nobody is let in while it cannot be read
            await answer(*problem_of(error))(scope, receive, send)
            return
        know(scope, asked)
        path = scope["path"]
        served = self._api if path.startswith("/api/") or path in OPEN_PATHS else self._pages
        if asked is None:
            await served.strangers(scope, receive, send)
        else:
            staying = Staying(lambda: self._is_in(scope, asked), receive, send)
            await served.known(scope, staying.receive, staying.send)
            await staying.finish()

    async def _is_in(self, scope: Scope, before: Asked) -> bool:
        with suppress(SightlineError):
            now = await self._who(scope)
            return now is not None and now.principal.role.allows(before.principal.role)
        return True  # the database cannot say; a moment ago they were

    async def _who(self, scope: Scope) -> Asked | None:
        headers = _headers(scope)
        if not {"authorization", "cookie"} & headers.keys():
            return None
        client = scope.get("client")
        # Not in the pool of threads that answer: those may all wait for an agent's logs.
        return await asyncio.to_thread(self._entrance.who, headers, client[0] if client else "")


def _pages(pages: App, guard: Guard) -> _Served:
    known, strangers = (Guarded(pages, guard, most_body=most) for most in (MOST_BODY, STRANGERS_BODY))
    return _Served(known, strangers)


def _open_alone(api: App) -> App:
    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        app: App = api if scope["path"] in OPEN_PATHS else answer(*problem_of(NotLoggedIn()))
        await app(scope, receive, send)

    return asked


def _headers(scope: Scope) -> Mapping[str, str]:
    """By name; what came several times is one, as HTTP has it: cookies by `;`, of logins none."""
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return {name: ("; " if name == "cookie" else ", ").join(values) for name, values in found.items()}
