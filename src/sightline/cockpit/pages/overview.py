"""The overview: how many of what, what is wrong, and what happened of late. Where there is nothing yet: what
to do first.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.desk import Desk
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.overview import totals, wrong_cameras
from sightline.cockpit.views.rows import agent_line, instance_line
from sightline.fleet.deciding.coordinator.views import Totals
from sightline.fleet.store.row import Page
from sightline.fleet.store.rows import AgentOut, DsInstanceOut

_MOST_WRONG = 10
_ILL = ("failed", "unhealthy", "waiting", "lost", "unplaced", "blocked")


def routes(shell: Shell) -> list[Route]:
    """Its one."""
    desk = Desk(shell)

    def overview(request: Request) -> Response:
        picture, service, around = desk.service.picture, desk.service, desk.around()
        there = {
            "cameras": desk.database.cameras.page(limit=1).total,
            "instances": desk.database.instances.page(limit=1).total,
            "agents": desk.database.agents.page(limit=1).total,
        }
        mistakes = service.mistakes()
        instances, lost = _ill_instances(desk, picture.totals), _lost(desk)
        return shell.page(
            request,
            "overview.html",
            there=there,
            totals=totals(picture.totals),
            picture=picture,
            differs=desk.database.inventory().revision != service.revision,
            away=service.away_since,
            fault=service.fault,
            mistakes=dict(list(mistakes.items())[:_MOST_WRONG]),
            wrong=wrong_cameras(picture.totals),
            more_mistakes=max(0, len(mistakes) - _MOST_WRONG),
            instances=[instance_line(row, around) for row in instances.items],
            more_instances=instances.total - len(instances.items),
            lost=[agent_line(row, around) for row in lost.items],
            more_lost=lost.total - len(lost.items),
            events=desk.events(),
            agents=around.agents,
        )

    return [Route("/", overview, name="page_overview")]


def _ill_instances(desk: Desk, of: Totals) -> Page[DsInstanceOut]:
    """Some of those that do not run as they should; asked for where the picture says that there are some."""
    found, total = list[DsInstanceOut](), 0
    there = {*of.instances, *(("lost",) if of.agents.get("lost") else ())}
    for state in (one for one in _ILL if one in there):
        some = desk.database.instances.page(state=state, enabled=True, limit=_MOST_WRONG)
        found, total = [*found, *some.items], total + some.total
    return Page(items=found[:_MOST_WRONG], total=total)


def _lost(desk: Desk) -> Page[AgentOut]:
    return desk.database.agents.page(state="lost", limit=_MOST_WRONG)
