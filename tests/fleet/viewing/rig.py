"""A coordinator that shows a drawn street, and the worker's end of it in this process: what captures the
camera, says what is in its pictures (the scene's truth) and passes both on, as a site does.
"""

from __future__ import annotations

import itertools
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Self

from tests.fleet.store.filled import deepstream, worker

from sightline.bus import Bus, open_bus, publish_packet
from sightline.capture import CameraInput, Capture
from sightline.fleet.api.client import FleetClient
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.viewing.framing import Kind, Parser
from sightline.packet import Packet
from sightline.result import Detection, Result
from sightline.scene.url import parse_url
from sightline.sink.view import View

STREET = "synthetic://street?seed=3&size=320x180&fps=10&gop=10&preset=ultrafast"
CAMERA = "gate"
_NAMES = itertools.count()


def numbered(number: int) -> Detection:
    """A box that says which picture it was seen in."""
    return Detection(label=f"#{number}", score=1, x1=0, y1=0, x2=2, y2=2)


class Worker:
    """Reads a camera, and passes it on while somebody looks; a `with` block runs it.

    Args:
        bus: of the fleet.
        street: what the camera shows, and where the truth of it is known from.
        url: where the camera is; None: it is the street itself.
        term: of the camera.
        prefix: of the fleet's topics.

    Attributes:
        captured: how many pictures came of the camera, whoever looks.
    """

    def __init__(
        self, bus: str, street: str = STREET, *, url: str | None = None, term: int = 1, prefix: str = ""
    ) -> None:
        self._scene = parse_url(street).scene
        self._term = term
        self._opened = ExitStack()
        self._site: Bus = self._opened.enter_context(open_bus(f"memory://site-{next(_NAMES)}"))
        offered: dict[str, Any] = {"carried": {CAMERA: f"raw_{CAMERA}"}, "terms": {CAMERA: term}}
        self.captured = 0
        self.view = View(bus, prefix=prefix, bus=self._site, cameras=(CAMERA,), **offered)
        self._opened.callback(self.view.close)
        self.capture = Capture(CameraInput(camera_id=CAMERA, url=url or street, realtime=True), self._deliver)
        self._opened.callback(self.capture.stop)

    def __enter__(self) -> Self:
        self.capture.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _deliver(self, packet: Packet) -> None:
        self.captured += 1
        publish_packet(self._site, packet)
        number = round((packet.pts or 0) * packet.time_base * self._scene.fps)
        result = Result(
            camera_id=CAMERA,
            epoch=packet.epoch,
            index=packet.index,
            term=self._term,
            pts=packet.pts,
            time_base=packet.time_base,
            captured_at_ns=packet.captured_at_ns,
            captured_at_source=packet.captured_at_source,
            width=self._scene.size.width,
            height=self._scene.size.height,
            model="truth",
            model_version="1",
            decoded_at_ns=0,
            inferred_at_ns=0,
            detections=(*self._scene.truth(number), numbered(number)),
        )
        self.view.write(result, None)  # type: ignore[arg-type]  # it looks at no picture


class Shown:
    """A coordinator that knows the camera; a `with` block runs it.

    Attributes:
        bus: of the fleet, within this process.
    """

    def __init__(
        self, folder: Path, *, kind: str = "worker", address: str = STREET, bus: str = "", **settings: Any
    ) -> None:
        self._opened = ExitStack()
        self.bus = bus or f"memory://shown-{next(_NAMES)}"
        self._folder, self._settings = folder, settings
        self.server = self._opened.enter_context(self._served())
        self.client = self._opened.enter_context(FleetClient(self.server.url, self.server.token))
        instance = worker("eyes") if kind == "worker" else deepstream("eyes")
        self.client.post("/api/v1/instances", instance)
        camera = {"camera_id": CAMERA, "address": address, "instance_name": "eyes"}
        self.client.post("/api/v1/cameras", camera)
        self.client.post("/api/v1/update-config")

    def _served(self, **more: Any) -> CoordinatorServer:
        return CoordinatorServer(
            bus=self.bus, database=self._folder / "fleet.db", **{**self._settings, **more}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def begin_anew(self, port: int) -> None:
        """Another coordinator where that one was."""
        self.server.close()
        self.server = self._opened.enter_context(self._served(port=port, token=self.server.token))

    @contextmanager
    def looking(self, query: str = "", token: str = "") -> Any:
        """Somebody who looks by a program."""
        asked = urllib.request.Request(
            f"{self.server.url}/api/v1/cameras/{CAMERA}/live{query}",
            headers={"authorization": f"Bearer {token or self.server.token}"},
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            yield Looker(answer)


class Looker:
    """What came so far."""

    def __init__(self, answer: HTTPResponse) -> None:
        self._answer = answer
        self._parser = Parser()
        self.frames: list[tuple[Kind, bytes]] = []
        self.over = False

    def until(self, enough: Callable[[], object], within_s: float = 15.0) -> None:
        """Read on until then."""
        end_s = time.monotonic() + within_s
        while not enough():
            assert time.monotonic() < end_s, [(kind.name, len(data)) for kind, data in self.frames][-20:]
            data = self._answer.read1(1 << 20)
            self.over = not data
            if self.over:
                return
            self.frames += self._parser.add(data)

    def of(self, *kinds: Kind) -> list[bytes]:
        return [data for kind, data in self.frames if kind in kinds]
