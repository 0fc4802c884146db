"""The instances over HTTP, and what may be done with one that runs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from sightline.fleet.api.answers import Done, LogAnswer
from sightline.fleet.api.described import failing
from sightline.fleet.api.generations import TAGGED, Expected, tagged
from sightline.fleet.api.paging import SORTED, Page, Part
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.deciding.coordinator.views import InstanceShown
from sightline.fleet.store.instances import Instances
from sightline.fleet.store.rows import DsInstanceBody, DsInstanceChange, DsInstanceIn, DsInstanceOut

Key = Annotated[str, Path(description="its instance_name, or its number", examples=["hall-1"])]
Lines = Annotated[int, Query(ge=1, le=10_000, description="how many of its last lines")]
_ABSENT: Final = "there is no such instance"
_LATE: Final = "it is of another generation than If-Match says"
_NOWHERE: Final = "it is on no machine that is connected"


class InstancePart(Part):
    """Which instances."""

    sort: str = Field(default="id", description=SORTED.format(", ".join(Instances.sorts)))
    text: str | None = Field(
        default=None, description="stands in its name, or in why it is not as it should be"
    )
    agent: str | None = Field(default=None, description="that it is on, by name or node_id")
    label: str | None = Field(default=None, description="key=value, or key")
    state: InstanceShown | None = Field(default=None, description="its status")
    kind: str | None = Field(default=None, description="deepstream or worker")
    pool: str | None = Field(default=None, description="of it")
    enabled: bool | None = Field(default=None, description="whether it is wanted")


def instance_routes(service: CoordinatorService) -> APIRouter:
    """All that can be done with instances."""
    instances = service.database.instances
    router = APIRouter(prefix="/api/v1/instances", tags=["instances"])

    @router.get("")
    def list_instances(
        wanted: Annotated[InstancePart, Query()], request: Request, response: Response
    ) -> Page[DsInstanceOut]:
        """The instances as they are in the draft, where they are now, and how."""
        return wanted.page(instances.page(**wanted.model_dump()), request, response)

    @router.post(
        "",
        status_code=HTTPStatus.CREATED,
        responses={201: {"headers": TAGGED}, **failing(conflict="there is one of this name")},
    )
    def create_instance(instance: DsInstanceIn, response: Response) -> DsInstanceOut:
        """A new instance in the draft."""
        made = instances.add(instance)
        response.headers["location"] = f"/api/v1/instances/{quote(made.instance_name, safe='')}"
        return tagged(made, response)

    _add_rows(router, service)
    _add_acts(router, service)
    return router


def _add_rows(router: APIRouter, service: CoordinatorService) -> None:
    instances = service.database.instances

    @router.get("/{instance}", responses={200: {"headers": TAGGED}, **failing(not_found=_ABSENT)})
    def get_instance(instance: Key, response: Response) -> DsInstanceOut:
        """One instance."""
        return tagged(instances.get(instance), response)

    @router.put(
        "/{instance}",
        responses={200: {"headers": TAGGED}, **failing(not_found=_ABSENT, precondition_failed=_LATE)},
    )
    def replace_instance(
        instance: Key, values: DsInstanceBody, expected: Expected, response: Response
    ) -> DsInstanceOut:
        """Make it what is said; what is left out is as in a new one."""
        return tagged(instances.replace(instance, values, expected), response)

    @router.patch(
        "/{instance}",
        responses={200: {"headers": TAGGED}, **failing(not_found=_ABSENT, precondition_failed=_LATE)},
    )
    def change_instance(
        instance: Key, values: DsInstanceChange, expected: Expected, response: Response
    ) -> DsInstanceOut:
        """Change what is said; what is left out stays."""
        return tagged(instances.change(instance, values, expected), response)

    @router.delete(
        "/{instance}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=failing(not_found=_ABSENT, precondition_failed=_LATE),
    )
    def delete_instance(instance: Key, expected: Expected) -> None:
        """Take it out of the draft."""
        instances.remove(instance, expected)


def _add_acts(router: APIRouter, service: CoordinatorService) -> None:
    @router.post(
        "/{instance}/restart",
        status_code=HTTPStatus.ACCEPTED,
        responses=failing(not_found=_ABSENT, conflict=_NOWHERE),
    )
    def restart_instance(instance: Key) -> Done:
        """Have its agent begin it anew."""
        return Done(detail=service.restart(instance))

    @router.post(
        "/{instance}/retry",
        status_code=HTTPStatus.ACCEPTED,
        responses=failing(not_found=_ABSENT, conflict=_NOWHERE),
    )
    def retry_instance(instance: Key) -> Done:
        """Have its agent try again what failed there."""
        return Done(detail=service.retry(instance))

    @router.get(
        "/{instance}/logs",
        responses=failing(not_found=_ABSENT, conflict=_NOWHERE, gateway_timeout="its agent did not answer"),
    )
    def get_instance_logs(instance: Key, lines: Lines = 200) -> LogAnswer:
        """What it wrote last, as its agent sends it."""
        return LogAnswer(instance_name=instance, log=service.logs(instance, lines))
