"""Enrolment tokens: made and shown once, listed, taken back.

It promises: the text of a token is on the page that answers who made it, and on no other; that page is not
kept by browsers (`security`).
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.clock import NS_PER_S
from sightline.cockpit.pages.desk import Desk, Form, listed, status_of
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.forms import whole_number
from sightline.cockpit.views.listing import Listing
from sightline.fleet.store.refusals import Mistake
from sightline.fleet.store.row import Page
from sightline.fleet.store.tokens import TokenOut

_DAY_S: Final = 86_400
LIVES: Final = (("1", "1 hour"), ("24", "1 day"), ("168", "1 week"), ("720", "30 days"))
_MOST_USES: Final = 10_000
_NEW: Final = {"description": "", "life": "24", "uses": "1"}


def routes(shell: Shell) -> list[Route]:
    """The list with its form, and the acts."""
    page = _Enrolment(Desk(shell))
    return [
        Route("/enrolment", page.show, name="list_enrolment_tokens"),
        Route("/enrolment", page.make, methods=["POST"], name="create_enrolment_token"),
        Route("/enrolment/{token}/revoke", page.revoke, methods=["POST"], name="revoke_enrolment_token"),
    ]


class _Enrolment:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._shell = desk, desk.shell

    def show(self, request: Request) -> Response:
        """The list."""
        return self._page(request, Form(_NEW))

    def make(self, request: Request) -> Response:
        """A new one, whose text is shown this once."""
        texts = {name: self._shell.text(request, name) for name in _NEW}
        mistakes: list[Mistake] = []
        uses = whole_number(texts, "uses", mistakes)
        errors: dict[str, list[str]] = {}
        if mistakes or uses is None or not 1 <= uses <= _MOST_USES:
            errors["uses"] = [f"expected a whole number from 1 to {_MOST_USES:,}"]
        if texts["life"] not in dict(LIVES):
            errors["life"] = ["expected one of these"]
        if errors or uses is None:
            return self._page(request, Form(texts, errors))
        text, _ = self._desk.service.new_token(texts["description"][:2048], int(texts["life"]) * 3600, uses)
        return self._page(request, Form(_NEW), made=text)

    def revoke(self, request: Request) -> Response:
        """Nobody is let in by it any more; who was stays."""
        self._desk.database.tokens.revoke(request.path_params["token"])
        return self._shell.go(
            request, "/enrolment", "The token lets nobody in any more; who was let in stays."
        )

    def _page(self, request: Request, form: Form, made: str = "") -> Response:
        now_s = self._shell.clock.utc_ns() / NS_PER_S
        listing = Listing("/enrolment", request.query_params, filters=())
        tokens: list[TokenOut] = listed(listing, self._tokens)
        return self._shell.page(
            request,
            "enrolment.html",
            status=status_of(form),
            form=form,
            made=made,
            lives=LIVES,
            now_s=now_s,
            listing=listing,
            tokens=tokens,
            agents=self._desk.agents(),
        )

    def _tokens(self, offset: int, limit: int) -> Page[TokenOut]:
        rows = self._desk.database.tokens.list()
        return Page(items=rows[offset : offset + limit], total=len(rows))
