"""The cameras of a `Comux`: what each is to be, and which of them are connected and read.

A camera's settings are the mux's own, and over them what was said for it alone. Cameras may be named before
there is anything to read from; `attach` gives that, and `detach` takes it away.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from sightline.bus import Log
from sightline.bus.names import camera_in, topic_of
from sightline.errors import ConfigError
from sightline.kinds import nearest
from sightline.mux.engine import Engine
from sightline.mux.engine_stats import EngineStats, Place
from sightline.mux.handles import CameraConsumer, CameraThread
from sightline.mux.settings import CameraSettings
from sightline.mux.steered import CameraState
from sightline.mux.wishes import checked_settings, pattern_of, place_of, settings_of, state_of


class Fleet:
    """See the module. Any thread may use it.

    Args:
        cam_ids: of cameras.
        consume, produce: patterns of their topics.
        defaults: settings of all cameras, by name.

    Attributes:
        consumers: cameras that are connected.
        threads: those of them that are read.
        ended: how often a camera was ended.

    Raises:
        ConfigError: a name, a pattern or a setting is wrong.
    """

    def __init__(
        self, cam_ids: Iterable[str], consume: str, produce: str, defaults: Mapping[str, Any]
    ) -> None:
        self.cam_ids = [cam_ids] if isinstance(cam_ids, str) else list(cam_ids)
        self.consume = pattern_of(consume)
        self.produce = pattern_of(produce)
        self.consumers: dict[str, CameraConsumer] = {}
        self.threads: dict[str, CameraThread] = {}
        self.ended = 0
        self._defaults = checked_settings(defaults)
        self._own: dict[str, dict[str, Any]] = {}
        self._engine: Engine | None = None
        self._last: Engine | None = None
        self._log: Log | None = None
        self._is_loop = False
        self._lock = threading.RLock()
        if len(set(self.cam_ids)) != len(self.cam_ids):
            raise ConfigError(f"expected each camera once, got {self.cam_ids}")
        for cam_id in self.cam_ids:
            self._wish(cam_id)

    def attach(self, engine: Engine, log: Log) -> None:
        """Cameras are read by this engine, off this log, from now on."""
        with self._lock:
            self._engine, self._log = engine, log

    def detach(self) -> None:
        """Nothing is connected any more."""
        with self._lock:
            self._last = self._engine or self._last
            self._engine = self._log = None
            self.consumers, self.threads = {}, {}

    def goes_back(self, is_so: bool) -> None:
        """Says whether both buses are one. Raises ConfigError where a topic would feed itself then."""
        with self._lock:
            before, self._is_loop = self._is_loop, is_so
            try:
                for cam_id in {*self.cam_ids, *self.consumers}:
                    self._wish(cam_id)
            except ConfigError:
                self._is_loop = before
                raise

    # Connecting and reading

    def connect(self, cam_ids: Iterable[str]) -> None:
        """Connects those that are not yet: nothing of them is missed from now on. Raises as `Engine.add`."""
        with self._lock:
            wishes = [self._wish(cam_id) for cam_id in cam_ids if cam_id not in self.consumers]
            engine, log = self._attached()
            engine.add_all(wishes, paused=True)
            for settings, place in wishes:
                name = settings.camera_id
                if name not in self.cam_ids:
                    self.cam_ids.append(name)
                self.consumers = self.consumers | {name: CameraConsumer(name, place.topic, log, self)}

    def listen(self, cam_ids: Iterable[str]) -> None:
        """Reads cameras that are connected. Raises ConfigError for one that is not."""
        with self._lock:
            names = list(cam_ids)
            self._attached()[0].resume(*names)
            self.threads = {name: CameraThread(name, self) for name in names} | self.threads

    def kill(self, cam_id: str) -> None:
        """Ends a camera, if it is connected; what was read of it still goes on."""
        with self._lock:
            self.threads = {name: thread for name, thread in self.threads.items() if name != cam_id}
            if cam_id in self.consumers and self._engine is not None:
                self.ended += 1
                self.consumers = {name: each for name, each in self.consumers.items() if name != cam_id}
                self._engine.remove(cam_id)

    # What cameras are to be

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Settings of all cameras, by name."""
        return MappingProxyType(self._defaults)

    def create(self, cam_id: str, settings: Mapping[str, Any], *, over_write: bool = False) -> None:
        """Connects a camera with settings of its own, and reads it; `over_write`: in the place of another.

        Raises:
            ConfigError: it is there already, or a setting is wrong. Nothing has changed.
            BusError: the broker cannot be reached.
        """
        with self._lock:
            self._attached()
            if cam_id in self.consumers and not over_write:
                raise ConfigError(f"expected a camera that is not there yet, got {cam_id}")
            before = self._own.get(cam_id)
            self._own[cam_id] = checked_settings(settings)
            try:
                self._wish(cam_id)
                self.kill(cam_id)
                self.connect([cam_id])
            except BaseException:
                self._put_back(cam_id, before)
                raise
            self.listen([cam_id])

    def update(self, cam_id: str, changes: Mapping[str, Any]) -> None:
        """Changes settings of a camera. Raises ConfigError where one is wrong; nothing has changed."""
        with self._lock:
            self.check(cam_id)
            before = self._own.get(cam_id)
            self._own[cam_id] = {**(before or {}), **checked_settings(changes)}
            try:
                self._apply(cam_id)
            except BaseException:
                self._put_back(cam_id, before)
                raise

    def update_all(self, changes: Mapping[str, Any]) -> None:
        """Changes settings of all cameras, but for what was said for one alone. Raises ConfigError."""
        with self._lock:
            before, self._defaults = self._defaults, {**self._defaults, **checked_settings(changes)}
            try:
                wishes = [self._wish(cam_id) for cam_id in {*self.cam_ids, *self.consumers}]
            except ConfigError:
                self._defaults = before
                raise
            for settings, place in wishes:
                if settings.camera_id in self.consumers:
                    self._attached()[0].update(settings, place)

    def delete(self, cam_id: str) -> None:
        """Ends a camera, and forgets it. Raises ConfigError where there is none."""
        with self._lock:
            self.check(cam_id)
            self.kill(cam_id)
            self._own.pop(cam_id, None)
            if cam_id in self.cam_ids:
                self.cam_ids.remove(cam_id)

    def pause(self, cam_id: str) -> None:
        """Reads no more of a camera until `listen`. Raises ConfigError for none."""
        with self._lock:
            self.check(cam_id)
            self._attached()[0].pause(cam_id)

    def check(self, cam_id: str) -> None:
        """Raises ConfigError where there is no such camera."""
        known = {*self.cam_ids, *self.consumers}
        if cam_id not in known:
            raise ConfigError(f"unknown camera {cam_id}{nearest(cam_id, known)}")

    # How they are

    def status(self) -> dict[str, CameraState]:
        """How each camera is doing, in short."""
        stats = {} if self._engine is None else self.stats()
        with self._lock:
            wishes = {cam_id: self._wish(cam_id) for cam_id in {*self.cam_ids, *stats}}
        return {
            cam_id: state_of(stats[cam_id], settings) if cam_id in stats else _unconnected(settings, place)
            for cam_id, (settings, place) in sorted(wishes.items())
        }

    def stats(self) -> dict[str, EngineStats]:
        """Counts of each camera that is connected; when nothing is any more, of those that were."""
        engine = self._engine or self._last
        return {} if engine is None else engine.stats()

    def topic_of(self, cam_id: str) -> str:
        """The topic of a camera's packets."""
        return self._own.get(cam_id, {}).get("topic") or topic_of(self.consume, cam_id)

    def camera_of(self, topic: str) -> str | None:
        """The camera whose packets are in `topic`; None for none."""
        names = (*self.cam_ids, *self.consumers)
        known = next((cam_id for cam_id in names if self.topic_of(cam_id) == topic), None)
        return known or camera_in(topic, self.consume)

    def offset_of(self, topic: str) -> int | None:
        """Of the newest message of a topic that was read."""
        engine = self._engine
        after = None if engine is None else engine.positions().get(topic)
        return None if after is None else after - 1

    def is_read(self, cam_id: str) -> bool:
        """Whether messages of a camera are read."""
        engine = self._engine
        return engine is not None and cam_id in self.threads and not engine.is_paused(cam_id)

    def _attached(self) -> tuple[Engine, Log]:
        if self._engine is None or self._log is None:
            raise ConfigError("expected setup_consumers(bootstrap_servers) before, got none")
        return self._engine, self._log

    def _wish(self, cam_id: str) -> tuple[CameraSettings, Place]:
        settings = settings_of(cam_id, {**self._defaults, **self._own.get(cam_id, {})})
        place = place_of(settings, self.consume, self.produce)
        if self._is_loop and place.topic == place.out_topic:
            raise ConfigError(f"expected camera {cam_id} to go on on another topic than {place.topic}")
        return settings, place

    def _apply(self, cam_id: str) -> None:
        settings, place = self._wish(cam_id)
        if cam_id in self.consumers:
            self._attached()[0].update(settings, place)
            self.consumers[cam_id].topic = place.topic

    def _put_back(self, cam_id: str, own: dict[str, Any] | None) -> None:
        if own is None:
            self._own.pop(cam_id, None)
        else:
            self._own[cam_id] = own


def _unconnected(settings: CameraSettings, place: Place) -> CameraState:
    return CameraState(
        state="failing",
        reason="it is not connected",
        topic=place.topic,
        out_topic=place.out_topic,
        rate=settings.rate,
    )
