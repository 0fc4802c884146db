"""Many cameras off a log into batches, and their messages on to another bus with what was seen in them.

An `Engine` has one consumer for all cameras, one thread that reads, one that sends on, and as many that
decode as the machine has cores. Cameras come, change and go while it runs. What becomes of each message is
said in `sightline.mux.course`; here are the threads round it, the topics, and the two buses.

Does not do: opening or closing buses, and names of the document (`Comux`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from sightline.bus import Bus, Gap, Log, Message, Start
from sightline.bus.names import checked_topic
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, ConfigError, SightlineError
from sightline.kinds import nearest
from sightline.log import get_logger
from sightline.mux.batch import BatchQueue
from sightline.mux.camera import CameraWork, settings_checked
from sightline.mux.course import Picture
from sightline.mux.engine_stats import EngineStats, Place
from sightline.mux.forward import Answer
from sightline.mux.forwarder import Forwarder
from sightline.mux.outlet import Outlet, Tally
from sightline.mux.poller import Poller
from sightline.mux.pool import Pool
from sightline.mux.schema import OutputFunction
from sightline.mux.settings import CameraSettings
from sightline.mux.values import Results


class _Camera:
    """A camera, where it stands on the buses, and what became of its messages there."""

    def __init__(self, work: CameraWork, place: Place, *, paused: bool) -> None:
        self.work = work
        self.place = place
        self.paused = paused
        self.tally = Tally()
        self.gaps = self.epoch = 0
        self.settled: int | None = None  # the offset before which all has gone on


class Engine:
    """See the module. A `with` block closes it.

    Args:
        log: where the cameras' packets are.
        start: where reading begins in topics of which a group has no position.
        group: to share the cameras with other engines of that group; None: this one reads all.
        threads: that decode; None: one a core.
        max_batch: pictures in a batch at most; None: one of every camera.
        max_wait_s: how long the first picture of a batch waits for those of other cameras.
        hwaccel: what to decode on, as for `Decoder`.
    """

    def __init__(
        self,
        log: Log,
        *,
        start: Start = "latest",
        group: str | None = None,
        threads: int | None = None,
        max_batch: int | None = None,
        max_wait_s: float = 0.02,
        hwaccel: str = "none",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._hwaccel = hwaccel
        self._lock = threading.RLock()  # cameras and their topics; never held while something is decoded
        self._cameras: dict[str, _Camera] = {}
        self._by_topic: dict[str, _Camera] = {}
        self._outlet = Outlet(clock=clock)
        self._failure: SightlineError | None = None
        self._untold: SightlineError | None = None
        self._closed = False
        self._logger = get_logger("sightline.mux")
        self._pictures: BatchQueue[Picture] = BatchQueue(
            max_batch=max_batch, max_wait_s=max_wait_s, clock=clock, on_item=self._given
        )
        self._pool = Pool(threads or os.cpu_count() or 1)
        self._forwarder: Forwarder[_Camera] = Forwarder(self._send_on, clock=clock)
        self._poller = Poller(log, self, start=start, group=group, clock=clock)

    def send_to(self, bus: Bus | None, schema: str | OutputFunction = "packet") -> None:
        """Messages go on to `bus` from now on; None: nowhere.

        Raises:
            ConfigError: there is no such schema.
        """
        self._outlet.connect(bus, schema)

    # Cameras

    def add(self, settings: CameraSettings, place: Place, *, paused: bool = False) -> None:
        """As `add_all`, of one."""
        self.add_all([(settings, place)], paused=paused)

    def add_all(self, cameras: Iterable[tuple[CameraSettings, Place]], *, paused: bool = False) -> None:
        """Read cameras from now on; `paused`: from `resume` on, beginning with what comes from now on.

        Raises:
            ConfigError: one is there already, a setting is wrong, or its topic is another camera's. None of
                them is added, here as below.
            BusError: the broker cannot be reached.
            Closed: the engine was closed.
        """
        with self._lock:
            self._check_open()
            added: list[_Camera] = []
            try:
                for settings, place in cameras:
                    self._check_new(settings.camera_id)
                    self._check_place(settings.camera_id, place)
                    added.append(self._begin(settings, place, paused=paused))
                    self._by_topic[place.topic] = added[-1]
                self._read()
            except BaseException:
                for camera in added:
                    self._end(camera)
                self._settle_topics()
                raise

    def update(self, settings: CameraSettings, place: Place) -> None:
        """Go on with other settings or topics of a camera. No other camera loses anything by it.

        With another topic it begins anew, and what was read of the old one goes on to where it was to go.
        Where another output alone is named, what is in line goes there, too.

        Raises:
            ConfigError: as `add`; there is no such camera. Nothing has changed.
            BusError: the broker cannot be reached.
            Closed: the engine was closed.
        """
        with self._lock:
            camera = self._camera(settings.camera_id)
            self._check_place(settings.camera_id, place)
            if place.topic == camera.place.topic:
                camera.work.update(settings)
                camera.place = place
                return
            settings_checked(settings, self._hwaccel)
            camera.work.close()
            self._begin(settings, place, paused=camera.paused)
            self._read()

    def remove(self, camera_id: str) -> None:
        """End a camera: what was read of it goes on, without results. Raises ConfigError for none."""
        with self._lock:
            self._end(self._camera(camera_id))
            self._read()

    def pause(self, camera_id: str) -> None:
        """Read no more of a camera until `resume`; the broker keeps it. Raises ConfigError for none."""
        with self._lock:
            self._camera(camera_id).paused = True
            self._read()

    def resume(self, *camera_ids: str) -> None:
        """Undo `pause`. Raises ConfigError where one is not there."""
        with self._lock:
            for camera in [self._camera(camera_id) for camera_id in camera_ids]:
                camera.paused = False
            self._read()

    def settings(self, camera_id: str) -> CameraSettings:
        """As they are now. Raises ConfigError for none."""
        with self._lock:
            return self._camera(camera_id).work.settings

    def is_paused(self, camera_id: str) -> bool:
        """Whether a camera is paused, or not there."""
        camera = self._cameras.get(camera_id)
        return camera is None or camera.paused

    @property
    def camera_ids(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._cameras)

    # Pictures and results

    def take(self, timeout_s: float | None) -> list[Picture]:
        """A batch of at most one picture a camera; [] when none was due in `timeout_s` seconds.

        Raises:
            Closed: the engine was closed, before or while waiting.
        """
        return self._pictures.take(timeout_s)

    def take_one(self, camera_id: str, timeout_s: float | None) -> Picture | None:
        """The next picture of one camera; None when none came in time, or it was removed.

        Raises:
            ConfigError: there is no such camera.
            Closed: as `take`.
        """
        with self._lock:
            self._camera(camera_id)
        return self._pictures.take_one(camera_id, timeout_s)

    def answer(self, camera_id: str, epoch: int | None, index: int, results: Results) -> Answer:
        """The results of a picture that was given out. They go on with the message of its packet.

        Args:
            camera_id: of the picture.
            epoch: of the picture; None: that of the camera's newest.
            index: of the picture.
            results: what was seen.

        Raises:
            WireError: they cannot be written.
        """
        prepared = self._outlet.prepare(results)
        camera = self._cameras.get(camera_id)
        if camera is None:
            return Answer.UNKNOWN
        return camera.work.answer(camera.epoch if epoch is None else epoch, index, prepared)

    @property
    def ended(self) -> bool:
        """Whether there are cameras, all their sources are over and nothing of them is held."""
        stats = [camera.work.stats() for camera in list(self._cameras.values())]
        return bool(stats) and all(one.heard.over and not one.held for one in stats)

    def failure_once(self) -> SightlineError | None:
        """What could not be read or sent on of late, told once; None where all is well."""
        failure, self._untold = self._untold, None
        return failure or self._outlet.failure_once()

    def stats(self) -> dict[str, EngineStats]:
        """Counts of each camera."""
        with self._lock:
            cameras = dict(self._cameras)
        lag = self._poller.lag()
        return {name: self._stats_of(camera, lag) for name, camera in cameras.items()}

    def positions(self) -> Mapping[str, int]:
        """The offset that is read next, by topic."""
        return self._poller.positions()

    def close(self) -> None:
        """Stop reading, drop what is not decoded, send on what was read, and leave no thread.

        Sending on takes 5 s at most; should the broker not take it by then, what is left is lost. Again is
        allowed.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            cameras = list(self._cameras.values())
        self._poller.stop()
        self._pictures.close()
        self._pool.close()
        for camera in cameras:
            camera.work.close()
        if not self._forwarder.close():
            self._logger.warning("the output did not take all that was read")
        self._poller.close()
        self._outlet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # With the lock held

    def _begin(self, settings: CameraSettings, place: Place, *, paused: bool) -> _Camera:
        camera: _Camera
        work = CameraWork(
            settings,
            self._pictures,
            wake=self._pool.wake,
            changed=lambda _work: self._forwarder.changed(camera),
            hwaccel=self._hwaccel,
            clock=self._clock,
        )
        camera = self._cameras[settings.camera_id] = _Camera(work, place, paused=paused)
        return camera

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the mux is closed")

    def _camera(self, camera_id: str) -> _Camera:
        self._check_open()
        if camera_id not in self._cameras:
            raise ConfigError(f"unknown camera {camera_id}{nearest(camera_id, self._cameras)}")
        return self._cameras[camera_id]

    def _end(self, camera: _Camera) -> None:
        camera.work.close()  # first: as long as it may be in a batch, it is known
        del self._cameras[camera.work.camera_id]

    def _check_new(self, camera_id: str) -> None:
        if camera_id in self._cameras:
            raise ConfigError(f"expected a camera that is not there yet, got {camera_id}")

    def _check_place(self, camera_id: str, place: Place) -> None:
        checked_topic(place.topic)
        other = self._by_topic.get(place.topic)
        if other is not None and other.work.camera_id != camera_id:
            raise ConfigError(
                f"expected a topic of its own for camera {camera_id}, "
                f"got {place.topic}, which is {other.work.camera_id}'s"
            )
        if place.out_topic is not None:
            checked_topic(place.out_topic)

    def _settle_topics(self) -> frozenset[str]:
        self._by_topic = {camera.place.topic: camera for camera in self._cameras.values()}
        return frozenset(topic for topic, camera in self._by_topic.items() if camera.paused)

    def _read(self) -> None:
        """Read the topics of all cameras."""
        paused = self._settle_topics()
        self._poller.want(frozenset(self._by_topic), paused)

    def _stats_of(self, camera: _Camera, lag: Mapping[str, int]) -> EngineStats:
        failure = self._failure
        reason = self._poller.missing().get(camera.place.topic) or ("" if failure is None else str(failure))
        return EngineStats(
            state="failing" if reason else self._poller.state(camera.place.topic),
            reason=reason,
            place=camera.place,
            lag=lag.get(camera.place.topic, 0),
            sent=camera.tally.sent,
            unsent=camera.tally.unsent,
            too_large=camera.tally.too_large,
            gaps=camera.gaps,
            camera=camera.work.stats(),
        )

    # As the poller's `Hearer`, in its thread

    def took(self, topic: str, messages: Sequence[Message], lag: int) -> None:
        """For the poller."""
        if (camera := self._by_topic.get(topic)) is not None:  # else it was removed a moment ago
            camera.work.add(messages, lag)

    def missed(self, gap: Gap) -> None:
        """For the poller."""
        camera = self._by_topic.get(gap.topic)
        if camera is not None:
            camera.gaps += 1
            camera.work.gap()
            self._logger.warning(
                "messages were lost before they were read",
                camera=camera.work.camera_id,
                first=gap.first,
                next=gap.next,
                reason=gap.reason,
            )

    def lost(self, topic: str) -> None:
        """For the poller."""
        if (camera := self._by_topic.get(topic)) is not None:
            camera.work.gap()

    def has_room(self, topic: str) -> bool:
        """For the poller."""
        camera = self._by_topic.get(topic)
        return camera is None or not camera.work.congested

    def settled(self) -> Mapping[str, int]:
        """For the poller."""
        by_topic = self._by_topic.copy()  # as cameras come meanwhile
        return {topic: camera.settled for topic, camera in by_topic.items() if camera.settled is not None}

    def failed(self, error: SightlineError | None) -> None:
        """For the poller."""
        self._failure = error
        if error is not None:
            self._untold = error

    # In the user's, while nobody can remove the camera

    def _given(self, picture: Picture) -> None:
        camera = self._cameras[picture.camera_id]
        camera.epoch = picture.epoch
        camera.work.delivered(picture)

    # In the forwarder's

    def _send_on(self, camera: _Camera) -> int | None:
        released = camera.work.release()
        for message, answer in released:
            self._outlet.send(camera.work.camera_id, camera.place.out_topic, message, answer, camera.tally)
        if released:
            camera.settled = released[-1][0].offset + 1
        return camera.work.due_ns()
