"""What went wrong, as a page: in the words that the API has for it.

It promises: no page shows a value that came with the request, nor what a fault of ours is; who serves the
pages logs that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sightline.cockpit.letting_in import to_login
from sightline.cockpit.shell import Shell
from sightline.errors import SightlineError
from sightline.fleet.api.problems import Problem, problem_of

_TITLES: Final = {
    HTTPStatus.FORBIDDEN: "You may not do that",
    HTTPStatus.NOT_FOUND: "There is no such page",
    HTTPStatus.CONFLICT: "That does not go",
    HTTPStatus.PRECONDITION_FAILED: "Somebody changed it meanwhile",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That cannot be so",
    HTTPStatus.TOO_MANY_REQUESTS: "Too often",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not just now",
    HTTPStatus.GATEWAY_TIMEOUT: "Nobody answered in time",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The coordinator failed",
}


def handlers(shell: Shell) -> Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]]:
    """Of all that a page's function may raise."""

    async def told(request: Request, error: Exception) -> Response:
        problem, headers = problem_of(error)
        if problem.status == HTTPStatus.UNAUTHORIZED:
            return to_login(request)
        response = shell.page(
            request, "wrong.html", status=problem.status, title=_title(problem), why=_why(problem)
        )
        response.headers.update(headers or {})
        return response

    return dict.fromkeys((SightlineError, HTTPException, Exception), told)


def _title(problem: Problem) -> str:
    return _TITLES.get(HTTPStatus(problem.status), HTTPStatus(problem.status).phrase)


def _why(problem: Problem) -> str:
    mistakes = "; ".join(f"{one.pointer.lstrip('/')}: {one.detail}" for one in problem.errors)
    return f"{problem.detail}: {mistakes}" if mistakes else problem.detail
