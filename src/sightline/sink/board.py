"""The newest picture and the numbers of each camera, for whoever looks.

Putting one up costs an assignment. It is drawn on and made a JPEG when somebody asks for it, once however
many look; what nobody asked for before the next one came was never work.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import cv2

from sightline.clock import NS_PER_S, Clock
from sightline.frame import Frame, Image
from sightline.log import Repeated, get_logger
from sightline.result import Result
from sightline.sink.annotate import annotated, fitted

_LOG: Final = get_logger("sightline.sink.preview")
RATE_OVER: Final = 32
"""Results that a camera's rate is the mean of."""


class Shot(NamedTuple):
    """One annotated picture as a JPEG; `number` rises with each picture of its camera."""

    camera_id: str
    number: int
    jpeg: bytes


@dataclass(slots=True)
class _Camera:
    result: Result
    frame: Frame
    number: int = 0
    came_at_ns: deque[int] = field(default_factory=lambda: deque(maxlen=RATE_OVER))
    shot: Shot | None = None


class Board:
    """Written to by one thread, read by others.

    Attributes:
        encoded: pictures that were drawn and made a JPEG.
    """

    def __init__(self, *, clock: Clock, max_width: int, quality: int) -> None:
        self._clock = clock
        self._max_width = max_width
        self._quality = quality
        self._lock = threading.Lock()
        self._encoding = threading.Lock()
        self._cameras: dict[str, _Camera] = {}
        self._undrawn = Repeated(_LOG, "results cannot be drawn", clock=clock)
        self.encoded = 0

    def put(self, result: Result, frame: Frame) -> None:
        """The newest of its camera."""
        with self._lock:
            camera = self._cameras.setdefault(result.camera_id, _Camera(result, frame))
            camera.result, camera.frame = result, frame
            camera.number += 1
            camera.came_at_ns.append(self._clock.monotonic_ns())

    def numbers(self) -> dict[str, int]:
        """The number of each camera's newest picture."""
        with self._lock:
            return {name: camera.number for name, camera in self._cameras.items()}

    def shot(self, camera_id: str) -> Shot:
        """The newest picture of a camera that has one. Takes a few ms where nobody asked for it before."""
        with self._encoding:
            with self._lock:
                camera = self._cameras[camera_id]
                result, frame, number = camera.result, camera.frame, camera.number
            if camera.shot is None or camera.shot.number != number:
                camera.shot = Shot(camera_id, number, self._jpeg(result, frame))
            return camera.shot

    def facts(self) -> dict[str, dict[str, Any]]:
        """Each camera's numbers, as the page shows them."""
        now_ns, utc_ns = self._clock.monotonic_ns(), self._clock.utc_ns()
        with self._lock:
            return {name: _facts(camera, now_ns, utc_ns) for name, camera in self._cameras.items()}

    def close(self) -> None:
        """Tell of what was not told yet."""
        self._undrawn.flush()

    def _jpeg(self, result: Result, frame: Frame) -> bytes:
        picture = self._drawn(result, frame)
        self.encoded += 1
        return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self._quality])[1].tobytes()

    def _drawn(self, result: Result, frame: Frame) -> Image:
        """Annotated; bare where a result cannot be drawn, as all cameras share a stream."""
        try:
            return annotated(frame.image, result, max_width=self._max_width)
        except Exception as error:  # noqa: BLE001  # told once a second
            self._undrawn.add(camera=result.camera_id, last=f"{type(error).__name__}: {error}")
            return fitted(frame.image, self._max_width)


def _facts(camera: _Camera, now_ns: int, utc_ns: int) -> dict[str, Any]:
    quiet_s = (now_ns - camera.came_at_ns[-1]) / NS_PER_S
    # A recording's own time may be years ago, and says nothing of how late its picture is.
    recorded = camera.result.captured_at_source == "media"
    age_s = quiet_s if recorded else (utc_ns - camera.result.captured_at_ns) / NS_PER_S
    return {
        "results": camera.number,
        "result_fps": round(_rate(camera.came_at_ns, now_ns), 1),
        "quiet_s": round(quiet_s, 2),
        "age_s": round(age_s, 2),
        "detections": len(camera.result.detections),
        "labels": dict(Counter(seen.label for seen in camera.result.detections)),
        "model": camera.result.model,
    }


def _rate(came_at_ns: deque[int], now_ns: int) -> float:
    """Results a second; sinks towards 0 while nothing comes."""
    if len(came_at_ns) < 2:
        return 0.0
    usual_ns = (came_at_ns[-1] - came_at_ns[0]) / (len(came_at_ns) - 1)
    waiting_ns = now_ns - came_at_ns[-1]
    return NS_PER_S / max(usual_ns, waiting_ns, 1)
