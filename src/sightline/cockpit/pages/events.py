"""What happened in the fleet, the newest first."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.desk import Desk, listed
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.listing import Listing
from sightline.fleet.store.events import EventOut
from sightline.fleet.store.row import Page


def routes(shell: Shell) -> list[Route]:
    """Its one."""
    desk = Desk(shell)

    def events(request: Request) -> Response:
        listing = Listing("/events", request.query_params, filters=("agent", "instance", "camera"))
        agents = desk.agents()
        nodes = {name: node_id for node_id, name in agents.items()}

        def found(agent: str | None = None, camera: str | None = None, **asked: Any) -> Page[EventOut]:
            node_id = nodes.get(agent, agent) if agent else None
            return desk.database.events.page(node_id=node_id, camera_id=camera, **asked)

        rows: list[EventOut] = listed(listing, found)
        return shell.page(request, "events.html", listing=listing, events=rows, agents=agents)

    return [Route("/events", events, name="page_events")]
