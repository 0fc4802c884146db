"""Time stamps as a file wants them, from those that a source gave. Pure.

A file wants a `pts` and a rising `dts` of every packet, `dts` never above `pts`. Sources leave some out: the
first packet of an RTSP stream, a keyframe, has neither, and with B-frames `dts` is missing for some more.
Promises: every packet that goes in comes out, in order, from `dts` 0 on; what the source said is kept where
it can stand; what is missing is worked out and counted. Where a source never says when pictures are shown,
they are shown as they were captured.

Packets are held only while the beginning is not understood: none where the first has both stamps, else
some four, at most 32.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from sightline.clock import NS_PER_S
from sightline.packet import Packet

# Three pictures with a time tell how far apart they are, also where B-frames come in another order. libav
# gives a dts after the 16 pictures that may be reordered (H.264 A.3.1).
_ENOUGH: Final = 4
_MOST_HELD: Final = 32
_FALLBACK: Final = Fraction(1, 25)


class Stamped(NamedTuple):
    """A packet with its place in a file: ticks of the packet's own `time_base` since the file's first `dts`.

    `duration` is how long the one before it took: a good guess for how long it will.
    """

    packet: Packet
    pts: int
    dts: int
    duration: int


class Stamps:
    """The stamps of one file. Its packets all have one `time_base`."""

    def __init__(self) -> None:
        self._opening: list[Packet] = []
        self._begun = False
        self._by_capture = False
        self._step = self._delay = self._origin = 0
        self._last: Stamped | None = None
        self.guessed = 0

    @property
    def held(self) -> int:
        """Packets that have not come out."""
        return len(self._opening)

    def add(self, packet: Packet) -> list[Stamped]:
        """The packets that are ready, this one among them or not yet."""
        if self._begun:
            return [self._stamp(packet)]
        self._opening.append(packet)
        return self.flush() if self._understood() else []

    def flush(self) -> list[Stamped]:
        """What is held, as at the end."""
        opening, self._opening = self._opening, []
        if opening and not self._begun:
            self._begin(opening)
        return [self._stamp(packet) for packet in opening]

    def _understood(self) -> bool:
        first, last = self._opening[0], self._opening[-1]
        if first.pts is not None and first.dts is not None:
            return True
        return len(self._opening) >= (_ENOUGH if last.dts is not None else _MOST_HELD)

    def _begin(self, opening: list[Packet]) -> None:
        self._begun = True
        shown = [packet.pts for packet in opening if packet.pts is not None]
        self._by_capture = not shown
        shown = shown or [_captured(packet) for packet in opening]
        steps = [b - a for a, b in pairwise(sorted(set(shown)))]
        self._step = min(steps, default=max(1, round(_FALLBACK / opening[0].time_base)))
        late = _lateness(shown)
        self._delay = late + self._step if late else 0
        self._origin = self._first_dts(opening[0], min(shown))

    def _first_dts(self, first: Packet, shown_first: int) -> int:
        if self._by_capture:
            return _captured(first) - self._delay
        pts = shown_first - self._step if first.pts is None else first.pts
        if first.dts is None:
            return pts - self._delay
        self._delay = max(self._delay, pts - first.dts)
        return first.dts

    def _stamp(self, packet: Packet) -> Stamped:
        pts, dts = self._said(packet)
        least = 0 if self._last is None else self._last.dts + 1
        if pts is None:
            pts = self._next_pts(dts)
        if dts is None:
            dts = pts - self._delay
        dts = max(dts, least)
        self.guessed += packet.pts is None or pts < dts
        duration = self._step if self._last is None else dts - self._last.dts
        self._last = Stamped(packet, max(pts, dts), dts, duration)
        return self._last

    def _said(self, packet: Packet) -> tuple[int | None, int | None]:
        """What the source said, from the origin on."""
        if self._by_capture:
            return _captured(packet) - self._origin, None
        pts, dts = packet.pts, packet.dts
        return (
            None if pts is None else pts - self._origin,
            None if dts is None else dts - self._origin,
        )

    def _next_pts(self, dts: int | None) -> int:
        if dts is not None:
            return dts + self._delay
        return self._delay if self._last is None else self._last.pts + self._step


def _lateness(shown: Iterable[int]) -> int:
    """How far a picture comes behind one that is shown after it, at most; 0 where none does."""
    newest, late = None, 0
    for at in shown:
        newest = at if newest is None else max(newest, at)
        late = max(late, newest - at)
    return late


def _captured(packet: Packet) -> int:
    return int(packet.captured_at_ns / (packet.time_base * NS_PER_S))
