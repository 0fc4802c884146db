"""Generations of rows as HTTP has them: `ETag` in answers, `If-Match` before changes (RFC 9110)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Any, Final, Protocol, TypeAlias, TypeVar

from fastapi import Depends, Header, Response

from sightline.fleet.api.problems import ApiProblem, etag

_TAG: Final = re.compile(r'(?:W/)?"(\d{1,18})"')
TAGGED: Final[dict[str, Any]] = {
    "ETag": {"description": "its generation", "schema": {"type": "string"}, "example": '"3"'}
}


class HasGeneration(Protocol):
    @property
    def generation(self) -> int: ...


RowT = TypeVar("RowT", bound=HasGeneration)


def _expected(
    if_match: Annotated[
        str | None,
        Header(
            description='the generation that is to be changed, such as "3"; left out: any', examples=['"3"']
        ),
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        told = 'expected If-Match with one ETag of an answer, such as "3"'
        raise ApiProblem(HTTPStatus.PRECONDITION_FAILED, "generation", told)
    return int(found[1])


Expected: TypeAlias = Annotated[int | None, Depends(_expected)]
"""The generation that a change is meant for; None: any."""


def tagged(row: RowT, response: Response) -> RowT:
    """The row, its generation said in a header too."""
    response.headers["etag"] = etag(row.generation)
    return row
