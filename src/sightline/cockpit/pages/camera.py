"""One camera: how it is and why, its picture, and what may be done with it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.acting import act_routes
from sightline.cockpit.pages.desk import Desk
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.addresses import name_in
from sightline.cockpit.views.rows import camera_line


def routes(shell: Shell) -> list[Route]:
    """The page, and the acts."""
    desk = Desk(shell)

    def show(request: Request) -> Response:
        row = desk.database.cameras.get(name_in(request.path_params["name"]))
        around = desk.around()
        return shell.page(
            request,
            "camera.html",
            line=camera_line(row, around),
            is_applied=row.camera_id in around.applied.cameras,
            explained=desk.explained(row.camera_id, "camera"),
            events=desk.events(camera_id=row.camera_id),
            agents=around.agents,
            **desk.names(),
        )

    def remove(request: Request) -> Response:
        gone = desk.database.cameras.remove(name_in(request.path_params["name"]))
        told = f"{gone.camera_id} is taken out of the draft; what runs ends once that is applied."
        return shell.go(request, "/cameras", told)

    return [
        Route("/cameras/{name}", show, name="page_camera"),
        Route("/cameras/{name}/remove", remove, methods=["POST"], name="delete_camera"),
        *act_routes(desk, "camera"),
    ]
