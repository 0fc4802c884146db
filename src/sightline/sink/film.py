"""Pictures of one size encoded into one MP4 that plays while it grows, and after whatever ends it.

The MP4 is fragmented (ISO/IEC 14496-12, 8.8): its head goes out with the first picture, then a fragment for
each second of pictures, handed to the kernel whole. Each picture stands at its own time, so a rate that
changes, or a gap, plays as it was.

One thread, no lookahead and no B-frames: an encoder costs one core at most, and holds a few pictures.
"""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace

from sightline.clock import NS_PER_S
from sightline.errors import Closed
from sightline.frame import Image

FilmCodec: TypeAlias = Literal["h264", "hevc"]

TIME_BASE: Final = Fraction(1, 90_000)
FRAGMENT_US: Final = 1_000_000
KEYFRAME_EVERY: Final = 50
MIN_SIDE: Final = 64  # x265 takes nothing below its largest block

_LIBRARIES: Final = {"h264": "libx264", "hevc": "libx265"}
# libx265 has threads of its own beside libav's, and writes to stderr.
_OWN_OPTIONS: Final[dict[str, dict[str, str]]] = {
    "h264": {},
    "hevc": {"x265-params": "pools=none:frame-threads=1:log-level=none"},
}


class Film:
    """An open file.

    Args:
        path: without a suffix; `-2`, `-3`, ... is added where there is such a file already.
        size: of the pictures, as `(width, height)`; up to a column and a row are added, for encoders need
            even sides of some length.
        codec: `h264` or `hevc`.
        quality: x264's and x265's constant rate factor, 0 to 51; less is better and larger.

    Attributes:
        path: the file.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path, size: tuple[int, int], *, codec: FilmCodec, quality: int) -> None:
        self._size = size
        self._first_ns: int | None = None
        self._last_pts = -1
        self._unwritten = _Bytes()
        self._container, self._stream = _muxer(self._unwritten, _padded(*size), codec, quality)
        self.path, descriptor = _new_file(path)
        self._descriptor: int | None = descriptor

    def add(self, picture: Image, at_ns: int) -> None:
        """Encode a picture taken at `at_ns`; one that is not later than the last comes right behind it.

        Raises:
            OSError: the disk is full; the file ends with its last whole fragment.
            av.FFmpegError: it cannot be encoded.
        """
        if self._first_ns is None:
            self._first_ns = at_ns
        since_ns = at_ns - self._first_ns
        frame = _video_frame(picture, _padded(*self._size))
        frame.pts = self._last_pts = max(since_ns * TIME_BASE.denominator // NS_PER_S, self._last_pts + 1)
        frame.time_base = TIME_BASE
        self._mux(frame)

    def close(self) -> None:
        """Finish the file. Raises as `add`."""
        try:
            self._mux(None)
            self._container.close()
            self._write_out()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Give everything back, without finishing; a file without a picture is removed. Again is allowed."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        if not os.fstat(descriptor).st_size:
            self.path.unlink(missing_ok=True)
        os.close(descriptor)
        with contextlib.suppress(av.FFmpegError):
            self._container.close()

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux_one(packet)
        self._write_out()

    def _write_out(self) -> None:
        """What the muxer gave, to the file: all of it or nothing."""
        if self._descriptor is None:
            raise Closed(f"the film {self.path} is closed")
        data, whole = self._unwritten.take(), os.fstat(self._descriptor).st_size
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            os.ftruncate(self._descriptor, whole)
            raise


class _Bytes:
    """Where the muxer writes to. It never fails there, so that errors of the disk are ours to tell."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        data, self._data = bytes(self._data), bytearray()
        return data


def _new_file(path: Path) -> tuple[Path, int]:
    """A file that was not there, and its descriptor."""
    for number in count(1):
        name = path.with_name(f"{path.name}{f'-{number}' if number > 1 else ''}.mp4")
        with contextlib.suppress(FileExistsError):
            return name, os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    raise AssertionError("numbers do not end")


def _muxer(
    to: _Bytes, size: tuple[int, int], name: FilmCodec, quality: int
) -> tuple[OutputContainer, av.VideoStream]:
    options = {
        "movflags": "empty_moov+default_base_moof+frag_keyframe",
        "frag_duration": str(FRAGMENT_US),
        "flush_packets": "1",
    }
    container = av.open(to, "w", format="mp4", options=options)
    stream = container.add_stream(_LIBRARIES[name], rate=25)
    assert isinstance(stream, av.VideoStream)
    codec = stream.codec_context
    codec.width, codec.height = size
    codec.pix_fmt, codec.time_base = "yuv420p", TIME_BASE
    codec.thread_count, codec.gop_size = 1, KEYFRAME_EVERY
    codec.colorspace, codec.color_range = Colorspace.ITU601, ColorRange.MPEG  # what OpenCV's conversion makes
    if name == "hevc":
        codec.codec_tag = "hvc1"  # the one of the two tags that Apple's players take
    always = {"preset": "veryfast", "tune": "zerolatency", "crf": str(quality)}
    codec.options = always | _OWN_OPTIONS[name]
    return container, stream


def _padded(width: int, height: int) -> tuple[int, int]:
    return max(MIN_SIDE, width + width % 2), max(MIN_SIDE, height + height % 2)


def _video_frame(picture: Image, size: tuple[int, int]) -> av.VideoFrame:
    """As 4:2:0 of limited range, converted by OpenCV: a third of the time that libswscale takes."""
    right, below = size[0] - picture.shape[1], size[1] - picture.shape[0]
    if right or below:
        picture = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE).astype(
            np.uint8, copy=False
        )
    planes: Any = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    return av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
