"""The machines over HTTP: what users say of them holds at once, and is no part of the draft."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from sightline.fleet.api.described import failing
from sightline.fleet.api.entitled import check_more
from sightline.fleet.api.generations import TAGGED, Expected, tagged
from sightline.fleet.api.paging import SORTED, Page, Part
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.people.principal import Role
from sightline.fleet.store.agents import Agents
from sightline.fleet.store.rows import AgentChange, AgentIn, AgentOut

Key = Annotated[str, Path(description="its agent_name, its node_id, or its number", examples=["hall"])]
_ABSENT: Final = "there is no such agent"
_LATE: Final = "it is of another generation than If-Match says"


class AgentPart(Part):
    """Which machines."""

    sort: str = Field(default="id", description=SORTED.format(", ".join(Agents.sorts)))
    text: str | None = Field(default=None, description="stands in its name, hostname or address")
    instance: str | None = Field(default=None, description="that is to run there")
    label: str | None = Field(default=None, description="key=value, or key")
    state: Literal["new", "connected", "lost", "drained", "revoked"] | None = Field(
        default=None, description="how it is"
    )


def agent_routes(service: CoordinatorService) -> APIRouter:
    """All that can be done with machines."""
    agents = service.database.agents
    router = APIRouter(prefix="/api/v1/agents", tags=["agents"])

    @router.get("")
    def list_agents(
        wanted: Annotated[AgentPart, Query()], request: Request, response: Response
    ) -> Page[AgentOut]:
        """The machines, and whether they are there."""
        return wanted.page(agents.page(**wanted.model_dump()), request, response)

    @router.post(
        "",
        status_code=HTTPStatus.CREATED,
        responses={201: {"headers": TAGGED}, **failing(conflict="there is one of this name")},
    )
    def create_agent(agent: AgentIn, response: Response) -> AgentOut:
        """A machine that is to come; its agent enrols with a token as every other."""
        made = agents.add(agent)
        response.headers["location"] = f"/api/v1/agents/{quote(made.agent_name, safe='')}"
        return tagged(made, response)

    _add_rows(router, service)
    _add_acts(router, service)
    return router


def _add_rows(router: APIRouter, service: CoordinatorService) -> None:
    agents = service.database.agents

    @router.get("/{agent}", responses={200: {"headers": TAGGED}, **failing(not_found=_ABSENT)})
    def get_agent(agent: Key, response: Response) -> AgentOut:
        """One machine."""
        return tagged(agents.get(agent), response)

    @router.put(
        "/{agent}",
        responses={200: {"headers": TAGGED}, **failing(not_found=_ABSENT, precondition_failed=_LATE)},
    )
    def replace_agent(agent: Key, values: AgentIn, expected: Expected, response: Response) -> AgentOut:
        """Make what users say of it this; what its agent says stays."""
        return tagged(service.agent_replaced(agent, values, expected), response)

    @router.patch(
        "/{agent}",
        responses={200: {"headers": TAGGED}, **failing(not_found=_ABSENT, precondition_failed=_LATE)},
    )
    def change_agent(
        agent: Key, values: AgentChange, expected: Expected, request: Request, response: Response
    ) -> AgentOut:
        """Change what is said; what is left out stays. Whether it is revoked is for admins."""
        if values.revoked is not None:
            check_more(request, Role.ADMIN, "revoked")
        return tagged(service.agent_changed(agent, values, expected), response)

    @router.delete(
        "/{agent}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=failing(not_found=_ABSENT, precondition_failed=_LATE),
    )
    def delete_agent(agent: Key, expected: Expected) -> None:
        """Forget it: what it ran goes to others, and it may come again with a new token only."""
        service.agent_removed(agent, expected)


def _add_acts(router: APIRouter, service: CoordinatorService) -> None:
    @router.post("/{agent}/drain", responses=failing(not_found=_ABSENT))
    def drain_agent(agent: Key, response: Response) -> AgentOut:
        """Nothing is to run there: what others can run goes there."""
        return tagged(service.agent_changed(agent, AgentChange.model_validate({"drained": True})), response)

    @router.post("/{agent}/undrain", responses=failing(not_found=_ABSENT))
    def undrain_agent(agent: Key, response: Response) -> AgentOut:
        """It may run something again; nothing goes back by itself."""
        return tagged(service.agent_changed(agent, AgentChange.model_validate({"drained": False})), response)

    @router.post("/{agent}/revoke", responses=failing(not_found=_ABSENT))
    def revoke_agent(agent: Key, response: Response) -> AgentOut:
        """It is told to end what it runs, and not listened to any more; to come back it has to be deleted
        here, and to enrol anew.
        """
        return tagged(service.agent_changed(agent, AgentChange.model_validate({"revoked": True})), response)
