"""What the API answers of the fleet as a whole: its state, a plan, why something is so.

The values are the coordinator's (`views`, `planning`, `explaining`), under the same names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, Field

from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.deciding.coordinator.explaining import Explanation
from sightline.fleet.deciding.coordinator.planning import Plan

_NODE = "6f1b7c58-8a4f-4a3e-9d0f-0c9a1d2e3f40"


class Health(BaseModel):
    """It answers."""

    status: Literal["ok"] = "ok"


class Done(BaseModel):
    """What was asked for is under way."""

    detail: str = Field(examples=["asked hall to begin hall-1 anew"])


class LogAnswer(BaseModel):
    """The last lines of an instance."""

    instance_name: str = Field(examples=["hall-1"])
    log: str = Field(examples=["running\n"])


class Applied(BaseModel):
    """What holds now; agents are told in time: `status` says when all is as desired."""

    revision: int = Field(
        description="of what is applied; the same as before where nothing changed", examples=[7]
    )


class Asked(Applied):
    """All agents are asked, or will be."""

    detail: str = Field(
        description="when: at once, or, as the bus does not answer, once it does",
        examples=["all agents are asked"],
    )

    @classmethod
    def of(cls, service: CoordinatorService, revision: int) -> Self:
        away = service.away_since
        if away is None:
            return cls(revision=revision, detail="all agents are asked")
        since = away.isoformat(timespec="seconds")
        text = f"the bus does not answer since {since}: all agents are asked once it does"
        return cls(revision=revision, detail=text)


class Note(BaseModel):
    """Why somebody asks for it, for the log."""

    desc: str = Field(default="", max_length=2048, examples=["two cameras more in the hall"])


class Totals(BaseModel):
    """How many of what, by state."""

    agents: dict[str, int] = Field(examples=[{"connected": 3}])
    current: int = Field(description="machines that run what they are to run", examples=[3])
    instances: dict[str, int] = Field(examples=[{"running": 15}])
    cameras: int = Field(examples=[40])
    camera_states: dict[str, int] = Field(
        description="the cameras by state; one of which nothing is reported is as its instance is",
        examples=[{"live": 38, "backing_off": 2}],
    )
    unplaced_cameras: int = Field(examples=[0])
    unplaced_instances: int = Field(examples=[0])


class Status(BaseModel):
    """The fleet at a moment that is at most about a second ago."""

    revision: int = Field(description="of what is applied", examples=[7])
    draft_revision: int = Field(
        description="that the draft would have; another one: it differs", examples=[7]
    )
    as_desired: bool = Field(
        description="everything that is wanted has a place, and every instance runs there; of cameras, see "
        "`totals.camera_states`"
    )
    behind: int = Field(description="machines that do not run yet what they are to run", examples=[0])
    failed: dict[str, str] = Field(
        description="machines that gave up what they were told, and why",
        examples=[{"hall-pc": "hall-1: not ready within 60 s"}],
    )
    totals: Totals
    bus_connected: bool = Field(
        description="whether the bus answers; without it, all is as it was heard last"
    )
    bus_away_since: datetime | None = Field(
        description="since when nothing could be heard; null: the bus answers", examples=[None]
    )
    database_fault: str = Field(description="why the database takes nothing; empty: it does", examples=[""])
    cannot_be_made: dict[str, str] = Field(description="instances that are wanted as they cannot be, and why")
    counts: dict[str, int] = Field(
        description="since the begin: messages by kind, what was `refused_`, who came while too many waited "
        "(`busy_`); of live pictures (`live_`) and of the page's news (`news_`) who is there now, too",
        examples=[{"AgentInfo": 3, "live_viewers": 2, "live_skips": 0}],
    )

    @classmethod
    def of(cls, service: CoordinatorService, passing: Mapping[str, int]) -> Self:
        picture, away = service.picture, service.away_since
        return cls(
            revision=picture.revision,
            draft_revision=service.database.inventory().revision,
            as_desired=picture.as_desired,
            behind=picture.behind,
            failed=picture.failed,
            totals=Totals.model_validate(msgspec.to_builtins(picture.totals)),
            bus_connected=away is None,
            bus_away_since=away,
            database_fault=service.fault,
            cannot_be_made=service.mistakes(),
            counts={**service.counts(), **passing},
        )


class InstanceChange(BaseModel):
    """What would become of an instance; see `why`."""

    name: str = Field(examples=["hall-1"])
    change: Literal["add", "change", "move", "remove", "unplaced"]
    node: UUID | None = Field(description="the machine that it would be on", examples=[_NODE])
    was: UUID | None = Field(description="the machine that it is on", examples=[_NODE])
    restarts: bool = Field(description="what runs is ended and begun anew")
    ends: bool = Field(description="what runs is ended for good")
    cameras: list[str] = Field(examples=[["gate"]])
    why: str = Field(examples=["hall is the least loaded of those that take it"])


class CameraChangePlan(BaseModel):
    """What would become of a camera."""

    camera_id: str = Field(examples=["gate"])
    change: Literal["add", "change", "move", "remove", "unplaced"]
    instance: str | None = Field(description="that it would be on", examples=["hall-1"])
    was: str | None = Field(description="that it is on", examples=["hall-1"])
    why: str = Field(examples=["put on hall-1 by hand"])


class NodeChange(BaseModel):
    """How much would happen on a machine."""

    node_id: UUID = Field(examples=[_NODE])
    hostname: str = Field(examples=["hall"])
    begins: int
    restarts: int
    ends: int


class PlanAnswer(BaseModel):
    """All that would change; what is not named stays."""

    revision: int = Field(description="that it would be", examples=[8])
    is_empty: bool = Field(description="nothing would change")
    instances: list[InstanceChange]
    cameras: list[CameraChangePlan]
    nodes: list[NodeChange]
    mark: str = Field(
        default="", description="of a plan of the whole draft: by which `update-config` knows it again"
    )

    @classmethod
    def of(cls, plan: Plan, mark: str = "") -> Self:
        return cls.model_validate({**msgspec.to_builtins(plan), "is_empty": plan.is_empty, "mark": mark})


class AppliedDraft(Applied):
    """The draft holds now; or, of a dry run, what would change."""

    plan: PlanAnswer | None = Field(
        default=None, description="of a dry run: what would change; nothing was applied", examples=[None]
    )


class Step(BaseModel):
    """One link of the chain from what is wanted to what is seen."""

    what: str = Field(examples=["machine"])
    ok: bool
    why: str = Field(examples=["hall is connected, heard 1.2 s ago"])
    under_way: bool = Field(description="it is not ok, and about to become so by itself", examples=[False])


class ExplainAnswer(BaseModel):
    """Why something is as it is; the first step that is not ok is where to look."""

    name: str = Field(examples=["gate"])
    kind: str = Field(examples=["camera"])
    ok: bool
    steps: list[Step]

    @classmethod
    def of(cls, explanation: Explanation) -> Self:
        return cls.model_validate(msgspec.to_builtins(explanation))
