"""The best of each stretch of something whose length nobody knows: bounded, and spread evenly.

A pure machine. It holds at most twice as many items as are wanted; when it is full, each two neighbours
become the better one of them and a stretch is twice as long from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class _Kept(NamedTuple, Generic[T]):
    worth: float
    item: T


class Stretches(Generic[T]):
    """Keeps the item of most worth (the first of equals) of each stretch, in order.

    Args:
        wanted: how many items `best` gives at most.
    """

    def __init__(self, wanted: int) -> None:
        if wanted < 1:
            raise ValueError(f"expected at least 1 item to be wanted, got {wanted}")
        self._wanted = wanted
        self._kept: list[_Kept[T]] = []
        self._in_last = 0
        self._length = 1

    def __len__(self) -> int:
        """Items held; at most twice as many as are wanted."""
        return len(self._kept)

    def add(self, worth: float, item: Callable[[], T]) -> None:
        """Count one more; `item` is called only when it is kept."""
        if not self._kept or self._in_last == self._length:
            self._begin(worth, item)
        elif worth > self._kept[-1].worth:
            self._kept[-1] = _Kept(worth, item())
        self._in_last += 1

    def best(self) -> list[T]:
        """The best item of each of the wanted number of stretches, or all where there are fewer."""
        held, wanted = len(self._kept), min(self._wanted, len(self._kept))
        cuts = [at * held // wanted for at in range(wanted + 1)] if held else []
        return [_better(self._kept[a:b]).item for a, b in pairwise(cuts)]

    def _begin(self, worth: float, item: Callable[[], T]) -> None:
        if len(self._kept) == 2 * self._wanted:
            self._kept = [_better(self._kept[at : at + 2]) for at in range(0, len(self._kept), 2)]
            self._length *= 2
        self._kept.append(_Kept(worth, item()))
        self._in_last = 0


def _better(kept: list[_Kept[T]]) -> _Kept[T]:
    return max(kept, key=lambda one: one.worth)
