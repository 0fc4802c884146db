"""A mux of cameras without video: what a control can steer, and what was steered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sightline.errors import ConfigError
from sightline.mux import CameraState


class Cameras:
    """A `Steered` that only keeps what it is told."""

    def __init__(self) -> None:
        self.settings: dict[str, dict[str, Any]] = {}
        self.paused: set[str] = set()
        self.calls = 0

    def create(self, camera_id: str, settings: Mapping[str, Any]) -> None:
        self.calls += 1
        if camera_id in self.settings:
            raise ConfigError(f"{camera_id} is there already")
        self.settings[camera_id] = dict(settings)

    def update(self, camera_id: str, changes: Mapping[str, Any]) -> None:
        self._known(camera_id).update(changes)

    def delete(self, camera_id: str) -> None:
        self._known(camera_id)
        del self.settings[camera_id]

    def pause(self, camera_id: str) -> None:
        self._known(camera_id)
        self.paused.add(camera_id)

    def resume(self, camera_id: str) -> None:
        self._known(camera_id)
        self.paused.discard(camera_id)

    def rate(self, camera_id: str, rate: float | None) -> None:
        self._known(camera_id)["rate"] = rate

    def status(self) -> Mapping[str, CameraState]:
        return {
            name: CameraState(
                state="paused" if name in self.paused else "running",
                topic=settings.get("topic", f"raw_{name}"),
                rate=settings.get("rate"),
            )
            for name, settings in self.settings.items()
        }

    def _known(self, camera_id: str) -> dict[str, Any]:
        self.calls += 1
        if camera_id not in self.settings:
            raise ConfigError(f"unknown camera {camera_id}")
        return self.settings[camera_id]
