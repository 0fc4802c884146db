"""When each picture was taken, and where time breaks.

`Timing` is asked about each unit of one connection. It answers with `captured_at_ns`, where that comes
from, and whether a new epoch begins with this unit.

*arrival*: our UTC when the unit came, carried on by the monotonic clock, so that it never goes back.
*rtcp*: the camera's own UTC for this very picture. It is taken over once it is plausible (between 1 s ahead
of our clock and 2 s behind it: more is a camera whose clock is wrong, not a network that is slow), and it
then lags arrival by the transport's delay. So that time does not go back at the switch, no later stamp of the
epoch is below the last arrival stamp; for the fraction of a second of that delay stamps stand still. A
picture that would be of the future (RTP stamps that jump ahead say so until the next report) has arrival.
*media*: a recording's time of creation, or else of opening, plus the time within it.

arrival rises from packet to packet; rtcp and media follow pts, which B-frames do not have in order.

Time breaks, and a new epoch begins, where decoding time goes back by more than 1 s (no reordering is
that deep), or runs ahead of the time that passed by more than 10 s and ten times the longest step so far
(a recording of one picture a minute is no series of breaks). Where a clock is set by more than 1 s, ours
or the camera's, the next keyframe begins a new epoch, and until then the old setting holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from sightline.capture.source import Unit
from sightline.clock import NS_PER_S
from sightline.packet import ClockSource

_BACK_NS: Final = NS_PER_S
_AHEAD_NS: Final = 10 * NS_PER_S
_AHEAD_STEPS: Final = 10
_CLOCK_SET_NS: Final = NS_PER_S
_RTCP_AHEAD_NS: Final = NS_PER_S
_RTCP_BEHIND_NS: Final = 2 * NS_PER_S


class Stamp(NamedTuple):
    """The answer about one unit."""

    breaks: bool
    captured_at_ns: int
    source: ClockSource


class Timing:
    """The time of one connection.

    Args:
        media_start_ns: UTC of a recording's first unit; None for what is taken while we watch.
        frame_ns: media time from unit to unit, for units that do not say theirs.
    """

    def __init__(self, *, media_start_ns: int | None = None, frame_ns: int) -> None:
        self._media_start_ns = media_start_ns
        self._frame_ns = frame_ns
        self._line = Line()
        self._arrival: _Arrival | None = None
        self._rtcp = _Rtcp()
        self._media_ns: int | None = None  # UTC less media time
        self._newest_ns: int | None = None
        self._implausible = 0

    def stamp(self, unit: Unit, utc_ns: int, monotonic_ns: int) -> Stamp:
        """The stamp of the next unit, which came at these times."""
        if self._media_start_ns is not None:
            return self._recorded(unit, self._media_start_ns)
        breaks = self._line.breaks(unit, monotonic_ns)
        arrival = self._arrival
        clock_set = arrival is not None and (arrival.is_off(utc_ns, monotonic_ns) or self._rtcp.was_set)
        if arrival is None or breaks or (clock_set and unit.keyframe):
            breaks = breaks or clock_set
            arrival, self._rtcp = _Arrival(utc_ns, monotonic_ns), _Rtcp()
            self._arrival = arrival
        now_ns = arrival.at_ns(monotonic_ns)
        taken_ns = self._rtcp.at_ns(unit, now_ns)
        if taken_ns is None:
            # Without a pts it cannot be asked: the first picture of RTSP has a report, and no pts.
            self._implausible += unit.wallclock_ns is not None and unit.pts is not None
            return Stamp(breaks, now_ns, "arrival")
        return Stamp(breaks, taken_ns, "rtcp")

    def take_implausible(self) -> int:
        """How many pictures had a camera's time that was too wrong to be used, since it was asked last."""
        taken, self._implausible = self._implausible, 0
        return taken

    def _recorded(self, unit: Unit, start_ns: int) -> Stamp:
        breaks = self._line.breaks(unit, None)
        shown_ns = unit.order_ns if unit.pts is None else unit.shown_ns
        next_ns = start_ns if self._newest_ns is None else self._newest_ns + self._frame_ns
        if shown_ns is None:
            at_ns = next_ns
        else:
            if self._media_ns is None or (breaks and shown_ns + self._media_ns < next_ns):
                self._media_ns = next_ns - shown_ns  # what begins again goes on from where we were
            at_ns = shown_ns + self._media_ns
        self._newest_ns = at_ns if self._newest_ns is None else max(at_ns, self._newest_ns)
        return Stamp(breaks, at_ns, "media")


class Line:
    """The line of decoding times of one stream, and where it breaks."""

    def __init__(self) -> None:
        self._newest_ns: int | None = None
        self._came_ns = 0
        self._longest_step_ns = 0

    def breaks(self, unit: Unit, monotonic_ns: int | None) -> bool:
        """Whether `unit` is not of the same line. `monotonic_ns` is None where time need not pass."""
        at_ns = unit.order_ns
        if at_ns is None:
            return False
        passed_ns = 0 if monotonic_ns is None else monotonic_ns - self._came_ns
        self._came_ns += passed_ns
        newest_ns, self._newest_ns = self._newest_ns, at_ns
        if newest_ns is None:
            return False
        step_ns = at_ns - newest_ns
        far_ns = max(_AHEAD_NS, _AHEAD_STEPS * self._longest_step_ns)
        if step_ns < -_BACK_NS or (step_ns - passed_ns > far_ns and self._longest_step_ns):
            self._longest_step_ns = 0
            return True
        self._newest_ns = max(at_ns, newest_ns)
        self._longest_step_ns = max(step_ns, self._longest_step_ns)
        return False


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Our UTC, carried on by the monotonic clock from one moment."""

    utc_ns: int
    monotonic_ns: int

    def at_ns(self, monotonic_ns: int) -> int:
        return self.utc_ns + monotonic_ns - self.monotonic_ns

    def is_off(self, utc_ns: int, monotonic_ns: int) -> bool:
        """Whether the wall clock was set since then."""
        return abs(self.at_ns(monotonic_ns) - utc_ns) > _CLOCK_SET_NS


class _Rtcp:
    """The camera's UTC, from when it can be believed."""

    def __init__(self) -> None:
        self._ahead_ns: int | None = None  # UTC less media time
        self._floor_ns = 0
        self.was_set = False

    def at_ns(self, unit: Unit, arrived_ns: int) -> int | None:
        """UTC at which the picture of `unit` was taken; None while the camera is not believed."""
        if unit.wallclock_ns is not None and unit.shown_ns is not None:
            self._hear(unit.wallclock_ns, unit.wallclock_ns - unit.shown_ns, arrived_ns)
        taken_ns = self._taken_ns(unit)
        if taken_ns is None or taken_ns > arrived_ns + _RTCP_AHEAD_NS:
            self._floor_ns = arrived_ns
            return None
        return max(self._floor_ns, taken_ns)

    def _taken_ns(self, unit: Unit) -> int | None:
        if self._ahead_ns is None:
            return None
        if unit.shown_ns is not None:
            return unit.shown_ns + self._ahead_ns
        return None if self.was_set else unit.wallclock_ns

    def _hear(self, wallclock_ns: int, ahead_ns: int, arrived_ns: int) -> None:
        if self._ahead_ns is None:
            if -_RTCP_AHEAD_NS <= arrived_ns - wallclock_ns <= _RTCP_BEHIND_NS:
                self._ahead_ns = ahead_ns
        elif abs(ahead_ns - self._ahead_ns) > _CLOCK_SET_NS:
            self.was_set = True
        else:
            self._ahead_ns = ahead_ns
