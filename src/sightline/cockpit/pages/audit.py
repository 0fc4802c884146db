"""Who did what, before and after side by side, whether that is as it was written, and taking it back.

It promises: nothing is taken back before somebody saw what that changes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.desk import Desk, listed
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.audits import act_words, change_views
from sightline.cockpit.views.listing import Listing
from sightline.cockpit.views.plans import plan_view
from sightline.errors import SightlineError
from sightline.fleet.store.audit import AuditOut
from sightline.fleet.store.row import Page
from sightline.fleet.store.undoing import Undone

_KINDS = ("camera", "instance", "agent", "revision", "user", "user_token", "enrolment_token")


def routes(shell: Shell) -> list[Route]:
    """The list, an entry, a look at the whole, and undo."""
    page = _Audit(Desk(shell))
    return [
        Route("/audit", page.all, name="page_audit"),
        Route("/audit/verify", page.verify, methods=["POST"], name="verify_audit"),
        Route("/audit/{entry}", page.show, name="page_audit_entry"),
        Route("/undo", page.undo, methods=["POST"], name="undo"),
    ]


class _Audit:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._shell, self._book = desk, desk.shell, desk.database.audit

    def all(self, request: Request) -> Response:
        """The list, the newest first."""
        listing = Listing(
            "/audit", request.query_params, filters=("who", "act", "kind", "name", "since"), sorts=()
        )
        since = _day(listing.filters.get("since", ""))
        if since is None:
            listing.filters.pop("since", None)

        def found(**asked: Any) -> Page[AuditOut]:
            return self._book.page(**{**asked, **({"since": since} if since else {})})

        rows: list[AuditOut] = listed(listing, found)
        return self._shell.page(
            request, "audit.html", listing=listing, entries=rows, act_words=act_words, kinds=_KINDS
        )

    def show(self, request: Request) -> Response:
        """One entry."""
        entry = self._book.get(_number(request.path_params["entry"]))
        changes = change_views(entry.changes)
        more = entry.change_count - len(entry.changes)
        return self._shell.page(
            request, "audit_entry.html", entry=entry, changes=changes, more=more, act_words=act_words
        )

    def verify(self, request: Request) -> Response:
        """Look at all of it."""
        found = self._book.verify()
        told = (
            f"The audit is as it was written: {found.entries:,} entries, the newest hash {found.head_hash}."
        )
        if found.ok:
            return self._shell.go(request, "/audit", told)
        return self._shell.go(request, "/audit", f"The audit is not as it was written: {found.fault}", "bad")

    def undo(self, request: Request) -> Response:
        """What that would change, or with `sure` have it so."""
        said = self._shell.text(request, "entry")
        entry = _number(said) if said else None
        after = f"/audit/{entry}" if entry else "/audit"
        try:
            if self._shell.text(request, "sure"):
                return self._undone(request, self._desk.service.undo(entry))
            done, plan = self._desk.service.would_undo(entry)
        except SightlineError as error:
            return self._shell.go(request, after, str(error), "bad")
        return self._shell.page(
            request,
            "undo.html",
            done=done,
            plan=None if plan is None else plan_view(plan, self._desk.agents()),
            changes=change_views(done.changes),
            more=done.change_count - len(done.changes),
            after=after,
            act_words=act_words,
        )

    def _undone(self, request: Request, done: Undone) -> Response:
        told = f"Taken back: {act_words(done.undoes.act)} of {done.undoes.who}."
        return self._shell.go(request, f"/audit/{done.entry}" if done.entry else "/audit", told)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such entry of the audit")
    return int(text)


def _day(text: str) -> datetime | None:
    """Its begin, of UTC."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
