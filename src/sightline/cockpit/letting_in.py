"""Each route of the pages behind its right: who asks, whether they may, and what is written down of it.

It promises: no page's function is called for who may not use its route, and a change of a session comes with
its token; a function that is not a coroutine has a thread of its own, as what it asks for may wait. Who is
not in is sent to the login, and comes back to the page that was asked for.

Deliberately not here: which right a route needs (`people.rights`), and whether somebody has it
(`api.entitled`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import Any, Final, TypeAlias, cast
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sightline.cockpit.shell import Shell
from sightline.fleet.api.entitled import asked_by, check
from sightline.fleet.api.front import MOST_BODY, STRANGERS_BODY
from sightline.fleet.people.rights import OPEN

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_MOST_FIELDS: Final = 200
_MOST_FILES: Final = 2


def let_in(shell: Shell, route: Route) -> Route:
    """The same route for those who may use it."""
    named = route.name

    async def asked_for(request: Request) -> Response:
        request.state.form = await _form(request)
        try:
            if named not in OPEN:
                await check(request, named, shell.parts.entrance)
            return await _answer(route.endpoint, request)
        finally:
            await request.close()  # files that were sent

    methods = sorted(route.methods or ())
    return Route(route.path, asked_for, methods=methods, name=named)


def to_login(request: Request) -> Response:
    """Who is not in goes there; a page that was being changed is not come back to. News have no login."""
    if request.headers.get("accept") == "text/event-stream":
        return Response(status_code=HTTPStatus.UNAUTHORIZED)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    after = f"?next={quote(here, safe='')}" if request.method == "GET" and here != "/" else ""
    path = f"/login{after}"
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": "/login"})
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


async def _form(request: Request) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in {"GET", "HEAD"} or kind not in _FORMS:
        return {}
    most = STRANGERS_BODY if asked_by(request) is None else MOST_BODY  # a table that was looked at is a field
    return await request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS, max_part_size=most)


async def _answer(endpoint: Callable[..., Any], request: Request) -> Response:
    if iscoroutinefunction(endpoint):
        return cast(Response, await endpoint(request))
    return cast(Response, await run_in_threadpool(endpoint, request))
