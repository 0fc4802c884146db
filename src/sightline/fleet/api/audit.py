"""The audit over HTTP: who did what, whether that is as it was written, and taking it back."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, Field

from sightline.fleet.api.answers import PlanAnswer
from sightline.fleet.api.described import failing
from sightline.fleet.api.paging import Page, Part
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.store.audit import AuditOut, Verified
from sightline.fleet.store.refusals import Missing
from sightline.fleet.store.undoing import Undone

_ABSENT: Final = "there is no such entry, or it is not kept any more"
_REFUSED: Final = "it cannot be taken back, or was changed since; `detail` says by whom"
_MOST_DIGITS: Final = 18


class AuditPart(Part):
    """Which entries."""

    who: str | None = Field(default=None, description="did it")
    act: str | None = Field(default=None, description="its name, such as change_camera")
    kind: str | None = Field(default=None, description="of a thing in it: camera, instance, agent ...")
    name: str | None = Field(default=None, description="of a thing in it")
    since: AwareDatetime | None = Field(default=None, description="not before this")


class UndoAnswer(Undone):
    """What was taken back, or would be."""

    plan: PlanAnswer | None = Field(
        description="of a dry run: what becomes of what runs, where something else is applied by it",
        examples=[None],
    )


def audit_routes(service: CoordinatorService) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/api/v1", tags=["audit"])
    book = service.database.audit

    @router.get("/audit")
    def list_audit(
        wanted: Annotated[AuditPart, Query()], request: Request, response: Response
    ) -> Page[AuditOut]:
        """What was done by whom, the newest first; of an entry with many changes the first of them."""
        return wanted.page(book.page(**wanted.model_dump()), request, response)

    @router.get("/audit/verify")
    def verify_audit(
        seen: Annotated[
            str | None, Query(max_length=64, description="a `head_hash` of before, that must be there still")
        ] = None,
    ) -> Verified:
        """Look at the whole audit, and say whether anything of it was changed, taken out or put in."""
        return book.verify(seen)

    @router.get("/audit/{entry}", responses=failing(not_found=_ABSENT))
    def get_audit_entry(
        entry: Annotated[str, Path(description="its number", examples=["12"])],
    ) -> AuditOut:
        """One entry, with its changes up to the thousandth."""
        if not entry.isascii() or not entry.isdecimal() or len(entry) > _MOST_DIGITS:
            raise Missing("entry of the audit", entry)
        return book.get(int(entry))

    @router.post("/undo", responses=failing(not_found=_ABSENT, conflict=_REFUSED))
    def undo(
        *,
        entry: Annotated[
            int | None, Query(ge=1, lt=2**63, description="take this back; left out: the last that can be")
        ] = None,
        dry_run: Annotated[bool, Query(description="nothing is changed")] = False,
    ) -> UndoAnswer:
        """Take back what was done last: rows, an import with all its rows, or what was applied. Again takes
        back what was done before that. To have it again, take back the entry that this answers.
        """
        if not dry_run:
            return UndoAnswer(**dict(service.undo(entry)), plan=None)
        done, plan = service.would_undo(entry)
        return UndoAnswer(**dict(done), plan=None if plan is None else PlanAnswer.of(plan))

    return router
