"""Clips as access units: each with its bytes, in sending order, and its place in the order of showing.

Any container that libav reads will do, and raw Annex B files too. H.264 and H.265 come out in Annex B, from a
container with parameter sets before each keyframe, from a raw file exactly as they are; a clip can be
encoded as MJPEG on the way. Sound is left out, and a clip's uneven times are evened out to its frame rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.video.stream import VideoStream

CODECS = ("h264", "hevc", "mjpeg")


@dataclass(frozen=True)
class Units:
    """What a clip holds. `shown[i]` is the place of unit `i` in the order of showing, from 0."""

    codec: str
    width: int
    height: int
    fps: Fraction
    data: tuple[bytes, ...]
    shown: tuple[int, ...]


def read_units(clip: Path, *, fps: Fraction | None = None, codec: str | None = None) -> Units:
    """Reads a clip whole. `fps` is its own where not given; `codec="mjpeg"` encodes it as that.

    Raises:
        OSError: the clip cannot be opened.
        ValueError: there is no video in it, its codec is none of `CODECS`, its first unit is no keyframe, or
            (raw files, which carry no times) a unit shows no picture, so that its place is unknown.
    """
    with av.open(clip) as container:
        if not container.streams.video:
            raise ValueError(f"{clip}: expected video, found none")
        stream = container.streams.video[0]
        size = stream.width, stream.height
        fps = fps or stream.average_rate or Fraction(25)
        if codec == "mjpeg":
            pictures = tuple(_as_jpeg(container, stream, fps))
            return Units(codec, *size, fps, pictures, tuple(range(len(pictures))))
        if codec is not None or stream.codec.name not in CODECS:
            raise ValueError(f"{clip}: expected one of {CODECS}, got {codec or stream.codec.name}")
        raw = container.format.name in CODECS
        packets = [packet for packet in container.demux(stream) if packet.size]
        if not packets or not packets[0].is_keyframe:
            raise ValueError(f"{clip}: expected a keyframe first")
        times = _times_of_pictures(clip, stream, packets) if raw else [packet.pts or 0 for packet in packets]
        data = tuple(bytes(packet) for packet in packets) if raw else tuple(_annex_b(stream, packets))
        return Units(stream.codec.name, *size, fps, data, _ranks(times))


def _ranks(times: list[int]) -> tuple[int, ...]:
    rank = {index: place for place, index in enumerate(sorted(range(len(times)), key=times.__getitem__))}
    return tuple(rank[index] for index in range(len(times)))


def _annex_b(stream: VideoStream, packets: list[av.Packet[VideoStream]]) -> Iterator[bytes]:
    if stream.codec.name == "mjpeg":
        yield from map(bytes, packets)
        return
    to_annex_b = BitStreamFilterContext(f"{stream.codec.name}_mp4toannexb", in_stream=stream)
    for packet in packets:
        yield from map(bytes, to_annex_b.filter(packet))


def _times_of_pictures(clip: Path, stream: VideoStream, packets: list[av.Packet[VideoStream]]) -> list[int]:
    """When each packet's picture comes out of a decoder, which gives them in the order of showing."""
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(stream.codec.name, "r"))
    decoder.thread_count = 1
    decoder.copy_opaque = True
    came_out: list[object] = []
    for index, packet in enumerate(packets):
        marked = av.Packet(bytes(packet))
        marked.opaque = index
        came_out += [frame.opaque for frame in decoder.decode(marked)]
    came_out += [frame.opaque for frame in decoder.decode(None)]
    time_of = {index: time for time, index in enumerate(came_out)}
    if not len(time_of) == len(came_out) == len(packets):
        raise ValueError(f"{clip}: {len(packets)} units show {len(came_out)} pictures")
    return [time_of[index] for index in range(len(packets))]


def _as_jpeg(container: InputContainer, stream: VideoStream, fps: Fraction) -> Iterator[bytes]:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = stream.width, stream.height, "yuvj420p"
    encoder.time_base, encoder.framerate = 1 / fps, fps
    encoder.thread_count = 1  # the same bytes on every machine
    # RTP carries no Huffman tables (RFC 2435), so they must be the standard ones.
    encoder.options = {"huffman": "default", "qmin": "3", "qmax": "3"}
    for index, frame in enumerate(container.decode(stream)):
        picture = frame.reformat(format="yuvj420p")
        picture.pts, picture.time_base = index, 1 / fps
        yield from map(bytes, encoder.encode(picture))
    yield from map(bytes, encoder.encode(None))
