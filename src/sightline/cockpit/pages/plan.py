"""What would change if all of the draft were applied, the button that does it, and how far it is then."""

from __future__ import annotations

import hashlib
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.desk import Desk
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.plans import PlanView, plan_view
from sightline.errors import BufferFull, CallTimedOut
from sightline.fleet.inventory import Inventory

_MOST_LOST = 20


def routes(shell: Shell) -> list[Route]:
    """The plan, and to apply it."""
    desk = Desk(shell)

    def show(request: Request) -> Response:
        lose = request.query_params.getlist("lose")[:_MOST_LOST]
        lost = [desk.database.agents.get(name) for name in lose]
        wanted = desk.database.inventory()
        plan, why = _planned(desk, None if lost else wanted, frozenset(UUID(one.node_id) for one in lost))
        return shell.page(
            request,
            "plan.html",
            plan=plan,
            why=why,
            lost=[one.agent_name for one in lost],
            differs=wanted.revision != desk.service.revision,
            revision=desk.service.revision,
            draft_revision=wanted.revision,
            mark=_mark(desk, wanted),
            picture=desk.service.picture,
            away=desk.service.away_since,
            mistakes=desk.service.mistakes(),
        )

    def apply(request: Request) -> Response:
        desc = shell.text(request, "desc")[:2048]
        if shell.text(request, "mark") != _mark(desk, desk.database.inventory()):
            told = (
                "What is wanted was changed since you read the plan, and nothing is applied: read it again."
            )
            return shell.go(request, "/plan", told, "bad")
        return desk.told(request, "/plan", lambda: desk.acts.apply(desc=desc).detail)

    return [
        Route("/plan", show, name="page_plan"),
        Route("/plan", apply, methods=["POST"], name="update_config"),
    ]


def _mark(desk: Desk, wanted: Inventory) -> str:
    """Another one after any change of what is wanted, whose revision is the next number whatever is in it. A
    row that was removed and made again is told by its number.
    """
    shelves = (desk.database.instances, desk.database.cameras)
    newest = [[row.id for row in shelf.page(limit=1, sort="-id").items] for shelf in shelves]
    instances = [(name, spec.generation) for name, spec in wanted.instances.items()]
    cameras = [(name, spec.generation) for name, spec in wanted.cameras.items()]
    said = repr((newest, instances, cameras))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _planned(desk: Desk, wanted: Inventory | None, lost: frozenset[UUID]) -> tuple[PlanView | None, str]:
    """The plan, or why there is none just now."""
    try:
        return plan_view(desk.service.plan(wanted, lost), desk.agents()), ""
    except (CallTimedOut, BufferFull) as error:
        return None, f"the coordinator is too busy to plan: {error}"
