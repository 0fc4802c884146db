"""Cameras of a `Comux` that come, change and go: what its user calls, and a `Control` (`Steered`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sightline.mux.attempts import Attempts
from sightline.mux.connections import Connections
from sightline.mux.engine_stats import EngineStats
from sightline.mux.fleet import Fleet
from sightline.mux.handles import CameraConsumer, CameraThread
from sightline.mux.steered import CameraState

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Steering:
    """The half of a `Comux` that is about its cameras. Any thread may use it."""

    _connections: Connections

    def __init__(self, fleet: Fleet, attempts: Attempts, *, over_write: bool) -> None:
        self._fleet = fleet
        self._attempts = attempts
        self.over_write = over_write

    def create(self, camera_id: str, settings: Mapping[str, Any] = _NOTHING, **more: Any) -> None:
        """Runs a camera that is not there yet, with settings by the names of `CameraSettings`.

        Raises:
            ConfigError: it is there already and `over_write` is not set, or a setting is wrong.
            BusError: the broker cannot be reached.
        """
        self._fleet.create(camera_id, {**settings, **more}, over_write=self.over_write)

    def update(self, camera_id: str, changes: Mapping[str, Any] = _NOTHING, **more: Any) -> None:
        """Changes settings of a camera while it runs; no other camera loses a picture by it.

        Raises:
            ConfigError: there is no such camera, or a setting is wrong; nothing has changed.
        """
        self._fleet.update(camera_id, {**changes, **more})

    def delete(self, camera_id: str) -> None:
        """Ends a camera, and forgets it. Raises ConfigError where there is none."""
        self._fleet.delete(camera_id)
        self._connections.forget(camera_id)

    def kill(self, cam_id: str) -> None:
        """Ends a camera; `connect` and `listen` begin it again. What was read of it still goes on."""
        self._fleet.kill(cam_id)
        self._connections.forget(cam_id)

    def pause(self, camera_id: str) -> None:
        """Reads no more of a camera until `resume`; the broker keeps it. Raises ConfigError for none."""
        self._fleet.pause(camera_id)

    def resume(self, camera_id: str) -> None:
        """Undoes `pause`. Raises ConfigError for none."""
        self._fleet.listen([camera_id])

    def rate(self, camera_id: str, rate: float | None) -> None:
        """Pictures a second that are wanted of a camera from now on; None: all. Raises as `update`."""
        self._fleet.update(camera_id, {"rate": rate})

    def status(self) -> dict[str, CameraState]:
        """How each camera is doing, in short; `stats` has all of it."""
        return self._fleet.status()

    def stats(self) -> dict[str, EngineStats]:
        """Counts of each camera that is connected."""
        return self._fleet.stats()

    def get_topic_from_cam_id(self, cam_id: str) -> str:
        """The topic of a camera's packets."""
        return self._fleet.topic_of(cam_id)

    def get_cam_id_from_topic(self, topic: str) -> str | None:
        """The camera whose packets are in `topic`; None for none."""
        return self._fleet.camera_of(topic)

    @property
    def cam_ids(self) -> list[str]:
        """The cameras, connected or not."""
        return list(self._fleet.cam_ids)

    @property
    def consumers(self) -> Mapping[str, CameraConsumer]:
        """The cameras that are connected, by name."""
        return MappingProxyType(self._fleet.consumers)

    @property
    def threads(self) -> Mapping[str, CameraThread]:
        """The cameras that are read, by name."""
        return MappingProxyType(self._fleet.threads)
