"""The API as OpenAPI has it: FastAPI's own, with what it leaves out or has wrongly put right.

It promises: every error is a `Problem` as it is in truth (FastAPI names a form of its own, which echoes what
was sent); every route says for which role it is; every body has an example, made of those of its fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from sightline.fleet.api.examples import EXAMPLES
from sightline.fleet.api.problems import CONTENT_TYPE, Problem
from sightline.fleet.entrance.secret_texts import COOKIE
from sightline.fleet.people.rights import RIGHTS

OPEN_PATHS: Final = ("/healthz",)
"""That need no login."""
_NOT_OURS: Final = ("HTTPValidationError", "ValidationError")
_EVERYWHERE: Final = (400, 503)
_DEEPEST: Final = 12

Schemas = Mapping[str, Any]


def failing(**told: str) -> dict[int | str, dict[str, Any]]:
    """How a route fails, for FastAPI: `failing(not_found="no such camera")`."""
    return {int(HTTPStatus[name.upper()]): {"description": text} for name, text in told.items()}


def describe(app: FastAPI) -> None:
    """Have the application's `openapi` give this."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _described(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = _problem_schema(schemas)
    for name, example in EXAMPLES.items():
        schemas.get(name, {})["examples"] = [example]
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    for path, operation in _operations(made):
        _put_right(path, operation, schemas)
    for name in _NOT_OURS:
        schemas.pop(name, None)
    return made


def _problem_schema(schemas: dict[str, Any]) -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    return schema


def _operations(made: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in made["paths"].items():
        for operation in methods.values():
            yield path, operation


def _put_right(path: str, operation: dict[str, Any], schemas: Schemas) -> None:
    responses = operation["responses"]
    for status in _EVERYWHERE:
        responses.setdefault(str(status), {})
    if path not in OPEN_PATHS:
        operation["security"] = [{"token": []}, {"session": []}]
        responses.setdefault("401", {})
        responses.setdefault("403", {"description": _for(operation["operationId"])})
    for status, response in responses.items():
        if int(status) >= HTTPStatus.BAD_REQUEST:
            _be_problem(response, HTTPStatus(int(status)))
        _give_example(response, schemas)
    _give_example(operation.get("requestBody", {}), schemas)
    operation["responses"] = dict(sorted(responses.items()))


def _for(name: str) -> str:
    role = RIGHTS.get(name)
    return "this is for nobody" if role is None else f"this is for role {role.value}, or one that has more"


def _be_problem(response: dict[str, Any], status: HTTPStatus) -> None:
    if response.get("description") == "Validation Error":
        response["description"] = _SAID[422]
    example = {
        "type": f"urn:sightline:fleet:{status.phrase.lower().replace(' ', '-')}",
        "title": status.phrase.lower(),
        "status": status.value,
        "detail": response.setdefault("description", _SAID.get(status.value, status.phrase.lower())),
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    response["content"] = {CONTENT_TYPE: {"schema": schema, "example": example}}


_SAID: Final = {
    400: "this is no JSON, or another server was asked for",
    401: "the token or the login is missing, or holds no more",
    422: "a value is not as expected; `errors` says which",
    503: "the database takes nothing, or too much is asked at once; try again",
}


def _give_example(body: dict[str, Any], schemas: Schemas) -> None:
    for content in body.get("content", {}).values():
        if not {"example", "examples"} & content.keys() and "schema" in content:
            content["example"] = _example(content["schema"], schemas, _DEEPEST)


def _example(schema: Mapping[str, Any], schemas: Schemas, deep: int) -> Any:
    """Its own, or one made of those of its parts."""
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    if found := schema.get("examples") or schema.get("enum"):
        return found[0]
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas, deep - 1) if deep else None
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _example(schema[key][0], schemas, deep)
    return _plain_example(schema, schemas, deep)


def _plain_example(schema: Mapping[str, Any], schemas: Schemas, deep: int) -> Any:
    if schema.get("type") == "object":
        return {
            name: _example(one, schemas, deep)
            for name, one in schema.get("properties", {}).items()
            if not one.get("deprecated")
        }
    if schema.get("type") == "array":
        return [_example(schema["items"], schemas, deep)] if schema.get("items") and deep else []
    return _PLAIN.get(str(schema.get("type")), {})


_PLAIN: Final[dict[str, Any]] = {
    "string": "text",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
}
