"""`Comux`: cameras off a log in batches, and their packets on again with the results.

The steps may be taken one by one, as the names say: `setup_consumers`, `setup_controller`, `setup_decoders`,
`setup_producer`, `start`, then `get_batch` and `send` for ever. Or all is given at once, and a `with` block
and a `for` loop do the rest:

    with Comux(["gate", "yard"], bus="kafka://broker", out_bus="kafka://broker", rate=10) as mux:
        for batch in mux:
            for cam_id, index, array in batch: ...

Where bootstrap servers are asked for, `host:port` of Kafka will do, several of them, or the URL of any bus
that is a log. Threads do not grow with cameras. What is promised of packets and results stands in
`sightline.mux.course` and `.forward`; the threads are those of `sightline.mux.engine`.

With `strict_on_fail` what fails is raised: by the call that failed, and by `get_batch` where the broker was
lost meanwhile. Without, it is logged and tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self, TypeAlias

from sightline.bus import Bus, Log, Start, open_bus, open_log
from sightline.bus.kafka_address import kafka_url
from sightline.bus.names import camera_in, topic_of
from sightline.errors import Closed, ConfigError, SightlineError
from sightline.frame import Size
from sightline.kinds import nearest
from sightline.log import get_logger, redact
from sightline.mux.acts import Act
from sightline.mux.control import Control
from sightline.mux.delivery import Batch, Item
from sightline.mux.engine import Engine, EngineStats
from sightline.mux.forward import Answer
from sightline.mux.handles import CameraConsumer, CameraThread
from sightline.mux.schema import OutputFunction
from sightline.mux.settings import MAX_OFFSET_DIFF, CameraSettings
from sightline.mux.steered import CameraState
from sightline.mux.values import Results
from sightline.mux.wishes import checked_settings, level_of, pattern_of, place_of, settings_of, state_of

Servers: TypeAlias = str | Iterable[str]

CONSUME: Final = "raw_:cam_id"
PRODUCE: Final = "stream_:cam_id"
_LOOK_S: Final = 0.5


class Comux:
    """See the module. Any thread may use it.

    Args:
        cam_ids: names of the cameras, which stand in the topics' names for `:cam_id`.
        consume_schema: topic of a camera's packets.
        produce_schema: topic on which they go on.
        log_level: of what Sightline logs, such as "ERROR"; None: as it is.
        bootstrap_servers: where the packets are; also `bus`. Else `setup_consumers` says it.
        out_bus: where they go on; else `setup_producer` says it.
        control_topic, control_bootstrap_servers, acts: as `setup_controller` has them.
        end: begin with what is published from now on; False: with the oldest that the log has.
        max_offset_diff: messages that decoding may be behind before it jumps to a keyframe; None: it never
            does, and leaves nothing out.
        strict_on_fail: whether failures are raised.
        over_write: whether a camera that is there already is replaced by a new one of its name.
        group: to share the cameras with other processes that name the same group.
        output: what goes on: "packet", "result", or a function of your own.
        batch_size, batch_wait_s: when a batch is closed: pictures, and seconds after its first one.
        threads: that decode; None: one a core.
        hwaccel: what to decode on, as for `Decoder`.
        settings: what else holds for all cameras, by the names of `CameraSettings`: rate, size, codec,
            framing, extradata, pictures, forward, max_wait_s.

    Raises:
        ConfigError: a name, a topic or a setting is wrong.
        BusError: a broker cannot be reached, with `strict_on_fail`.
    """

    def __init__(
        self,
        cam_ids: Iterable[str] = (),
        consume_schema: str = CONSUME,
        produce_schema: str = PRODUCE,
        log_level: str | None = None,
        *,
        bootstrap_servers: Servers | None = None,
        bus: str | None = None,
        out_bus: Servers | None = None,
        control_topic: str | None = None,
        control_bootstrap_servers: Servers | None = None,
        acts: Mapping[str, Act] | None = None,
        end: bool = True,
        max_offset_diff: int | None = MAX_OFFSET_DIFF,
        strict_on_fail: bool = True,
        over_write: bool = False,
        group: str | None = None,
        output: str | OutputFunction = "packet",
        batch_size: int | None = None,
        batch_wait_s: float = 0.02,
        threads: int | None = None,
        hwaccel: str = "none",
        **settings: Any,
    ) -> None:
        self.cam_ids: list[str] = [cam_ids] if isinstance(cam_ids, str) else list(cam_ids)
        self.consume_schema = pattern_of(consume_schema)
        self.produce_schema = pattern_of(produce_schema)
        self.end = end
        self.max_offset_diff = max_offset_diff
        self.strict_on_fail = strict_on_fail
        self.over_write = over_write
        self.control: Control | None = None
        self.bootstrap_servers = bus if bootstrap_servers is None else bootstrap_servers
        self._group = group
        self._output = output
        self._making: dict[str, Any] = {
            "max_batch": batch_size,
            "max_wait_s": batch_wait_s,
            "threads": threads,
            "hwaccel": hwaccel,
        }
        self._defaults = checked_settings({"max_offset_diff": max_offset_diff, **settings})
        self._own: dict[str, dict[str, Any]] = {}
        self._consumers: dict[str, CameraConsumer] = {}
        self._threads: dict[str, CameraThread] = {}
        self._log: Log | None = None
        self._out: Bus | None = None
        self._engine: Engine | None = None
        self._closed = False
        self._logger = get_logger("sightline.mux")
        if log_level is not None:
            logging.getLogger("sightline").setLevel(level_of(log_level))
        for cam_id in self.cam_ids:
            self._settings_of(cam_id)
        try:
            self._set_up(out_bus, control_topic, control_bootstrap_servers, acts)
        except BaseException:
            self.close()
            raise

    def _set_up(
        self,
        out_bus: Servers | None,
        control_topic: str | None,
        control_servers: Servers | None,
        acts: Mapping[str, Act] | None,
    ) -> None:
        if self.bootstrap_servers is not None:
            self._open()
        if out_bus is not None:
            self.setup_producer(out_bus)
        if control_topic is not None:
            servers = self.bootstrap_servers if control_servers is None else control_servers
            if servers is None:
                raise ConfigError("expected control_bootstrap_servers beside control_topic, got none")
            self.setup_controller(control_topic, servers, acts)

    # One by one

    def setup_consumers(
        self,
        bootstrap_servers: Servers,
        overwrite: bool | None = None,
        end: bool | None = None,
        max_offset_diff: int | None = MAX_OFFSET_DIFF,
        strict_on_fail: bool | None = None,
        over_write: bool | None = None,
        **options: Any,
    ) -> None:
        """Connects all cameras to where their packets are; `start` begins to read them.

        Args:
            bootstrap_servers: `host:port` of Kafka, one or several, or the URL of a log.
            overwrite: of this call alone what `over_write` is.
            end, max_offset_diff, strict_on_fail, over_write: as the constructor has them.
            options: `group_id`; whatever else a client of Kafka wants stands in the URL, or in a file that
                the URL names.

        Raises:
            ConfigError: the address or an option is wrong, or there are cameras and nothing may be replaced.
            BusError: the broker cannot be reached.
        """
        self._group = options.pop("group_id", options.pop("group", self._group))
        if options:
            raise ConfigError(
                f"expected options of a Kafka client in the bus's URL or its settings file, "
                f"got {', '.join(sorted(options))}"
            )
        self.end = self.end if end is None else end
        self.max_offset_diff = self._defaults["max_offset_diff"] = max_offset_diff
        self.strict_on_fail = self.strict_on_fail if strict_on_fail is None else strict_on_fail
        self.over_write = self.over_write if over_write is None else over_write
        self._close_engine()
        self.bootstrap_servers = bootstrap_servers
        self._open()
        if self._engine is not None:
            for cam_id in self.cam_ids:
                self._tried(f"camera {cam_id} was not connected", self.connect, cam_id, overwrite)

    def setup_controller(
        self,
        config_topic: str,
        control_bootstrap_servers: Servers,
        acts: Mapping[str, Act] | None = None,
        **options: Any,
    ) -> None:
        """Lets this mux be steered by messages; `options` as `Control` has them.

        Raises:
            ConfigError: the address or the topic is wrong.
            BusError: the broker cannot be reached.
        """
        if self.control is not None:
            self.control.kill()
            self.control = None

        def steer() -> None:
            self.control = Control(config_topic, control_bootstrap_servers, acts, self, **options)

        self._tried("nothing steers", steer)

    def setup_decoders(
        self,
        rate: float | None = None,
        W: int | None = None,  # noqa: N803 - as the document has it
        H: int | None = None,  # noqa: N803
        de_codec: str | None = None,
        pix_fmt: str | None = None,
    ) -> None:
        """How all cameras are decoded from now on.

        Args:
            rate: pictures a second of media time; None: all.
            W, H: pixels of the pictures; None: the camera's own.
            de_codec: of packets that do not say it themselves, such as "h264"; None: found out.
            pix_fmt: what the camera sends. The stream says it itself, so this is not needed; pictures are BGR.

        Raises:
            ConfigError: one of them is wrong; nothing has changed.
        """
        if (W is None) is not (H is None):
            raise ConfigError(f"expected both W and H, or neither, got W={W} and H={H}")
        if pix_fmt is not None and not isinstance(pix_fmt, str):
            raise ConfigError(f"expected the name of a pixel format such as yuv420p, got {pix_fmt!r}")
        size = None if W is None or H is None else Size(W, H)
        self._defaults |= checked_settings({"rate": rate, "size": size, "codec": de_codec})
        for cam_id in self._consumers:
            self._change(cam_id)

    def setup_producer(
        self,
        bootstrap_servers: Servers,
        strict_on_fail: bool | None = None,
        over_write: bool | None = None,
        **options: Any,
    ) -> None:
        """Says where packets go on with their results.

        Raises:
            ConfigError: the address or an option is wrong, or there is one already and it is not replaced.
            BusError: the broker cannot be reached.
        """
        if options:
            raise ConfigError(
                f"expected options of a Kafka client in the bus's URL or its settings file, "
                f"got {', '.join(sorted(options))}"
            )
        self.strict_on_fail = self.strict_on_fail if strict_on_fail is None else strict_on_fail
        if self._out is not None and over_write is False and strict_on_fail:
            raise ConfigError("expected no producer yet, or over_write=True")
        self._tried("nothing goes on", self._open_out, bootstrap_servers)

    def connect(self, cam_id: str, overwrite: bool | None = None) -> CameraConsumer | None:
        """Connects a camera: from now on nothing of it is missed, though it is read from `start` on.

        Returns:
            It; the one that is there already, where that is not replaced; None where it failed and
            `strict_on_fail` is not set.

        Raises:
            ConfigError: no `setup_consumers` yet, or a setting of the camera is wrong.
            BusError: the broker cannot be reached.
        """
        if cam_id in self._consumers:
            if not (self.over_write if overwrite is None else overwrite):
                return self._consumers[cam_id]
            self.kill(cam_id)
        self._tried(f"camera {cam_id} was not connected", self._connect, cam_id)
        return self._consumers.get(cam_id)

    def connect_all(self) -> None:
        """Connects every camera that is not yet."""
        for cam_id in self.cam_ids:
            if cam_id not in self._consumers:
                self.connect(cam_id)

    def listen(self, consumer: CameraConsumer | str) -> CameraThread:
        """Begins to read a camera that is connected. Raises ConfigError where it is not."""
        cam_id = consumer if isinstance(consumer, str) else consumer.cam_id
        self._running.resume(cam_id)
        return self._threads.setdefault(cam_id, CameraThread(cam_id, self))

    def start(self) -> None:
        """Begins to read all cameras; those that are not connected are connected first.

        Raises:
            ConfigError: no `setup_consumers` yet.
            BusError: the broker cannot be reached.
        """
        self.connect_all()
        for cam_id in self._consumers:
            if cam_id not in self._threads:
                self.listen(cam_id)

    # Pictures

    def get(self, cam_id: str, timeout: float | None = None, frame: bool = False) -> Item | None:
        """The next picture of one camera; None when none came in `timeout` seconds. See `get_batch`."""
        picture = self._running.take_one(cam_id, timeout)
        return None if picture is None else Item(picture, whole=frame)

    def get_batch(self, frame: bool = False, timeout: float | None = None) -> Batch | None:
        """A batch: at most one picture of every camera.

        Args:
            frame: have a `Frame` in the place of each array, which knows its times as well.
            timeout: s; None: wait until something comes.

        Returns:
            Items that unpack into `cam_id, index, array`; `array` is `(height, width, 3)` uint8 BGR, or None
            where a packet could not be decoded. None when the time was over and nothing came.

        Raises:
            Closed: the mux was closed, before or meanwhile.
            BusError: the broker was lost, with `strict_on_fail`; the next call waits for it to come back.
        """
        engine = self._running
        if self.strict_on_fail and (failure := engine.failure_once()) is not None:
            raise failure
        pictures = engine.take(timeout)
        return [Item(picture, whole=frame) for picture in pictures] or None

    def __iter__(self) -> Iterator[Batch]:
        """Batches, until the mux is closed, or all cameras were files and are over."""
        while not self._closed:
            try:
                batch = self.get_batch(timeout=_LOOK_S)
            except Closed:
                return
            if batch is not None:
                yield batch
            elif self._engine is None or self._engine.ended:
                return

    def send(self, cam_id: str, index: int, headers: Results = None) -> bool:
        """Sends the packet of a picture that was given out, with its results as headers.

        Args:
            cam_id: of the camera.
            index: as it stood in the batch. It knows its epoch; of a plain number the newest one is meant.
            headers: results by name, a `Result`, or None for none.

        Returns:
            Whether they go with the packet: not where a newer picture of the camera was given out meanwhile,
            `max_wait_s` are over, they were sent already, or there was no such picture. That is counted.

        Raises:
            WireError: they cannot be written; the message names the header.
            ConfigError: there is no such camera, with `strict_on_fail`.
        """
        engine = self._running
        if cam_id not in self._consumers and self.strict_on_fail:
            raise ConfigError(f"unknown camera {cam_id}{nearest(cam_id, self._consumers)}")
        return engine.answer(cam_id, getattr(index, "epoch", None), index, headers) is Answer.TAKEN

    def send_batch(self, results: Iterable[tuple[str, int, Results]]) -> list[bool]:
        """`send` of each `(cam_id, index, headers)`."""
        return [self.send(cam_id, index, headers) for cam_id, index, headers in results]

    # Cameras that come and go

    def create(self, camera_id: str, settings: Mapping[str, Any] = MappingProxyType({}), **more: Any) -> None:
        """Runs a camera that is not there yet, with settings by the names of `CameraSettings`.

        Raises:
            ConfigError: it is there already and `over_write` is not set, or a setting is wrong.
            BusError: the broker cannot be reached.
        """
        if camera_id in self._consumers:
            if not self.over_write:
                raise ConfigError(f"expected a camera that is not there yet, got {camera_id}")
            self.kill(camera_id)
        self._own[camera_id] = checked_settings({**settings, **more})
        try:
            self._connect(camera_id)
        except BaseException:
            del self._own[camera_id]
            raise
        self.cam_ids.append(camera_id)
        self.listen(camera_id)

    def update(self, camera_id: str, changes: Mapping[str, Any] = MappingProxyType({}), **more: Any) -> None:
        """Changes settings of a camera while it runs; no other camera loses a picture by it.

        Raises:
            ConfigError: there is no such camera, or a setting is wrong; nothing has changed.
        """
        before = self._own.get(camera_id, {})
        self._own[camera_id] = {**before, **checked_settings({**changes, **more})}
        try:
            self._change(camera_id)
        except BaseException:
            self._own[camera_id] = before
            raise

    def delete(self, camera_id: str) -> None:
        """Ends a camera, and forgets it. Raises ConfigError where there is none."""
        self._check_camera(camera_id)
        self.kill(camera_id)
        self._own.pop(camera_id, None)
        if camera_id in self.cam_ids:
            self.cam_ids.remove(camera_id)

    def kill(self, cam_id: str) -> None:
        """Ends a camera; `connect` and `listen` begin it again. What was read of it still goes on."""
        self._threads.pop(cam_id, None)
        if self._consumers.pop(cam_id, None) is not None and self._engine is not None:
            self._engine.remove(cam_id)

    def pause(self, camera_id: str) -> None:
        """Reads no more of a camera until `resume`; the broker keeps it. Raises ConfigError for none."""
        self._running.pause(camera_id)

    def resume(self, camera_id: str) -> None:
        """Undoes `pause`. Raises ConfigError for none."""
        self.listen(camera_id)

    def rate(self, camera_id: str, rate: float | None) -> None:
        """Pictures a second that are wanted of a camera from now on; None: all."""
        self.update(camera_id, rate=rate)

    def status(self) -> dict[str, CameraState]:
        """How each camera is doing, in short; `stats` has all of it."""
        return {cam_id: state_of(stats, self._settings_of(cam_id)) for cam_id, stats in self.stats().items()}

    def stats(self) -> dict[str, EngineStats]:
        """Counts of each camera that is connected."""
        return {} if self._engine is None else self._engine.stats()

    def get_topic_from_cam_id(self, cam_id: str) -> str:
        """The topic of a camera's packets."""
        return self._own.get(cam_id, {}).get("topic") or topic_of(self.consume_schema, cam_id)

    def get_cam_id_from_topic(self, topic: str) -> str | None:
        """The camera whose packets are in `topic`; None for none."""
        for cam_id in (*self.cam_ids, *self._consumers):
            if self.get_topic_from_cam_id(cam_id) == topic:
                return cam_id
        return camera_in(topic, self.consume_schema)

    @property
    def consumers(self) -> Mapping[str, CameraConsumer]:
        """The cameras that are connected, by name."""
        return MappingProxyType(self._consumers)

    @property
    def threads(self) -> Mapping[str, CameraThread]:
        """The cameras that are read, by name."""
        return MappingProxyType(self._threads)

    def close(self) -> None:
        """Ends all, and sends on what was read. Again is allowed."""
        self._closed = True
        if self.control is not None:
            self.control.kill()
        self._close_engine()
        if self._out is not None:
            out, self._out = self._out, None
            self._tried("the output did not take all", out.close)

    def __enter__(self) -> Self:
        if self.bootstrap_servers is not None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What stands behind them

    def _offset_of(self, topic: str) -> int | None:
        after = None if self._engine is None else self._engine.positions().get(topic)
        return None if after is None else after - 1

    def _is_consuming(self, cam_id: str) -> bool:
        stats = self.stats().get(cam_id)
        return not self._closed and stats is not None and stats.state != "paused"

    @property
    def _running(self) -> Engine:
        if self._closed:
            raise Closed("this mux is closed")
        if self._engine is None:
            raise ConfigError("expected setup_consumers(bootstrap_servers) before, or bus=")
        return self._engine

    def _check_camera(self, cam_id: str) -> None:
        if cam_id not in self.cam_ids and cam_id not in self._consumers:
            known = {*self.cam_ids, *self._consumers}
            raise ConfigError(f"unknown camera {cam_id}{nearest(cam_id, known)}")

    def _settings_of(self, cam_id: str) -> CameraSettings:
        return settings_of(cam_id, {**self._defaults, **self._own.get(cam_id, {})})

    def _connect(self, cam_id: str) -> None:
        settings = self._settings_of(cam_id)
        place = place_of(settings, self.consume_schema, self.produce_schema)
        self._running.add(settings, place, paused=True)
        assert self._log is not None
        self._consumers[cam_id] = CameraConsumer(cam_id, place.topic, self._log, self)

    def _change(self, cam_id: str) -> None:
        self._check_camera(cam_id)
        settings = self._settings_of(cam_id)
        if cam_id not in self._consumers:
            return
        place = place_of(settings, self.consume_schema, self.produce_schema)
        self._running.update(settings, place)
        self._consumers[cam_id].topic = place.topic

    def _open(self) -> None:
        assert self.bootstrap_servers is not None
        url = kafka_url(self.bootstrap_servers)
        self._tried("there is nothing to read from", self._open_log, url)

    def _open_log(self, url: str) -> None:
        self._log = open_log(url)
        start: Start = "latest" if self.end else "earliest"
        self._engine = Engine(self._log, start=start, group=self._group, **self._making)
        self._engine.send_to(self._out, self._output)

    def _open_out(self, servers: Servers) -> None:
        old, self._out = self._out, open_bus(kafka_url(servers))
        if self._engine is not None:
            self._engine.send_to(self._out, self._output)
        if old is not None:
            old.close()

    def _close_engine(self) -> None:
        engine, self._engine = self._engine, None
        log, self._log = self._log, None
        self._consumers.clear()
        self._threads.clear()
        if engine is not None:
            engine.close()
        if log is not None:
            log.close()

    def _tried(self, what_failed: str, do: Callable[..., object], *args: Any) -> None:
        """Does it; where that fails without `strict_on_fail`, it is logged. What is wrong here is raised."""
        try:
            do(*args)
        except ConfigError:
            raise
        except SightlineError as error:
            if self.strict_on_fail and not self._closed:
                raise
            self._logger.warning(what_failed, error=redact(str(error)))
