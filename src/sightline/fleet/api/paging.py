"""Lists in pages: which part of one is wanted, and how a program finds the next (RFC 8288).

Deliberately not here: how rows are found; that is the store's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")
MOST: Final = 1000
SORTED: Final = "by what: {}; with - before it from the end"


class Found(Protocol[T]):
    """A part of a list, as the store gives it."""

    items: list[T]
    total: int


class Page(BaseModel, Generic[T]):
    """A part of a list; `total` counts all of it that fits the filters."""

    items: list[T]
    total: int
    limit: int
    offset: int


class Part(BaseModel):
    """Which part of a list; routes add their filters, under the names that the store has for them."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    limit: int = Field(default=100, ge=1, le=MOST, description="how many at most")
    offset: int = Field(default=0, ge=0, lt=2**31, description="how many to pass over")

    def page(self, found: Found[T], request: Request, response: Response) -> Page[T]:
        """The answer; its `Link` header says where the others are."""
        response.headers["link"] = ", ".join(
            f'<{_address(request, self.limit, offset)}>; rel="{name}"'
            for name, offset in _others(self.limit, self.offset, found.total).items()
        )
        return Page(items=list(found.items), total=found.total, limit=self.limit, offset=self.offset)


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
    kept = [
        (name, value) for name, value in request.query_params.multi_items() if name not in {"limit", "offset"}
    ]
    return f"{request.url.path}?{urlencode([*kept, ('limit', limit), ('offset', offset)])}"
