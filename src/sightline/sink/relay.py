"""Packets of some cameras from one bus to another, each with its result where that comes in time.

A thread reads packets and holds them in a `Joining` a camera; results are attached from the sink's own
thread. The order of each camera is kept. A packet is what it was, its header too; its result is one header
more, `sightline.result`. A file's end is passed on behind its last packet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from sightline.bus import (
    MAX_RESULT_HEADER_BYTES,
    RESULT_HEADER,
    Bus,
    Message,
    is_end,
    packet_of,
)
from sightline.clock import Clock, ns
from sightline.errors import BufferFull, BusError, SinkError, WireError
from sightline.log import Repeated, get_logger
from sightline.overflow import BufferStats, Capacity, Overflow
from sightline.packet import Identity
from sightline.sink.joining import Joining, JoinStats
from sightline.sink.reading import Reading
from sightline.wire import Headers, packet_to_message

HELD: Final = Capacity(count=512, bytes=32 * 2**20)
"""Of each camera: 20 s at 25 pictures a second."""
LOOK_S: Final = 0.05


class RelayStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the packets.

    Attributes:
        read: those that came, and those that came faster than they could be taken.
        lines: by camera, those that waited for their result.
        published: packets that were passed on.
        unwanted: those that were not, because they have no result.
        failed: those that the other bus refused.
        unreadable: messages that are no packet.
        too_large: results that went without their packet.
    """

    read: BufferStats
    lines: dict[str, JoinStats]
    published: int
    unwanted: int
    failed: int
    unreadable: int
    too_large: int


class _Item(NamedTuple):
    value: bytes
    headers: Headers
    is_end: bool
    keyframe: bool = False


class Relay:
    """Passes packets on until it is closed.

    Args:
        source: where the packets are.
        target: where they go.
        cameras: whose they are, by their topic on `source`.
        topic: the topic on `target` of a camera.
        wait_s: what a packet waits for its result, at most.
        bare: whether packets without a result are passed on too.
    """

    def __init__(
        self,
        source: Bus,
        target: Bus,
        cameras: Mapping[str, str],
        topic: Callable[[str], str],
        *,
        wait_s: float,
        bare: bool,
        clock: Clock,
    ) -> None:
        self._target = target
        self._cameras = cameras
        self._topic = topic
        self._bare = bare
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: dict[str, Joining[_Item]] = {
            camera: Joining(HELD, ns(wait_s)) for camera in cameras.values()
        }
        self._published = self._unwanted = self._failed = self._unreadable = self._too_large = 0
        self._trouble = Repeated(get_logger("sightline.sink"), "packet could not be passed on", clock=clock)
        self._reader = source.subscribe(list(cameras), capacity=HELD, overflow=Overflow.DROP_OLDEST)
        self._reading = Reading(self._reader, self._turn, self._finish, look_s=LOOK_S, name="sink-bus-relay")

    def attach(self, identity: Identity, result: bytes) -> None:
        """Give a packet its result, as JSON. Raises SinkError when packets cannot be read any more."""
        if self._reading.broken is not None:
            raise SinkError(f"packets can no longer be read from the bus: {self._reading.broken}")
        with self._lock:
            line = self._lines.get(identity.camera_id)
            if line is None:
                return
            if len(result) > MAX_RESULT_HEADER_BYTES:
                self._too_large += 1
                return
            line.attach(identity, result)
            self._pass_on(line.take(self._clock.monotonic_ns()), identity.camera_id)

    def stats(self) -> RelayStats:
        with self._lock:
            return RelayStats(
                read=self._reader.stats(),
                lines={camera: line.stats() for camera, line in self._lines.items()},
                published=self._published,
                unwanted=self._unwanted,
                failed=self._failed,
                unreadable=self._unreadable,
                too_large=self._too_large,
            )

    def close(self) -> None:
        """Pass on what is held and end; give up after some seconds when the other bus takes nothing."""
        self._reading.close()
        self._trouble.flush()

    def _finish(self) -> None:
        with self._lock:
            for camera_id, line in self._lines.items():
                self._pass_on(line.rest(), camera_id)

    def _turn(self, messages: list[Message]) -> None:
        with self._lock:
            for message in messages:
                self._take(message)
            for camera_id, line in self._lines.items():
                self._pass_on(line.take(self._clock.monotonic_ns()), camera_id)

    def _take(self, message: Message) -> None:
        camera_id = self._cameras[message.topic]
        line = self._lines[camera_id]
        now_ns = self._clock.monotonic_ns()
        if is_end(message):
            line.put(_Item(message.value, message.headers, is_end=True), None, 0, now_ns)
            return
        try:
            packet = packet_of(message, camera_id)
            item = _Item(*packet_to_message(packet), is_end=False, keyframe=packet.keyframe)
        except WireError as error:
            self._unreadable += 1
            self._trouble.add(topic=message.topic, error=str(error))
            return
        line.put(item, packet.identity, len(item.value), now_ns)

    def _pass_on(self, joined: list[tuple[_Item, bytes | None]], camera_id: str) -> None:
        for item, result in joined:
            if result is None and not (self._bare or item.is_end):
                self._unwanted += 1
                continue
            headers = item.headers if result is None else (*item.headers, (RESULT_HEADER, result))
            try:
                self._target.publish(
                    self._topic(camera_id),
                    item.value,
                    key=camera_id.encode(),
                    headers=headers,
                    keyframe=item.keyframe,
                )
            except (BusError, BufferFull) as error:
                self._failed += 1
                self._trouble.add(camera_id=camera_id, error=str(error))
            else:
                self._published += 1
