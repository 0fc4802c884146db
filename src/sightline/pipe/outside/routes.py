"""What a pipe's server answers: its paths, what may come with them, and what an error looks like.

    /start /pause /kill                             to all routines
    /routines/events/EVENT/execute                  any event, to all routines
    /routines/ROUTINE/events/EVENT/execute          to one of them
    /pipe/structure /pipe/stats /metrics            to look at
    / /docs /openapi.json                           what there is, for people and programs

What does something takes POST and GET, with or without a slash at the end, and `{"extra_args": {...}}`, the
parameters of the event. Answers are JSON, with `error` where the status is 400 or more. Who may ask is no
concern here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from fastapi import Depends, FastAPI, Request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import Response

import sightline
from sightline.errors import BufferFull, Closed, ConfigError, SightlineError
from sightline.log import redact
from sightline.pipe.outside.actions import Actions, Answer, Unknown
from sightline.pipe.outside.api_page import page_of
from sightline.pipe.pipe import Pipe

LOOKS: Final = ("/", "/docs", "/openapi.json", "/pipe/structure", "/pipe/stats", "/metrics")
"""Paths that do nothing."""
_STATUS: Final = {Unknown: 404, ConfigError: 400, Closed: 409, BufferFull: 503}
"""Of the errors that there are; the first that fits."""
_BODY: Final = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "extra_args": {"type": "object", "description": "parameters of the event"}
                    },
                    "additionalProperties": False,
                }
            }
        }
    }
}
"""What may come with a request, for programs that read it; as FastAPI never sees it."""


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    extra_args: dict[str, Any] = {}


async def _parameters(request: Request) -> dict[str, Any]:
    """What came with a request, whatever it says of its type: curl calls all of it a form."""
    body = await request.body()
    try:
        return msgspec.json.decode(body or b"{}", type=_Body).extra_args
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise ConfigError(f'expected {{"extra_args": {{...}}}} as JSON: {error}') from error


_Parameters: TypeAlias = Annotated[dict[str, Any], Depends(_parameters)]


def make_app(pipe: Pipe, end: Callable[[], object]) -> FastAPI:
    """The application of one pipe; `end` is called once a kill of it was answered."""
    app = FastAPI(
        title="A pipe", version=sightline.__version__, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.add_exception_handler(SightlineError, _told)
    app.add_exception_handler(HTTPException, _told)
    _add_acts(app, pipe, end)
    _add_looks(app, Actions(pipe))
    return app


def _add_acts(app: FastAPI, pipe: Pipe, end: Callable[[], object]) -> None:
    def done(act: Callable[[Actions], Answer]) -> Response:
        killed: list[bool] = []
        answer = act(Actions(pipe, on_kill=lambda: killed.append(True)))
        return _json(answer, after=BackgroundTask(end) if killed else None)

    def start() -> Response:
        """Have all routines begin."""
        return done(Actions.start)

    def pause() -> Response:
        """Have all routines stop; they may begin again."""
        return done(Actions.pause)

    def kill() -> Response:
        """Have all routines end, and this server."""
        return done(Actions.kill)

    def one(routine: str, event: str, extra_args: _Parameters) -> Response:
        """Send an event to one routine."""
        return done(lambda actions: actions.event(event, routine=routine, params=extra_args))

    def everybody(event: str, extra_args: _Parameters) -> Response:
        """Send an event to all routines that answer it."""
        return done(lambda actions: actions.event(event, params=extra_args))

    _add(app, "/start", start)
    _add(app, "/pause", pause)
    _add(app, "/kill", kill)
    _add(app, "/routines/{routine:path}/events/{event:path}/execute", one, openapi_extra=_BODY)
    _add(app, "/routines/events/{event:path}/execute", everybody, openapi_extra=_BODY)


def _add(
    app: FastAPI, path: str, act: Callable[..., Response], *, openapi_extra: dict[str, Any] | None = None
) -> None:
    app.add_api_route(path, act, methods=["POST"], openapi_extra=openapi_extra)
    app.add_api_route(path, act, methods=["GET"])
    app.add_api_route(f"{path}/", act, methods=["GET", "POST"], include_in_schema=False)


def _add_looks(app: FastAPI, actions: Actions) -> None:
    @app.get("/pipe/structure")
    def structure() -> Response:
        """Routines with their flows and events, and the events that all have."""
        return _json(actions.structure())

    @app.get("/pipe/stats")
    def stats() -> Response:
        """The counts of now."""
        return _json(actions.stats())

    @app.get("/metrics")
    def metrics() -> Response:
        """The counts of now, for Prometheus."""
        return Response(actions.metrics(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    def docs(request: Request) -> Response:
        page = page_of(app.openapi(), actions.structure(), query=request.url.query)
        return Response(page, media_type="text/html")


def _json(
    value: Any,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    after: BackgroundTask | None = None,
) -> Response:
    return Response(msgspec.json.encode(value), status, headers, "application/json", after)


async def _told(_request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):  # a path or a method that there is not
        return _json({"error": error.detail}, error.status_code, headers=error.headers)
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    return _json({"error": redact(str(error))}, status)
