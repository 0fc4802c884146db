"""Whether messages hold whole access units, from what is seen of them.

Pure. A piece of a stream shows that a unit has ended by the beginning of the next, which is late by a
message. Where messages hold whole units nothing need be waited for, so that is found out (framing "auto"):
once eight messages in a row began a unit with their first byte, none went on with one that had a picture, and
a keyframe was among them, a unit ends with its message. Where one turns out to have been cut after all, it is
back to waiting until twice as many messages have shown the same.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from sightline.codec.units import Cut

Framing: TypeAlias = Literal["auto", "whole", "chunks"]
"""How messages without our header hold access units: one each, or cut anywhere; or as it turns out."""

_TRIAL_MESSAGES: Final = 8
_MOST_NEEDED: Final = 256  # what is damaged now and then looks like a piece, too


class Trial:
    """Finds out whether messages hold whole units."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self.whole = framing == "whole"
        self.cut = 0
        self._run = 0
        self._keyed = False
        self._needed = _TRIAL_MESSAGES

    def see(self, cut: Cut, *, goes_on: bool, keyframe: bool) -> None:
        """The next message; `goes_on`: it may, as what is open has no picture yet. `keyframe`: one ended."""
        if self._framing != "auto" or (goes_on and not cut.begun):
            return
        if not cut.aligned:
            self._begin_anew()
            return
        self._keyed |= keyframe and self._run > 0
        self._run += 1
        self.whole |= self._keyed and self._run >= self._needed

    def _begin_anew(self) -> None:
        if self.whole:
            self.cut += 1
            self._needed = min(2 * self._needed, _MOST_NEEDED)
        self.whole = self._keyed = False
        self._run = 0
