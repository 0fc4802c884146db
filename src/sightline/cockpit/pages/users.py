"""Users, for admins: who there is, what they may, their passwords and tokens.

It promises: a change that somebody else made meanwhile is not written over; what the store refuses (the last
admin, a name that is taken) is said beside the form, and nothing changed.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.passwords import ANOTHER, Errors, typed, wrong
from sightline.cockpit.shell import Shell
from sightline.errors import ConfigError, SightlineError
from sightline.fleet.people.principal import Role

ROLES = [
    (Role.VIEWER.value, "viewer: looks at everything"),
    (Role.OPERATOR.value, "operator: changes, applies and acts"),
    (Role.ADMIN.value, "admin: decides who may"),
]


def routes(shell: Shell) -> list[Route]:
    """Of the list and of each."""
    page = _Users(shell)
    return [
        Route("/users", page.show, name="page_users"),
        Route("/users", page.add, methods=["POST"], name="page_user_add"),
        Route("/users/{name}", page.show_one, name="page_user"),
        Route("/users/{name}", page.change, methods=["POST"], name="page_user_change"),
        Route("/users/{name}/password", page.set_password, methods=["POST"], name="page_user_password"),
        Route("/users/{name}/remove", page.remove, methods=["POST"], name="page_user_remove"),
        Route(
            "/users/{name}/tokens/{token_id}/revoke",
            page.revoke,
            methods=["POST"],
            name="page_token_revoke",
        ),
    ]


class _Users:
    def __init__(self, shell: Shell) -> None:
        self._shell, self._users = shell, shell.parts.entrance.users
        self._tokens = shell.parts.entrance.tokens

    def show(self, request: Request) -> Response:
        """All, and a form for one more."""
        return self._list(request)

    def add(self, request: Request) -> Response:
        """One more."""
        text = self._shell.text
        typed_in = {"name": text(request, "name"), "role": text(request, "role")}
        password, again = typed(self._shell, request, "password", "again")
        if password != again:
            return self._list(request, {"again": ANOTHER}, **typed_in)
        try:
            user = self._users.add(typed_in["name"], _role(typed_in["role"]), password)
        except SightlineError as error:
            return self._list(request, wrong(error, "password"), **typed_in)
        return self._shell.go(request, "/users", f"{user.name} may log in, as {user.role.value}.")

    def show_one(self, request: Request) -> Response:
        """One."""
        return self._one(request)

    def change(self, request: Request) -> Response:
        """What they may."""
        name, text = _named(request), self._shell.text
        try:
            user = self._users.change(
                name,
                role=_role(text(request, "role")),
                disabled=text(request, "disabled") == "yes",
                generation=_number(text(request, "generation")),
            )
        except SightlineError as error:
            return self._one(request, wrong(error, ""))
        said = f"{user.name} is {user.role.value}{', and may not log in' if user.disabled else ''}."
        return self._shell.go(request, _path(user.name), said)

    def set_password(self, request: Request) -> Response:
        """Another one; it is told by whoever set it."""
        password, again = typed(self._shell, request, "password", "again")
        if password != again:
            return self._one(request, {"again": ANOTHER})
        try:
            user = self._users.set_password(_named(request), password)
        except SightlineError as error:
            return self._one(request, wrong(error, "password"))
        said = f"{user.name} has a new password, and is logged out everywhere."
        return self._shell.go(request, _path(user.name), said)

    def remove(self, request: Request) -> Response:
        """It, and what it holds."""
        name = _named(request)
        try:
            self._users.remove(name)
        except SightlineError as error:
            return self._one(request, wrong(error, ""))
        return self._shell.go(request, "/users", f"{name} is no user any more.")

    def revoke(self, request: Request) -> Response:
        """A token of theirs holds no more."""
        row = self._tokens.revoke(request.path_params["token_id"], _named(request))
        return self._shell.go(request, _path(row.user), f"The token {row.token_id} holds no more.")

    def _list(self, request: Request, errors: Errors | None = None, **values: Any) -> Response:
        filled = {"name": "", "role": Role.VIEWER.value, **values}
        return self._page(request, "users.html", errors, users=self._users.list(), **filled)

    def _one(self, request: Request, errors: Errors | None = None) -> Response:
        user = self._users.get(_named(request))
        return self._page(request, "user.html", errors, user=user, tokens=self._tokens.list(user.name))

    def _page(self, request: Request, template: str, errors: Errors | None, **values: Any) -> Response:
        status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
        return self._shell.page(request, template, status=status, errors=errors or {}, roles=ROLES, **values)


def _named(request: Request) -> str:
    name: str = request.path_params["name"]
    return name


def _path(name: str) -> str:
    return f"/users/{quote(name, safe='')}"


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise ConfigError("expected a role: viewer, operator or admin") from None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
