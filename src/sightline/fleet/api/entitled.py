"""Who may do what is asked for: the rights of the route, and that a session's own page asks.

Promises: a route that has no rights is nobody's; what is done after `check` is done by whoever asked, as the
audit has it. The API asks it for each of its routes, the page for each of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from starlette.requests import Request

from sightline.fleet.api.problems import NO_LOGIN, ApiProblem
from sightline.fleet.entrance.entrance import Asked, Entrance
from sightline.fleet.people.principal import Acting, Role, act
from sightline.fleet.people.rights import OPEN, RIGHTS
from sightline.pages.guarded import Scope

CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
_LOOKS: Final = frozenset({"GET", "HEAD"})
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_ASKED: Final = "sightline.asked"


class NotLoggedIn(ApiProblem):
    """Nobody asked that is known."""

    def __init__(self) -> None:
        told = {"www-authenticate": "Bearer"}
        super().__init__(HTTPStatus.UNAUTHORIZED, "unauthorized", NO_LOGIN, headers=told)


class NotAllowed(ApiProblem):
    """Who asked may not; or it was not their page that did."""

    def __init__(self, why: str) -> None:
        super().__init__(HTTPStatus.FORBIDDEN, "forbidden", why)


def know(scope: Scope, asked: Asked | None) -> None:
    """Write down for `check` who asks in this connection; nobody acts yet."""
    scope[_ASKED] = asked
    act(None)


def asked_by(request: Request) -> Asked | None:
    """Who asks; None: nobody that is known."""
    asked = request.scope[_ASKED]
    return asked if isinstance(asked, Asked) else None


async def check(request: Request, route_name: str, entrance: Entrance) -> Asked:
    """Who asks, and may: from now on all that this request does is done by them.

    Args:
        request: that it is; of a form that a session sent the field `csrf` is read.
        route_name: what is asked for, as `RIGHTS` has it.
        entrance: knows who they are.

    Raises:
        NotLoggedIn, NotAllowed.
    """
    asked = asked_by(request)
    if asked is None:
        raise NotLoggedIn
    needed = RIGHTS.get(route_name)
    if needed is None or not asked.principal.role.allows(needed):
        role = "nobody" if needed is None else f"role {needed.value}"
        raise NotAllowed(
            f"{route_name} is for {role}; {asked.principal.name} is {asked.principal.role.value}"
        )
    is_change = request.method not in _LOOKS
    if is_change and asked.csrf is not None and not entrance.is_csrf(asked, await _csrf(request)):
        raise NotAllowed("expected the session's X-CSRF-Token, or form field csrf: load the page again")
    act(Acting(who=asked.principal, act=route_name))
    return asked


def check_more(request: Request, needed: Role, what: str) -> None:
    """For a part of what a route does that not all may who may ask for it. Raises NotLoggedIn, NotAllowed."""
    asked = asked_by(request)
    if asked is None:
        raise NotLoggedIn
    if not asked.principal.role.allows(needed):
        raise NotAllowed(f"{what} is for role {needed.value}; {asked.principal.name} has less")


def entitled(entrance: Entrance) -> Callable[[Request], Awaitable[None]]:
    """A dependency of all routes of an application of FastAPI."""

    async def entitle(request: Request) -> None:
        name = request.scope["route"].name
        if name not in OPEN:
            await check(request, name, entrance)

    return entitle


async def _csrf(request: Request) -> str | None:
    said = request.headers.get(CSRF_HEADER)
    if said is None and request.headers.get("content-type", "").lower().startswith(_FORMS):
        field = (await request.form()).get(CSRF_FIELD)
        return field if isinstance(field, str) else None
    return said
