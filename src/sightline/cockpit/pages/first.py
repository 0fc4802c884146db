"""The first admin, by the link that the coordinator's terminal shows.

It promises: who has no code that holds learns nothing but that; once there is a user this page is none.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sightline.cockpit.cookies import Said, keep_said, keep_session
from sightline.cockpit.pages.entering import address_of, browser_of
from sightline.cockpit.shell import Shell, with_errors
from sightline.errors import ConfigError
from sightline.fleet.entrance.entrance import Login
from sightline.fleet.entrance.refusals import TooManyTries, WrongLogin
from sightline.fleet.store.refusals import Refused

_WRONG_CODE = (
    "This code was used, is too old, or is another one. The coordinator shows a new one when it begins."
)


def routes(shell: Shell) -> list[Route]:
    """The form, and what is filled in."""

    def show(request: Request) -> Response:
        if not shell.parts.entrance.needs_first:
            return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        return _form(shell, request, request.query_params.get("code", "")[:256], {})

    def send(request: Request) -> Response:
        code, name = shell.text(request, "code"), shell.text(request, "name")
        password, again = (str(shell.form(request).get(key) or "") for key in ("password", "again"))
        if password != again:
            return _form(shell, request, code, {"again": "this is another one than the first"}, name)
        try:
            login = shell.parts.entrance.first(code, name, password, address_of(request), browser_of(request))
        except (WrongLogin, TooManyTries, Refused, ConfigError) as error:
            return _form(shell, request, code, _wrong(error), name)
        return _welcome(shell, request, login)

    return [
        Route("/first", show, name="page_first"),
        Route("/first", send, methods=["POST"], name="page_first_send"),
    ]


def _welcome(shell: Shell, request: Request, login: Login) -> Response:
    secure = shell.is_secure(request)
    response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    keep_session(response, login.cookie, secure=secure)
    keep_said(
        response, Said("good", f"Welcome, {login.asked.principal.name}: you are the admin."), secure=secure
    )
    return response


def _wrong(error: Exception) -> dict[str, str]:
    match error:
        case WrongLogin():
            return {"code": _WRONG_CODE}
        case TooManyTries():
            return {"": str(error)}
        case Refused():
            return {"name": "; ".join(one.message for one in error.mistakes)}
    return {"password": str(error)}


def _form(shell: Shell, request: Request, code: str, errors: dict[str, str], name: str = "") -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    values = with_errors(errors, "code", "name", "password", "again")
    why = errors.get("", "")
    return shell.page(request, "first.html", status=status, code=code, name=name, why=why, **values)
