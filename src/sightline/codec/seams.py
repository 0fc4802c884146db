"""Where one file of packets must end and another begin.

Pure. A file holds a stretch without holes: one epoch, one codec, one size, the same parameter sets, the same
ticks. What belongs to no such stretch (before a keyframe, after a hole, twice, without readable headers) is
refused, with the reason.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sightline.codec.gate import DropReason, Gate
from sightline.codec.headers import headers_of, size_of
from sightline.errors import CodecError
from sightline.frame import Size
from sightline.packet import Packet

CODECS: Final = ("h264", "hevc", "mjpeg")
"""Those whose packets are put into files."""


class Place(NamedTuple):
    """Where a packet belongs.

    Attributes:
        refused: why it belongs nowhere; None where it does.
        begins: the size of the pictures of the file that it must begin; None where it goes on in the last.
    """

    refused: DropReason | None = None
    begins: Size | None = None


class Seams:
    """Finds the seams in the packets of one camera."""

    def __init__(self) -> None:
        self._gate = Gate()
        self._broken = True
        self._last: Packet | None = None
        self._headers = b""

    def place(self, packet: Packet) -> Place:
        """Where the next packet belongs.

        Raises:
            CodecError: no file can hold this codec, or the packet is another camera's. It counts as unseen.
        """
        last = self._last or packet
        if packet.codec not in CODECS or packet.camera_id != last.camera_id:
            raise CodecError(
                f"expected packets of camera {last.camera_id!r} in a codec of {', '.join(CODECS)}, "
                f"got {packet.codec}",
                camera_id=packet.camera_id,
                epoch=packet.epoch,
                index=packet.index,
            )
        passage = self._gate.pass_(packet)
        self._broken |= passage.breaks
        if passage.refused is not None:
            return Place(refused=passage.refused)
        if packet.time_base != last.time_base:
            self._broken = True
            if not packet.keyframe:
                self._gate.shut(DropReason.GAP)
                return Place(refused=DropReason.GAP)
        self._last = packet
        return self._begin(packet) if packet.keyframe else Place()

    def _begin(self, keyframe: Packet) -> Place:
        headers = headers_of(keyframe.data, keyframe.codec)
        if headers == self._headers and headers and not self._broken:
            return Place()
        size = size_of(keyframe.data, keyframe.codec) if headers else None
        if size is None:
            self._gate.shut(DropReason.AFTER_CORRUPT)
            self._broken = True
            return Place(refused=DropReason.CORRUPT)
        self._headers, self._broken = headers, False
        return Place(begins=size)
