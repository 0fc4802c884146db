"""What a new viewer of a camera gets first: all since the last keyframe, so that there is a picture at once.
Pure.

Promises: it begins with the head and the initialization that hold, and can be played from there; it is never
more than `most_bytes`: of a longer stretch between keyframes nothing is kept but its head, and who comes then
waits for the next keyframe.
"""

from __future__ import annotations

from typing import Final

from sightline.fleet.viewing.framing import Item, Kind

MOST_BYTES: Final = 16 * 2**20
_OPENING: Final = frozenset({Kind.HEAD, Kind.INIT})


class Beginning:
    """Of one camera."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._opening: dict[Kind, Item] = {}
        self._since: list[Item] = []
        self._bytes = 0
        self._begun = False

    def put(self, item: Item) -> None:
        """What all viewers get."""
        if item.kind in _OPENING:
            self._opening[item.kind] = item
            self._forget()
        elif item.kind is Kind.MEDIA and item.keyframe:
            self._forget()
            self._begun = True
        if self._begun and item.kind in {Kind.MEDIA, Kind.BOXES}:
            self._since.append(item)
            self._bytes += len(item.data)
            if self._bytes > self._most_bytes:
                self._forget()

    def items(self) -> list[Item]:
        """What a viewer who comes now begins with."""
        return [*self._opening.values(), *self._since]

    def _forget(self) -> None:
        self._since, self._bytes, self._begun = [], 0, False
