"""The last packets of one camera, from a keyframe on: what a clip of something already seen begins with.

A pure machine. Promises: what is held begins at a keyframe and can be decoded from there; whole GOPs are
dropped from the front, once none of their pictures is within the last `seconds`, or to keep within
`max_bytes`; what could not be decoded is not let in. Counts add up at any moment:

    entered = sum(dropped by reason) + held

A ring crosses epochs. Its time is `captured_at_ns`, and a clock that is set back empties nothing and keeps
nothing longer than `seconds`.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

import msgspec

from sightline.clock import ns
from sightline.codec.gate import DropReason, Gate
from sightline.errors import ConfigError
from sightline.overflow import Reason
from sightline.packet import Packet


class RingStats(msgspec.Struct, frozen=True, kw_only=True):
    """A ring's counts at one moment.

    Attributes:
        entered: packets given to it.
        dropped: those that it has not, by `Reason` or `DropReason`: `too_old` is the usual end.
        held, held_bytes: what it has.
    """

    entered: int
    dropped: dict[str, int]
    held: int
    held_bytes: int

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.entered == sum(self.dropped.values()) + self.held


class _Gop(NamedTuple):
    """Where a GOP begins: the number of its keyframe, and when that was taken."""

    number: int
    began_ns: int


class PacketRing:
    """Packets of one camera, each with a number that rises by one.

    Args:
        seconds: how far back it reaches, at the least while `max_bytes` allows it.
        max_bytes: of packets, never exceeded.

    Raises:
        ConfigError: a bound is not above 0.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        if not (seconds > 0 and max_bytes > 0):
            raise ConfigError(f"expected seconds and bytes above 0, got {seconds} and {max_bytes}")
        self._reach_ns: Final = ns(seconds)
        self._max_bytes: Final = max_bytes
        self._gate = Gate()
        self._packets: deque[Packet] = deque()
        self._gops: deque[_Gop] = deque()
        self._first = 0
        self._bytes = 0
        self._entered = 0
        self._dropped: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._packets)

    @property
    def first(self) -> int:
        """The number of the oldest packet held, or of the next that comes."""
        return self._first

    def get(self, number: int) -> Packet | None:
        """The packet of that number; None where it is gone or has not come."""
        at = number - self._first
        return self._packets[at] if 0 <= at < len(self._packets) else None

    def add(self, packet: Packet) -> bool:
        """Take a packet; False where it was dropped at once."""
        self._entered += 1
        reason = self._gate.pass_(packet).refused or self._make_room(packet)
        if reason is not None:
            self._count(reason, 1)
            return False
        if packet.keyframe:
            self._gops.append(_Gop(self._first + len(self._packets), packet.captured_at_ns))
        self._packets.append(packet)
        self._bytes += len(packet.data)
        self._drop_old(packet.captured_at_ns)
        return True

    def number_at(self, captured_at_ns: int) -> int:
        """The number of the newest keyframe taken then or before; where there is none, of the oldest held."""
        for gop in reversed(self._gops):
            if gop.began_ns <= captured_at_ns:
                return gop.number
        return self._first

    def since(self, captured_at_ns: int) -> list[Packet]:
        """The packets from the newest keyframe on that was taken then or before; all, where there is none."""
        skipped = self.number_at(captured_at_ns) - self._first
        return [packet for at, packet in enumerate(self._packets) if at >= skipped]

    def forget(self, before_ns: int) -> None:
        """Drop the GOPs that `since(before_ns)` and later would leave out."""
        while len(self._gops) > 1 and self._gops[1].began_ns <= before_ns:
            self._drop_gop(Reason.TOO_OLD)

    def stats(self) -> RingStats:
        """The counts."""
        return RingStats(
            entered=self._entered,
            dropped=dict(self._dropped),
            held=len(self._packets),
            held_bytes=self._bytes,
        )

    def _make_room(self, packet: Packet) -> Reason | DropReason | None:
        """Why there is no room for `packet`; None where there is."""
        size = len(packet.data)
        if size > self._max_bytes:
            self._gate.shut(DropReason.GAP)
            return Reason.TOO_LARGE
        while self._bytes + size > self._max_bytes:
            self._drop_gop(Reason.OVERFLOW)
        if self._packets or packet.keyframe:
            return None
        self._gate.shut(DropReason.GAP)  # its own keyframe had to go
        return DropReason.GAP

    def _drop_old(self, now_ns: int) -> None:
        # Either way: of a clock that was set back, what is from the future is as old as it is far.
        while len(self._gops) > 1 and abs(now_ns - self._gops[1].began_ns) >= self._reach_ns:
            self._drop_gop(Reason.TOO_OLD)

    def _drop_gop(self, reason: Reason) -> None:
        """Drop the first GOP whole."""
        self._gops.popleft()
        end = self._gops[0].number if self._gops else self._first + len(self._packets)
        count = end - self._first
        for _ in range(count):
            self._bytes -= len(self._packets.popleft().data)
        self._first = end
        self._count(reason, count)

    def _count(self, reason: Reason | DropReason, count: int) -> None:
        self._dropped[reason] = self._dropped.get(reason, 0) + count
