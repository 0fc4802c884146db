"""Which member of a group has which topic. Pure.

Even: no member has two topics more than another that wants one of them. Sticky: what a member has it keeps,
unless that would be uneven, so that few decoders begin anew when a member comes or goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from sightline.bus.names import Wanted, is_wanted

M = TypeVar("M", bound=Hashable)


def shared(topics: Iterable[str], members: Mapping[M, Wanted], holders: Mapping[str, M]) -> dict[str, M]:
    """The holder of each topic that a member wants.

    Args:
        topics: all that are there.
        members: what each wants, in the order in which they came.
        holders: who had what before; may name members that went.
    """
    wanting = {topic: [m for m, wanted in members.items() if is_wanted(topic, wanted)] for topic in topics}
    shares = {topic: holders[topic] for topic, those in wanting.items() if holders.get(topic) in those}
    load = Counter(shares.values())
    for topic, those in wanting.items():
        if those and topic not in shares:
            shares[topic] = min(those, key=load.__getitem__)
            load[shares[topic]] += 1
    while _evened(shares, wanting, load):
        pass
    return shares


def _evened(shares: dict[str, M], wanting: Mapping[str, list[M]], load: Counter[M]) -> bool:
    """Whether a topic changed hands. Those with the most give first, so that none moves twice."""
    moved = False
    for topic, holder in sorted(shares.items(), key=lambda share: -load[share[1]]):
        least = min(wanting[topic], key=load.__getitem__)
        if load[holder] - load[least] > 1:
            shares[topic] = least
            load.update({holder: -1, least: 1})
            moved = True
    return moved
