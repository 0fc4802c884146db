"""One libav decoder, at arm's length: bytes and a mark go in, pictures and their marks come out.

libav's errors do not leave this module: damage is an answer, not an exception. It counts nothing. With a
device for decoding (`sightline.codec.hardware`) the pictures come back into memory all the same.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import av
from av.codec.codec import UnknownCodecError
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from sightline.codec.hardware import device_for
from sightline.errors import CodecError

# explode: report damage that libav would otherwise paint over with guesses (its error concealment).
# max_pixels: a damaged size field must not take all memory; 8K UHD fits twice.
_OPTIONS: Final = {"err_detect": "explode", "max_pixels": str(2 * 7680 * 4320)}
# Asked for by its codec's name libav gives its own AV1 decoder, which needs hardware.
_DECODERS: Final = {"av1": "libdav1d"}

_OPENING: Final = 4  # units: the keyframe, and those that follow it in the order of decoding


class Context:
    """A decoder for `codec`, FFmpeg's name. Raises CodecError where libav has no such video decoder.

    `hwaccel`: what to decode on, see `sightline.codec.hardware`; `device` is what was found of it.
    """

    def __init__(self, codec: str, hwaccel: str = "none") -> None:
        self.codec = codec
        self.device = device_for(_DECODERS.get(codec, codec), hwaccel)
        self._libav = _create(codec, self.device)
        self._damaged = False
        self._decoded = 0  # units since it was made or drained
        self._opening: list[bytes] = []  # those, as long as they are few

    @property
    def empty(self) -> bool:
        """Whether nothing was decoded since it was made or drained, to which a picture could refer."""
        return not self._decoded

    def decode(self, data: bytes, mark: object) -> list[VideoFrame] | None:
        """The pictures that an access unit makes ready; None where it is damaged.

        `mark` comes out as `opaque` of the picture that `data` holds. It must be an object made for this
        call: PyAV keys marks by id, so one that is used twice (a small int) is lost for both. Time stamps
        are not given to libav: it does not order pictures by them, and the mark knows better.
        """
        if not data:  # to libav, no bytes mean the end of the stream
            return None
        self._remember(data)
        try:
            return self._libav.decode(_encoded(data, mark))
        except av.FFmpegError:
            if self._opening and self._opens_whole():
                return []  # it comes later, with its mark
            self._damaged = True
            return None

    def drain(self) -> list[VideoFrame]:
        """The pictures that are still within; the next packet is to be a keyframe."""
        try:
            return self._libav.decode(None)
        except av.FFmpegError:
            self._damaged = True
            return []
        finally:
            self._begin_anew()

    def give_up(self) -> None:
        """Throws away the pictures that are still within; the next packet is to be a keyframe."""
        self._damaged = True
        self._begin_anew()

    def _remember(self, data: bytes) -> None:
        self._decoded += 1
        if self._decoded > _OPENING or self.codec != "h264":
            self._opening.clear()
        else:
            self._opening.append(data)

    def _opens_whole(self) -> bool:
        """Whether the last unit holds a whole picture although libav called it an error.

        In an open GOP it may say that pictures before the keyframe are not referred to any more (H.264
        7.4.3.3). Where decoding began at that keyframe libav has not got them and complains, behind the
        picture. A picture that is damaged comes out as such: so it is decoded once more, and looked at.
        """
        again, mark = _create(self.codec, None), object()
        pictures = list[VideoFrame]()
        for unit in [
            *(_encoded(data, object()) for data in self._opening[:-1]),
            _encoded(self._opening[-1], mark),
            None,
        ]:
            with suppress(av.FFmpegError):
                pictures += again.decode(unit)
        return any(one.opaque is mark for one in pictures) and not any(one.is_corrupt for one in pictures)

    def _begin_anew(self) -> None:
        self._decoded = 0
        self._opening.clear()
        # Flushed after damage, libav's H.264 decoder adds what is left of the broken macroblock to the
        # next pictures, keyframe or not, and calls them whole.
        if self._damaged:
            self._libav, self._damaged = _create(self.codec, self.device), False
        else:
            self._libav.flush_buffers()


def _encoded(data: bytes, mark: object) -> av.Packet[Any]:
    # Copied, as libav reads up to 64 bytes past the end: here zeros, in a bytes object whatever follows.
    encoded: av.Packet[Any] = av.Packet(len(data))
    encoded.update(data)
    encoded.opaque = mark
    return encoded


def _create(codec: str, device: str | None) -> VideoCodecContext:
    try:
        hardware = None if device is None else HWAccel(device)
        context = av.CodecContext.create(_DECODERS.get(codec, codec), "r", hwaccel=hardware)
    except UnknownCodecError:
        context = None
    if not isinstance(context, VideoCodecContext):
        raise CodecError(f"expected a codec whose video the installed libav decodes, got {codec!r}")
    # With threads of its own libav would give pictures later, and freeing it could hang: its threads want
    # the GIL to free our bytes while we hold it to join them.
    context.thread_count = 1
    context.copy_opaque = True
    context.options = dict(_OPTIONS)
    return context
