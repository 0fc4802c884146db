"""Enrolment tokens over HTTP: what lets a new machine in, once. A token is shown when it is made, and never
again.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from sightline.fleet.api.described import failing
from sightline.fleet.api.paging import Page, Part
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.store.row import Page as Found
from sightline.fleet.store.tokens import TokenOut

Key = Annotated[str, Path(description="its token_id", examples=["0a1b2c3d4e5f"])]
_DAY_S = timedelta(days=1).total_seconds()
_YEAR_S = timedelta(days=365).total_seconds()


class TokenWish(BaseModel):
    """What a new token is to be."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    description: str = Field(
        default="", max_length=2048, description="for people", examples=["the machine in the hall"]
    )
    life_s: float = Field(default=_DAY_S, gt=0, le=_YEAR_S, description="seconds for which it holds")
    uses: int = Field(default=1, ge=1, le=10_000, description="how many agents it lets in")


class TokenMade(TokenOut):
    """A new token, with its text."""

    token: str = Field(
        description="for the agent; a secret, shown this once", examples=["slt1.0a1b2c3d4e5f.SECRET.KEYS"]
    )


def token_routes(service: CoordinatorService) -> APIRouter:
    """All that can be done with tokens."""
    tokens = service.database.tokens
    router = APIRouter(prefix="/api/v1/enrolment-tokens", tags=["enrolment"])

    @router.get("")
    def list_enrolment_tokens(
        wanted: Annotated[Part, Query()], request: Request, response: Response
    ) -> Page[TokenOut]:
        """All that were made, without what is secret, the newest first."""
        rows = tokens.list()
        part = rows[wanted.offset : wanted.offset + wanted.limit]
        return wanted.page(Found(items=part, total=len(rows)), request, response)

    @router.post("", status_code=HTTPStatus.CREATED)
    def create_enrolment_token(wish: Annotated[TokenWish | None, Body()] = None) -> TokenMade:
        """A new one."""
        wanted = wish or TokenWish()
        text, made = service.new_token(wanted.description, wanted.life_s, wanted.uses)
        return TokenMade(**made.model_dump(), token=text)

    @router.delete(
        "/{token_id}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=failing(not_found="there is no such token"),
    )
    def revoke_enrolment_token(token_id: Key) -> None:
        """Nobody is let in by it any more; who was stays."""
        tokens.revoke(token_id)

    return router
