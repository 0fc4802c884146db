"""One's own account over HTTP: who one is, one's password, one's tokens.

A token changes none of it: who has one that is not theirs could otherwise keep what it allows for longer than
it holds.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import BaseModel, Field, SecretStr

from sightline.fleet.api.described import failing
from sightline.fleet.api.entitled import NotAllowed, NotLoggedIn, asked_by
from sightline.fleet.api.paging import Page, Part
from sightline.fleet.api.users import Password, PersonBody, TokenId, UserTokenMade, UserTokenWish, part_of
from sightline.fleet.entrance.entrance import Asked, Entrance
from sightline.fleet.entrance.secret_texts import set_cookie
from sightline.fleet.people.passwords import LONGEST
from sightline.fleet.people.principal import How, Role
from sightline.fleet.store.user_tokens import UserTokenOut

_WRONG: Final = "the old password is wrong, or it was asked by a token"
_BY_LOGIN: Final = "it was asked by a token"


class Me(BaseModel):
    """Who asks."""

    name: str = Field(examples=["ada"], description='"root" is who knows the coordinator\'s own token')
    role: Role = Field(examples=["operator"], description="what this allows; a token may have less")
    how: How = Field(examples=["session"], description="by which it is known")
    csrf: str | None = Field(
        examples=[None], description="what a change by this login says in X-CSRF-Token; null: nothing"
    )
    login_at: datetime | None = Field(default=None, examples=["2026-11-22T06:00:00Z"])


class OwnPassword(PersonBody):
    """The password before, and the one from now on."""

    old: SecretStr = Field(max_length=LONGEST, examples=["correct horse battery"])
    new: Password = Field(examples=["another horse battery"])


def me_routes(entrance: Entrance) -> APIRouter:
    """All that can be done with one's own account."""
    router = APIRouter(prefix="/api/v1/me", tags=["me"])

    @router.get("")
    def get_me(request: Request) -> Me:
        """Who asks."""
        asked = _asked(request)
        who = asked.principal
        login_at = None if who.how == "root" else entrance.users.get(who.name).login_at
        return Me(name=who.name, role=who.role, how=who.how, csrf=asked.csrf, login_at=login_at)

    @router.put(
        "/password",
        status_code=HTTPStatus.NO_CONTENT,
        responses=failing(forbidden=_WRONG, too_many_requests="there were too many tries"),
    )
    def change_my_password(wanted: OwnPassword, request: Request, response: Response) -> None:
        """Another one. All one's logins end; this one goes on, with the cookie of the answer."""
        asked = by_login(request)
        login = entrance.change_password(
            asked,
            wanted.old.get_secret_value(),
            wanted.new.get_secret_value(),
            asked.principal.address,
            request.headers.get("user-agent", ""),
        )
        response.headers["set-cookie"] = set_cookie(login.cookie, is_https=request.url.scheme == "https")

    _add_tokens(router, entrance)
    return router


def _add_tokens(router: APIRouter, entrance: Entrance) -> None:
    tokens = entrance.tokens

    @router.get("/tokens")
    def list_my_tokens(
        wanted: Annotated[Part, Query()], request: Request, response: Response
    ) -> Page[UserTokenOut]:
        """One's own, without what is secret, the newest first; "root" has none."""
        who = _asked(request).principal
        rows = [] if who.how == "root" else tokens.list(who.name)
        return wanted.page(part_of(rows, wanted), request, response)

    @router.post(
        "/tokens",
        status_code=HTTPStatus.CREATED,
        responses=failing(
            forbidden=_BY_LOGIN,
            conflict="there are too many",
            too_many_requests="too many were made in a short time",
        ),
    )
    def create_my_token(
        request: Request, wish: Annotated[UserTokenWish | None, Body()] = None
    ) -> UserTokenMade:
        """One more, for a program of one's own."""
        wanted = wish or UserTokenWish()
        made = tokens.make_own(
            by_login(request).principal,
            role=wanted.role,
            description=wanted.description,
            life_s=wanted.life_s,
        )
        return UserTokenMade.of(made)

    @router.delete(
        "/tokens/{token_id}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=failing(not_found="there is no such token of one's own"),
    )
    def revoke_my_token(token_id: TokenId, request: Request) -> None:
        """It holds no more, from now on; a token may do this to itself, and to no other."""
        tokens.revoke_own(token_id, _asked(request).principal)


def _asked(request: Request) -> Asked:
    asked = asked_by(request)
    if asked is None:
        raise NotLoggedIn
    return asked


def by_login(request: Request) -> Asked:
    """Who asks, with a session: for what no token may do. Raises NotLoggedIn, NotAllowed."""
    asked = _asked(request)
    if asked.principal.how != "session":
        raise NotAllowed("expected a login with name and password; this was asked by a token")
    return asked
