"""Seconds of a 1080p file as a file of their own: its packets as they are, or encoded again.

Ours is the whole way of an event: `Capture` of the file into a ring of packets, then a clip of all that the
ring has. ffmpeg decodes and encodes the same seconds, as whoever records decoded pictures must.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Final

import av

from benches.bench import CPU, FRAMES, OURS, WALL, Bench, Scale, WrongWork
from benches.clips import DESCRIPTION, FPS, clip, ffmpeg
from benches.decode import needs, play
from benches.measuring import Spent, spent
from benches.pairing import Aim, Figures
from sightline.codec import ClipWriter, PacketRing
from sightline.packet import Packet

_ENCODER: Final = "-an -c:v libx264 -preset veryfast"


def packets(scale: Scale) -> Figures:
    """Ring and clip."""
    path = clip(scale.clip_s)
    with tempfile.TemporaryDirectory() as folder:
        written, begin = Path(folder, "event.mp4"), spent()
        ring = PacketRing(scale.clip_s + 1, 2**30)

        def keep(packet: Packet) -> None:
            ring.add(packet)

        play(path, keep)
        with ClipWriter(written) as event:
            for packet in ring.since(0):
                event.write(packet)
        return _figures(written, spent().since(begin), scale)


def encoded(scale: Scale) -> Figures:
    """ffmpeg with libx264, on as many threads as it likes."""
    path = clip(scale.clip_s)
    with tempfile.TemporaryDirectory() as folder:
        written, begin = Path(folder, "event.mp4"), spent()
        reading = [ffmpeg(), "-hide_banner", "-loglevel", "error", "-nostdin", "-i", str(path)]
        subprocess.run([*reading, *_ENCODER.split(), str(written)], check=True)
        return _figures(written, spent().since(begin), scale)


def _figures(written: Path, cost: Spent, scale: Scale) -> Figures:
    with av.open(str(written)) as container:
        frames = sum(packet.size > 0 for packet in container.demux(video=0))
    if frames != FPS * scale.clip_s:
        raise WrongWork(f"expected {FPS * scale.clip_s} pictures, got {frames}")
    return {CPU: cost.cpu_s * 60 / scale.clip_s, WALL: cost.wall_s, FRAMES: frames}


BENCHES: Final = (
    Bench(
        name="event",
        title="Seconds of a 1080p camera as a file: its packets, against encoding them again",
        contenders={OURS: packets, "libx264": encoded},
        aims=(Aim(OURS, CPU, 0.02, "libx264"),),
        notes=(
            f"The clip: {DESCRIPTION}.",
            "sightline: `Capture` of the file, unpaced, into `PacketRing`, all of that into `ClipWriter`.",
            f"libx264: `ffmpeg -i CLIP {_ENCODER} OUT.mp4`, the whole process.",
        ),
        rounds=3,
        needs=needs,
    ),
)
