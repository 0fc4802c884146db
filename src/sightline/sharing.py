"""Which member of a group has which topic. Pure.

Even: no member has two topics more than another that wants one of them. Sticky: what a member has it keeps,
unless that would be uneven, so that few decoders begin anew when a member comes or goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

M = TypeVar("M", bound=Hashable)


def shared(wanting: Mapping[str, Sequence[M]], holders: Mapping[str, M]) -> dict[str, M]:
    """Who is to have each topic.

    Args:
        wanting: for each topic the members that may have it, at least one, in the order of their coming.
        holders: who had it so far; they may be gone.

    Returns:
        Shares in which no member has two topics more than another that may have one of them, with as few
        changes of hands as that takes.
    """
    shares = {name: holders[name] for name, members in wanting.items() if holders.get(name) in members}
    load = Counter(shares.values())
    for name, members in wanting.items():
        if name not in shares:
            shares[name] = min(members, key=load.__getitem__)
            load[shares[name]] += 1
    _even_out(shares, wanting, load)
    return shares


def _even_out(shares: dict[str, M], wanting: Mapping[str, Sequence[M]], load: Counter[M]) -> None:
    """Take from whoever has the most, as long as that helps: so none is taken twice."""
    names: dict[M, dict[str, None]] = {member: {} for member in load}
    for name, holder in shares.items():
        names[holder][name] = None
    content: set[M] = set()
    while left := [member for member in names if member not in content]:
        most = max(left, key=load.__getitem__)
        for name in names[most]:
            least = min(wanting[name], key=load.__getitem__)
            if load[most] - load[least] > 1:
                break
        else:
            content.add(most)
            continue
        shares[name] = least
        del names[most][name]
        names.setdefault(least, {})[name] = None
        load.update({most: -1, least: 1})
        content.clear()
