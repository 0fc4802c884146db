"""Gaps: what a reader is told of the messages that were dropped for it.

Drops of one reason with nothing kept between them are one gap, however many they are, so that a storm of
drops is one frame. Their number is bounded: beyond it neighbours are told as one, whose range then covers
messages that do come; how many were dropped stays true.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MOST_GAPS: Final = 64


class Gap(NamedTuple):
    """`messages` dropped for one reason, from the offset `first` to `last`, both included."""

    first: int
    last: int
    messages: int
    reason: str


class Span(NamedTuple):
    """Offsets of the oldest and the newest message held."""

    first: int
    last: int


class Gaps:
    """Gaps not yet told, by offset."""

    def __init__(self) -> None:
        self._gaps: list[Gap] = []

    def __len__(self) -> int:
        return len(self._gaps)

    def add(self, gap: Gap, held: Span | None) -> None:
        """Note a drop; `held` is what the buffer holds now, None where it is empty."""
        gaps = self._gaps
        at = len(gaps)
        while at and gaps[at - 1].first > gap.first:
            at -= 1
        if at and _adjoin(gaps[at - 1], gap, held):
            at -= 1
            gap = _joined(gaps.pop(at), gap)
        if at < len(gaps) and _adjoin(gap, gaps[at], held):
            gap = _joined(gap, gaps.pop(at))
        gaps.insert(at, gap)
        if len(gaps) > MOST_GAPS:
            self._join_newest()

    def before(self, offset: int | None) -> Gap | None:
        """The first gap that ends before `offset` (None: any), which is told now and forgotten."""
        for at, gap in enumerate(self._gaps):
            if offset is None or gap.last < offset:
                return self._gaps.pop(at)
        return None

    def _join_newest(self) -> None:
        # The newest, because the oldest are told next and are worth their exactness.
        newest: dict[str, int] = {}
        for at in reversed(range(len(self._gaps))):
            behind = newest.setdefault(self._gaps[at].reason, at)
            if behind != at:
                self._gaps[at] = _joined(self._gaps[at], self._gaps.pop(behind))
                return


def _adjoin(gap: Gap, behind: Gap, held: Span | None) -> bool:
    """Whether two are one gap: of one reason, and nothing that the reader gets lies between."""
    if gap.reason != behind.reason:
        return False
    apart = held is not None and held.last > gap.last and held.first < behind.first
    return not apart or behind.first == gap.last + 1


def _joined(gap: Gap, behind: Gap) -> Gap:
    messages = gap.messages + behind.messages
    return Gap(gap.first, max(gap.last, behind.last), messages, gap.reason)
