"""What is done with one camera or instance at once, over HTTP: start, stop, move, debug, and a camera's test.

What is changed is one row, which holds at once, and it alone; `dry_run` says what would change.
"""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from sightline.fleet.api.answers import PlanAnswer
from sightline.fleet.api.described import failing
from sightline.fleet.coordinator.acts import Acted, Acts
from sightline.fleet.coordinator.camera_tests import Tested
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.store.camera_rows import CameraBody
from sightline.fleet.store.row import AnyName

Camera = Annotated[str, Path(description="its camera_id, or its number", examples=["gate"])]
Instance = Annotated[str, Path(description="its instance_name, or its number", examples=["hall-1"])]
DryRun = Annotated[bool, Query(description="nothing is changed; `plan` says what would be")]
By = Annotated[
    str | None,
    Query(
        max_length=200,
        description="the machine that is to look, by name or node_id, or `coordinator`; left out: that on "
        "which the camera is, else the coordinator's own",
    ),
]
_NO_CAMERA: Final = failing(not_found="there is no such camera")
_NO_INSTANCE: Final = failing(not_found="there is no such instance")
_LOOK: Final = failing(
    not_found="there is no such camera, or machine",
    conflict="the machine is not connected, or the coordinator's own cannot look at that",
    gateway_timeout="the machine did not answer",
)
_REPORT: Final = {
    "url": "rtsp://10.0.0.5:554/main",
    "codec": "h264",
    "profile": "Main",
    "width": 1920,
    "height": 1080,
    "fps": 25.0,
    "gop_packets": 50,
    "gop_s": 2.0,
    "bit_rate": 4100000.0,
    "clock": "rtcp",
    "transport": "tcp",
    "packets": 75,
    "decodable": True,
}


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class CameraMove(_Wish):
    """Where a camera is put by hand; on neither: the fleet finds a place again."""

    instance_name: AnyName | None = Field(None, description="On this instance.", examples=["hall-1"])
    agent_name: AnyName | None = Field(None, description="On this machine.", examples=[None])


class InstanceMove(_Wish):
    """Where an instance is put by hand; nowhere: the fleet finds a machine again."""

    agent_name: AnyName | None = Field(None, description="On this machine.", examples=["hall"])


class DebugWish(_Wish):
    """Whether the log says all."""

    debug: bool = Field(True, description="On, or off.")


class NewCamera(CameraBody):
    """A camera as it is wanted, which need not be saved. Where it is, and says no password, the one that is
    saved is used: for the same host, port and user alone.
    """

    camera_id: str = Field("", max_length=2048, description="Its name, if it has one.", examples=["gate"])


class ActedAnswer(BaseModel):
    """What was done, or would be."""

    kind: str = Field(description="camera, instance, or fleet: the whole draft", examples=["camera"])
    name: str = Field(examples=["gate"])
    changed: bool = Field(description="whether anything was another before", examples=[True])
    revision: int = Field(description="that is applied, or would be", examples=[8])
    detail: str = Field(description="for people", examples=["gate is to end"])
    plan: PlanAnswer | None = Field(
        default=None, description="of a dry run: what would change", examples=[None]
    )

    @classmethod
    def of(cls, acted: Acted) -> Self:
        plan = None if acted.plan is None else PlanAnswer.of(acted.plan)
        return cls.model_validate({**acted._asdict(), "plan": plan})


class CameraLook(BaseModel):
    """What a look at a camera found."""

    camera_id: str = Field(examples=["gate"])
    on: str = Field(
        description="the machine that looked; `coordinator`: the coordinator's own", examples=["hall"]
    )
    ok: bool = Field(description="whether pictures come", examples=[True])
    fault: str = Field(description="what is wrong, in words", examples=[""])
    report: dict[str, Any] = Field(description="as `sightline probe --json` has it", examples=[_REPORT])
    jpeg: str = Field(description="a small picture, in base64; empty: none could be decoded", examples=[""])

    @classmethod
    def of(cls, tested: Tested) -> Self:
        jpeg = base64.b64encode(tested.jpeg).decode()
        return cls.model_validate({**tested._asdict(), "jpeg": jpeg})


def act_routes(service: CoordinatorService) -> APIRouter:
    """All of them."""
    acts = Acts(service)
    router = APIRouter(prefix="/api/v1")
    _add_cameras(router, acts)
    _add_instances(router, acts)
    _add_tests(router, acts)
    return router


