"""Packets with pictures that say which they are, as capture would hand them on at an hour of one's choice."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
from av.packet import Packet as AvPacket
from av.video.codeccontext import VideoCodecContext

from sightline.frame import Size
from sightline.packet import Packet
from sightline.scene import Codec, Scene, encode

NS_PER_S = 1_000_000_000
NOON = 1_789_041_600 * NS_PER_S  # 2026-09-10 12:00:00 UTC
EPOCH = NOON // 1_000_000
SIZE = Size(320, 180)
FPS = 25


@cache
def filmed(
    frames: int = 100,
    *,
    camera: int = 3,
    codec: Codec = "h264",
    gop: int = 25,
    b_frames: int = 0,
    size: Size = SIZE,
    preset: str = "ultrafast",
    phase_s: float = 0.3,
    epoch: int = EPOCH,
) -> list[Packet]:
    """Frame n of the scene of `camera`, taken n/25 + `phase_s` s after noon; in the order of decoding."""
    units = encode(
        Scene(size=size, camera=camera), frames, codec=codec, gop=gop, b_frames=b_frames, preset=preset
    )
    return [
        Packet(
            camera_id=f"cam{camera}",
            epoch=epoch,
            index=index,
            data=unit.data,
            codec=unit.codec,
            keyframe=unit.keyframe,
            pts=unit.pts,
            dts=unit.dts,
            time_base=unit.time_base,
            captured_at_ns=NOON + round((unit.frame / FPS + phase_s) * NS_PER_S),
            captured_at_source="rtcp",
        )
        for index, unit in enumerate(units)
    ]


@cache
def open_gops(encoder: str, frames: int) -> list[Packet]:
    """As `filmed`; pictures that are shown before a keyframe come after it, and others refer to them."""
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = *SIZE, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    details = "keyint=25:min-keyint=25:open-gop=1:bframes=4:b-adapt=0:scenecut=0:repeat-headers=1"
    details += ":b-pyramid=normal" if encoder == "libx264" else ":b-pyramid=1:log-level=none"
    context.options = {encoder.removeprefix("lib") + "-params": details}
    scene = Scene(size=SIZE, camera=3)
    made: list[AvPacket[Any]] = []
    for number in range(frames):
        picture = av.VideoFrame.from_ndarray(scene.frame(number), format="bgr24").reformat(format="yuv420p")
        picture.pts = number
        made += context.encode(picture)
    made += context.encode(None)
    return [
        Packet(
            camera_id="cam3",
            epoch=EPOCH,
            index=index,
            data=bytes(one),
            codec=context.codec.canonical_name,
            keyframe=one.is_keyframe,
            pts=one.pts,
            dts=one.dts,
            time_base=Fraction(1, FPS),
            captured_at_ns=NOON + round(((one.pts or 0) / FPS + 0.3) * NS_PER_S),
            captured_at_source="rtcp",
        )
        for index, one in enumerate(made)
    ]


def frame_of(packet: Packet, phase_s: float = 0.3) -> int:
    """The number that is drawn into its picture."""
    return round(((packet.captured_at_ns - NOON) / NS_PER_S - phase_s) * FPS)


def clip_packets(path: Path) -> Iterator[Packet]:
    """The packets of a clip in MP4, in Annex B, the first picture taken 0.3 s after noon."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        to_annex_b = av.BitStreamFilterContext("h264_mp4toannexb,dump_extra=freq=keyframe", in_stream=stream)
        made = (out for packet in container.demux(stream) for out in to_annex_b.filter(packet))
        for index, packet in enumerate(made):
            assert packet.pts is not None
            yield Packet(
                camera_id=path.stem,
                epoch=EPOCH,
                index=index,
                data=bytes(packet),
                codec="h264",
                keyframe=packet.is_keyframe,
                pts=packet.pts,
                dts=packet.dts,
                time_base=Fraction(stream.time_base),
                captured_at_ns=NOON + 300_000_000 + round(packet.pts * stream.time_base * NS_PER_S),
                captured_at_source="media",
            )
