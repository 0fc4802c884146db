"""Log in and out.

It promises: what was wrong is not said, but how long to wait is; a login that was asked for from a page goes
back to it, and to no other server's.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sightline.cockpit.cookies import drop_session, keep_session
from sightline.cockpit.shell import Shell, own_path
from sightline.fleet.entrance.refusals import TooManyTries, WrongLogin
from sightline.fleet.entrance.secret_texts import COOKIE


def routes(shell: Shell) -> list[Route]:
    """Three."""
    return [
        Route("/login", _Entering(shell).show, name="page_login"),
        Route("/login", _Entering(shell).send, methods=["POST"], name="page_login_send"),
        Route("/logout", _Entering(shell).leave, methods=["POST"], name="page_logout"),
    ]


class _Entering:
    def __init__(self, shell: Shell) -> None:
        self._shell, self._entrance = shell, shell.parts.entrance

    def show(self, request: Request) -> Response:
        """The form; nobody needs it who is in, nor where there is no user yet."""
        if self._entrance.needs_first:
            return RedirectResponse("/first", HTTPStatus.SEE_OTHER)
        return self._form(request, own_path(request.query_params.get("next", "/")))

    def send(self, request: Request) -> Response:
        """The form filled in: the password as it is, with its blanks."""
        name, after = self._shell.text(request, "name"), own_path(self._shell.text(request, "next"))
        password = self._shell.form(request).get("password")
        try:
            login = self._entrance.login(name, str(password or ""), address_of(request), browser_of(request))
        except WrongLogin:
            why = "The name or the password is wrong."
            return self._form(request, after, name, why, HTTPStatus.UNAUTHORIZED)
        except TooManyTries as error:
            why = f"Too many tries: again in {error.retry_after_s} s."
            response = self._form(request, after, name, why, HTTPStatus.TOO_MANY_REQUESTS)
            response.headers["retry-after"] = str(error.retry_after_s)
            return response
        response = RedirectResponse(after, HTTPStatus.SEE_OTHER)
        keep_session(response, login.cookie, secure=self._shell.is_secure(request))
        return response

    def leave(self, request: Request) -> Response:
        """The session ends, and the browser forgets it."""
        if cookie := request.cookies.get(COOKIE):
            self._entrance.logout(cookie, address_of(request))
        response = self._shell.go(request, "/login", "You are logged out.")
        drop_session(response, secure=self._shell.is_secure(request))
        return response

    def _form(
        self, request: Request, after: str, name: str = "", why: str = "", status: int = HTTPStatus.OK
    ) -> Response:
        return self._shell.page(request, "login.html", status=status, next=after, name=name, why=why)


def address_of(request: Request) -> str:
    """Whence somebody asks. A proxy that the coordinator was told of says so in a header, and nobody else
    (`fleet.api.proxied`).
    """
    return request.client.host if request.client else ""


def browser_of(request: Request) -> str:
    """What the browser calls itself."""
    return request.headers.get("user-agent", "")[:200]
