"""One camera's way through a mux: its packets in line, its decoder, its frames to the batcher.

A lane is worked on by one thread of the pool at a time and does as much as there is room for. Packets of
a live camera that are too far behind give way to the newest keyframe; those of an offline one wait, and
so, through a bus that blocks, does whoever reads the file.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import msgspec

from sightline.buffer import Buffer, BufferStats, Capacity, Overflow
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.codec import DecoderStats
from sightline.errors import Closed, CodecError
from sightline.frame import Frame
from sightline.log import Repeated, get_logger
from sightline.mux.batch import BatchQueue
from sightline.mux.hearing import Heard, Hearing
from sightline.packet import Packet

if TYPE_CHECKING:
    from sightline.codec import Decoder

_OFFLINE_PACKETS: Final = 32
_LIVE_PACKETS: Final = 1024
_MAX_BYTES: Final = 64 * 2**20
# Packets decoded before another camera has its turn: about a second of video.
_TURN: Final = 25


class LaneStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one camera in one mux, hop by hop.

    Attributes:
        bus: messages of its topic that wait to be polled.
        malformed: messages that were no packets of this camera.
        packets: packets that wait to be decoded.
        decoder: what became of those.
        undecodable: packets that no decoder would take.
        frames: frames that wait to be in a batch.
        heard: how its packets come.
    """

    bus: BufferStats
    malformed: int
    packets: BufferStats
    decoder: DecoderStats
    undecodable: int
    frames: BufferStats
    heard: Heard


class Lane:
    """See the module. `max_behind_s` bounds the age of a live camera's waiting packets."""

    def __init__(
        self,
        camera_id: str,
        decoder: Decoder,
        frames: BatchQueue[Frame],
        *,
        live: bool,
        max_behind_s: float = 5.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.camera_id = camera_id
        self.live = live
        self._decoder = decoder
        self._frames = frames
        self._packets: Buffer[Packet] = Buffer(
            Capacity(
                count=_LIVE_PACKETS if live else _OFFLINE_PACKETS,
                bytes=_MAX_BYTES,
                age_s=max_behind_s if live else None,
            ),
            Overflow.DROP_TO_KEYFRAME if live else Overflow.BLOCK,
            size=lambda packet: len(packet.data),
            keyframe=lambda packet: packet.keyframe,
            clock=clock,
        )
        self._ending = threading.Event()
        self._ended = threading.Event()
        self._hearing = Hearing()
        self._clock = clock
        self._undecodable = 0
        self.malformed = 0
        self._trouble = Repeated(get_logger("sightline.mux"), "packet cannot be decoded", clock=clock)
        frames.add(camera_id, live=live)

    def put(self, packet: Packet) -> None:
        """Take a packet; an offline lane waits for room. One behind the end begins anew.

        Raises:
            Closed: the lane was closed.
        """
        if self._ending.is_set():  # whoever captures it was started again
            self._ending.clear()
            self._ended.clear()
        self._hearing.add(packet, self._clock.monotonic_ns())
        self._packets.put(packet)

    def end(self) -> None:
        """No packet is to follow: the decoder gives out what it holds once all are decoded."""
        self._ending.set()

    @property
    def ended(self) -> bool:
        """Whether all packets were decoded and all frames given on."""
        return self._ended.is_set()

    @property
    def ready(self) -> bool:
        """Whether there is something to do and room for what comes of it."""
        waiting = len(self._packets) > 0 or (self._ending.is_set() and not self._ended.is_set())
        return waiting and self._has_room()

    def work(self) -> None:
        """Decode a turn's worth of packets. One thread at a time."""
        for _ in range(_TURN):
            if not self.ready:
                return
            packet = self._next()
            if packet is not None:
                self._decode(packet)
            elif self._ending.is_set() and not len(self._packets):
                self._finish()

    def close(self) -> None:
        """Take no more and drop what is held; not while `work` runs."""
        self._packets.close(discard=True)
        self._decoder.close()
        self._trouble.flush()

    def interrupt(self) -> None:
        """Drop what is held and free a writer that waits for room."""
        self._packets.close(discard=True)

    def stats(self, bus: BufferStats) -> LaneStats:
        """Counts of this lane behind those of its topic."""
        return LaneStats(
            bus=bus,
            malformed=self.malformed,
            packets=self._packets.stats(),
            decoder=self._decoder.stats(),
            frames=self._frames.stats(self.camera_id),
            undecodable=self._undecodable,
            heard=self._hearing.heard(self._clock.monotonic_ns(), over=self._ending.is_set()),
        )

    def _has_room(self) -> bool:
        return self.live or self._frames.has_room(self.camera_id)

    def _next(self) -> Packet | None:
        try:
            return next(iter(self._packets.take(timeout_s=0)), None)
        except Closed:
            return None

    def _decode(self, packet: Packet) -> None:
        try:
            frames = self._decoder.feed(packet)
        except CodecError as error:
            self._undecodable += 1
            self._trouble.add(camera=self.camera_id, error=str(error))
            return
        for frame in frames:
            self._frames.put(frame)

    def _finish(self) -> None:
        try:
            for frame in self._decoder.flush():
                self._frames.put(frame)
        finally:
            self._ended.set()
