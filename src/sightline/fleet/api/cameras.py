"""The cameras over HTTP. A password goes in and never comes out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from sightline.fleet.api.described import failing
from sightline.fleet.api.generations import TAGGED, Expected, tagged
from sightline.fleet.api.paging import SORTED, Page, Part
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.store.cameras import Cameras
from sightline.fleet.store.rows import CameraBody, CameraChange, CameraIn, CameraOut

Key = Annotated[str, Path(description="its camera_id, or its number", examples=["gate"])]
_ABSENT: Final = "there is no such camera"
_LATE: Final = "it is of another generation than If-Match says"


class CameraPart(Part):
    """Which cameras."""

    sort: str = Field(default="id", description=SORTED.format(", ".join(Cameras.sorts)))
    text: str | None = Field(default=None, description="stands in its name or address")
    instance: str | None = Field(default=None, description="that it is on")
    agent: str | None = Field(default=None, description="that it is on, by name or node_id")
    label: str | None = Field(default=None, description="key=value, or key")
    state: str | None = Field(default=None, description="its status")
    pool: str | None = Field(default=None, description="of it")
    enabled: bool | None = Field(default=None, description="whether it is wanted")


def camera_routes(service: CoordinatorService) -> APIRouter:
    """All that can be done with cameras."""
    cameras = service.database.cameras
    router = APIRouter(prefix="/api/v1/cameras", tags=["cameras"])

    @router.get("")
    def list_cameras(
        wanted: Annotated[CameraPart, Query()], request: Request, response: Response
    ) -> Page[CameraOut]:
        """The cameras as they are in the draft, and where they are now."""
        return wanted.page(cameras.page(**wanted.model_dump()), request, response)

    @router.post(
        "",
        status_code=HTTPStatus.CREATED,
        responses={201: {"headers": TAGGED}, **failing(conflict="there is one of this name")},
    )
    def create_camera(camera: CameraIn, response: Response) -> CameraOut:
        """A new camera in the draft."""
        made = cameras.add(camera)
        response.headers["location"] = f"/api/v1/cameras/{quote(made.camera_id, safe='')}"
        return tagged(made, response)

    _add_rows(router, service)
    return router


def _add_rows(router: APIRouter, service: CoordinatorService) -> None:
    cameras = service.database.cameras

    @router.get("/{camera}", responses={200: {"headers": TAGGED}, **failing(not_found=_ABSENT)})
    def get_camera(camera: Key, response: Response) -> CameraOut:
        """One camera."""
        return tagged(cameras.get(camera), response)

    @router.put(
        "/{camera}",
        responses={200: {"headers": TAGGED}, **failing(not_found=_ABSENT, precondition_failed=_LATE)},
    )
    def replace_camera(camera: Key, values: CameraBody, expected: Expected, response: Response) -> CameraOut:
        """Make it what is said; what is left out is as in a new one, but for the password."""
        return tagged(cameras.replace(camera, values, expected), response)

    @router.patch(
        "/{camera}",
        responses={200: {"headers": TAGGED}, **failing(not_found=_ABSENT, precondition_failed=_LATE)},
    )
    def change_camera(camera: Key, values: CameraChange, expected: Expected, response: Response) -> CameraOut:
        """Change what is said; what is left out stays."""
        return tagged(cameras.change(camera, values, expected), response)

    @router.delete(
        "/{camera}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=failing(not_found=_ABSENT, precondition_failed=_LATE),
    )
    def delete_camera(camera: Key, expected: Expected) -> None:
        """Take it out of the draft."""
        cameras.remove(camera, expected)
