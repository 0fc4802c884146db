"""The 1080p clip: a real camera clip, scaled up, made by ffmpeg once and kept in `bench-work/`.

The clip is what a full-HD camera sends: 25 pictures a second, a keyframe a second, two B-frames between
others, 4 Mb/s. Its source has 10 pictures a second and is repeated to 25, so noise is added: without it
most pictures would be copies and decoding too cheap.
"""

from __future__ import annotations

import os
import subprocess
import zlib
from pathlib import Path
from typing import Final

from tools.services import SERVICES

from benches.bench import Missing

ROOT: Final = Path(__file__).resolve().parents[1]
FPS: Final = 25
SOURCE: Final = "one-by-one-person-detection.mp4"
FILTER: Final = "scale=1920:1080:flags=lanczos,noise=alls=6:allf=t,format=yuv420p"
ENCODER: Final = (
    "-c:v libx264 -preset faster -g 25 -keyint_min 25 -sc_threshold 0 -bf 2 -b:v 4M -maxrate 6M -bufsize 8M"
)
DESCRIPTION: Final = f"1920x1080, {FPS} pictures/s, of {SOURCE} by `-r {FPS} -vf {FILTER} -an {ENCODER}`"

_SOURCES: Final = ROOT.parent / "shared" / "clips"
_KEPT: Final = ROOT / "bench-work"


def ffmpeg() -> str:
    """The ffmpeg program. Raises Missing."""
    service = SERVICES["ffmpeg"]
    place = service.find()
    if place is None:
        raise Missing(f"the program ffmpeg; to add it: {service.how_to_add()}")
    return place


def clip(seconds: int) -> Path:
    """The clip of that length. Raises Missing where there is nothing to make it of or with."""
    made = _KEPT / f"1080p-{seconds}s-{zlib.crc32(DESCRIPTION.encode()):08x}.mp4"
    if not made.exists():
        _make(made, seconds)
    return made


def _make(made: Path, seconds: int) -> None:
    source = _SOURCES / SOURCE
    if not source.exists():
        raise Missing(f"the real clip {SOURCE} in shared/clips beside the checkout")
    made.parent.mkdir(exist_ok=True)
    draft = made.with_suffix(f".{os.getpid()}.part.mp4")
    given = [
        "-stream_loop",
        "-1",
        "-i",
        str(source),
        "-t",
        str(seconds),
        "-r",
        str(FPS),
        "-vf",
        FILTER,
        "-an",
    ]
    quiet = [ffmpeg(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
    subprocess.run([*quiet, *given, *ENCODER.split(), str(draft)], check=True)
    draft.replace(made)
