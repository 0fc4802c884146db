"""Media time of a camera's packets or frames, without holes.

A packet's time is its `pts`; where the source did not say, its `captured_at_ns`. So that packets with
and without a `pts` stand on one line, media time is moved once an epoch to where the first packet that
has both says UTC is. Differences are then exact media time; the absolute value means nothing.
"""

from __future__ import annotations

from sightline.frame import Frame
from sightline.packet import Packet


class Timeline:
    """The time of each packet, or each frame, of one camera, in ns."""

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._shift_ns: int | None = None

    def at_ns(self, packet: Packet | Frame) -> int:
        """When its picture is shown. Those of an earlier epoch have no place any more."""
        if packet.epoch != self._epoch:
            self._epoch, self._shift_ns = packet.epoch, None
        media_ns = packet.media_ns
        if media_ns is None:
            return packet.captured_at_ns
        if self._shift_ns is None:
            self._shift_ns = packet.captured_at_ns - media_ns
        return media_ns + self._shift_ns
