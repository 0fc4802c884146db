"""What would change if all of the draft were applied, the button that does it, and how far it is then."""

from __future__ import annotations

import threading
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.desk import Desk
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.plans import PlanView, plan_view
from sightline.errors import BufferFull, CallTimedOut
from sightline.fleet.api.answers import Asked
from sightline.fleet.deciding.coordinator.planning import Plan
from sightline.fleet.inventory import Inventory
from sightline.fleet.people.slots import Slots
from sightline.fleet.store.revisions import Expected

_MOST_LOST = 20
_WAIT_S = 5.0
_MOST_WAITING = 8


def routes(shell: Shell) -> list[Route]:
    """The plan, and to apply it."""
    desk = Desk(shell)
    plans, service = _Plans(desk), desk.service

    def show(request: Request) -> Response:
        lose = request.query_params.getlist("lose")[:_MOST_LOST]
        lost = [desk.database.agents.get(name) for name in lose]
        wanted, mark = desk.database.draft()
        plan, why = plans.view(wanted, mark, frozenset(UUID(one.node_id) for one in lost))
        return shell.page(
            request,
            "plan.html",
            plan=plan,
            why=why,
            lost=[one.agent_name for one in lost],
            differs=wanted.revision != desk.service.revision,
            revision=desk.service.revision,
            draft_revision=wanted.revision,
            mark=mark,
            picture=desk.service.picture,
            away=desk.service.away_since,
            mistakes=desk.service.mistakes(),
        )

    def apply(request: Request) -> Response:
        desc = shell.text(request, "desc")[:2048]
        read = Expected(mark=shell.text(request, "mark"))
        return desk.told(request, "/plan", lambda: desk.acts.apply(desc=desc, expected=read).detail)

    def refresh(request: Request) -> Response:
        return desk.told(request, "/plan", lambda: Asked.of(service, service.refresh()).detail)

    def rebalance(request: Request) -> Response:
        def spread() -> str:
            service.rebalance()
            return "What is above its machine's fair part is moved."

        return desk.told(request, "/plan", spread)

    return [
        Route("/plan", show, name="page_plan"),
        Route("/plan", apply, methods=["POST"], name="update_config"),
        Route("/plan/refresh", refresh, methods=["POST"], name="refresh"),
        Route("/plan/rebalance", rebalance, methods=["POST"], name="rebalance"),
    ]


class _Plans:
    """The plan of a moment is made once, however many look at it: it costs the coordinator's own thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._waiting = Slots(_MOST_WAITING, "wait for a plan")
        self._last: tuple[object, ...] = ()
        self._plan: Plan | None = None

    def view(self, wanted: Inventory, mark: str, lost: frozenset[UUID]) -> tuple[PlanView | None, str]:
        """The plan of what is wanted, or of what is applied without machines; or why there is none now."""
        try:
            with self._waiting.one():
                plan = self._in_turn((self._desk.service.picture, mark, lost), wanted, lost)
        except (CallTimedOut, BufferFull) as error:
            return None, f"the coordinator is too busy to plan: {error}"
        return plan_view(plan, self._desk.agents()), ""

    def _in_turn(self, now: tuple[object, ...], wanted: Inventory, lost: frozenset[UUID]) -> Plan:
        if not self._lock.acquire(timeout=_WAIT_S):
            raise CallTimedOut("another plan is being made")
        try:
            return self._made(now, wanted, lost)
        finally:
            self._lock.release()

    def _made(self, now: tuple[object, ...], wanted: Inventory, lost: frozenset[UUID]) -> Plan:
        if self._plan is None or now != self._last:
            self._plan = self._desk.service.plan(None if lost else wanted, lost)
            self._last = now
        return self._plan
