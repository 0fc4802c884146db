"""The list of instances, and one: how it is and why, its log, and what may be done with it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.acting import act_routes
from sightline.cockpit.pages.desk import Desk, listed
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.addresses import name_in, path_to
from sightline.cockpit.views.listing import Listing
from sightline.cockpit.views.rows import camera_line, gone, instance_line
from sightline.cockpit.views.words import states
from sightline.errors import SightlineError
from sightline.fleet.store.instances import Instances
from sightline.fleet.store.rows import DsInstanceOut

_FILTERS = ("text", "state", "agent", "label", "kind", "pool", "enabled")
_KINDS = ("worker", "deepstream")
_MOST_CAMERAS = 100
LINES = (100, 500, 2000)
"""Of a log, how many may be asked for."""


def routes(shell: Shell) -> list[Route]:
    """The list, the page, the log and the acts."""
    desk = Desk(shell)
    page = _Instances(desk)
    return [
        Route("/instances", page.all, name="page_instances"),
        Route("/instances/{name}", page.show, name="page_instance"),
        Route("/instances/{name}/log", page.log, name="get_instance_logs"),
        Route("/instances/{name}/restart", page.restart, methods=["POST"], name="restart_instance"),
        Route("/instances/{name}/retry", page.retry, methods=["POST"], name="retry_instance"),
        Route("/instances/{name}/remove", page.remove, methods=["POST"], name="delete_instance"),
        *act_routes(desk, "instance"),
    ]


class _Instances:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._shell = desk, desk.shell

    def all(self, request: Request) -> Response:
        """The list."""
        listing = Listing(
            "/instances",
            request.query_params,
            filters=_FILTERS,
            sorts=("instance_name", *(name for name in Instances.sorts if name != "instance_name")),
            choices={
                "enabled": ("yes", "no"),
                "kind": _KINDS,
                "state": [state for state, _ in states("instance")],
            },
        )
        rows: list[DsInstanceOut] = listed(listing, self._desk.database.instances.page)
        around = self._desk.around()
        return self._shell.page(
            request,
            "instances.html",
            listing=listing,
            lines=[instance_line(row, around) for row in rows],
            states=states("instance"),
            gone=gone(around.applied.instances, self._desk.database.inventory().instances),
        )

    def show(self, request: Request) -> Response:
        """One."""
        row = self._row(request)
        around, name = self._desk.around(), row.instance_name
        cameras = self._desk.database.cameras.page(instance=name, limit=_MOST_CAMERAS, sort="camera_id")
        return self._shell.page(
            request,
            "instance.html",
            line=instance_line(row, around),
            is_applied=name in around.applied.instances,
            cannot_be=self._desk.service.mistakes().get(name, ""),
            explained=self._desk.explained(name, "instance"),
            cameras=[camera_line(one, around) for one in cameras.items],
            camera_total=cameras.total,
            events=self._desk.events(instance=name),
            agents=around.agents,
            **self._desk.names(),
        )

    def log(self, request: Request) -> Response:
        """The last lines, as its agent sends them; with `follow` in its address the page asks anew."""
        row = self._row(request)
        asked = request.query_params.get("lines", "")
        lines = next((number for number in LINES if str(number) == asked), LINES[0])
        text = why = ""
        try:
            text = self._desk.service.logs(row.instance_name, lines)
        except SightlineError as error:
            why = str(error)
        return self._shell.page(
            request,
            "instance_log.html",
            name=row.instance_name,
            text=text,
            why=why,
            lines=lines,
            choices=LINES,
            follow="follow" in request.query_params,
        )

    def restart(self, request: Request) -> Response:
        """Begun anew. `back`: the camera whose page it was asked from."""
        name = self._row(request).instance_name
        return self._desk.told(request, self._after(request, name), lambda: self._desk.acts.restart(name))

    def retry(self, request: Request) -> Response:
        """What failed is tried again."""
        name = self._row(request).instance_name
        return self._desk.told(request, self._after(request, name), lambda: self._desk.acts.retry(name))

    def remove(self, request: Request) -> Response:
        """Out of the draft: it goes on until that is applied."""
        gone = self._desk.database.instances.remove(self._row(request).instance_name)
        told = f"{gone.instance_name} is taken out of the draft; what runs ends once that is applied."
        return self._shell.go(request, "/instances", told)

    def _after(self, request: Request, name: str) -> str:
        camera = self._shell.text(request, "back")
        return path_to("cameras", camera) if camera else path_to("instances", name)

    def _row(self, request: Request) -> DsInstanceOut:
        return self._desk.database.instances.get(name_in(request.path_params["name"]))
