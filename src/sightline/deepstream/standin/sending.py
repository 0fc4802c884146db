"""Messages of a stand-in to the brokers of its sinks, each with an object that it made up.

It promises: what cannot be sent is told once for each sink and lost, holds nothing else up and ends nothing;
a broker that is not there is asked again until it is; the payload is of the type that the file asks for where
we write it (1 minimal, 2 protobuf), else minimal.

Deliberately not here: protocols other than Kafka's. A sink of another is told of and left out.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from types import TracebackType
from typing import Final, Self

from sightline.bus import Bus
from sightline.bus.kafka import KafkaBus
from sightline.bus.kafka_address import KafkaAddress
from sightline.deepstream.messages import write_minimal, write_nv_frame
from sightline.deepstream.standin.output import complain
from sightline.deepstream.standin.plan import Broker
from sightline.errors import ConfigError, SightlineError
from sightline.log import REDACTOR
from sightline.result import Detection, Result

PROTOBUF: Final = 2
WIDTH: Final = 1920
HEIGHT: Final = 1080
MOST_WAITING: Final = 256
"""Rounds of messages that wait for a broker; what comes on top of them is lost."""
AGAIN_S: Final = 1.0
"""Between two attempts at a broker that is not there."""
END_S: Final = 10.0
"""A bus waits 5 s for what it was given; who does not even begin to is left behind."""
Frames = tuple[tuple[str, int], ...]


class Sender:
    """Sends to all of them from entry to exit."""

    def __init__(self, brokers: Sequence[Broker]) -> None:
        self._ways = [_Way(broker) for broker in brokers]

    def __enter__(self) -> Self:
        for way in self._ways:
            way.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for way in self._ways:
            way.end()
        for way in self._ways:
            way.join()

    def send(self, frames: Frames) -> None:
        """A message of each camera's picture, to each broker; returns at once."""
        for way in self._ways:
            way.send(frames)


class _Way:
    """To one broker, in a thread of its own: to find out that one is not there takes seconds."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._waiting: queue.Queue[Frames] = queue.Queue(MOST_WAITING)
        self._ended = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="messages", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def send(self, frames: Frames) -> None:
        with suppress(queue.Full):
            self._waiting.put_nowait(frames)

    def end(self) -> None:
        self._ended.set()
        self.send(())

    def join(self) -> None:
        self._thread.join(END_S)

    def _run(self) -> None:
        bus = self._opened()
        while bus is not None and not (self._ended.is_set() and self._waiting.empty()):
            for camera, number in self._waiting.get():
                self._publish(bus, _made_up(camera, number))
        if bus is not None:
            try:
                bus.close()
            except SightlineError as error:
                self._tell(error)

    def _opened(self) -> Bus | None:
        """None where there is none before the end, or never will be."""
        while not self._ended.is_set():
            try:
                return _bus(self._broker)
            except SightlineError as error:
                self._tell(error)
                self._ended.wait(None if isinstance(error, ConfigError) else AGAIN_S)
        return None

    def _publish(self, bus: Bus, result: Result) -> None:
        protobuf = self._broker.payload == PROTOBUF
        payload = write_nv_frame(result) if protobuf else write_minimal(result)
        try:
            bus.publish(_topic(self._broker), payload, key=result.camera_id.encode())
        except SightlineError as error:
            self._tell(error)

    def _tell(self, error: SightlineError) -> None:
        if not self._failed:
            self._failed = True
            complain(REDACTOR.text(f"** WARN: no messages to {self._broker.address}: {error}"))


def _bus(broker: Broker) -> Bus:
    host, port, *_ = [*broker.address.split(";"), "", ""]
    if "kafka" not in broker.library or not host or not port.isdigit():
        raise ConfigError(
            f"expected libnvds_kafka_proto.so and an address host;port, got {broker.library} and "
            f"{broker.address}: no other is spoken here"
        )
    said = (each.partition("=") for each in broker.settings.split(";") if each)
    return KafkaBus(
        KafkaAddress(servers=(f"{host}:{port}",), settings={name: text for name, _, text in said})
    )


def _topic(broker: Broker) -> str:
    """Its own key, or the third part of the address."""
    return broker.topic or [*broker.address.split(";"), "", "", ""][2]


def _made_up(camera: str, number: int) -> Result:
    """A person who walks to and fro; the same for the same picture."""
    now_ns = time.time_ns()
    left = abs(number % (2 * WIDTH) - WIDTH) * 0.9
    person = Detection(label="person", score=0.9, x1=left, y1=400.0, x2=left + 120.0, y2=800.0, track_id=1)
    return Result(
        camera_id=camera,
        epoch=0,
        index=number,
        pts=number,
        time_base=Fraction(1, 30),
        captured_at_ns=now_ns,
        captured_at_source="arrival",
        width=WIDTH,
        height=HEIGHT,
        model="standin",
        model_version="0",
        decoded_at_ns=now_ns,
        inferred_at_ns=now_ns,
        detections=(person,),
    )
