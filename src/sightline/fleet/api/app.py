"""The coordinator over HTTP: its routes behind a guard.

It promises: nothing but `/healthz` is answered without the token; every answer that is no success is a
problem (`problems`); no route shows a secret, and no page needs anything from elsewhere. Reads are of the
database and of the coordinator's last picture, and wait for neither bus nor agents.

Deliberately not here: TLS, users and roles: a proxy before it has those.
"""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

import sightline
from sightline.fleet.api.agents import agent_routes
from sightline.fleet.api.cameras import camera_routes
from sightline.fleet.api.described import OPEN_PATHS, describe
from sightline.fleet.api.instances import instance_routes
from sightline.fleet.api.operations import operation_routes
from sightline.fleet.api.problems import FaultsLogged, add_handlers, worded
from sightline.fleet.api.streams import stream_routes
from sightline.fleet.api.tokens import token_routes
from sightline.fleet.api.transfer import transfer_routes
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.pages.guard import Guard
from sightline.pages.guarded import App, Guarded, Receive, Scope, Send

MOST_BODY: Final = 16 * 1024 * 1024
"""Bytes that may come with a request: a site of some thousand cameras."""
_ABOUT: Final = """Cameras, machines and instances of a fleet.

What is written here is a draft: `POST /api/v1/update-config` makes it so, and `GET /api/v1/plan` says before
what that changes. Changes of a row may name the generation that they are of, by `If-Match`."""


def fleet_app(service: CoordinatorService, *, token: str, host: str = "127.0.0.1", address: str = "") -> App:
    """An ASGI application.

    Args:
        service: that it is of.
        token: what who asks must know.
        host: that it is served on.
        address: what that turned out to be.
    """
    guard = Guard(host, token, address=address, open_paths=OPEN_PATHS)
    app = _without_token(FaultsLogged(make_app(service)))
    return Guarded(app, guard, most_body=MOST_BODY, wording=worded)


def make_app(service: CoordinatorService) -> FastAPI:
    """The routes alone."""
    app = FastAPI(
        title="Sightline fleet",
        version=sightline.__version__,
        description=_ABOUT,
        docs_url=None,  # its page loads from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    add_handlers(app)
    for routes in (
        camera_routes,
        agent_routes,
        instance_routes,
        operation_routes,
        token_routes,
        transfer_routes,
        stream_routes,
    ):
        app.include_router(routes(service))
    describe(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _without_token(app: App) -> App:
    """The guard takes it out of the address too; no route is to see it, or to repeat it in a link."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["query_string"].split(b"&")
        kept = b"&".join(part for part in parts if not part.startswith(b"token="))
        await app({**scope, "query_string": kept}, receive, send)

    return asked
