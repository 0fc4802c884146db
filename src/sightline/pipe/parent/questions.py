"""What was asked of several flows at once, and who has yet to answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count


class Questions:
    """Questions by number, from 1, each open until all that were asked have answered or are gone."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._open: dict[int, set[str]] = {}

    def ask(self, flows: Iterable[str]) -> int:
        """Ask these. The number of the question."""
        number = next(self._numbers)
        self._open[number] = set(flows)
        return number

    def answered(self, flow: str, number: int) -> None:
        """A flow answered; what is not open is ignored."""
        self._open.get(number, set()).discard(flow)

    def gone(self, flow: str) -> None:
        """A flow will answer nothing."""
        for waiting in self._open.values():
            waiting.discard(flow)

    def settled(self, number: int) -> bool:
        """Whether nobody has yet to answer."""
        return not self._open.get(number)

    def forget(self, number: int) -> None:
        """Nobody waits for its answers any more."""
        self._open.pop(number, None)
