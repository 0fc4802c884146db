"""A scene as real encoded video: access units in decoding order, each knowing its frame number.

What it promises: H.264 and H.265 in Annex B with parameter sets before each keyframe, closed GOPs of
exactly the length asked for, PTS and DTS as a camera with B-frames has them, MJPEG as one JPEG a unit; one
thread and therefore the same bytes on every run with the same libraries. It is as fast as it is asked for
units: pacing is the caller's work.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypedDict

import av
import cv2
import numpy as np
from av.packet import Packet as AvPacket
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace

from sightline.frame import Image
from sightline.scene.settings import MAX_FRAME, mistakes, refuse
from sightline.scene.street import Scene

Codec: TypeAlias = Literal["h264", "hevc", "mjpeg"]

TIME_BASE: Final = Fraction(1, 90_000)
"""The clock of RTP video (RFC 3551, section 5), which RTSP cameras stamp with."""

_JPEG_QUALITY = 85
_LIBRARIES = {"h264": "libx264", "hevc": "libx265"}
# Coarser, and encoders repeat the strip of an earlier frame: a picture that claims another's number.
_COARSEST_QP = 46
# No keyframe but where it was asked for, each with its parameter sets, and nothing points back past it.
_COMMON_DETAILS = {
    "qpmax": _COARSEST_QP,
    "scenecut": 0,
    "open-gop": 0,
    "b-adapt": 0,
    "repeat-headers": 1,
    "annexb": 1,
}
_OWN_DETAILS: dict[str, dict[str, int | str]] = {
    # Without force-cfr x264 holds each frame back until it knows the next one's time.
    "h264": {"threads": 1, "sync-lookahead": 0, "force-cfr": 1},
    "hevc": {"pools": "none", "frame-threads": 1, "wpp": 0, "lookahead-slices": 0, "log-level": "none"},
}


class Encoding(TypedDict, total=False):
    """The settings of `encode` that choose how, not what; what is left out has `encode`'s default."""

    codec: Codec
    gop: int
    b_frames: int
    bit_rate: int | None
    preset: str
    aud: bool


class EncodedUnit(NamedTuple):
    """One access unit.

    Attributes:
        frame: the number of the scene's frame that it holds.
        data: H.264 and H.265 in Annex B, MJPEG as one JPEG.
        codec: FFmpeg's name.
        keyframe: decoding may begin here.
        pts, dts: in ticks of `time_base`; frame 0 is presented at 0, and with B-frames the first dts are
            negative. dts rises, and pts is never below it.
        time_base: seconds a tick: 1/90000.
    """

    frame: int
    data: bytes
    codec: Codec
    keyframe: bool
    pts: int
    dts: int
    time_base: Fraction


def encode(
    scene: Scene,
    frames: int | None = None,
    *,
    start: int = 0,
    codec: Codec = "h264",
    gop: int = 25,
    b_frames: int = 0,
    bit_rate: int | None = None,
    preset: str = "ultrafast",
    aud: bool = False,
) -> Generator[EncodedUnit, None, None]:
    """The frames `start` to `start + frames` of `scene` (endless when `frames` is None) as access units.

    Args:
        scene: what is filmed.
        frames: how many; None for as long as somebody asks.
        start: number of the first.
        codec: `h264`, `hevc` or `mjpeg`.
        gop: frames from keyframe to keyframe; every frame is a keyframe with `mjpeg`.
        b_frames: B-frames between two others, fewer only where a GOP ends; not with `mjpeg`. Without any,
            each H.264 frame comes out as soon as it was drawn.
        bit_rate: bits a second to aim at; None for a constant, good quality. More are spent where so few
            would lose the mark (at 640x360 and 25 fps, below some 75,000).
        preset: of x264 and x265, `ultrafast` to `medium`: smaller for more work.
        aud: begin each H.264 or H.265 unit with an access unit delimiter, which some readers of bare
            Annex B files need to find its end.

    Raises ConfigError, at once, for settings that do not exist or do not go together, naming all of them.
    """
    how = {"codec": codec, "gop": gop, "b_frames": b_frames, "bit_rate": bit_rate, "preset": preset}
    refuse(mistakes({"frames": frames, "start": start, **how}), "encode")
    numbers = range(start, MAX_FRAME + 1 if frames is None else start + frames)
    if codec == "mjpeg":
        return _jpegs(scene, numbers)
    libav = _encoder(scene, codec, gop=gop, b_frames=b_frames, preset=preset, aud=aud)
    if bit_rate is not None:
        libav.bit_rate = bit_rate
    return _units(scene, numbers, codec, libav)


def _units(
    scene: Scene, numbers: range, codec: Codec, libav: VideoCodecContext
) -> Generator[EncodedUnit, None, None]:
    """One thread and no output of its own: a generator that is closed early leaves nothing behind."""
    for n in numbers:
        picture = _video_frame(scene.frame(n))
        picture.pts = n
        yield from _stamped(libav.encode(picture), scene.fps, codec)
    yield from _stamped(libav.encode(None), scene.fps, codec)


def _stamped(packets: Iterable[AvPacket[Any]], fps: int, codec: Codec) -> Iterator[EncodedUnit]:
    """The encoder counts in frames, so that a packet's pts is its frame's number."""
    for packet in packets:
        n, nth = packet.pts, packet.dts
        assert n is not None and nth is not None  # noqa: PT018  # x264 and x265 stamp all that they give
        pts, dts = _ticks(n, fps), _ticks(nth, fps)
        yield EncodedUnit(n, bytes(packet), codec, packet.is_keyframe, pts, dts, TIME_BASE)


def _jpegs(scene: Scene, numbers: range) -> Generator[EncodedUnit, None, None]:
    for n in numbers:
        _, data = cv2.imencode(".jpg", scene.frame(n), (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
        pts = _ticks(n, scene.fps)
        yield EncodedUnit(n, data.tobytes(), "mjpeg", True, pts, pts, TIME_BASE)


def _ticks(frames: int, fps: int) -> int:
    return frames * TIME_BASE.denominator // fps


def _video_frame(image: Image) -> av.VideoFrame:
    """As 4:2:0 of limited range, converted by OpenCV: a third of the time that libswscale takes."""
    planes = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def _encoder(
    scene: Scene, codec: Codec, *, gop: int, b_frames: int, preset: str, aud: bool
) -> VideoCodecContext:
    libav = av.CodecContext.create(_LIBRARIES[codec], "w")
    assert isinstance(libav, VideoCodecContext)
    libav.width, libav.height = scene.size
    # The encoder writes its time base into the parameter sets, where readers of bare files look for the rate.
    libav.pix_fmt, libav.time_base, libav.framerate = "yuv420p", Fraction(1, scene.fps), Fraction(scene.fps)
    libav.thread_count, libav.gop_size, libav.max_b_frames = 1, gop, b_frames
    # What OpenCV's conversion makes; browsers take large pictures without a word for BT.709.
    libav.colorspace, libav.color_range = Colorspace.ITU601, ColorRange.MPEG
    details = {
        **_COMMON_DETAILS,
        **_OWN_DETAILS[codec],
        "keyint": gop,
        "min-keyint": gop,
        "bframes": b_frames,
        "aud": int(aud),
        "rc-lookahead": 0 if codec == "h264" else b_frames + 1,  # x265 needs to see beyond its B-frames
    }
    name = _LIBRARIES[codec].removeprefix("lib") + "-params"
    libav.options = {"preset": preset, name: ":".join(f"{key}={value}" for key, value in details.items())}
    return libav
