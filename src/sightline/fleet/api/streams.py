"""DeepStream's own routes for streams, for the whole fleet.

Who can talk to `nvmultiurisrcbin` can talk to it.

As NVIDIA's `nvds_rest_server` has them: `key`, and `value` with `camera_id`, `camera_url`, `camera_name` and
`change` (which has to have "add" or "remove" in it); what is good is answered with `status` and `reason`. A
camera that is added is put where there is room, and holds at once; and it alone: what else stands in the
draft waits for `update-config`, as who adds a stream knows nothing of it.

Deliberately not here: routes that set something within one pipeline.

Source: https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_plugin_gst-nvmultiurisrcbin.html
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from sightline.deepstream.models.numbers import EncodeType
from sightline.fleet.api.described import failing
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.store.refusals import Missing, Mistake, Refused
from sightline.fleet.store.rows import CameraIn, read

_RESOLUTION: Final = re.compile(r"\s*(\d{1,5})\s*x\s*(\d{1,5})\s*")
_TEXT: Final = Field(min_length=1, max_length=2048)


class StreamValue(BaseModel):
    """Which camera, and what is to become of it."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    camera_id: Annotated[str, _TEXT] = Field(examples=["gate"])
    camera_name: str = Field(default="", max_length=2048, examples=["The gate"])
    camera_url: Annotated[str, _TEXT] = Field(examples=["rtsp://10.0.0.5:554/main"])
    change: Annotated[str, _TEXT] = Field(description="with add or remove in it", examples=["camera_add"])
    metadata: dict[str, Any] = Field(default={}, examples=[{"resolution": "1920x1080", "codec": "h264"}])


class StreamMessage(BaseModel):
    """NVIDIA's message; `headers` says who made it, and is passed over."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    key: str = Field(default="sensor", max_length=2048)
    value: StreamValue
    headers: dict[str, Any] = {}


class StreamDone(BaseModel):
    """It was done."""

    status: str = Field(default="HTTP/1.1 200 OK")
    reason: str = Field(examples=["STREAM_ADD_SUCCESS"])


class Stream(BaseModel):
    """A camera, as NVIDIA lists it."""

    camera_id: str = Field(examples=["gate"])
    camera_name: str = Field(examples=["gate"])
    source_id: int = Field(examples=[0])


class StreamList(BaseModel):
    """All that are applied."""

    count: int = Field(alias="stream-count", examples=[1])
    streams: list[Stream] = Field(alias="stream-info")


class StreamInfo(BaseModel):
    """The cameras of the fleet."""

    status: str = Field(default="HTTP/1.1 200 OK")
    reason: str = Field(default="GET_LIVE_STREAM_INFO_SUCCESS")
    info: StreamList = Field(alias="stream-info")


def stream_routes(service: CoordinatorService) -> APIRouter:
    """DeepStream's three."""
    cameras = service.database.cameras
    router = APIRouter(prefix="/api/v1/stream", tags=["DeepStream"])

    @router.post("/add", responses=failing(conflict="there is one of this name"))
    def add_stream(message: Annotated[StreamMessage, Body()]) -> StreamDone:
        """Add a camera, at once."""
        _check(message, "add")
        camera = _camera(message.value)
        cameras.add(camera)
        service.apply([camera.camera_id], by="the API (stream/add)")
        return StreamDone(reason="STREAM_ADD_SUCCESS")

    @router.post("/remove", responses=failing(not_found="there is no such camera"))
    def remove_stream(message: Annotated[StreamMessage, Body()]) -> StreamDone:
        """Remove a camera, at once."""
        _check(message, "remove")
        name = message.value.camera_id
        found = cameras.get(name)
        if found.camera_id != name:  # a number names a row elsewhere
            raise Missing("camera", name)
        cameras.remove(found.id)
        service.apply([name], by="the API (stream/remove)")
        return StreamDone(reason="STREAM_REMOVE_SUCCESS")

    @router.get("/get-stream-info")
    def get_stream_info() -> StreamInfo:
        """The cameras that are applied."""
        names = service.applied_cameras()
        streams = [Stream(camera_id=name, camera_name=name, source_id=at) for at, name in enumerate(names)]
        listed = {"stream-count": len(streams), "stream-info": streams}
        return StreamInfo.model_validate({"stream-info": listed})

    return router


def _check(message: StreamMessage, word: str) -> None:
    if word not in message.value.change:
        raise Refused(
            [Mistake("value.change", f"expected a text with {word!r} in it, such as camera_{word}")]
        )


def _camera(value: StreamValue) -> CameraIn:
    """As a row, with what `metadata` says that is known."""
    said: dict[str, Any] = {"camera_id": value.camera_id, "address": value.camera_url}
    size = _RESOLUTION.fullmatch(str(value.metadata.get("resolution", "")))
    if size is not None:
        said["width"], said["height"] = int(size[1]), int(size[2])
    codec = str(value.metadata.get("codec", "")).lower()
    known = next((one for one in EncodeType if one.value.lower() == codec), None)
    if known is not None:
        said["encodeType"] = known
    try:
        return read(CameraIn, said)
    except Refused as refused:
        raise Refused(
            Mistake(_PLACES.get(one.where, "value"), one.message) for one in refused.mistakes
        ) from None


_PLACES: Final = {"camera_id": "value.camera_id", "address": "value.camera_url"}
