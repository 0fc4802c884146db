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

With `strict_on_fail` what fails is raised: by the call that failed, and by `get_batch` where a broker was
lost or took no message meanwhile. Without, it is logged and tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from msgspec import UNSET, UnsetType

from sightline.bus import Start
from sightline.bus.kafka_address import kafka_url
from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.mux.acts import Act
from sightline.mux.attempts import Attempts
from sightline.mux.connections import Connections
from sightline.mux.control import Control
from sightline.mux.exchange import Exchange
from sightline.mux.fleet import Fleet
from sightline.mux.handles import CameraConsumer, CameraThread
from sightline.mux.log_level import LogLevel
from sightline.mux.options import (
    CONSUME,
    PRODUCE,
    Options,
    Servers,
    engine_options,
    read_options,
    refuse_options,
    settings_in,
)
from sightline.mux.pid_file import PidFile
from sightline.mux.steering import Steering


class Comux(Steering, Exchange):
    """See the module. Any thread may use it.

    Args:
        cam_ids: names of the cameras, which stand in the topics' names for `:cam_id`.
        consume_schema: topic of a camera's packets.
        produce_schema: topic on which they go on.
        log_level: of what Sightline logs until `close`, such as "ERROR"; None: as it is.
        more: in the place of these three may come `bootstrap_servers`, `control_topic`,
            `control_bootstrap_servers`, `acts`, `end`, `max_offset_diff`, `strict_on_fail` and `over_write`.
        options: see `Options`.

    Raises:
        ConfigError: a name, a topic or an option is wrong.
        BusError: a broker cannot be reached, with `strict_on_fail`.
    """

    def __init__(
        self,
        cam_ids: Iterable[str] = (),
        consume_schema: Servers = CONSUME,
        produce_schema: str = PRODUCE,
        log_level: Servers | None = None,
        *more: Any,
        **options: Unpack[Options],
    ) -> None:
        said = read_options((consume_schema, produce_schema, log_level, *more), options)
        attempts = Attempts(strict=said["strict_on_fail"])
        fleet = Fleet(cam_ids, said["consume_schema"], said["produce_schema"], settings_in(said))
        super().__init__(fleet, attempts, over_write=said["over_write"])
        self.end: bool = said["end"]
        self.control: Control | None = None
        self._group: str | None = said["group"]
        self._connections = Connections(fleet, attempts, said["output"], engine_options(said))
        self._logs = LogLevel(said["log_level"])
        self._pid_file: PidFile | None = None
        try:
            self._set_up(said)
        except BaseException:
            self.close()
            raise

    def _set_up(self, said: Mapping[str, Any]) -> None:
        if said["pid_file"] is not None:
            self._pid_file = PidFile(said["pid_file"])
        if said["out_bus"] is not None:
            self.setup_producer(said["out_bus"])
        servers = said["bootstrap_servers"] if said["bus"] is None else said["bus"]
        if servers is not None:
            self._open(kafka_url(servers))
        if said["control_topic"] is not None:
            steered_by = said["control_bootstrap_servers"] or servers
            if steered_by is None:
                raise ConfigError("expected control_bootstrap_servers beside control_topic, got none")
            self.setup_controller(said["control_topic"], steered_by, said["acts"])

    # One by one

    def setup_consumers(  # noqa: PLR0917 - as the document has it
        self,
        bootstrap_servers: Servers,
        overwrite: bool | None = None,
        end: bool | None = None,
        max_offset_diff: int | UnsetType | None = UNSET,
        strict_on_fail: bool | None = None,
        over_write: bool | None = None,
        **options: Any,
    ) -> None:
        """Connects all cameras to where their packets are; `start` begins to read them.

        Args:
            bootstrap_servers: `host:port` of Kafka, one or several, or the URL of a log.
            overwrite: whether consumers that are there are replaced by this call.
            end: as the constructor has it, here as below; what is left out stays as it was said there.
            max_offset_diff: messages that decoding may be behind.
            strict_on_fail: whether failures are raised, from now on and of all.
            over_write: whether what is there already is replaced, from now on.
            options: `group_id`. Whatever else a client of Kafka wants stands in the URL, or in a file that
                the URL names.

        Raises:
            ConfigError: the address or an option is wrong, or there are consumers, and nothing is replaced.
            BusError: the broker cannot be reached.
        """
        group = options.pop("group_id", options.pop("group", self._group))
        refuse_options(options)
        url = kafka_url(bootstrap_servers)
        self._say(strict_on_fail, over_write)
        if self._connections.servers is not None and not (overwrite or self.over_write):
            raise ConfigError("expected no consumers yet, or overwrite=True")
        if max_offset_diff is not UNSET:
            self._fleet.update_all({"max_offset_diff": max_offset_diff})
        self._group, self.end = group, self.end if end is None else end
        self._open(url)
        self.connect_all()

    def setup_controller(
        self,
        config_topic: str,
        control_bootstrap_servers: Servers,
        acts: Mapping[str, Act] | None = None,
        **options: Any,
    ) -> None:
        """Lets this mux be steered by messages; `options` as `Control` has them. One that is there ends.

        Raises:
            ConfigError: the address or the topic is wrong.
            BusError: the broker cannot be reached.
            Closed: the mux was closed.
        """
        if self.control is not None:
            self.control.kill()
            self.control = None

        def steer() -> None:
            self._connections.check_open()
            self.control = Control(config_topic, control_bootstrap_servers, acts, self, **options)

        self._attempts.do("opening the control", steer)

    def setup_decoders(
        self,
        rate: float | None = None,
        W: int | None = None,  # noqa: N803 - as the document has it
        H: int | None = None,  # noqa: N803
        de_codec: str | None = None,
        pix_fmt: str | None = None,
    ) -> None:
        """How all cameras are decoded from now on, but for what was said for one alone.

        Args:
            rate: pictures a second of media time; None: all.
            W: pixels of a picture's width, and
            H: of its height; None: the camera's own.
            de_codec: of packets that do not say it themselves, such as "h264"; None: found out.
            pix_fmt: what the camera sends. The stream says that itself, and pictures are BGR, so this is
                there for those who have it in their program.

        Raises:
            ConfigError: one of them is wrong; nothing has changed.
        """
        if (W is None) is not (H is None):
            raise ConfigError(f"expected both W and H, or neither, got W={W} and H={H}")
        if pix_fmt is not None and not isinstance(pix_fmt, str):
            raise ConfigError(f"expected the name of a pixel format such as yuv420p, got {pix_fmt!r}")
        size = None if W is None or H is None else Size(W, H)
        self._fleet.update_all({"rate": rate, "size": size, "codec": de_codec})

    def setup_producer(
        self,
        bootstrap_servers: Servers,
        strict_on_fail: bool | None = None,
        over_write: bool | None = None,
        **options: Any,
    ) -> None:
        """Says where packets go on with their results; what is read before that goes nowhere.

        Raises:
            ConfigError: the address or an option is wrong, or there is one already, and nothing is replaced.
            BusError: the broker cannot be reached.
        """
        refuse_options(options)
        url = kafka_url(bootstrap_servers)
        self._say(strict_on_fail, over_write)
        if self._connections.out_servers is not None and not self.over_write:
            raise ConfigError("expected no producer yet, or over_write=True")
        self._connections.open_out(url)

    def connect(self, cam_id: str, overwrite: bool | None = None) -> CameraConsumer | None:
        """Connects a camera: from now on nothing of it is missed, though it is read from `start` on.

        Args:
            cam_id: its name; it may be a new one.
            overwrite: whether one that is connected is connected anew; None: as `over_write` says.

        Returns:
            It, or the one that is there already; None where it failed without `strict_on_fail`.

        Raises:
            ConfigError: no `setup_consumers` yet, or a setting of the camera is wrong.
            BusError: the broker cannot be reached.
        """
        if self.over_write if overwrite is None else overwrite:
            self._fleet.kill(cam_id)
        self._connections.connect(f"connecting camera {cam_id}", [cam_id])
        return self._fleet.consumers.get(cam_id)

    def connect_all(self) -> None:
        """Connects every camera that is not yet. Raises as `connect`."""
        self._connections.connect("connecting the cameras", self.cam_ids)

    def listen(self, consumer: CameraConsumer | str) -> CameraThread:
        """Begins to read a camera that is connected. Raises ConfigError where it is not."""
        cam_id = consumer if isinstance(consumer, str) else consumer.cam_id
        self._fleet.listen([cam_id])
        return self._fleet.threads[cam_id]

    def start(self) -> None:
        """Begins to read all cameras; those that are not connected are connected first. Again is allowed.

        Raises:
            ConfigError: no `setup_consumers` yet.
            BusError: the broker cannot be reached.
        """
        self.connect_all()
        self._connections.started = True
        self.connect_all()

    @property
    def bootstrap_servers(self) -> str | None:
        """Where the packets are, as the URL of a bus; None until that was said. It may have a password."""
        return self._connections.servers

    @property
    def consumer_options(self) -> dict[str, str]:
        """What else `setup_consumers` was told of its client: the group, if one is shared."""
        return {} if self._group is None else {"group_id": self._group}

    @property
    def max_offset_diff(self) -> int | None:
        """Messages that decoding may be behind, but for what was said for one camera alone."""
        found: int | None = self._fleet.defaults["max_offset_diff"]
        return found

    @property
    def strict_on_fail(self) -> bool:
        """Whether failures are raised."""
        return self._attempts.strict

    def close(self) -> None:
        """Ends all, and sends on what was read. Again is allowed.

        Raises:
            BusError: the output did not take all, with `strict_on_fail`. All is closed even so.
        """
        self._connections.end()  # first: a control may be made just now
        if self.control is not None:
            self.control.kill()
        if self._pid_file is not None:
            self._pid_file.remove()
        self._logs.put_back()
        self._connections.close()

    def __enter__(self) -> Self:
        if self._connections.servers is not None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _say(self, strict_on_fail: bool | None, over_write: bool | None) -> None:
        if strict_on_fail is not None:
            self._attempts.strict = strict_on_fail
        if over_write is not None:
            self.over_write = over_write

    def _open(self, url: str) -> None:
        start: Start = "latest" if self.end else "earliest"
        self._connections.open(url, start=start, group=self._group)
