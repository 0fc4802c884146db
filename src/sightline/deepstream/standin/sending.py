"""Messages of a stand-in to the brokers of its sinks, each with an object that it made up.

It promises: what cannot be sent is told once for each sink and counted, and ends nothing; the payload is of
the type that the file asks for where we write it (1 minimal, 2 protobuf), else minimal.

Deliberately not here: protocols other than Kafka's. A sink of another is told of and left out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType
from typing import Final, Self

from sightline.bus import Bus, open_bus
from sightline.deepstream.messages import write_minimal, write_nv_frame
from sightline.deepstream.standin.plan import Broker
from sightline.errors import ConfigError, SightlineError
from sightline.result import Detection, Result

PROTOBUF: Final = 2
WIDTH: Final = 1920
HEIGHT: Final = 1080


class Sender:
    """Sends to all of them from entry to exit."""

    def __init__(self, brokers: Sequence[Broker]) -> None:
        self._brokers = brokers
        self._open = ExitStack()
        self._buses: list[tuple[Broker, Bus]] = []
        self._failed: set[Broker] = set()

    def __enter__(self) -> Self:
        for broker in self._brokers:
            try:
                self._buses.append((broker, self._open.enter_context(_bus(broker))))
            except SightlineError as error:
                self._tell(broker, error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def send(self, frames: Iterable[tuple[str, int]]) -> None:
        """A message of each camera's picture, to each broker."""
        for camera, number in frames:
            result = _made_up(camera, number)
            for broker, bus in self._buses:
                self._send(broker, bus, result)

    def _send(self, broker: Broker, bus: Bus, result: Result) -> None:
        payload = write_nv_frame(result) if broker.payload == PROTOBUF else write_minimal(result)
        try:
            bus.publish(_topic(broker), payload, key=result.camera_id.encode())
        except SightlineError as error:
            self._tell(broker, error)

    def _tell(self, broker: Broker, error: SightlineError) -> None:
        if broker not in self._failed:
            self._failed.add(broker)
            sys.stderr.write(f"** WARN: no messages to {broker.address}: {error}\n")
            sys.stderr.flush()


def _bus(broker: Broker) -> Bus:
    host, port, *_ = [*broker.address.split(";"), "", ""]
    if "kafka" not in broker.library or not host or not port.isdigit():
        raise ConfigError(
            f"expected libnvds_kafka_proto.so and an address host;port, got {broker.library} and "
            f"{broker.address}: no other is spoken here"
        )
    return open_bus(f"kafka://{host}:{port}")


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
