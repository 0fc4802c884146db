"""What is new in a fleet, for those who look at it: which topics changed since a number that somebody knows.

Promises: numbers rise, also from one begin of the coordinator to the next, as the first is the time; who
knows a number is told all topics that changed after it, once each, however long they were away; who knows
none of ours is told all. Its size does not grow with time, changes or listeners.

Pure: what a topic's mark is made of, and when to look, are others' affairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TOPICS: Final = ("cameras", "instances", "agents", "status", "events", "audit", "users", "tokens")


class News:
    """Of one fleet.

    Args:
        begin: the first number: UTC ms at the begin.
    """

    def __init__(self, begin: int) -> None:
        self._begin = self._newest = begin
        self._marks: dict[str, object] = {}
        self._changed: dict[str, int] = {}

    @property
    def newest(self) -> int:
        """The last number."""
        return self._newest

    def saw(self, marks: Mapping[str, object]) -> bool:
        """Take a look's marks; whether any of them is another than before. At the first all are."""
        changed = [
            topic for topic, mark in marks.items() if topic not in self._marks or self._marks[topic] != mark
        ]
        if changed:
            self._newest += 1
            self._marks.update(marks)
            self._changed.update(dict.fromkeys(changed, self._newest))
        return bool(changed)

    def since(self, known: int | None) -> tuple[str, ...]:
        """What changed after that number; all, where it is none of ours."""
        if known is None or not self._begin <= known <= self._newest:
            return TOPICS
        return tuple(topic for topic in TOPICS if self._changed.get(topic, 0) > known)
