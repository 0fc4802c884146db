"""Cameras onto a bus, in this process: their captures, and the word behind a file that it is over.

Promises: each stream of a camera is opened once, and its packets are published in their order; a camera that
fails stops no other; `stop()` ends all of them side by side. It does not read from the bus.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final, Self, TypeAlias

from sightline.bus import PACKET_TOPICS, Bus, PacketTopics, Stream, open_bus, publish_end, publish_packet
from sightline.capture import CameraInput, CameraStatus, Capture, State
from sightline.clock import SYSTEM_CLOCK, Clock, EpochCounter
from sightline.errors import BusError, Closed
from sightline.packet import Packet
from sightline.site.model import Site
from sightline.site.stopping import Stopping

Inputs: TypeAlias = Mapping[str, Mapping[Stream, CameraInput]]
"""What to capture: cameras by name, the streams of each."""
StreamKey: TypeAlias = tuple[str, Stream]

_STOP_S: Final = 0.5


def inputs_of(site: Site) -> Inputs:
    """The streams of all cameras of a site that are enabled."""
    return {
        name: {stream: camera.as_input(name, stream) for stream in camera.streams}
        for name, camera in site.cameras.items()
        if camera.enabled
    }


class Capturing:
    """Captures between `start()` and `stop()`.

    Args:
        url: the bus to publish on.
        cameras: what to capture.
        topics: where on the bus.
    """

    def __init__(
        self,
        url: str,
        cameras: Inputs,
        *,
        topics: PacketTopics = PACKET_TOPICS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._url = url
        self._topics = topics
        self._stopping = Stopping(clock)
        self._bus: Bus | None = None
        self._captures: dict[StreamKey, Capture] = {}
        self._ends: dict[StreamKey, threading.Thread] = {}
        for name, streams in cameras.items():
            epochs = EpochCounter()
            for stream, camera in streams.items():
                publish = partial(self._publish, stream)
                self._captures[name, stream] = Capture(camera, publish, clock=clock, epochs=epochs)

    def start(self) -> None:
        """Open the bus, then the cameras.

        Raises:
            ConfigError, BusError: there is no such bus.
        """
        self._bus = open_bus(self._url)
        for capture in self._captures.values():
            capture.start()

    def status(self) -> dict[StreamKey, CameraStatus]:
        """How each stream is at this moment."""
        return {key: capture.status() for key, capture in self._captures.items()}

    def look(self) -> None:
        """Say on the bus of each source that has ended since the last look that it is over."""
        for (camera_id, stream), capture in self._captures.items():
            if capture.done and (camera_id, stream) not in self._ends:
                # In a thread: like a packet it may have to wait for a reader's room.
                thread = threading.Thread(target=self._publish_end, args=(camera_id, stream), daemon=True)
                self._ends[camera_id, stream] = thread
                thread.start()

    @property
    def over(self) -> bool:
        """Whether nothing more will come of any of them."""
        return len(self._ends) == len(self._captures)

    @property
    def told(self) -> frozenset[StreamKey]:
        """Those that are over, and of which the bus has the word."""
        return frozenset(key for key, thread in self._ends.items() if not thread.is_alive())

    @property
    def faults(self) -> list[str]:
        """Of the cameras that cannot be read, and are not tried again: why."""
        return faults_of(self.status())

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all are over and the bus has the word, or to stop; False when time was up first."""
        return self._stopping.wait(self._is_told, timeout_s)

    def request_stop(self) -> None:
        """Let `wait` return; safe in a signal handler."""
        self._stopping.ask()

    def stop(self) -> None:
        """End all of them. Again is allowed."""
        self._stopping.begin()
        if self._bus is not None:
            self._bus.close()  # first: it frees captures that wait for a reader's room
        for capture in self._captures.values():
            capture.stop(0)
        # All were told; now they end side by side, and who hangs inside libav is left behind.
        for capture in self._captures.values():
            capture.stop(_STOP_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _is_told(self) -> bool:
        self.look()
        return len(self.told) == len(self._captures)

    def _publish(self, stream: Stream, packet: Packet) -> None:
        assert self._bus is not None
        publish_packet(self._bus, packet, stream, self._topics)

    def _publish_end(self, camera_id: str, stream: Stream) -> None:
        assert self._bus is not None
        with suppress(Closed, BusError):
            publish_end(self._bus, camera_id, stream, self._topics)


def faults_of(status: Mapping[StreamKey, CameraStatus]) -> list[str]:
    """Of the streams that cannot be read, and are not tried again: why."""
    return [f"{name}: {of.reason}" for (name, _), of in status.items() if of.state == State.DISABLED]
