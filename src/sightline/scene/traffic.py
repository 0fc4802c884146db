"""Who is on the street, and where, at any time: a pure function of seed, width and time.

Each lane is a timetable: its k-th slot may send one thing across, at a speed and in a look drawn from
(seed, lane, k) alone. So any moment can be asked for directly, in any order. Things on wheels keep their
distance: within a lane the slots are so far apart that nobody is caught up with. Walkers pass each other.

World units: the picture is 360 high, whatever its size in pixels; x to the right, y down.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

LABELS: Final = ("car", "van", "person", "bicycle")

WORLD_HEIGHT: Final = 360
MARGIN: Final = 90  # how far outside the picture things begin and end: more than half of the widest

_SPREAD = 0.15  # speeds of a wheeled lane differ by this share either way
_JITTER = 0.25  # how late in its slot a thing may begin, as a share of the slot
_HEADWAY = 190  # units that the one in front must have gone before the next begins: a long van and a gap


class Lane(NamedTuple):
    """One timetable. `direction` is 1 to the right and -1 to the left; speeds in units a second."""

    kinds: tuple[str, ...]
    ground_y: float
    depth: float  # how far a thing's own place may lie below ground_y
    scale: float
    direction: int
    speed: float
    spread: float
    slot_s: float | None  # None: as close as the speeds allow without meeting
    taken: float  # share of slots that send something


class Thing(NamedTuple):
    """One thing on its way. `begins_s` is when its middle stands MARGIN outside the picture."""

    track_id: int
    kind: str
    look: int  # picks colours; anything from 0
    ground_y: float
    scale: float
    direction: int
    speed: float
    begins_s: float

    def gone(self, time_s: float) -> float:
        """Units travelled since it began."""
        return (time_s - self.begins_s) * self.speed

    def x(self, time_s: float, world_width: float) -> float:
        """Where its middle is."""
        gone = self.gone(time_s) - MARGIN
        return gone if self.direction > 0 else world_width - gone


_CARS = ("car", "car", "car", "van")
LANES: Final = (
    Lane(("person",), 186, 4, 0.78, 1, 24, 0.3, 8.0, 0.7),
    Lane(("person",), 191, 4, 0.80, -1, 26, 0.3, 9.0, 0.7),
    Lane(_CARS, 236, 0, 0.88, -1, 135, _SPREAD, None, 0.85),
    Lane(_CARS, 280, 0, 1.08, 1, 150, _SPREAD, None, 0.85),
    Lane(("bicycle",), 298, 0, 0.98, 1, 85, _SPREAD, None, 0.8),
    Lane(("person",), 316, 6, 1.12, -1, 34, 0.3, 8.0, 0.75),
    Lane(("person",), 326, 8, 1.18, 1, 36, 0.3, 9.0, 0.75),
)


def things_at(seed: int, world_width: float, time_s: float) -> list[Thing]:
    """All things between the outer margins at that time, those farther from the viewer first."""
    present = (thing for lane in range(len(LANES)) for thing in _on_lane(seed, lane, world_width, time_s))
    return sorted(present, key=lambda thing: (thing.ground_y, thing.track_id))


def _on_lane(seed: int, number: int, world_width: float, time_s: float) -> Iterator[Thing]:
    lane, way = LANES[number], world_width + 2 * MARGIN
    slot_s = lane.slot_s or _meeting_free_slot_s(lane, way)
    slowest_s = way / (lane.speed * (1 - lane.spread))
    for k in range(math.floor((time_s - slowest_s) / slot_s) - 1, math.floor(time_s / slot_s) + 1):
        thing = _sent(seed, number, k, slot_s)
        if thing is not None and 0 <= thing.gone(time_s) <= way:
            yield thing


def _meeting_free_slot_s(lane: Lane, way: float) -> float:
    """The shortest slot after which even the fastest stays behind the slowest for the whole way.

    Of two that begin one after the other at least (1 - jitter) slots lie between; the second may need
    less time for the way than the first, and the first needs time to clear the headway.
    """
    slow, fast = lane.speed * (1 - lane.spread), lane.speed * (1 + lane.spread)
    return (way / slow - way / fast + _HEADWAY / slow) / (1 - _JITTER)


@lru_cache(maxsize=4096)
def _sent(seed: int, number: int, k: int, slot_s: float) -> Thing | None:
    """What slot `k` sends; None if it stays empty. `k` may be negative: the street was there before."""
    lane, draw = LANES[number], random.Random(f"{seed}/{number}/{k}")  # noqa: S311  # scenery, no secret
    if draw.random() >= lane.taken:
        return None
    zigzag = 2 * k if k >= 0 else -2 * k - 1
    return Thing(
        track_id=zigzag * len(LANES) + number + 1,
        kind=lane.kinds[int(draw.random() * len(lane.kinds))],
        look=int(draw.random() * 1000),
        ground_y=lane.ground_y + draw.random() * lane.depth,
        scale=lane.scale,
        direction=lane.direction,
        speed=lane.speed * (1 + lane.spread * (2 * draw.random() - 1)),
        begins_s=(k + _JITTER * draw.random()) * slot_s,
    )
