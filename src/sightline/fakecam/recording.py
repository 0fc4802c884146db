"""A file as a camera: it begins at its beginning when somebody looks, and goes round.

Pictures are sent as they are in the file, H.264, H.265 or JPEG; nothing is encoded a second time. Sound is
left out. A file without times, as bare Annex B is, is refused: when to send a picture would be a guess.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.stream import VideoStream

from sightline.errors import ConfigError
from sightline.fakecam.faults import Behaviour
from sightline.fakecam.rtp import TICKS
from sightline.fakecam.sdp import Media
from sightline.fakecam.source import Unit, media_of

_CODECS: Final = ("h264", "hevc", "mjpeg")
_TO_ANNEX_B: Final = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
_USUAL_FPS: Final = 25.0


@dataclass(frozen=True)
class Recording:
    """A file with video; `loop` lets it begin again at its end."""

    path: Path
    loop: bool = True

    def units(self, start: int) -> Generator[Unit, None, None]:
        while True:
            newest = start
            with _opened(self.path) as (container, stream):
                for unit in _moved(_read(container, stream), start):
                    newest = max(newest, unit.pts)
                    yield unit
                step = round(TICKS / _fps(stream))
            if not self.loop:
                return
            start = newest + step

    def media(self) -> Media:
        with _opened(self.path) as (container, stream):
            return media_of(_codec(stream), _fps(stream), _read(container, stream))

    def changed(self, behaviour: Behaviour) -> Recording:
        if behaviour.size is not None or behaviour.gop_s is not None:
            raise ConfigError(f"{self.path.name}: expected a drawn street to encode anew, got a file")
        return self


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        container = av.open(f"file:{path}")  # a colon in a path is no scheme
    except av.error.FFmpegError as error:
        raise ConfigError(f"expected a file with video, cannot read {path.name}: {error.strerror}") from None
    with container:
        for other in container.streams:
            other.discard = Discard.default if other.type == "video" else Discard.all
        if not container.streams.video:
            raise ConfigError(f"{path.name}: expected video, got none")
        stream = container.streams.video[0]
        codec = _codec(stream)
        if codec not in _CODECS:
            raise ConfigError(f"{path.name}: expected one of {', '.join(_CODECS)}, got {codec}")
        yield container, stream


def _read(container: InputContainer, stream: VideoStream) -> Iterator[Unit]:
    """From the first keyframe to the end, or to where the file is damaged, on the file's own time."""
    decoded_at: int | None = None
    try:
        for packet in _annex_b(container, stream):
            if decoded_at is None and not packet.is_keyframe:
                continue
            if packet.pts is None or packet.time_base is None:
                raise ConfigError("expected a file that says when pictures are shown, such as .mp4 or .mkv")
            ticks = packet.time_base * TICKS
            pts = round(packet.pts * ticks)
            if packet.dts is not None:
                decoded_at = round(packet.dts * ticks)
            elif decoded_at is None:
                decoded_at = pts  # Matroska does not say; nothing after a keyframe is shown before it
            yield Unit(bytes(packet), packet.is_keyframe, pts, decoded_at)
    except av.error.InvalidDataError:
        return


def _annex_b(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    codec = stream.codec_context
    prefixed = (codec.extradata or b"")[:1] == b"\1"  # ISO/IEC 14496-15: lengths instead of start codes
    name = _TO_ANNEX_B.get(_codec(stream))
    convert = BitStreamFilterContext(name, stream) if name and prefixed else None
    for packet in container.demux(stream):
        if packet.size:
            yield from [packet] if convert is None else convert.filter(packet)


def _moved(units: Iterator[Unit], start: int) -> Iterator[Unit]:
    """The same, with the first shown at `start`."""
    by: int | None = None
    for unit in units:
        by = start - unit.pts if by is None else by
        yield unit._replace(pts=unit.pts + by, dts=unit.dts + by)


def _codec(stream: VideoStream) -> str:
    context = stream.codec_context
    if context is None:  # PyAV's stubs do not say so: there is no decoder of that name
        raise ConfigError("expected video that the installed libav knows, got another")
    return context.codec.canonical_name


def _fps(stream: VideoStream) -> float:
    return float(stream.average_rate or _USUAL_FPS)
