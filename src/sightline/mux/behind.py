"""One camera's packets that wait to be decoded, and what is left out when they are too many.

Pure. How far decoding is behind is counted in messages: those that wait here and those that wait at the
broker. Beyond `max_behind` it jumps: all before the newest keyframe are given back, so that the picture that
comes next is as new as it can be. Where no keyframe is ahead, `hurry` says to decode only what other
pictures need, until it has caught up.

Counts add up at any moment:

    entered = left + dropped + held

It drops for no other reason: at its bounds it is `full`, and whoever reads stops reading.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

import msgspec

from sightline.packet import Packet

MOST_PACKETS: Final = 1024
MOST_BYTES: Final = 32 * 2**20


class Waiter(NamedTuple):
    """A packet in line.

    Attributes:
        packet: what is to be decoded.
        wanted: whether its picture is; else it is decoded for the sake of those that refer to it.
        seam: packets before it were left out, or lost.
    """

    packet: Packet
    wanted: bool = True
    seam: bool = False


class WaitingStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts at one moment: packets, and how often the line jumped to a keyframe."""

    entered: int
    left: int
    dropped: int
    held: int
    held_bytes: int
    jumps: int

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.entered == self.left + self.dropped + self.held


class Waiting:
    """See the module.

    Args:
        max_behind: messages; None: nothing is ever left out. May be changed at any time.
        most_packets, most_bytes: at which it is full.
    """

    def __init__(
        self, max_behind: int | None, *, most_packets: int = MOST_PACKETS, most_bytes: int = MOST_BYTES
    ) -> None:
        self.max_behind = max_behind
        self._most_packets: Final = most_packets
        self._most_bytes: Final = most_bytes
        self._line: deque[Waiter] = deque()
        self._keyframe = -1  # the newest one's number, where packets are numbered as they enter
        self._seam = self._parted = False
        self._lag = 0
        self._bytes = self._entered = self._left = self._dropped = self._jumps = 0

    def add(self, packet: Packet, *, wanted: bool = True) -> None:
        """Take a packet at the end of the line."""
        if packet.keyframe:
            self._keyframe = self._entered
        parted, self._parted = self._parted, False
        self._line.append(Waiter(packet, wanted, parted))
        self._entered += 1
        self._bytes += len(packet.data)

    def part(self) -> None:
        """What is added next does not go on from what was added before: packets between them were lost."""
        self._parted = True
        self._lag = 0  # what waits at the broker is told with what comes

    def take(self) -> Waiter | None:
        """The packet that is next; None where there is none."""
        if not self._line:
            return None
        waiter = self._pop()
        self._left += 1
        seam, self._seam = self._seam, False
        return waiter._replace(seam=True) if seam else waiter

    def behind(self) -> int:
        """Messages."""
        return len(self._line) + self._lag

    @property
    def hurry(self) -> bool:
        """Whether only pictures that others refer to should be decoded."""
        return self.max_behind is not None and self.behind() > self.max_behind

    def jump(self, lag: int) -> list[Waiter]:
        """To be asked when packets came: what is left out, if it is too far behind.

        Args:
            lag: messages that wait at the broker.
        """
        self._lag = lag
        before = self._keyframe - (self._entered - len(self._line))
        if not self.hurry or before <= 0:
            return []
        self._jumps += 1
        return self._drop(before)

    def clear(self) -> list[Waiter]:
        """Leave out all."""
        return self._drop(len(self._line))

    @property
    def fill(self) -> float:
        """The share of its bounds in use; above 1 where it was given more."""
        return max(len(self._line) / self._most_packets, self._bytes / self._most_bytes)

    @property
    def full(self) -> bool:
        """Whether nothing more should be read."""
        return self.fill >= 1

    def __len__(self) -> int:
        return len(self._line)

    def stats(self) -> WaitingStats:
        """The counts."""
        return WaitingStats(
            entered=self._entered,
            left=self._left,
            dropped=self._dropped,
            held=len(self._line),
            held_bytes=self._bytes,
            jumps=self._jumps,
        )

    def _drop(self, count: int) -> list[Waiter]:
        self._seam = self._seam or count > 0
        self._dropped += count
        return [self._pop() for _ in range(count)]

    def _pop(self) -> Waiter:
        waiter = self._line.popleft()
        self._bytes -= len(waiter.packet.data)
        return waiter
