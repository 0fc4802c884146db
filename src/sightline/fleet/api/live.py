"""The live picture of a camera over HTTP: one answer that goes on for as long as somebody looks.

Promises: it says how the camera is at least every two seconds, also while nothing comes; who reads slowly
holds up nobody, and skips to the next keyframe; it ends with the server. What is in it: `viewing.framing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from sightline.errors import Closed
from sightline.fleet.api.described import failing
from sightline.fleet.api.entitled import NotLoggedIn, asked_by
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.viewing import framing
from sightline.fleet.viewing.condition import Note
from sightline.fleet.viewing.framing import MEDIA_TYPE
from sightline.fleet.viewing.viewer import Viewer
from sightline.fleet.viewing.viewing import Viewing

NOTE_EVERY_S: Final = 1.5
_LOOK_S: Final = 0.5
_ENDED: Final = Note("gone", "the coordinator is ending")
_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "frames of a kind, a length and so many bytes; see the guide",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}, "example": "(bytes)"}},
    },
    **failing(not_found="there is no such camera"),
}


def live_routes(service: CoordinatorService, viewing: Viewing | None) -> APIRouter:
    """That of live pictures."""
    router = APIRouter(prefix="/api/v1/cameras", tags=["cameras"])

    @router.get("/{camera}/live", response_class=StreamingResponse, responses=_ANSWER)
    async def watch_camera(
        request: Request,
        camera: Annotated[str, Path(description="its camera_id, or its number", examples=["gate"])],
        as_: Annotated[
            Literal["video", "jpeg"],
            Query(alias="as", description="jpeg: two pictures a second, for browsers without its codec"),
        ] = "video",
    ) -> StreamingResponse:
        """Its pictures as they come, with what models see in them, for as long as the answer is read."""
        asked = asked_by(request)
        if asked is None:
            raise NotLoggedIn
        found = await asyncio.to_thread(service.database.cameras.get, camera)
        if viewing is None:
            raise Closed("this coordinator shows no pictures")
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(news.set)

        viewer = viewing.watch(found.camera_id, wake, asked.principal, as_jpeg=as_ == "jpeg")
        return _Live(viewer, news)

    return router


class _Live(StreamingResponse):
    """What one viewer is sent; they look no more when it ends, whichever way."""

    def __init__(self, viewer: Viewer, news: asyncio.Event) -> None:
        super().__init__(_frames(viewer, news), media_type=MEDIA_TYPE)
        self._viewer = viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._viewer.close()


async def _frames(viewer: Viewer, news: asyncio.Event) -> AsyncIterator[bytes]:
    told, told_s = None, 0.0
    clock = asyncio.get_running_loop().time
    over = False
    while not over:
        over = viewer.over
        data, note = viewer.take(), _ENDED if over else viewer.note()
        if note != told or clock() - told_s >= NOTE_EVERY_S:
            told, told_s = note, clock()
            data += framing.note(*note).data
        if data:
            yield data
        if not over:
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), _LOOK_S)
            news.clear()
