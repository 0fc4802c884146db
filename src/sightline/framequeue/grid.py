"""Which pictures of a camera are the first of their slot of the wall clock.

A second of UTC is cut into `rate` slots, or a slot spans many seconds; all are counted from 1970, so every
camera, process and machine has the same ones: two cameras' pictures of one slot belong together, and at a
rate of 1 a slot is a second as the clock shows it. UTC knows no summer time. What a camera sends too seldom
leaves slots empty; nothing is moved into them.

Time may be anything. Pictures out of order by up to a second, as with B-frames, are late: they get a slot
that was passed over, and never one that had its picture. A clock that is set back further begins anew, so the
same slots come again; one that is set forward leaves slots out.

`codec.Sampler` is something else: it counts media time, and shifts its grid to lose nothing of a camera
whose own rate is the wanted one.

Pure: times go in, yes or no comes out.
"""

from __future__ import annotations

import math
from collections import deque
from fractions import Fraction
from typing import Final

from sightline.clock import NS_PER_S
from sightline.errors import ConfigError

# No stream shows its pictures further out of order than this; time that goes back more was set anew.
_DISORDER_NS: Final = NS_PER_S
# As many slots as may lie within that at a camera's rate; what is forgotten is not given again.
_REMEMBERED: Final = 64


class SecondGrid:
    """The slots of one camera.

    Args:
        rate: slots a second, above 0.
        last_slot: the slot of the last picture that was taken before a restart, so that none is taken twice.

    Raises:
        ConfigError: the rate is not a number above 0.
    """

    def __init__(self, rate: float = 1.0, last_slot: int | None = None) -> None:
        if not 0 < rate < math.inf:
            raise ConfigError(f"expected a rate above 0 pictures/s, got {rate}")
        # 0.1 is meant, not the fraction of a power of 2 that a float makes of it.
        self.rate = Fraction(rate).limit_denominator(1_000_000) or Fraction(rate)
        self.last_slot = last_slot
        self._floor = last_slot or 0  # no slot up to this one is given any more
        self._given: deque[int] = deque(maxlen=_REMEMBERED)  # those above it that had their picture

    def slot(self, captured_at_ns: int) -> int:
        """The number of the slot of that moment."""
        return captured_at_ns * self.rate.numerator // (NS_PER_S * self.rate.denominator)

    def begin_ns(self, slot: int) -> int:
        """The first nanosecond of a slot."""
        return -(-slot * NS_PER_S * self.rate.denominator // self.rate.numerator)

    def beyond(self, slot: int, captured_at_ns: int) -> bool:
        """Whether that moment is after `slot`, or so long before it that the clock must have been set."""
        return self.slot(captured_at_ns) > slot or captured_at_ns < self.begin_ns(slot) - _DISORDER_NS

    def free(self, captured_at_ns: int) -> bool:
        """Whether `take` would say yes."""
        if self.last_slot is None or self.beyond(self.last_slot, captured_at_ns):
            return True
        slot = self.slot(captured_at_ns)
        return slot > self._floor and slot not in self._given

    def take(self, captured_at_ns: int) -> bool:
        """Whether the picture of that moment is the first of its slot; the slot is taken now."""
        if not self.free(captured_at_ns):
            return False
        slot = self.slot(captured_at_ns)
        if self.last_slot is None or captured_at_ns < self.begin_ns(self.last_slot) - _DISORDER_NS:
            self._begin_anew(slot)
        self._remember(slot)
        self.last_slot = max(slot, self.last_slot or slot)
        return True

    def give_back(self, captured_at_ns: int) -> None:
        """The picture that was taken could not be had: another of its slot may be."""
        slot = self.slot(captured_at_ns)
        if slot in self._given:
            self._given.remove(slot)
            self.last_slot = max(self._given, default=self._floor)

    def _begin_anew(self, slot: int) -> None:
        self._floor, self.last_slot = slot - 1, None
        self._given.clear()

    def _remember(self, slot: int) -> None:
        if len(self._given) == _REMEMBERED:
            self._floor = max(self._floor, self._given[0])
        self._given.append(slot)
