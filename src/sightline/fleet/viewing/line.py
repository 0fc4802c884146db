"""What waits for one viewer: bounded, and never longer than it helps. Pure.

Promises: what comes out can be played from its beginning, which is a keyframe; where a viewer is too slow,
all that waits goes, and it goes on at the next keyframe, with the head and the initialization of that.
Counts add up at any moment: entered = taken + dropped + held.

Deliberately not here: locks, and who is woken.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sightline.fleet.viewing.framing import Item, Kind

MOST_BYTES: Final = 8 * 2**20
MOST_ITEMS: Final = 4096
_OPENING: Final = (Kind.HEAD, Kind.INIT)


class LineStats(NamedTuple):
    """Frames that came, were taken, were dropped, and wait; `skips`: how often the viewer was too slow."""

    entered: int
    taken: int
    dropped: int
    held: int
    skips: int


class Line:
    """Of one viewer.

    Args:
        kinds: of frames that it takes; others are passed over, and not counted.
        most_bytes: of what waits; one keyframe, with what goes before it, may be more.
    """

    def __init__(self, kinds: frozenset[Kind], *, most_bytes: int = MOST_BYTES) -> None:
        self._kinds = kinds
        self._most_bytes = most_bytes
        self._held: list[Item] = []
        self._bytes = 0
        self._opening: dict[Kind, Item] = {}
        """What holds for the next keyframe, and did not go out yet."""
        self._skipping = True
        self._entered = self._taken = self._dropped = self._skips = 0

    def put(self, item: Item) -> None:
        """Let the next frame in."""
        if item.kind not in self._kinds:
            return
        self._entered += 1
        if item.kind in _OPENING and self._skipping:
            self._keep(item)
        elif self._skipping and not item.keyframe:
            self._dropped += 1
        else:
            self._go_on()
            self._hold(item)
            if self._is_too_much():
                self._skip()

    def take(self) -> bytes:
        """All that waits."""
        held, self._held, self._bytes = self._held, [], 0
        self._taken += len(held)
        return b"".join(item.data for item in held)

    def stats(self) -> LineStats:
        held = len(self._held) + len(self._opening)
        return LineStats(self._entered, self._taken, self._dropped, held, self._skips)

    def _hold(self, item: Item) -> None:
        self._held.append(item)
        self._bytes += len(item.data)

    def _keep(self, item: Item) -> None:
        self._dropped += item.kind in self._opening
        self._opening[item.kind] = item

    def _go_on(self) -> None:
        if self._skipping:
            self._skipping = False
            opening, self._opening = self._opening, {}
            for item in opening.values():
                self._hold(item)

    def _is_too_much(self) -> bool:
        return len(self._held) > 1 and (self._bytes > self._most_bytes or len(self._held) > MOST_ITEMS)

    def _skip(self) -> None:
        """All that waits goes; what was begun with it is owed. The newest stays where it can be begun at."""
        held, self._held, self._bytes = self._held, [], 0
        newest = held[-1] if held[-1].keyframe else None
        self._skips += 1
        self._skipping = True
        for item in held if newest is None else held[:-1]:
            if item.kind in _OPENING:
                self._keep(item)
            else:
                self._dropped += 1
        if newest is not None:
            self._go_on()
            self._hold(newest)
