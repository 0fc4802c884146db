"""What the routines of a worker's process tell of it, and what that makes together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from sightline.mux import LaneStats
from sightline.routines import Looked
from sightline.site.lives import Life
from sightline.site.outlet import OutletStats


class LanesTold(msgspec.Struct, frozen=True):
    """What a source tells; `life` is the same of all routines of a process, and of no other process."""

    life: int
    lanes: dict[str, LaneStats]


class LookedTold(msgspec.Struct, frozen=True):
    """What a model tells, at a monotonic time."""

    life: int
    at_ns: int
    cameras: dict[str, Looked]


class OutletTold(msgspec.Struct, frozen=True):
    """What a sink tells; `url` is that of its page, if it serves one."""

    life: int
    outlet: OutletStats
    url: str | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        life: the counts.
        at_ns: when that was so, monotonic.
        pages: addresses of the pages that sinks serve.
    """

    life: Life = Life()
    at_ns: int = 0
    pages: tuple[str, ...] = ()


def told_by(routines: Iterable[Any]) -> Told | None:
    """What all of these of one process tell; None: there is nothing."""
    told = [one for one in routines if isinstance(one, LanesTold | LookedTold | OutletTold)]
    if not told:
        return None
    lanes: dict[str, LaneStats] = {}
    looked: dict[str, Looked] = {}
    outlets: dict[str, OutletStats] = {}
    pages: list[str] = []
    at_ns = 0
    for one in told:
        match one:
            case LanesTold(_, of):
                lanes |= of
            case LookedTold(_, at, cameras):
                looked |= cameras
                at_ns = at
            case OutletTold(_, outlet, url):
                outlets[outlet.sink] = outlet
                pages += [url] if url else []
    life_now = Life(number=told[0].life, lanes=lanes, looked=looked, outlets=outlets)
    return Told(life=life_now, at_ns=at_ns, pages=tuple(pages))
