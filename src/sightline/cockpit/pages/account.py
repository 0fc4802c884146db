"""One's own password, and tokens for one's own programs.

It promises: a token's text is shown once, where it was made; a new password ends all other sessions of its
user, and this browser stays in. A token changes none of it, as over the API.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.cookies import keep_session
from sightline.cockpit.pages.entering import address_of, browser_of
from sightline.cockpit.pages.passwords import ANOTHER, Errors, typed, wrong
from sightline.cockpit.shell import Shell
from sightline.errors import ConfigError, SightlineError
from sightline.fleet.api.me import by_login
from sightline.fleet.entrance.refusals import WrongLogin
from sightline.fleet.people.principal import Role

DAYS: Final = (("7", "a week"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"))
_DAY_S: Final = 24 * 3600
_LONGEST_DESCRIPTION: Final = 200


def routes(shell: Shell) -> list[Route]:
    """Four."""
    page = _Account(shell)
    return [
        Route("/account", page.show, name="page_account"),
        Route("/account/password", page.set_password, methods=["POST"], name="page_own_password"),
        Route("/account/tokens", page.make_token, methods=["POST"], name="page_own_token"),
        Route(
            "/account/tokens/{token_id}/revoke", page.revoke, methods=["POST"], name="page_own_token_revoke"
        ),
    ]


class _Account:
    def __init__(self, shell: Shell) -> None:
        self._shell, self._entrance = shell, shell.parts.entrance

    def show(self, request: Request) -> Response:
        """The page."""
        return self._page(request)

    def set_password(self, request: Request) -> Response:
        """Another one: who has the old one may."""
        shell, asked = self._shell, by_login(request)
        old, new, again = typed(shell, request, "old", "new", "again")
        if new != again:
            return self._page(request, {"again": ANOTHER})
        try:
            login = self._entrance.change_password(asked, old, new, address_of(request), browser_of(request))
        except WrongLogin:
            return self._page(request, {"old": "this is not your password"})
        except SightlineError as error:
            return self._page(request, wrong(error, "new"))
        said = "You have a new password; all other browsers of yours are logged out."
        response = shell.go(request, "/account", said)
        keep_session(response, login.cookie, secure=shell.is_secure(request))
        return response

    def make_token(self, request: Request) -> Response:
        """One more; this answer alone shows it."""
        shell, principal = self._shell, by_login(request).principal
        try:
            made = self._entrance.tokens.make_own(
                principal,
                role=_role(shell.text(request, "role")),
                description=shell.text(request, "description")[:_LONGEST_DESCRIPTION],
                life_s=_days(shell.text(request, "days")) * _DAY_S,
            )
        except SightlineError as error:
            return self._page(request, {"token": error.message})
        return self._page(request, made=made)

    def revoke(self, request: Request) -> Response:
        """It holds no more."""
        token_id = request.path_params["token_id"]
        row = self._entrance.tokens.revoke_own(token_id, by_login(request).principal)
        return self._shell.go(request, "/account", f"The token {row.token_id} holds no more.")

    def _page(self, request: Request, errors: Errors | None = None, **values: Any) -> Response:
        principal = self._shell.asked(request).principal
        tokens = [] if principal.how == "root" else self._entrance.tokens.list(principal.name)
        roles = [(one.value, one.value) for one in Role if principal.role.allows(one)]
        return self._shell.page(
            request,
            "account.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
            errors=errors or {},
            tokens=tokens,
            roles=roles,
            days=DAYS,
            **{"made": None, **values},
        )


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise ConfigError("expected a role: viewer, operator or admin") from None


def _days(text: str) -> int:
    if text not in dict(DAYS):
        raise ConfigError("expected one of the numbers of days that the form has")
    return int(text)
