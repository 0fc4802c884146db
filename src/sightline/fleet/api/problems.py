"""What is wrong with a request, as RFC 9457 has it: `application/problem+json`.

It promises: every answer of the API that is no success has this form, those of the guard and of faults of
our own too; none shows a value that came with the request, for it may be a password.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sightline.errors import (
    BufferFull,
    CallTimedOut,
    Closed,
    ConfigError,
    FleetError,
    SightlineError,
    StoreError,
)
from sightline.fleet.coordinator.asking import BusAway
from sightline.fleet.entrance.refusals import TooManyTries, WrongLogin
from sightline.fleet.store.refusals import Conflict, Missing, Refused
from sightline.fleet.store.refusals import Mistake as StoreMistake
from sightline.log import get_logger, redact
from sightline.pages.guard import Refusal
from sightline.pages.guarded import App, Receive, Scope, Send
from sightline.site.mistakes import Mistake as SiteMistake
from sightline.site.mistakes import SiteError

CONTENT_TYPE: Final = "application/problem+json"
_KINDS: Final = "urn:sightline:fleet:"
_MOST_ERRORS: Final = 50
_MOST_TEXT: Final = 400


class Mistake(BaseModel):
    """One value that is wrong: where it stands, as a JSON pointer or `query:name`, and what was expected."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """Why a request was not answered as asked."""

    type: Annotated[str, Field(description="which kind it is, for programs")]
    title: Annotated[str, Field(description="the kind, for people")]
    status: Annotated[int, Field(description="HTTP's status")]
    detail: Annotated[str, Field(description="what was expected, and what came")] = ""
    errors: Annotated[list[Mistake], Field(description="each value that is wrong")] = []


class ApiProblem(SightlineError):
    """A request that cannot be answered; what is said of it goes to whoever asked."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        errors: Sequence[Mistake] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.errors, self.headers = status, kind, list(errors), headers


def not_found(what: str, name: object) -> ApiProblem:
    """There is no such thing."""
    return ApiProblem(HTTPStatus.NOT_FOUND, "not-found", f"there is no {what} {str(name)[:100]!r}")


def etag(generation: int) -> str:
    """A generation as HTTP has it."""
    return f'"{generation}"'


def problem_of(error: Exception) -> tuple[Problem, Mapping[str, str] | None]:
    """An error as it is told, and headers that go with it."""
    match error:
        case ApiProblem():
            made = _problem(error.status, error.kind, error.message)
            return made.model_copy(update={"errors": error.errors}), error.headers
        case RequestValidationError():
            return _of_validation(error), None
        case HTTPException():  # a path or a method that there is not
            status = HTTPStatus(error.status_code)
            return _problem(status, _kind(status), str(error.detail)), error.headers
        case Refused() | SiteError():
            return _of_values(map(_mistake, error.mistakes)), None
        case Conflict(generation=int(generation)):
            return _problem(HTTPStatus.PRECONDITION_FAILED, "generation", str(error)), {
                "etag": etag(generation)
            }
    return _by_kind(error)


def _by_kind(error: Exception) -> tuple[Problem, Mapping[str, str] | None]:
    if isinstance(error, TooManyTries):
        told = _problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-tries", str(error))
        return told, {"retry-after": str(error.retry_after_s)}
    for kind, (status, slug) in _STATUS.items():
        if isinstance(error, kind):
            return _problem(status, slug, str(error)), _RETRY if status in _LATER else None
    return _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "fault", "the coordinator failed; its log says how"
    ), None


