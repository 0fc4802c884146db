"""Sources that libav opens: RTSP, HTTP, files, devices.

Promises: nothing is decoded; every call that waits is bounded (`open_timeout_s` for each of the two steps of
opening, `read_timeout_s` for a packet) except where libav cannot be interrupted (resolving a name, a disk
that hangs), which is why the reader's thread can be left behind. Units come in Annex B with parameter sets
before each keyframe. Sound and pictures beside the main one are left out.

Does not do: retrying, pacing, time.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from io import BytesIO
from typing import Final
from urllib.parse import urlsplit

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet as AvPacket
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from sightline.capture import address, faults, tls
from sightline.capture.address import Kind
from sightline.capture.camera import CameraInput
from sightline.capture.fetch import Fetch
from sightline.capture.source import Info, Unit
from sightline.clock import NS_PER_S
from sightline.codec.parameters import ParameterSets
from sightline.errors import SightlineError
from sightline.frame import Size

# 64 KB hold what SDP does not say; libav's own choice (5 MB, 5 s) makes opening take a second longer. And to
# guess the rate it would wait for 20 pictures, which are 4 s of a camera that gives 5 a second.
_RTSP: Final = {
    "probesize": "65536",
    "analyzeduration": "0",
    "fpsprobesize": "0",
    "allowed_media_types": "video",
}
# How long a playlist may stand still is for read_timeout_s to say; libav's own choice is three looks at it.
_HLS: Final = {"max_reload": "1000"}
# Demuxers that take any text for a picture.
_TEXT: Final = frozenset({"tty", "bin", "xbin", "adf", "idf"})
# From length prefixes (ISO/IEC 14496-15, marked by a first byte of 1) to Annex B.
_TO_ANNEX_B: Final = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
_IN_HEADER: Final = frozenset({"mpeg4", "mpeg2video", "mpeg1video", "vc1", "cavs"})
_TOLERATED: Final = 100
# Seconds of video come at once; without our pace all of a segment would be of one moment.
_PLAYLISTS: Final = frozenset({"hls", "dash"})
# JPEG after JPEG over HTTP: libav counts them and calls that 25 a second.
_UNSTAMPED: Final = frozenset({"mpjpeg"})
_FIRST_DAY: Final = datetime(1971, 1, 1, tzinfo=UTC)  # before it: a clock that was never set


class LibavSource:
    """One open container.

    Raises:
        SourceError: it cannot be opened, holds no video, or not of a codec that libav reads.
        Unsupported: the installed libav lacks what it takes.
    """

    def __init__(self, camera: CameraInput) -> None:
        self._camera = camera
        self._unreadable = 0
        self._fetch = Fetch(camera)
        self._container = _open(camera, self._fetch)
        try:
            self._stream = _video(self._container, camera)
            self.info = _learn(self._container, self._stream, camera)
            self._filter, self._parameters = _prepare(self._container, self._stream, self.info.codec)
            self._parameter_changes = self._parameters.changes
            self._time_base = self._stream.time_base or Fraction(1, 90_000)
        except BaseException:
            self._container.close()
            raise

    @property
    def is_decoding(self) -> bool:
        """Whether libav has opened the decoder."""
        return self._stream.codec_context.is_open

    def units(self) -> Generator[Unit | None, None, None]:
        """The access units as they come; None where none came in time (RTSP alone can wait on).

        Raises:
            SourceError: it broke off.
        """
        while True:
            try:
                yield from self._demuxed()
            except av.error.ExitError as error:
                # RTSP goes on after it; what reads through libav's own buffer repeats it for ever.
                if self._camera.kind is Kind.CAMERA:
                    yield None
                    continue
                broken: SightlineError = faults.on_read(error, self._camera)
            except av.error.FFmpegError as error:
                broken = faults.on_read(error, self._camera)
            else:
                if self.info.recorded and self._fetch.fault is None:
                    return
                broken = faults.lost(self._camera, playlist=not self.info.paced)
            if self._fetch.fault is not None:
                broken = faults.on_fetch(self._fetch.fault, self._camera)
            raise broken

    def take_unreadable(self) -> int:
        taken, self._unreadable = self._unreadable, 0
        return taken

    def close(self) -> None:
        self._container.close()

    def _demuxed(self) -> Iterator[Unit]:
        refused = 0
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    refused = 0
                    yield from self._units_of(packet)
            except av.error.InvalidDataError:
                # Damaged bytes in a file: libav goes on behind them, unless it stays where it is.
                refused += 1
                self._unreadable += 1
                if refused > _TOLERATED or not self.info.recorded:
                    raise
            else:
                return

    def _units_of(self, packet: AvPacket[VideoStream]) -> Iterator[Unit]:
        if not packet.size:
            return  # what tells a decoder that the stream has ended
        wallclock_ns = None if self.info.recorded else _wallclock_ns(packet)
        damaged = packet.is_corrupt
        try:
            ready = [packet] if self._filter is None else self._filter.filter(packet)
        except av.error.InvalidDataError:
            self._unreadable += 1
            return
        for whole in ready:
            data = self._completed(whole) if whole.is_keyframe else bytes(whole)
            yield Unit(
                data,
                self.info.codec,
                whole.is_keyframe,
                whole.pts,
                whole.dts,
                self._time_base,
                wallclock_ns,
                damaged,
            )

    def _completed(self, keyframe: AvPacket[VideoStream]) -> bytes:
        data = self._parameters.complete(bytes(keyframe))
        if self._parameters.changes != self._parameter_changes:
            if self._parameter_changes or self.info.size is None:
                self.info = self.info._replace(size=_measured(data, self.info.codec))
            self._parameter_changes = self._parameters.changes
        return data


def _open(camera: CameraInput, fetch: Fetch) -> InputContainer:
    fault: SightlineError | None = None
    began_s = time.monotonic()
    try:
        container = _opened(camera, fetch)
        if fetch.fault is None:
            return container
        container.close()
    except av.error.FFmpegError as error:
        if fetch.fault is None:
            fault = faults.on_open(error, camera, time.monotonic() - began_s)
    # Here, and not above: libav's error, which has the full URL in it, is not its context.
    raise fault or faults.on_fetch(fetch.fault, camera)


def _opened(camera: CameraInput, fetch: Fetch) -> InputContainer:
    target, form, options = _wanted(camera)
    timeout = camera.open_timeout_s, camera.read_timeout_s
    playlist = "hls"
    if not (tls.is_checked(camera) and _is_list(camera)):
        container = av.open(target, format=form, options=options, timeout=timeout)
        if container.format.name not in _PLAYLISTS or not tls.is_checked(camera):
            return container
        playlist = container.format.name  # by the word of the server
        container.close()
    # http_persistent would take the files that it is given for connections of its own.
    options = {**_HLS, "http_persistent": "0"}
    return av.open(target, format=playlist, options=options, timeout=timeout, io_open=fetch)


def _wanted(camera: CameraInput) -> tuple[str, str | None, dict[str, str]]:
    """What libav is to open, as which format where that is known, and how."""
    if camera.kind is Kind.CAMERA:
        options = {**_RTSP, "rtsp_transport": camera.transport, **tls.options(camera)}
        return camera.full_url, None, options
    if camera.kind is Kind.WEB:
        return camera.full_url, None, {**_HLS, **tls.options(camera)}
    path = address.path(camera.url)
    if camera.kind is Kind.FILE:
        return f"file:{path}", None, {}  # a colon in a path is no scheme
    if not _has_v4l2():
        raise faults.no_device(camera)
    return path, "v4l2", {}


def _has_v4l2() -> bool:
    # The list of formats has it under two names at once, `video4linux2,v4l2`.
    return any("v4l2" in names.split(",") for names in av.formats_available)


def _is_list(camera: CameraInput) -> bool:
    return camera.kind is Kind.WEB and urlsplit(camera.url).path.lower().endswith((".m3u8", ".m3u"))


def _video(container: InputContainer, camera: CameraInput) -> VideoStream:
    """The main picture."""
    if container.format.name in _TEXT:
        raise faults.no_video(camera, "text")
    found = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    if not found:
        raise faults.no_video(camera, "sound alone" if container.streams.audio else "none")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in found else found[0]
    if stream.codec_context is None:  # PyAV's stubs do not say so: there is no decoder of that name
        raise faults.unknown_codec(camera)
    return stream


def _learn(container: InputContainer, stream: VideoStream, camera: CameraInput) -> Info:
    context = stream.codec_context
    form = container.format.name
    rate = None if form in _UNSTAMPED else stream.average_rate or stream.guessed_rate
    recorded = camera.kind is Kind.FILE or (camera.kind is Kind.WEB and _has_end(container))
    return Info(
        codec=context.codec.canonical_name,
        profile=stream.profile,
        size=Size(context.width, context.height) if context.width and context.height else None,
        fps=float(rate) if rate else None,
        recorded=recorded,
        paced=not recorded and form not in _PLAYLISTS,
        stamped=form not in _UNSTAMPED,
        created_ns=_created_ns({**container.metadata, **stream.metadata}),
    )


def _prepare(
    container: InputContainer, stream: VideoStream, codec: str
) -> tuple[BitStreamFilterContext | None, ParameterSets]:
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    header = stream.codec_context.extradata or b""
    if codec in _TO_ANNEX_B and header[:1] == b"\1":
        return BitStreamFilterContext(_TO_ANNEX_B[codec], stream), ParameterSets(codec)
    if codec in _IN_HEADER and header:
        return BitStreamFilterContext("dump_extra=freq=keyframe", stream), ParameterSets(codec)
    return None, ParameterSets(codec, header)


def _has_end(container: InputContainer) -> bool:
    return bool(container.duration) or (container.size > 0 and container.format.name not in _PLAYLISTS)


def _created_ns(tags: dict[str, str]) -> int | None:
    """UTC of a recording's beginning by its tag (ISO 8601), where that is one."""
    try:
        created = datetime.fromisoformat(tags["creation_time"])
    except (KeyError, ValueError):
        return None
    created = created if created.tzinfo else created.replace(tzinfo=UTC)
    return round(created.timestamp() * NS_PER_S) if created > _FIRST_DAY else None


def _wallclock_ns(packet: AvPacket[VideoStream]) -> int | None:
    """UTC of this picture by the sender report, which libav carries on to each packet: microseconds first."""
    if not packet.has_sidedata("prft"):
        return None
    (microseconds,) = struct.unpack_from("<q", bytes(packet.get_sidedata("prft")))
    return int(microseconds) * 1000


def _measured(keyframe: bytes, codec: str) -> Size | None:
    """The size of a keyframe's picture: libav reads it from the parameter sets."""
    try:
        with av.open(BytesIO(keyframe), format=codec) as container:
            stream = container.streams.video[0]
            return Size(stream.width, stream.height) if stream.width else None
    except (av.error.FFmpegError, IndexError):
        return None
