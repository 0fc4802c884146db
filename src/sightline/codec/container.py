"""One file of encoded video as libav writes it: packets with their stamps go in, bytes come out.

Nothing is encoded. What comes out is MP4 in fragments or Matroska in clusters, of about a second each, so
that whatever was written plays when the writer is killed: at most the last fragment is missing. An MP4 file
that is closed becomes one with an index by two last writes, behind its fragments and over eight bytes of its
beginning; before, between and after them it plays.

Deliberately not here: which packets belong into one file (`sightline.codec.clip`), and where bytes go.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol, TypeAlias

import av

from sightline.clock import NS_PER_S
from sightline.codec.stamps import Stamped
from sightline.errors import CodecError
from sightline.frame import Size
from sightline.packet import Packet

Form: TypeAlias = Literal["mp4", "fragments", "mkv"]
"""`mp4` and `mkv` are files; `fragments` is MP4 for a stream, which is only ever written forward."""

_FORMATS: Final[dict[Form, str]] = {"mp4": "mp4", "fragments": "mp4", "mkv": "matroska"}
_FRAGMENTED: Final = "frag_keyframe+default_base_moof"
# libav hands on what its buffer holds; a fragment is to come whole.
_BUFFER_BYTES: Final = 1 << 20


class Writable(Protocol):
    """Where bytes go. All but `fragments` also `seek(offset, whence)` and `tell()`."""

    def write(self, data: bytes, /) -> int: ...


class Container:
    """See the module.

    Args:
        to: where it is written to; the caller's to close.
        form: what is written.
        first: the keyframe that it begins with: codec, headers and when it was taken are the file's.
        size: of the pictures.
        fragment_s: media time of a fragment at least, where no keyframe begins one; 0: each packet is one.
    """

    def __init__(
        self, to: Writable, form: Form, first: Packet, size: Size, *, fragment_s: float = 1.0
    ) -> None:
        self._libav = av.open(
            to, "w", format=_FORMATS[form], options=_options(form, fragment_s), buffer_size=_BUFFER_BYTES
        )
        taken = datetime.fromtimestamp(first.captured_at_ns / NS_PER_S, UTC)
        self._libav.metadata["creation_time"] = taken.isoformat(timespec="microseconds")
        self._stream = self._libav.add_mux_stream(first.codec, width=size.width, height=size.height)
        self._stream.time_base = first.time_base

    def mux(self, stamped: Stamped) -> None:
        """Take the next packet. Raises what the file raises, and CodecError where libav refuses it."""
        packet: av.Packet[Any] = av.Packet(len(stamped.packet.data))
        packet.update(stamped.packet.data)
        packet.pts, packet.dts, packet.duration = stamped.pts, stamped.dts, stamped.duration
        packet.time_base = stamped.packet.time_base
        packet.is_keyframe = stamped.packet.keyframe
        packet.stream = self._stream
        try:
            self._libav.mux_one(packet)
        except av.FFmpegError as error:
            identity = stamped.packet.identity
            raise CodecError(
                f"libav cannot put this packet into a file: {error.strerror}",
                camera_id=identity.camera_id,
                epoch=identity.epoch,
                index=identity.index,
            ) from error

    def close(self) -> None:
        """Write what is held, and the file's end. Raises what the file raises."""
        self._libav.close()


def _options(form: Form, fragment_s: float) -> dict[str, str]:
    if form == "mkv":
        return {"cluster_time_limit": str(round(fragment_s * 1000))}
    # A stream has nobody who would read an index of fragments at its end.
    flags = "hybrid_fragmented" if form == "mp4" else "empty_moov+skip_trailer"
    if not fragment_s:
        return {"movflags": f"{flags}+{_FRAGMENTED}+frag_every_frame"}
    return {"movflags": f"{flags}+{_FRAGMENTED}", "frag_duration": str(round(fragment_s * 1_000_000))}
