"""Which cameras are wanted now, by what was said last. Pure.

Promises: what was said last holds whole, and for `LASTS_S` seconds: where nobody says anything any more,
nothing is wanted any more, and nobody has to take anything back.
"""

from __future__ import annotations

from typing import Final

from sightline.clock import ns

LASTS_S: Final = 6.0
"""Three times as long as it takes to be said again."""
_NONE: Final[frozenset[str]] = frozenset()


class Wanting:
    """Of one that has pictures.

    Args:
        mine: the cameras that it has pictures of; others are of no concern to it.
    """

    def __init__(self, mine: frozenset[str]) -> None:
        self._mine = mine
        self._said = _NONE
        self._until_ns = 0

    def said(self, cameras: frozenset[str], now_ns: int) -> None:
        """Somebody said that these are wanted."""
        self._said = cameras & self._mine
        self._until_ns = now_ns + ns(LASTS_S)

    def wanted(self, now_ns: int) -> frozenset[str]:
        """Those of mine that are."""
        return self._said if now_ns < self._until_ns else _NONE
