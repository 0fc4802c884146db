"""Cameras onto a bus, in this process: their captures, and the word behind a file that it is over.

Promises: each stream of a camera is opened once, and its packets are published in their order; a camera that
fails stops no other; `stop()` ends all of them side by side. It does not read from the bus.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from sightline.bus import PACKET_TOPICS, Bus, PacketTopics, Stream, open_bus
from sightline.capture import CameraInput, CameraStatus, State
from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock, EpochCounter, ns
from sightline.errors import BusError
from sightline.log import get_logger, redact
from sightline.packet import Packet
from sightline.site.sending import NOT_TOLD, Gate, Sending, Sent, Tally
from sightline.site.stopping import Runs

if TYPE_CHECKING:
    from sightline.capture import Capture
    from sightline.site.model import Site

Inputs: TypeAlias = Mapping[str, Mapping[Stream, CameraInput]]
"""What to capture: cameras by name, the streams of each."""
StreamKey: TypeAlias = tuple[str, Stream]

_LOG: Final = get_logger("sightline.site")
_NO_TALLIES: Final[Mapping[StreamKey, Tally]] = {}
_STOP_S: Final = 0.5
"""For all of them together."""


class StreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One stream at one moment: its capture, and what became of its packets on the bus.

    While a recording waits for its first reader the state of its capture is `waiting`.
    """

    capture: CameraStatus
    sent: Sent = Sent()


def inputs_of(site: Site) -> Inputs:
    """The streams of all cameras of a site that are enabled."""
    return {
        name: {stream: camera.as_input(name, stream) for stream in camera.streams}
        for name, camera in site.cameras.items()
        if camera.enabled
    }


def is_within_process(url: str) -> bool:
    """Whether the bus at `url` reaches no other process."""
    return url.startswith("memory:")


