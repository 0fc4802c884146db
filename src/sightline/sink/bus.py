"""Results onto a bus, for programs that know nothing of this one; if asked to, the packets with them.

A result is a message on the topic of its camera, `results_gate`: its value the JSON of
`sightline.wire.result_to_json`, its key the camera. Packets go to `seen_gate`: each as it was (the value is
the encoded picture, the header `sightline` says which one), with the header `sightline.result` beside it.
They go in the order they came, and so wait for a result that may never come, `wait_s` at most.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SkipValidation

from sightline.bus import PACKET_TOPICS, Bus, PacketTopics, open_bus, topic_of, topic_pattern
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BufferFull, BusError, Closed, ConfigError, SinkError, WireError
from sightline.frame import Frame
from sightline.result import Result
from sightline.sink.relay import Relay, RelayStats
from sightline.wire import result_to_json


class BusSink:
    """Publishes results, and packets with their results.

    Args:
        url: the bus to publish on, as for `sightline.bus.open_bus`; it may be the one with the cameras.
        results_topic: topic of a camera's results; `:camera_id` in it stands for the camera.
        packets: `none`; `all` packets, those with a result have it with them; or only those `with_results`.
        packets_topic: topic of a camera's packets, likewise.
        wait_s: seconds that a packet waits for its result, at most. Whatever comes after it waits too.
        bus: where the packets are; a site gives it.
        cameras: whose packets are wanted; a site gives them.
        topics: where on `bus` their packets are; a site gives them.

    Attributes:
        written: results that were published.
        failed: results that were not.

    Raises:
        ConfigError: a topic cannot be one; no such bus; packets are wanted and there is no `bus`.
        SinkError: the bus cannot be reached.
    """

    def __init__(
        self,
        url: str,
        *,
        results_topic: str = "results_:camera_id",
        packets: Literal["none", "all", "with_results"] = "none",
        packets_topic: str = "seen_:camera_id",
        wait_s: Annotated[float, Field(ge=0, le=60)] = 1,
        bus: SkipValidation[Bus | None] = None,
        cameras: tuple[str, ...] = (),
        topics: PacketTopics = PACKET_TOPICS,
        clock: SkipValidation[Clock] = SYSTEM_CLOCK,
    ) -> None:
        self._results_topic = topic_pattern(results_topic)
        self._packets_topic = topic_pattern(packets_topic)
        if packets != "none" and (bus is None or not cameras):
            raise ConfigError(
                f"bus sink with packets: {packets}: expected the bus= and cameras= to take from"
            )
        if results_topic == packets_topic:
            raise ConfigError(f"expected two topics, got {results_topic} for results and for packets")
        self.written = 0
        self.failed = 0
        self._closed = False
        self._relay: Relay | None = None
        try:
            self._target = open_bus(url)
        except BusError as error:
            raise SinkError(f"cannot publish results: {error}") from error
        if packets != "none" and bus is not None:
            sources = {topics.of(camera_id): camera_id for camera_id in cameras}
            self._relay = self._made_relay(bus, sources, wait_s, bare=packets == "all", clock=clock)

    def write(self, result: Result, frame: Frame) -> None:  # noqa: ARG002
        """Publish a result, and with it the packets that waited for it alone.

        Raises:
            SinkError: the bus refused it, it is larger than the bus takes, or JSON has no way to write it.
        """
        if self._closed:
            raise Closed("the bus sink is closed")
        topic = topic_of(self._results_topic, result.camera_id)
        try:
            data = result_to_json(result)
            self._target.publish(topic, data, key=result.camera_id.encode())
        except (BusError, BufferFull, WireError) as error:
            self.failed += 1
            raise SinkError(f"cannot publish a result to {topic}: {error}") from error
        self.written += 1
        if self._relay is not None:
            self._relay.attach(result.identity, data)

    def packets(self) -> RelayStats | None:
        """Counts of the packets; None where none are passed on."""
        return None if self._relay is None else self._relay.stats()

    def close(self) -> None:
        """Pass on the packets that wait, then leave the bus. Raises SinkError when the bus refused some."""
        if self._closed:
            return
        self._closed = True
        if self._relay is not None:
            self._relay.close()
        try:
            self._target.close()
        except BusError as error:
            raise SinkError(f"cannot publish the last results: {error}") from error

    def _made_relay(
        self, source: Bus, cameras: dict[str, str], wait_s: float, *, bare: bool, clock: Clock
    ) -> Relay:
        try:
            return Relay(
                source,
                self._target,
                cameras,
                self._topic_of_packets,
                wait_s=wait_s,
                bare=bare,
                clock=clock,
            )
        except BaseException as error:
            self._target.close()
            if isinstance(error, BusError):
                raise SinkError(f"cannot read packets: {error}") from error
            raise

    def _topic_of_packets(self, camera_id: str) -> str:
        return topic_of(self._packets_topic, camera_id)
