"""One camera or file, captured and decoded, as a source."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Final

import msgspec

from sightline.buffer import Buffer, BufferStats, Capacity, Overflow
from sightline.capture import CameraInput, CameraStatus, Capture, State
from sightline.codec import Decoder, DecoderStats, Pictures
from sightline.errors import CodecError
from sightline.frame import Frame, Size
from sightline.log import Repeated, get_logger
from sightline.packet import Packet
from sightline.pipe import Several, SourceRoutine

_TAKE_S: Final = 0.25
"""How long a call waits for a packet, and so an event for the routine."""
_STOP_S: Final = 1.0
_LIVE_LINE: Final = Capacity(count=1024, bytes=64 * 2**20, age_s=5.0)
_FILE_LINE: Final = Capacity(count=32, bytes=64 * 2**20)


class CameraRoutineStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a camera's packets, hop by hop.

    Attributes:
        capture: how the camera is.
        packets: those that wait to be decoded.
        decoder: what became of the others.
        undecodable: packets that no decoder would take.
    """

    capture: CameraStatus
    packets: BufferStats
    decoder: DecoderStats
    undecodable: int


class CameraRoutine(SourceRoutine):
    """Gives the frames of one camera, one by one. Of a file that is not played at its own pace it gives all.

    `setup` begins to capture, `cleanup` ends that. A camera that is away is tried again for as long as the
    routine runs; a file that is over, or a source that never can be read, has given its last. What a camera
    sends and nobody takes in time is dropped up to a keyframe, and counted; a file waits. Its `own_stats` are
    a `CameraRoutineStats` of what came since the last START.

    Args:
        camera: what to capture, and how.
        name: as of any routine; the camera's if not given.
        rate, size, pictures, hwaccel: as for `sightline.codec.Decoder`.

    Attributes:
        live: whether it is a camera; a lossless wire behind it then has to say that it means that.
    """

    def __init__(
        self,
        camera: CameraInput,
        name: str | None = None,
        *,
        rate: float | None = None,
        size: Size | None = None,
        pictures: Pictures = "auto",
        hwaccel: str = "none",
    ) -> None:
        super().__init__(name or camera.camera_id)
        self.live = not camera.is_recording
        self._camera = camera
        self._rate, self._size, self._pictures, self._hwaccel = rate, size, pictures, hwaccel
        self._opened: ExitStack | None = None
        self._at_work: _AtWork | None = None

    def setup(self) -> None:
        with ExitStack() as opened:
            decoder = Decoder(
                rate=self._rate, size=self._size, pictures=self._pictures, hwaccel=self._hwaccel
            )
            opened.callback(decoder.close)
            # Made again, as what it tells the redactor is told in each process.
            self._at_work = at_work = _AtWork(replace(self._camera), decoder, live=self.live)
            opened.callback(at_work.close)
            at_work.capture.start()
            self._opened = opened.pop_all()

    def main_logic(self) -> Several[Frame]:
        """Raises StopIteration: nothing more will come."""
        assert self._at_work is not None
        return Several(self._at_work.frames())

    def cleanup(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def own_stats(self) -> CameraRoutineStats | None:
        return None if self._at_work is None else self._at_work.stats()


class _AtWork:
    """A capture, its packets in line, and their decoder."""

    def __init__(self, camera: CameraInput, decoder: Decoder, *, live: bool) -> None:
        self._line: Buffer[Packet] = Buffer(
            _LIVE_LINE if live else _FILE_LINE,
            Overflow.DROP_TO_KEYFRAME if live else Overflow.BLOCK,
            size=lambda packet: len(packet.data),
            keyframe=lambda packet: packet.keyframe,
        )
        self.capture = Capture(camera, self._line.put)
        self._decoder = decoder
        self._over = False
        self._undecodable = 0
        self._trouble = Repeated(get_logger("sightline.routines"), "packet cannot be decoded")

    def frames(self) -> list[Frame]:
        """Those of the next packet. Raises StopIteration."""
        if self._over:
            raise StopIteration
        done = self.capture.done  # before it is looked for a packet: behind the last one none is missed
        packets = self._line.take(timeout_s=0.0 if done else _TAKE_S)
        if packets:
            return self._decoded(packets[0])
        if done:
            self._over = True
            self._say_why()
            return self._decoder.flush()
        return []

    def stats(self) -> CameraRoutineStats:
        return CameraRoutineStats(
            capture=self.capture.status(),
            packets=self._line.stats(),
            decoder=self._decoder.stats(),
            undecodable=self._undecodable,
        )

    def close(self) -> None:
        self._line.close(discard=True)  # first: it frees a file's reader, which waits for room
        self.capture.stop(_STOP_S)
        self._trouble.flush()

    def _decoded(self, packet: Packet) -> list[Frame]:
        try:
            return self._decoder.feed(packet)
        except CodecError as error:
            self._undecodable += 1
            self._trouble.add(camera=packet.camera_id, error=str(error))
            return []

    def _say_why(self) -> None:
        status = self.capture.status()
        if status.state == State.DISABLED:
            get_logger("sightline.routines").error(
                "camera cannot be read", camera=status.camera_id, reason=status.reason
            )
