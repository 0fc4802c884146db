"""An open source, whatever it is: the promise that libav and the scene keep alike."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from typing import NamedTuple, Protocol

from sightline.clock import media_ns
from sightline.frame import Size


class Unit(NamedTuple):
    """One access unit as the source gave it.

    Attributes:
        data, codec, keyframe, pts, dts, time_base: as `sightline.packet.Packet` has them.
        wallclock_ns: UTC of this very picture by the camera's RTCP sender report (RFC 3550 6.4.1); None
            where there was none yet.
        damaged: libav knows that bytes of it are missing.
    """

    data: bytes
    codec: str
    keyframe: bool
    pts: int | None
    dts: int | None
    time_base: Fraction
    wallclock_ns: int | None = None
    damaged: bool = False

    @property
    def shown_ns(self) -> int | None:
        """Media time at which it is shown."""
        return None if self.pts is None else media_ns(self.pts, self.time_base)

    @property
    def order_ns(self) -> int | None:
        """Media time that rises from unit to unit: of decoding where it is known, else of showing."""
        return self.shown_ns if self.dts is None else media_ns(self.dts, self.time_base)


class Info(NamedTuple):
    """What is known of a source once it is open.

    Attributes:
        codec: FFmpeg's name.
        profile: the codec's profile, in FFmpeg's words; None where unknown.
        size: pixels; None where the source did not say.
        fps: pictures a second as declared; None where it did not say.
        recorded: it has an end.
        paced: its pictures come when they were taken; else as fast as they are asked for.
        stamped: its units say when they are shown; else it is when they come.
        created_ns: UTC of its first picture by its own word; None where it does not say.
    """

    codec: str
    profile: str | None = None
    size: Size | None = None
    fps: float | None = None
    recorded: bool = False
    paced: bool = True
    stamped: bool = True
    created_ns: int | None = None


class Source(Protocol):
    """A source that is open. One thread uses it."""

    info: Info

    def units(self) -> Generator[Unit | None, None, None]:
        """The access units as they come; None where none came in time, so that the caller can look up.

        Raises:
            SourceError: it broke off. A recording ends by itself.
        """

    def take_unreadable(self) -> int:
        """How many packets could not be made into units since it was asked last."""

    def close(self) -> None:
        """Give everything back."""
