"""What is heard of a camera that somebody else captures: its packets, and how they come."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from sightline.clock import NS_PER_S
from sightline.packet import Packet

_KEPT: Final = 128


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One camera at one moment, by its packets alone.

    Attributes:
        packets: that came.
        codec: of the newest; empty before the first.
        epoch: of the newest; None before the first.
        fps: packets a second of late, as they come; of a recording that is its reader's pace.
        quiet_s: since the newest came; None before the first.
        over: its source said that no more would come.
    """

    packets: int
    codec: str
    epoch: int | None
    fps: float
    quiet_s: float | None
    over: bool


class Hearing:
    """Counts and times one camera's packets. One thread adds, any thread reads."""

    def __init__(self) -> None:
        self._packets = 0
        self._newest: Packet | None = None
        self._at_ns: deque[int] = deque(maxlen=_KEPT)

    def add(self, packet: Packet, now_ns: int) -> None:
        self._packets += 1
        self._newest = packet
        self._at_ns.append(now_ns)

    def heard(self, now_ns: int, *, over: bool) -> Heard:
        times, newest = tuple(self._at_ns), self._newest
        return Heard(
            packets=self._packets,
            codec=newest.codec if newest else "",
            epoch=newest.epoch if newest else None,
            fps=(len(times) - 1) * NS_PER_S / max(times[-1] - times[0], 1) if len(times) > 1 else 0.0,
            quiet_s=(now_ns - times[-1]) / NS_PER_S if times else None,
            over=over,
        )