def _add_cameras(router: APIRouter, acts: Acts) -> None:
    how: dict[str, Any] = {"tags": ["cameras"], "status_code": HTTPStatus.ACCEPTED}

    @router.post("/cameras/{camera}/start", **how, responses=_NO_CAMERA)
    def start_camera(camera: Camera, *, dry_run: DryRun = False) -> ActedAnswer:
        """Have it run, at once, and it alone: what else is in the draft stays there."""
        return ActedAnswer.of(acts.start("camera", camera, dry_run=dry_run))

    @router.post("/cameras/{camera}/stop", **how, responses=_NO_CAMERA)
    def stop_camera(camera: Camera, *, dry_run: DryRun = False) -> ActedAnswer:
        """Have it end, at once, and it alone; its row stays."""
        return ActedAnswer.of(acts.stop("camera", camera, dry_run=dry_run))

    @router.post("/cameras/{camera}/move", **how, responses=_NO_CAMERA)
    def move_camera(
        camera: Camera, to: Annotated[CameraMove | None, Body()] = None, *, dry_run: DryRun = False
    ) -> ActedAnswer:
        """Put it on an instance or a machine by hand, at once; on neither: where the fleet finds a place."""
        to = to or CameraMove.model_validate({})
        moved = acts.move_camera(camera, instance=to.instance_name, agent=to.agent_name, dry_run=dry_run)
        return ActedAnswer.of(moved)

    @router.post(
        "/cameras/{camera}/debug",
        **how,
        responses={**_NO_CAMERA, **failing(conflict="its instance is of DeepStream")},
    )
    def debug_camera(
        camera: Camera, wish: Annotated[DebugWish | None, Body()] = None, *, dry_run: DryRun = False
    ) -> ActedAnswer:
        """Have the log of its instance say all of it, or not any more; the instance is begun anew for it."""
        on = True if wish is None else wish.debug
        return ActedAnswer.of(acts.debug("camera", camera, on=on, dry_run=dry_run))


def _add_instances(router: APIRouter, acts: Acts) -> None:
    how: dict[str, Any] = {
        "tags": ["instances"],
        "status_code": HTTPStatus.ACCEPTED,
        "responses": _NO_INSTANCE,
    }

    @router.post("/instances/{instance}/start", **how)
    def start_instance(instance: Instance, *, dry_run: DryRun = False) -> ActedAnswer:
        """Have it run, at once, and it alone: what else is in the draft stays there."""
        return ActedAnswer.of(acts.start("instance", instance, dry_run=dry_run))

    @router.post("/instances/{instance}/stop", **how)
    def stop_instance(instance: Instance, *, dry_run: DryRun = False) -> ActedAnswer:
        """Have it end, at once, and it alone; its row stays."""
        return ActedAnswer.of(acts.stop("instance", instance, dry_run=dry_run))

    @router.post("/instances/{instance}/move", **how)
    def move_instance(
        instance: Instance, to: Annotated[InstanceMove | None, Body()] = None, *, dry_run: DryRun = False
    ) -> ActedAnswer:
        """Put it on a machine by hand, at once; on none: where the fleet finds a place."""
        to = to or InstanceMove.model_validate({})
        return ActedAnswer.of(acts.move_instance(instance, agent=to.agent_name, dry_run=dry_run))

    @router.post("/instances/{instance}/debug", **how)
    def debug_instance(
        instance: Instance, wish: Annotated[DebugWish | None, Body()] = None, *, dry_run: DryRun = False
    ) -> ActedAnswer:
        """Turn its debug mode on, or off; it is begun anew for it."""
        on = True if wish is None else wish.debug
        return ActedAnswer.of(acts.debug("instance", instance, on=on, dry_run=dry_run))


def _add_tests(router: APIRouter, acts: Acts) -> None:
    @router.post("/cameras/{camera}/test", tags=["cameras"], responses=_LOOK)
    def test_camera(camera: Camera, agent: By = None) -> CameraLook:
        """Look at it once: what it sends and a picture, or what is wrong. It takes up to some 20 s."""
        return CameraLook.of(acts.test_camera(camera, agent=agent))

    @router.post("/camera-test", tags=["cameras"], responses=_LOOK)
    def test_new_camera(camera: NewCamera, agent: By = None) -> CameraLook:
        """Look once at a camera that need not be saved."""
        return CameraLook.of(acts.test_source(camera.model_dump(exclude_unset=True), agent=agent))
