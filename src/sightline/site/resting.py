"""Whether nothing happens any more, as far as some counts tell. Pure: it is told the counts, and the time."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from sightline.clock import ns

REST_S: Final = 3.0


class Resting:
    """One thing that may rest."""

    def __init__(self, rest_s: float = REST_S) -> None:
        self._rest_ns = ns(rest_s)
        self._counts: Hashable = None
        self._since_ns = 0

    def look(self, counts: Hashable, now_ns: int) -> bool:
        """Whether these counts have been the same for so long."""
        if counts != self._counts:
            self._counts, self._since_ns = counts, now_ns
        return now_ns - self._since_ns >= self._rest_ns
