"""The machines: how each is, what runs there, what users say of it, and which are let in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.desk import (
    Desk,
    Form,
    check_generation,
    clashed,
    listed,
    refused,
    sent,
    status_of,
)
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.addresses import name_in, path_to
from sightline.cockpit.views.agent_form import ALIASES, FIELDS, agent_texts, fill_agent
from sightline.cockpit.views.listing import Listing
from sightline.cockpit.views.rows import agent_line, instance_line
from sightline.cockpit.views.words import states
from sightline.fleet.coordinator.acts import Acted
from sightline.fleet.store.agents import Agents
from sightline.fleet.store.refusals import Conflict, Mistake, Refused
from sightline.fleet.store.rows import AgentChange, AgentOut, read

_FILTERS = ("text", "state", "instance", "label")
_MOST_INSTANCES = 200
_DRAINED: Final = "is drained: what others can run goes there"
_ACTS: Final[Mapping[str, tuple[str, dict[str, bool], str]]] = {
    "undrain_agent": ("undrain", {"drained": False}, "may run something again; nothing goes back by itself"),
    "revoke_agent": (
        "revoke",
        {"revoked": True},
        "is sent away: it is told to end all, and not heard any more",
    ),
}


def routes(shell: Shell) -> list[Route]:
    """The list, the page, the form in it, and the acts."""
    page = _Agents(Desk(shell))
    return [
        Route("/agents", page.all, name="page_agents"),
        Route("/agents/{name}", page.show, name="page_agent"),
        Route("/agents/{name}", page.change, methods=["POST"], name="change_agent"),
        Route("/agents/{name}/remove", page.remove, methods=["POST"], name="delete_agent"),
        Route("/agents/{name}/drain", page.drain, methods=["POST"], name="drain_agent"),
        *(
            Route(f"/agents/{{name}}/{step}", page.act(values, told), methods=["POST"], name=name)
            for name, (step, values, told) in _ACTS.items()
        ),
    ]


class _Agents:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._shell, self._agents = desk, desk.shell, desk.database.agents

    def all(self, request: Request) -> Response:
        """The list."""
        listing = Listing(
            "/agents",
            request.query_params,
            filters=_FILTERS,
            sorts=("agent_name", *(name for name in Agents.sorts if name != "agent_name")),
            choices={"state": [state for state, _ in states("agent")]},
        )
        rows: list[AgentOut] = listed(listing, self._agents.page)
        around = self._desk.around()
        lines = [agent_line(row, around) for row in rows]
        return self._shell.page(request, "agents.html", listing=listing, lines=lines, states=states("agent"))

    def show(self, request: Request) -> Response:
        """One."""
        row = self._row(request)
        return self._show(request, row, Form(agent_texts(row)))

    def change(self, request: Request) -> Response:
        """What users say of it holds at once."""
        row = self._row(request)
        filled = fill_agent(sent(self._desk, request), row)
        name = row.agent_name
        try:
            check_generation(self._desk, request, row)
            if filled.mistakes:
                return self._show(request, row, refused(filled, (), FIELDS, ALIASES))
            now = self._desk.service.agent_changed(name, read(AgentChange, filled.values), row.generation)
        except Conflict as error:
            if error.generation is None:
                taken = [Mistake("agent_name", str(error))]
                return self._show(request, row, refused(filled, taken, FIELDS, ALIASES))
            now = self._row(request)
            again = path_to("agents", now.agent_name)
            form = clashed(self._desk, ("agent", now.agent_name), filled, agent_texts(now), again)
            return self._show(request, now, form)
        except Refused as error:
            return self._show(request, row, refused(filled, error.mistakes, FIELDS, ALIASES))
        return self._shell.go(request, path_to("agents", now.agent_name), "Saved. It holds from now on.")

    def act(self, values: Mapping[str, bool], told: str) -> Any:
        """A page's function that has this hold at once."""

        def done(request: Request) -> Response:
            row = self._row(request)
            do = partial(self._changed, row, values, told)
            return self._desk.told(request, path_to("agents", row.agent_name), do)

        return done

    def drain(self, request: Request) -> Response:
        """What others can run goes there; or what would, in a dry run."""
        row = self._row(request)
        service, name = self._desk.service, row.agent_name

        def do(dry: bool) -> Acted:
            if not dry:
                told = self._changed(row, {"drained": True}, _DRAINED)
                return Acted("agent", name, not row.drained, service.revision, told)
            plan = service.plan(None, drained=frozenset({UUID(row.node_id)}))
            told = f"{name} {_DRAINED} (a dry run: nothing is changed)"
            return Acted("agent", name, not row.drained, service.revision, told, plan)

        return self._desk.acted(request, path_to("agents", name), do)

    def _changed(self, row: AgentOut, values: Mapping[str, bool], told: str) -> str:
        self._desk.service.agent_changed(row.agent_name, AgentChange.model_validate(values))
        return f"{row.agent_name} {told}"

    def remove(self, request: Request) -> Response:
        """Forgotten: it may come again with a new token only."""
        row = self._row(request)
        self._desk.service.agent_removed(row.agent_name)
        return self._shell.go(request, "/agents", f"{row.agent_name} is no more of the fleet.")

    def _row(self, request: Request) -> AgentOut:
        return self._agents.get(name_in(request.path_params["name"]))

    def _show(self, request: Request, row: AgentOut, form: Form) -> Response:
        around = self._desk.around()
        instances = self._desk.database.instances.page(
            agent=row.node_id, limit=_MOST_INSTANCES, sort="instance_name"
        )
        return self._shell.page(
            request,
            "agent.html",
            status=status_of(form),
            line=agent_line(row, around),
            form=form,
            instances=[instance_line(one, around) for one in instances.items],
            instance_total=instances.total,
            events=self._desk.events(node_id=row.node_id),
            agents=around.agents,
        )
