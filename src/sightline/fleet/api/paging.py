"""Lists in pages: which part of one is wanted, and how a program finds the next (RFC 8288).

Deliberately not here: how rows are found; that is the store's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel

T = TypeVar("T")
MOST: int = 1000


class Page(BaseModel, Generic[T]):
    """A part of a list; `total` counts all of it that fits the filters."""

    items: list[T]
    total: int
    limit: int
    offset: int


class Part:
    """Which part of a list, and in which order; a dependency of routes."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=MOST, description="how many at most")] = 100,
        offset: Annotated[int, Query(ge=0, lt=2**31, description="how many to pass over")] = 0,
    ) -> None:
        self.limit, self.offset = limit, offset

    def page(self, items: Sequence[T], total: int, request: Request, response: Response) -> Page[T]:
        """The answer; its `Link` header says where the others are."""
        response.headers["link"] = ", ".join(
            f'<{_address(request, self.limit, offset)}>; rel="{name}"'
            for name, offset in _others(self.limit, self.offset, total).items()
        )
        return Page(items=list(items), total=total, limit=self.limit, offset=self.offset)

    def cut(self, items: Sequence[T]) -> Sequence[T]:
        """This part of a list that is here whole."""
        return items[self.offset : self.offset + self.limit]


def _others(limit: int, offset: int, total: int) -> Mapping[str, int]:
    """First and last, and those beside this one that there are."""
    last = max(0, (total - 1) // limit * limit)
    others = {"first": 0, "last": last}
    if offset > 0:
        others["prev"] = max(0, min(offset, last + limit) - limit)
    if offset + limit < total:
        others["next"] = offset + limit
    return others


def _address(request: Request, limit: int, offset: int) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in _OWN]
    return f"{request.url.path}?{urlencode([*kept, ('limit', limit), ('offset', offset)])}"


_OWN = frozenset({"limit", "offset", "token"})
"""Of the query; the token is not for other eyes."""
