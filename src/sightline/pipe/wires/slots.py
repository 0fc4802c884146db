"""How many pictures of a size a flow needs room for, where nobody says it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from sightline.overflow import Overflow
from sightline.pipe.plan import Edge
from sightline.shm.settings import USUAL_SLOTS, Sharing

SPARE: Final = 2
"""One that is filled, and one that is let go and not told of yet."""
MOST_SLOTS: Final = 64
"""All memory of a pool is taken when it is made, and deep wires are mostly empty."""


def sharing_for(flow: str, edges: Iterable[Edge]) -> Sharing:
    """Room for what may wait and be looked at wherever pictures of this flow go on unchanged.

    Where they all wait, and there is more of them, the others are copied.
    """
    out: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        out[edge.source].append(edge)
    ahead = [edge for some in out.values() for edge in some if edge.source_flow == flow]
    ways: dict[tuple[str, str], Edge] = {}
    while ahead:
        edge = ahead.pop()
        if edge.ends not in ways:
            ways[edge.ends] = edge
            ahead += out.get(edge.destination, ())
    return Sharing(slots=min(MOST_SLOTS, max(USUAL_SLOTS, SPARE + sum(map(_held, ways.values())))))


def _held(edge: Edge) -> int:
    """What it may hold, and one that its reader has in hand. A wire that waits is filled at one end."""
    both_ends = edge.crosses and edge.settings.rule is not Overflow.BLOCK
    return edge.settings.capacity * (2 if both_ends else 1) + 1
