"""The list of cameras: what is desired, what is so, why it is another; and as a file."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.desk import Desk, listed
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.listing import Listing
from sightline.cockpit.views.rows import camera_line, gone
from sightline.cockpit.views.words import states
from sightline.fleet.store.cameras import Cameras
from sightline.fleet.store.csv_file import export_csv
from sightline.fleet.store.rows import CameraOut

_FILTERS = ("text", "state", "instance", "agent", "label", "pool", "enabled")


def routes(shell: Shell) -> list[Route]:
    """The list, and the file."""
    desk = Desk(shell)

    def cameras(request: Request) -> Response:
        listing = Listing(
            "/cameras",
            request.query_params,
            filters=_FILTERS,
            sorts=("camera_id", *(name for name in Cameras.sorts if name != "camera_id")),
            choices={"enabled": ("yes", "no"), "state": [state for state, _ in states("camera")]},
        )
        rows: list[CameraOut] = listed(
            listing, lambda **asked: desk.database.cameras.page(**_by_state(asked))
        )
        around = desk.around()
        return shell.page(
            request,
            "cameras.html",
            listing=listing,
            lines=[camera_line(row, around) for row in rows],
            states=states("camera"),
            gone=gone(around.applied.cameras, desk.database.inventory().cameras),
        )

    return [
        Route("/cameras", cameras, name="page_cameras"),
        Route("/export/{kind}.csv", lambda request: _export(desk, request), name="export_a_table"),
    ]


def _by_state(asked: dict[str, Any]) -> dict[str, Any]:
    """As the list shows states: what was reported last of a camera that is nowhere is none."""
    state = asked.pop("state", None)
    if state is None:
        return asked
    if state == "unwanted":
        return {**asked, "enabled": False}
    if state == "unplaced":
        return {**asked, "enabled": True, "placed": False}
    return {**asked, "state": state, "placed": True}


def _export(desk: Desk, request: Request) -> Response:
    kind = request.path_params["kind"]
    if kind not in {"cameras", "instances", "agents"}:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such file")
    headers = {"content-disposition": f'attachment; filename="{kind}.csv"'}
    return Response(export_csv(desk.database, kind), media_type="text/csv", headers=headers)
