"""How a camera groups its pictures, learnt from the packets that pass.

A `GopMeter` is fed every packet and says how long the camera's GOPs are, how many pictures a second it
sends and how many of them nobody refers to. The decoder chooses by it which packets to decode, the
watchdog of capture how long a silence is normal. Figures are of the last few GOPs, so that a camera
with a "smart codec", whose GOPs vary, is judged by its longest.

Does not do: wall time. A stream that stops tells nothing here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from sightline.clock import NS_PER_S
from sightline.codec.nal import is_disposable
from sightline.codec.timeline import Timeline
from sightline.packet import Packet

# Enough GOPs to call a length usual, enough packets for a mean rate where every packet is a GOP (MJPEG).
_KEPT_GOPS: Final = 4
_KEPT_PACKETS: Final = 100


@dataclass(frozen=True, slots=True)
class Gop:
    """The GOPs of a camera as lately seen.

    Attributes:
        packets: the most packets between two keyframes, the first of them counted.
        duration_s: the longest media time between two keyframes.
        frame_duration_s: mean media time a packet.
        disposable: the share of packets that no other needs, 0 to 1.
    """

    packets: int
    duration_s: float
    frame_duration_s: float
    disposable: float

    @property
    def fps(self) -> float:
        """Pictures a second of media time."""
        return 1 / self.frame_duration_s


@dataclass(slots=True)
class _Count:
    began_ns: int
    latest_ns: int
    packets: int = 0
    disposable: int = 0

    @property
    def duration_ns(self) -> int:
        return self.latest_ns - self.began_ns


class GopMeter:
    """Measures the GOPs of one camera's packets, given in the order of decoding."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._closed: deque[_Count] = deque()
        self._open: _Count | None = None
        self._last: Packet | None = None

    def add(self, packet: Packet) -> None:
        """Counts one packet in. Across a gap or a new epoch nothing is measured."""
        if not self._follows(packet):
            self._open = None
        self._last = packet
        now_ns = self._timeline.at_ns(packet)
        if packet.keyframe:
            self._close(now_ns)
            self._open = _Count(now_ns, now_ns)
        if self._open is not None:
            self._open.latest_ns = max(self._open.latest_ns, now_ns)
            self._open.packets += 1
            self._open.disposable += is_disposable(packet.data, packet.codec)

    @property
    def gop(self) -> Gop | None:
        """What was seen; None before the second keyframe. A GOP that is already longer counts as it is."""
        packets = sum(gop.packets for gop in self._closed)
        duration_ns = sum(gop.duration_ns for gop in self._closed)
        if not duration_ns:
            return None
        seen = [*self._closed, self._open] if self._open else [*self._closed]
        return Gop(
            packets=max(gop.packets for gop in seen),
            duration_s=max(gop.duration_ns for gop in seen) / NS_PER_S,
            frame_duration_s=duration_ns / packets / NS_PER_S,
            disposable=sum(gop.disposable for gop in self._closed) / packets,
        )

    def _follows(self, packet: Packet) -> bool:
        last = self._last
        if last is None or packet.epoch != last.epoch:
            return False
        return packet.epoch == 0 or packet.index == last.index + 1  # epoch 0: index does not count packets

    def _close(self, now_ns: int) -> None:
        if self._open is None or now_ns <= self._open.began_ns:
            return  # the first keyframe, or time that stood still or went back
        self._open.latest_ns = now_ns
        self._closed.append(self._open)
        packets = sum(gop.packets for gop in self._closed)
        while len(self._closed) > _KEPT_GOPS and packets - self._closed[0].packets >= _KEPT_PACKETS:
            packets -= self._closed.popleft().packets
