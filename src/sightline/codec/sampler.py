"""So many pictures a second of media time: one a slot of an even grid.

The grid is anchored so that the first picture stands in the middle of its slot: stamps may then wander by
half a period to either side and a source of exactly the wanted rate still loses nothing. Over a long run
there are `rate` pictures a second where the source has them, and all of a source that is slower.

Pure: times go in, slots come out.
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
# More than any codec reorders (16 pictures, H.264 A.3.1): slots further back are not asked for again.
_REMEMBERED_CLAIMS: Final = 32


class Sampler:
    """A grid of `rate` slots a second. Raises ConfigError where that is not a number above 0."""

    def __init__(self, rate: float) -> None:
        if not 0 < rate < math.inf:
            raise ConfigError(f"expected a rate above 0 pictures/s, got {rate}")
        self.rate = Fraction(rate).limit_denominator(1_000_000) or Fraction(rate)
        self._anchor_ns: int | None = None
        self._last: int | None = None
        self._claims: deque[int] = deque(maxlen=_REMEMBERED_CLAIMS)

    @property
    def period_s(self) -> float:
        return float(1 / self.rate)

    def slot(self, at_ns: int) -> int:
        """The number of the slot that media time `at_ns` falls into; the first ever asked for is in 0."""
        if self._anchor_ns is None:
            self._anchor_ns = at_ns
        halves = 2 * (at_ns - self._anchor_ns) * self.rate.numerator + NS_PER_S * self.rate.denominator
        return halves // (2 * NS_PER_S * self.rate.denominator)

    def claim(self, at_ns: int) -> bool:
        """Whether the slot of `at_ns` was still free before decoding; it is claimed now.

        Packets ask this in the order of decoding, pictures `take` in the order in which they are shown.
        """
        slot = self.slot(at_ns)
        if slot in self._claims:
            return False
        self._claims.append(slot)
        return True

    def take(self, at_ns: int) -> bool:
        """Whether the picture shown at `at_ns` is wanted: it is the first in its slot.

        Pictures come in the order in which they are shown. Where time goes back the grid begins anew.
        """
        slot = self.slot(at_ns)
        if self._last is not None and slot <= self._last:
            if not self._went_back(at_ns, self._last):
                return False
            self.restart()
            slot = self.slot(at_ns)
        self._last = slot
        return True

    def restart(self) -> None:
        """Forgets the grid: the next picture is the first of a new one."""
        self._anchor_ns = self._last = None
        self._claims.clear()

    def _went_back(self, at_ns: int, last: int) -> bool:
        if self._anchor_ns is None:
            return False
        last_slot_began_ns = self._anchor_ns + (last - Fraction(1, 2)) * NS_PER_S / self.rate
        return at_ns < last_slot_began_ns - _DISORDER_NS