class Capturing(Runs):
    """Captures between `start()` and `stop()`.

    Args:
        url: the bus to publish on.
        cameras: what to capture.
        topics: where on the bus.
        await_readers: whether a recording waits for its first reader, as readers in other processes come
            when they come. Else they must be there before.
        hold: whether it then waits, and the word behind it, whenever its readers are away: who is to read it
            comes back.
        tallies: of streams, what is told of each packet.
    """

    def __init__(
        self,
        url: str,
        cameras: Inputs,
        *,
        topics: PacketTopics = PACKET_TOPICS,
        await_readers: bool = False,
        hold: bool = False,
        tallies: Mapping[StreamKey, Tally] = _NO_TALLIES,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(clock)
        from sightline.capture import Capture  # noqa: PLC0415 - libav, which those who only show it can spare

        self._url = url
        self._topics = topics
        self._await_readers = await_readers
        self._hold = hold
        self._tallies = tallies
        self._bus: Bus | None = None
        self._sendings: dict[StreamKey, Sending] = {}
        self._captures: dict[StreamKey, Capture] = {}
        self._over: set[StreamKey] = set()
        for name, streams in cameras.items():
            epochs = EpochCounter()
            for stream, camera in streams.items():
                deliver = partial(self._deliver, (name, stream))
                self._captures[name, stream] = Capture(camera, deliver, clock=clock, epochs=epochs)

    def start(self) -> None:
        """Open the bus, then the cameras.

        Raises:
            ConfigError, BusError: there is no such bus.
        """
        self._bus = bus = open_bus(self._url)
        gates = self._gates(bus) if self._await_readers else {}
        for (name, stream), capture in self._captures.items():
            self._sendings[name, stream] = Sending(
                bus,
                capture.camera,
                stream,
                self._topics,
                waits=is_within_process(self._url) or capture.camera.is_recording,
                gate=gates.get(name) if capture.camera.is_recording else None,
                tally=self._tallies.get((name, stream), NOT_TOLD),
                clock=self._clock,
            )
            capture.start()

    def status(self) -> dict[StreamKey, StreamStatus]:
        """How each stream is at this moment."""
        return {key: self._status(key) for key in self._captures}

    def look(self) -> None:
        """Say on the bus of each source that has ended since the last look that it is over."""
        for key, capture in self._captures.items():
            if capture.done and key not in self._over:
                self._over.add(key)
                self._sendings[key].end()

    @property
    def over(self) -> bool:
        """Whether nothing more will come of any of them."""
        return len(self._over) == len(self._captures)

    @property
    def told(self) -> frozenset[StreamKey]:
        """Those that are over, and of which the bus has the word."""
        return frozenset(key for key in self._over if self._sendings[key].ended)

    @property
    def faults(self) -> list[str]:
        """Of the cameras that cannot be read, and are not tried again: why."""
        return faults_of(self.status())

    def stop(self) -> None:
        """End all of them. Again is allowed."""
        self._stopping.begin()
        for sending in self._sendings.values():
            sending.stop()
        for capture in self._captures.values():
            capture.stop(0)
        # It frees captures that wait for a reader's room.
        closing = None if self._bus is None else self._leave(self._bus)
        # All were told; now they end side by side, and who hangs inside libav is left behind.
        end_ns = self._clock.monotonic_ns() + ns(_STOP_S)
        for capture in self._captures.values():
            capture.stop(self._left_s(end_ns))
        if closing is not None:
            self._await_leave(closing, self._left_s(end_ns))
        for sending in self._sendings.values():
            sending.join()

    def _left_s(self, end_ns: int) -> float:
        return max(0, end_ns - self._clock.monotonic_ns()) / NS_PER_S

    def _gates(self, bus: Bus) -> dict[str, Gate]:
        topics: dict[str, list[str]] = {}
        for name, stream in self._captures:
            topics.setdefault(name, []).append(self._topics.of(name, stream))
        return {name: Gate(bus, of, holds=self._hold) for name, of in topics.items()}

    def _status(self, key: StreamKey) -> StreamStatus:
        capture, sending = self._captures[key].status(), self._sendings.get(key)
        if sending is None:
            return StreamStatus(capture=capture)
        if sending.waits_for:
            reason = f"for a reader of {sending.waits_for}"
            capture = msgspec.structs.replace(capture, state="waiting", reason=reason)
        return StreamStatus(capture=capture, sent=sending.sent())

    def _leave(self, bus: Bus) -> threading.Thread:
        """Close the bus, which takes in what was published."""
        closing = threading.Thread(target=self._close, args=(bus,), name="leave the bus", daemon=True)
        closing.start()
        return closing

    def _await_leave(self, closing: threading.Thread, left_s: float) -> None:
        """Where not all is with the bus, no more than a moment."""
        closing.join(None if len(self.told) == len(self._captures) else left_s)
        if closing.is_alive():
            # Of readers that end with us that is no news.
            level = logging.INFO if self._hold else logging.WARNING
            _LOG.log(level, "the bus did not take in all that was published", bus=redact(self._url))

    def _close(self, bus: Bus) -> None:
        # Where who reads is known, it is known too that a stream beside the models' may have no reader.
        is_strange = self._await_readers and not self._hold
        if is_strange and (unread := getattr(bus, "unread", 0)):  # a hub tells
            _LOG.warning("packets were published where nobody read", packets=unread)
        try:
            bus.close()
        except BusError as error:
            _LOG.warning("not all that was published is with the bus", error=str(error))

    def _is_over(self) -> bool:
        self.look()
        return len(self.told) == len(self._captures)

    def _deliver(self, key: StreamKey, packet: Packet) -> None:
        self._sendings[key].put(packet)


def faults_of(status: Mapping[StreamKey, StreamStatus]) -> list[str]:
    """Of the streams that cannot be read, and are not tried again: why."""
    captures = ((name, of.capture) for (name, _), of in status.items())
    return [f"{name}: {capture.reason}" for name, capture in captures if capture.state == State.DISABLED]