_STATUS: Final[dict[type[SightlineError], tuple[HTTPStatus, str]]] = {
    Missing: (HTTPStatus.NOT_FOUND, "not-found"),
    Conflict: (HTTPStatus.CONFLICT, "exists"),
    BusAway: (HTTPStatus.SERVICE_UNAVAILABLE, "bus-away"),
    ConfigError: (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"),
    StoreError: (HTTPStatus.SERVICE_UNAVAILABLE, "database"),
    BufferFull: (HTTPStatus.SERVICE_UNAVAILABLE, "busy"),
    CallTimedOut: (HTTPStatus.GATEWAY_TIMEOUT, "no-answer"),
    Closed: (HTTPStatus.SERVICE_UNAVAILABLE, "closing"),
    WrongLogin: (HTTPStatus.FORBIDDEN, "wrong-login"),
    FleetError: (HTTPStatus.CONFLICT, "refused"),
}
"""Of the errors that there are; the first that fits."""
NO_LOGIN: Final = "expected a login, or a token as a bearer's; got none, or one that does not hold"
_LATER: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})
_RETRY: Final = {"retry-after": "1"}


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """As a response."""
    return Response(_json(problem), problem.status, headers, CONTENT_TYPE)


def worded(refusal: Refusal) -> tuple[str, bytes]:
    """A refusal of the guard, for `Guarded`."""
    return CONTENT_TYPE, _json(_problem(refusal.status, _kind(refusal.status), refusal.why))


def add_handlers(app: FastAPI) -> None:
    """All that is raised in a route is answered as a problem."""

    async def told(_request: Request, error: Exception) -> Response:
        return answer(*problem_of(error))

    for kind in (SightlineError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, told)


class FaultsLogged:
    """An ASGI application whose own faults are logged: FastAPI answers them as a problem that does not say
    what they are, and raises them then, for the server.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            await self._app(scope, receive, send)
        except Exception:
            log = get_logger("sightline.fleet.api")
            log.exception("a request failed", path=str(scope.get("path"))[:200])


def _problem(status: HTTPStatus, kind: str, detail: str) -> Problem:
    return Problem(
        type=f"{_KINDS}{kind}", title=kind.replace("-", " "), status=int(status), detail=_text(detail)
    )


def _of_validation(error: RequestValidationError) -> Problem:
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return _problem(HTTPStatus.BAD_REQUEST, "no-json", "expected JSON in the body")
    return _of_values(mistake for one in found for mistake in _mistakes_of(one))


def _of_values(mistakes: Iterable[Mistake]) -> Problem:
    problem = _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "expected other values")
    return problem.model_copy(update={"errors": list(islice(mistakes, _MOST_ERRORS))})


def _mistakes_of(one: Mapping[str, Any]) -> Iterable[Mistake]:
    """Pydantic's, without input, context and URL; a check of a whole row found several."""
    if one["type"] == "rows":
        return map(_mistake, one["ctx"]["mistakes"])
    return [Mistake(pointer=_pointer(one["loc"]), detail=_text(_said(one)))]


def _mistake(found: StoreMistake | SiteMistake) -> Mistake:
    pointer = "".join(f"/{part}" for part in found.where.split(".") if part)
    place = ""
    if isinstance(found, SiteMistake) and found.line is not None:
        place = f"line {found.line}, column {found.column}: "
    return Mistake(pointer=_text(pointer), detail=_text(f"{place}{found.message}"))


def _said(one: Mapping[str, Any]) -> str:
    # Pydantic's own words name what was expected; only these repeat what came.
    if one["type"] in {"union_tag_invalid", "assertion_error"}:
        return "expected another value"
    return str(one["msg"]).removeprefix("Value error, ")  # Pydantic's word for a check of ours


def _pointer(loc: Sequence[int | str]) -> str:
    first, *rest = loc or ("body",)
    parts = [_text(str(one))[:80].replace("~", "~0").replace("/", "~1") for one in rest]
    return "".join(f"/{part}" for part in parts) if first == "body" else f"{first}:{'/'.join(parts)}"


def _kind(status: HTTPStatus) -> str:
    return status.phrase.lower().replace(" ", "-").replace("'", "")


def _text(text: str) -> str:
    return redact(text)[:_MOST_TEXT]


def _json(problem: Problem) -> bytes:
    return problem.model_dump_json(exclude_defaults=True).encode()
