"""Results that leave in the order in which their work was begun. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Order(Generic[T]):
    """Tickets are drawn one after the other, and handed in with what came of them, in any order.

    Args:
        kept: whether what came of a ticket waits for those before it; else it leaves at once.
        most: tickets that may be open at most; 1 or more.
    """

    def __init__(self, *, kept: bool, most: int) -> None:
        self._kept = kept
        self._most = most
        self._drawn = self._handed_in = 0
        self._next = 0
        self._waiting: dict[int, Sequence[T]] = {}

    @property
    def open(self) -> int:
        """Tickets of which nothing has left yet."""
        return self._drawn - (self._next if self._kept else self._handed_in)

    @property
    def full(self) -> bool:
        """Whether one must be handed in before another is drawn."""
        return self.open >= self._most

    @property
    def waiting(self) -> int:
        """Results that wait for others."""
        return sum(map(len, list(self._waiting.values())))

    def draw(self) -> int:
        """The next ticket."""
        self._drawn += 1
        return self._drawn - 1

    def hand_in(self, ticket: int, results: Sequence[T]) -> list[T]:
        """`results` came of a ticket. What leaves now."""
        self._handed_in += 1
        if not self._kept:
            return list(results)
        self._waiting[ticket] = results
        leaving: list[T] = []
        while self._next in self._waiting:
            leaving += self._waiting.pop(self._next)
            self._next += 1
        return leaving
