"""One libav decoder, at arm's length: bytes and a mark go in, pictures and their marks come out.

libav's errors do not leave this module: damage is an answer, not an exception. It counts nothing.
"""

from __future__ import annotations

from typing import Final

import av
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from sightline.errors import CodecError
from sightline.packet import Packet

# explode: report damage that libav would otherwise paint over with guesses (its error concealment).
# max_pixels: a damaged size field must not take all memory; 8K UHD fits twice.
_OPTIONS: Final = {"err_detect": "explode", "max_pixels": str(2 * 7680 * 4320)}


class Context:
    """A decoder for packets like `packet`. Raises CodecError where libav cannot decode its codec."""

    def __init__(self, packet: Packet) -> None:
        self.codec = packet.codec
        self._libav = _create(packet)
        # With threads of its own libav would give pictures later, and freeing it could hang: its threads
        # want the GIL to free our bytes while we hold it to join them.
        self._libav.thread_count = 1
        self._libav.copy_opaque = True
        self._libav.options = dict(_OPTIONS)

    def decode(self, packet: Packet, mark: object) -> list[VideoFrame] | None:
        """The pictures that `packet` makes ready; None where it is damaged.

        `mark` comes out as `opaque` of the picture that `packet` holds. It must be an object made for
        this call: PyAV keys marks by id, so one that is used twice (a small int) is lost for both.
        """
        if not packet.data:  # to libav, no bytes mean the end of the stream
            return None
        encoded = av.Packet(packet.data)
        encoded.pts, encoded.dts, encoded.time_base = packet.pts, packet.dts, packet.time_base
        encoded.opaque = mark
        try:
            return self._libav.decode(encoded)
        except av.FFmpegError:
            return None

    def drain(self) -> list[VideoFrame]:
        """The pictures that are still within; afterwards it is as new."""
        try:
            return self._libav.decode(None)
        except av.FFmpegError:
            return []
        finally:
            self.reset()

    def reset(self) -> None:
        """Forgets all pictures: the next packet is to be a keyframe."""
        self._libav.flush_buffers()


def _create(packet: Packet) -> VideoCodecContext:
    try:
        context = av.CodecContext.create(packet.codec, "r")
    except UnknownCodecError:
        context = None
    if not isinstance(context, VideoCodecContext):
        raise CodecError(
            f"expected a codec whose video the installed libav decodes, got {packet.codec!r}",
            camera_id=packet.camera_id,
            epoch=packet.epoch,
            index=packet.index,
        )
    return context
