"""The pages of a fleet as one application: what `ApiServer` serves where no part of the API is asked for.

It promises: every answer has the security headers, an error is a page that says what was expected, and of a
fault of ours nothing but that there was one.

Deliberately not here: who may reach this server at all (`pages.guard`), TLS, and what pages show (`pages`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from starlette.applications import Starlette
from starlette.routing import Route

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.cockpit.letting_in import let_in
from sightline.cockpit.pages import (
    account,
    agents,
    audit,
    camera,
    camera_form,
    cameras,
    enrolment,
    entering,
    events,
    first,
    importing,
    instance_form,
    instances,
    overview,
    plan,
    users,
)
from sightline.cockpit.security import Secured
from sightline.cockpit.shell import Shell
from sightline.cockpit.stream import stream_routes
from sightline.cockpit.wrong import handlers
from sightline.fleet.api.app import PageParts
from sightline.pages.guarded import App

Pages: TypeAlias = Callable[[Shell], list[Route]]

PAGES: Final[tuple[Pages, ...]] = (
    entering.routes,
    first.routes,
    account.routes,
    users.routes,
    overview.routes,
    cameras.routes,
    camera_form.routes,
    camera.routes,
    importing.routes,
    instances.routes,
    instance_form.routes,
    agents.routes,
    enrolment.routes,
    plan.routes,
    events.routes,
    audit.routes,
    stream_routes,
)
"""Who makes a page adds its `routes` here."""


def cockpit_app(parts: PageParts, *, secure: bool | None = None, clock: Clock = SYSTEM_CLOCK) -> App:
    """The pages of a coordinator.

    Args:
        parts: what they show and act on.
        secure: whether cookies go over TLS alone; None: where the request came by it, as `Shell` has it. Say
            True behind a proxy with TLS that the server is not told of.
        clock: its time.
    """
    shell = Shell(parts, secure=secure, clock=clock)
    routes = [let_in(shell, route) for pages in PAGES for route in pages(shell)]
    shell.served = frozenset(route.name for route in routes)
    app = Starlette(routes=[shell.assets.route(), *routes], exception_handlers=handlers(shell))
    app.router.redirect_slashes = False
    return Secured(app)
