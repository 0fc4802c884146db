"""What a camera shows: access units on the camera's own time.

A `Source` gives units from any moment on, beginning with a keyframe, as fast as it is asked; pacing is the
stream's work. Its calls take time (encoding, a disk) and belong in a thread.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final, NamedTuple, Protocol

from sightline.codec import split
from sightline.errors import ConfigError
from sightline.fakecam import jpeg
from sightline.fakecam.faults import Behaviour
from sightline.fakecam.sdp import Media

# ITU-T H.264 table 7-1, H.265 table 7-1: SPS, PPS; VPS, SPS, PPS
_SETS: Final = {"h264": (7, 8), "hevc": (32, 33, 34)}


class Unit(NamedTuple):
    """One access unit. `pts` and `dts` are ticks of 1/90000 s since the camera began; `dts` rises."""

    data: bytes
    keyframe: bool
    pts: int
    dts: int


class Source(Protocol):
    """Something to show."""

    def units(self, start: int) -> Generator[Unit, None, None]:
        """The units that are shown at `start`, in ticks since the camera began, and later."""

    def media(self) -> Media:
        """What it sends. Raises ConfigError where that cannot be sent over RTP."""

    def changed(self, behaviour: Behaviour) -> Source:
        """The same, encoded as `behaviour` wants it. Raises ConfigError where that cannot be."""


def media_of(codec: str, fps: float, units: Iterator[Unit]) -> Media:
    """Looks at the first unit for what the SDP says. Raises ConfigError for what RTP does not carry."""
    first = next(units, None)
    if first is None:
        raise ConfigError("expected pictures, got none")
    if codec == "mjpeg":
        jpeg.read(first.data)
        return Media(codec, fps, ())
    found = {_kind(nal, codec): nal for nal in reversed(split(first.data)) if nal}
    if not found.keys() >= {*_SETS[codec]}:
        raise ConfigError("expected parameter sets in the first keyframe, got none")
    return Media(codec, fps, tuple(found[kind] for kind in _SETS[codec]))


def _kind(nal: bytes, codec: str) -> int:
    return nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F
