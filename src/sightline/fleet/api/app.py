"""The coordinator over HTTP: its routes behind a guard, and pages beside them.

It promises: strangers are answered nothing of the API but `/healthz`, and nobody what their role has not
(`people.rights`); every answer that is no success is a problem (`problems`); no route shows a secret, and no
page needs anything from elsewhere. Reads are of the database and of the coordinator's last picture, and wait
for neither bus nor agents.

Deliberately not here: TLS: a proxy before it has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

import sightline
from sightline.fleet.api.acts import act_routes
from sightline.fleet.api.agents import agent_routes
from sightline.fleet.api.audit import audit_routes
from sightline.fleet.api.cameras import camera_routes
from sightline.fleet.api.described import describe
from sightline.fleet.api.entitled import entitled
from sightline.fleet.api.front import Front
from sightline.fleet.api.instances import instance_routes
from sightline.fleet.api.live import live_routes
from sightline.fleet.api.me import me_routes
from sightline.fleet.api.operations import operation_routes
from sightline.fleet.api.problems import FaultsLogged, add_handlers
from sightline.fleet.api.proxied import Proxied, Proxy
from sightline.fleet.api.streams import stream_routes
from sightline.fleet.api.tokens import token_routes
from sightline.fleet.api.transfer import transfer_routes
from sightline.fleet.api.users import user_routes
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.entrance.entrance import Entrance
from sightline.fleet.people.slots import Slots
from sightline.fleet.viewing.viewing import Viewing
from sightline.pages.guard import Guard
from sightline.pages.guarded import App

_ABOUT: Final = """Cameras, machines and instances of a fleet.

What is written here is a draft: `POST /api/v1/update-config` makes it so, and `GET /api/v1/plan` says before
what that changes. Changes of a row may name the generation that they are of, by `If-Match`.

Who asks shows a token as a bearer's: a user's own, or the coordinator's. A page that a user is logged in to
has a cookie instead, and says `X-CSRF-Token` with each change, which `GET /api/v1/me` tells it."""


MOST_LISTENERS: Final = 512
"""Half of the connections that the server has."""
MOST_OF_ONE: Final = 32


def _listeners() -> Slots:
    return Slots(MOST_LISTENERS, "listen for news", each=MOST_OF_ONE)


@dataclass(frozen=True)
class PageParts:
    """What the pages of a fleet are made of.

    Attributes:
        service: that they are of.
        entrance: knows who asks; `api.entitled.check` says for a request whether they may.
        viewing: live pictures of cameras; None: there are none.
        listeners: who hears what is new.
    """

    service: CoordinatorService
    entrance: Entrance
    viewing: Viewing | None = None
    listeners: Slots = field(default_factory=_listeners)


Pages: TypeAlias = Callable[[PageParts], App]
"""Makes the ASGI application that has all paths but the API's."""


def fleet_app(
    parts: PageParts,
    *,
    host: str = "127.0.0.1",
    address: str = "",
    pages: Pages | None = None,
    proxy: Proxy | None = None,
) -> App:
    """An ASGI application.

    Args:
        parts: that it is of.
        host: that it is served on.
        address: what that turned out to be.
        pages: beside the API; None: there are none.
        proxy: before it; None: there is none.
    """
    guard = Guard(host, address=address, names=() if proxy is None else (proxy.name,))
    made = None if pages is None else FaultsLogged(pages(parts))
    front = Front(parts.entrance, guard, FaultsLogged(make_app(parts)), made)
    return front if proxy is None else Proxied(front, proxy)


def make_app(parts: PageParts) -> FastAPI:
    """The routes alone."""
    service = parts.service
    app = FastAPI(
        title="Sightline fleet",
        version=sightline.__version__,
        description=_ABOUT,
        docs_url=None,  # its page loads from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        dependencies=[Depends(entitled(parts.entrance))],
    )
    add_handlers(app)
    for people in (user_routes, me_routes):
        app.include_router(people(parts.entrance))
    for routes in (
        camera_routes,
        agent_routes,
        instance_routes,
        act_routes,
        partial(operation_routes, passing=partial(_passing, parts)),
        token_routes,
        audit_routes,
        transfer_routes,
        stream_routes,
    ):
        app.include_router(routes(service))
    app.include_router(live_routes(service, parts.viewing))
    describe(app)
    return app


def _passing(parts: PageParts) -> dict[str, int]:
    """Counts of live pictures and of news."""
    live = {} if parts.viewing is None else parts.viewing.counts()._asdict()
    news = {"news_listeners": len(parts.listeners), "news_refused": parts.listeners.refused}
    return {f"live_{name}": number for name, number in live.items()} | news


def _operation_id(route: APIRoute) -> str:
    return route.name
