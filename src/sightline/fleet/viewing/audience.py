"""How many look at which camera, and which cameras are wanted therefore. Pure.

Promises: a camera is wanted while somebody looks, and `LINGER_S` longer: who loads a page anew finds the
picture moving.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from sightline.clock import ns

LINGER_S: Final = 5.0


class Audience:
    """Of one coordinator."""

    def __init__(self) -> None:
        self._looking: Counter[str] = Counter()
        self._until_ns: dict[str, int] = {}

    def come(self, camera: str) -> None:
        """One more looks."""
        self._looking[camera] += 1
        self._until_ns.pop(camera, None)

    def go(self, camera: str, now_ns: int) -> None:
        """One less does."""
        self._looking[camera] -= 1
        if not self._looking[camera]:
            del self._looking[camera]
            self._until_ns[camera] = now_ns + ns(LINGER_S)

    def wanted(self, now_ns: int) -> frozenset[str]:
        """The cameras whose pictures are to come."""
        self._until_ns = {camera: until for camera, until in self._until_ns.items() if now_ns < until}
        return frozenset(self._looking) | self._until_ns.keys()

    def __len__(self) -> int:
        return self._looking.total()
