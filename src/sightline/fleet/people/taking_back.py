"""What an act left, and whether that is still so. Pure.

A thing is told by its kind and its number, and how it is by its generation: None where it is not there. What
was taken back since counts as never done: whoever takes back the last act and then the one before finds that
one's things as it left them, under newer generations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

Thing: TypeAlias = tuple[str, int]


class Step(NamedTuple):
    """What became of a thing in an entry of the audit: from one generation to another."""

    entry: int
    was: int | None
    now: int | None


def is_as_left(left: Step, now: int | None, since: Sequence[Step], undoes: Mapping[int, int]) -> bool:
    """Whether a thing that is of generation `now` is as the step `left` it.

    Args:
        left: what an act did last with it.
        now: of which generation it is.
        since: all later steps of it, in order.
        undoes: by entry, the step's entry whose act was taken back by it: the first one of that act.
    """
    at, below = now, len(since)
    while at != left.now:
        found = next((i for i in reversed(range(below)) if since[i].now == at), None)
        if found is None or since[found].entry not in undoes:
            return False
        taken = next((i for i in range(found) if since[i].entry == undoes[since[found].entry]), None)
        if taken is None:
            return False
        at, below = since[taken].was, taken
    return True
