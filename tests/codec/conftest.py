"""Packets for the decoder: made by hand for its machines, filmed from the scene, or from the real clips."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import av
import msgspec
import pytest
from av.video.codeccontext import VideoCodecContext

from sightline.frame import Size
from sightline.packet import Packet
from sightline.scene import Codec, Scene, encode

TICKS_PER_S = 90_000
FIRST_CAPTURE_NS = 1_700_000_000_000_000_000
EPOCH = 1_700_000_000_000

MakePacket = Callable[..., Packet]


class Film(NamedTuple):
    """Packets in the order of decoding, and the number drawn into each one's picture, by index."""

    packets: list[Packet]
    numbers: dict[int, int]


def _make_packet(index: int, at_s: float | None = None, **fields: Any) -> Packet:
    """A packet shown at `at_s` s (25 a second where not said), not a keyframe, with no real data."""
    at_s = index / 25 if at_s is None else at_s
    known: dict[str, Any] = {
        "camera_id": "gate",
        "epoch": EPOCH,
        "index": index,
        "data": b"\0\0\1\x41slice",  # H.264: one slice of a picture that others may refer to
        "codec": "h264",
        "keyframe": False,
        "pts": round(at_s * TICKS_PER_S),
        "dts": None,
        "time_base": Fraction(1, TICKS_PER_S),
        "captured_at_ns": FIRST_CAPTURE_NS + round(at_s * 1e9),
        "captured_at_source": "media",
    }
    return Packet(**(known | fields))


@cache
def _film(
    codec: Codec = "h264",
    frames: int = 60,
    gop: int = 25,
    b_frames: int = 0,
    size: tuple[int, int] = (320, 180),
    preset: str = "ultrafast",
    start: int = 0,
    camera: int = 3,
) -> Film:
    units = list(
        encode(
            Scene(seed=7, size=Size(*size), camera=camera),
            frames,
            start=start,
            codec=codec,
            gop=gop,
            b_frames=b_frames,
            preset=preset,
        )
    )
    packets = [
        _make_packet(
            index,
            data=unit.data,
            codec=unit.codec,
            keyframe=unit.keyframe,
            pts=unit.pts,
            dts=unit.dts,
            time_base=unit.time_base,
            captured_at_ns=FIRST_CAPTURE_NS + unit.frame * 40_000_000,
        )
        for index, unit in enumerate(units)
    ]
    return Film(packets, {index: unit.frame for index, unit in enumerate(units)})


def _demuxed(path: Path) -> Iterator[Packet]:
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        to_annex_b = av.BitStreamFilterContext("h264_mp4toannexb,dump_extra=freq=keyframe", in_stream=stream)
        annex_b = (made for packet in container.demux(stream) for made in to_annex_b.filter(packet))
        for index, packet in enumerate(annex_b):
            yield _make_packet(
                index,
                data=bytes(packet),
                keyframe=packet.is_keyframe,
                pts=packet.pts,
                dts=packet.dts,
                time_base=stream.time_base,
            )


@pytest.fixture(scope="session")
def make_packet() -> MakePacket:
    """`make_packet(index, at_s, **fields)`."""
    return _make_packet


@pytest.fixture(scope="session")
def film() -> Callable[..., Film]:
    """`film(codec, frames, gop, b_frames, size, preset, start)`: a scene, encoded once a session."""
    return _film


@pytest.fixture(scope="session")
def clip(clips: Path) -> Callable[[str], list[Packet]]:
    """`clip("car-detection")`: the packets of a real clip, in Annex B."""
    return cache(lambda name: list(_demuxed(clips / f"{name}.mp4")))


@pytest.fixture(scope="session")
def reencoded() -> Callable[..., list[Packet]]:
    """`reencoded(encoder, options, frames)`: any other encoder of libav, filming noise with a moving bar."""
    return _reencoded


@cache
def _reencoded(encoder: str, options: tuple[tuple[str, str], ...] = (), frames: int = 50) -> list[Packet]:
    scene = Scene(seed=7, size=Size(320, 180), camera=3)
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = 320, 180, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.options = dict(options)
    made = []
    for number in range(frames):
        picture = av.VideoFrame.from_ndarray(scene.frame(number), format="bgr24").reformat(format="yuv420p")
        picture.pts = number
        made += context.encode(picture)
    made += context.encode(None)
    return [
        _make_packet(
            index,
            data=bytes(packet),
            codec=context.codec.canonical_name,
            keyframe=packet.is_keyframe,
            pts=packet.pts,
            dts=packet.dts,
            time_base=Fraction(1, 25),
        )
        for index, packet in enumerate(made)
    ]


@pytest.fixture(scope="session")
def replaced() -> Callable[..., Packet]:
    """`replaced(packet, index=7)`: the packet with other fields."""
    return msgspec.structs.replace
