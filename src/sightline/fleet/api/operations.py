"""What is asked of the fleet as a whole: apply what is wanted, ask who is there, plan, explain, look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import Field

from sightline.fleet.api.answers import (
    AppliedDraft,
    Asked,
    ExplainAnswer,
    Health,
    Note,
    PlanAnswer,
    Status,
)
from sightline.fleet.api.described import failing
from sightline.fleet.api.paging import Page, Part
from sightline.fleet.coordinator.acts import Acts
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.people.principal import because
from sightline.fleet.store.events import EventOut
from sightline.fleet.store.refusals import Missing
from sightline.fleet.store.revisions import Expected
from sightline.log import get_logger


class EventPart(Part):
    """Which events."""

    after: int | None = Field(
        default=None, ge=0, lt=2**63, description="those with a higher id, the oldest first"
    )
    node_id: str | None = Field(default=None, description="of a machine")
    instance: str | None = Field(default=None, description="of an instance")
    camera_id: str | None = Field(default=None, description="of a camera")


def operation_routes(service: CoordinatorService, passing: Callable[[], Mapping[str, int]]) -> APIRouter:
    """All of them. `passing` counts what goes on for as long as somebody reads it."""
    router = APIRouter(tags=["fleet"])
    _add_acts(router, service)
    _add_looks(router, service, passing)
    _add_questions(router, service)
    return router


def _add_acts(router: APIRouter, service: CoordinatorService) -> None:
    @router.post(
        "/api/v1/update-config",
        status_code=HTTPStatus.ACCEPTED,
        responses=failing(conflict="the draft is not what `revision` or `mark` say: nothing is applied"),
    )
    def update_config(
        note: Annotated[Note | None, Body()] = None,
        *,
        revision: Annotated[
            int | None, Query(ge=0, lt=2**63, description="that it is to be, as the plan said; else nothing")
        ] = None,
        mark: Annotated[
            str | None, Query(max_length=64, description="of the plan that was read; else nothing is applied")
        ] = None,
        dry_run: Annotated[bool, Query(description="nothing is applied; `plan` says what would be")] = False,
    ) -> AppliedDraft:
        """Make the draft what holds: agents are told what changed for them (UpdateConfig)."""
        desc, expected = note.desc if note else "", Expected(revision, mark)
        acted = Acts(service).apply(desc=desc, expected=expected, dry_run=dry_run)
        if acted.plan is not None:
            return AppliedDraft(revision=acted.revision, plan=PlanAnswer.of(acted.plan, acted.mark))
        get_logger("sightline.fleet").info("applied", revision=acted.revision, desc=desc)
        return AppliedDraft(revision=acted.revision)

    @router.post("/api/v1/refresh", status_code=HTTPStatus.ACCEPTED)
    def refresh(note: Annotated[Note | None, Body()] = None) -> Asked:
        """Ask all agents who and how they are (Refresh); they are noticed without it. Where the bus is away,
        they are asked once it is back, and `detail` says so.
        """
        desc = note.desc if note else ""
        with because(desc):
            revision = service.refresh()
        get_logger("sightline.fleet").info("refreshed", desc=desc)
        return Asked.of(service, revision)

    @router.post("/api/v1/rebalance", status_code=HTTPStatus.ACCEPTED)
    def rebalance(
        *, dry_run: Annotated[bool, Query(description="nothing is moved; `plan` says what would be")] = False
    ) -> AppliedDraft:
        """Spread the load anew: what has a good place is moved too, where its machine has more."""
        if dry_run:
            plan = PlanAnswer.of(service.plan(None, rebalance=True))
            return AppliedDraft(revision=service.revision, plan=plan)
        return AppliedDraft(revision=service.rebalance())


def _add_looks(
    router: APIRouter, service: CoordinatorService, passing: Callable[[], Mapping[str, int]]
) -> None:
    @router.get("/healthz")
    def get_health() -> Health:
        """Whether it answers; needs no token, and says nothing else."""
        return Health()

    @router.get("/api/v1/status")
    def get_status() -> Status:
        """How many of what, in which state, and whether all instances are as desired."""
        return Status.of(service, passing())

    @router.get("/api/v1/events")
    def list_events(
        wanted: Annotated[EventPart, Query()], request: Request, response: Response
    ) -> Page[EventOut]:
        """What happened, the newest first."""
        return wanted.page(service.database.events.page(**wanted.model_dump()), request, response)


def _add_questions(router: APIRouter, service: CoordinatorService) -> None:
    @router.get("/api/v1/plan", responses=failing(not_found="there is no such agent"))
    def get_plan(
        lose: Annotated[
            list[str] | None,
            Query(description="machines, by name or node_id: what would change if these were lost"),
        ] = None,
        drain: Annotated[
            list[str] | None, Query(description="likewise: what would change if these were drained")
        ] = None,
    ) -> PlanAnswer:
        """What would change if the draft were applied now; changes nothing."""
        lost, drained = _nodes(service, lose), _nodes(service, drain)
        if lost or drained:
            return PlanAnswer.of(service.plan(None, lost, drained=drained))
        wanted, mark = service.database.draft()
        return PlanAnswer.of(service.plan(wanted), mark)

    @router.get(
        "/api/v1/explain/{kind}/{name}", responses=failing(not_found="nothing of that name is applied")
    )
    def explain(
        kind: Annotated[Literal["camera", "instance"], Path(description="of what", examples=["camera"])],
        name: Annotated[str, Path(description="its camera_id or instance_name", examples=["gate"])],
    ) -> ExplainAnswer:
        """Why a camera or an instance is as it is, from what is wanted to what is seen."""
        found = service.asking.explain(name)
        if found.kind != kind:
            raise Missing(f"applied {kind}", name)
        return ExplainAnswer.of(found)


def _nodes(service: CoordinatorService, names: list[str] | None) -> frozenset[UUID]:
    return frozenset(UUID(service.database.agents.get(name).node_id) for name in names or ())
