"""One encoded access unit of one camera, as it travels.

`data` is what the codec says it is and nothing more: H.264 and H.265 in Annex B with parameter sets
before each keyframe (ITU-T H.264 Annex B), MJPEG as one JPEG. Whoever reads a topic without knowing us
can decode it. Nothing here parses `data`; that is `sightline.codec`'s work.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from sightline.clock import media_ns

ClockSource: TypeAlias = Literal["rtcp", "arrival", "media"]
"""Where `captured_at_ns` comes from: the camera's RTCP sender report, our clock when the packet
arrived, or a file's own time."""


class Identity(NamedTuple):
    """What names a packet, and everything made from it. Sorts in the order of capture."""

    camera_id: str
    epoch: int
    index: int  # type: ignore[assignment]  # tuple.index: nobody searches an identity

    def __str__(self) -> str:
        return f"{self.camera_id}/{self.epoch}/{self.index}"


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """One encoded access unit.

    Attributes:
        camera_id: the camera, as the site names it.
        epoch: UTC in ms at which this stretch of unbroken packets began; 0 when nobody said.
        index: counts from 0 within the epoch, without a gap unless packets were lost on the way.
        data: the access unit's bytes.
        codec: FFmpeg's name: `h264`, `hevc`, `mjpeg`, ...
        keyframe: decoding may begin here.
        pts: presentation time in ticks of `time_base`; None where the source did not say.
        dts: decoding time in the same ticks; None where the source did not say.
        time_base: seconds a tick, as a fraction.
        captured_at_ns: UTC in ns at which the picture was taken, as well as `captured_at_source` knows.
        captured_at_source: where that time comes from.
    """

    camera_id: str
    epoch: int
    index: int
    data: bytes
    codec: str
    keyframe: bool
    pts: int | None
    dts: int | None
    time_base: Fraction
    captured_at_ns: int
    captured_at_source: ClockSource

    @property
    def identity(self) -> Identity:
        return Identity(self.camera_id, self.epoch, self.index)

    @property
    def media_ns(self) -> int | None:
        """`pts` as nanoseconds of media time."""
        return None if self.pts is None else media_ns(self.pts, self.time_base)
