"""One group of a log: who is in it, who has which topic, and how far it has come. Pure.

Whoever holds it calls its methods and tells the members what comes back, in order.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeAlias, TypeVar

from sightline.bus.history import Kept
from sightline.bus.log import Gained, Lost, Position, Start
from sightline.bus.names import Wanted, is_wanted, other_topics
from sightline.sharing import shared

M = TypeVar("M", bound=Hashable)
Change: TypeAlias = tuple[M, Gained | Lost]


class Group(Generic[M]):
    """Members, their shares, and positions, which stay when the members have gone.

    Args:
        histories: of all topics that are there; it is seen as it changes.
    """

    def __init__(self, histories: Mapping[str, Kept]) -> None:
        self._histories = histories
        self._members: dict[M, Wanted] = {}
        self._starts: dict[M, Start] = {}
        self.holders: dict[str, M] = {}
        self.positions: dict[str, Position] = {}

    def enter(self, member: M, wanted: Wanted, start: Start) -> list[Change[M]]:
        self._starts[member] = start
        return self._wants(member, wanted)

    def want(self, member: M, topics: str | Iterable[str], *, alone: bool) -> list[Change[M]]:
        """`alone`: nobody else is in this group, so that a topic which is not wanted has no position."""
        wanted = other_topics(self._members[member], topics)
        if alone:
            self.positions = {topic: at for topic, at in self.positions.items() if topic in wanted}
        return self._wants(member, wanted)

    def leave(self, member: M) -> list[Change[M]]:
        self._members.pop(member, None)
        self._starts.pop(member, None)
        return self._share()

    def appeared(self, topic: str) -> list[Change[M]]:
        """A topic is there for the first time: it is read from its first message."""
        if any(is_wanted(topic, wanted) for wanted in self._members.values()):
            self.positions.setdefault(topic, Position(0))
        return self._share()

    def commit(self, member: M, positions: Mapping[str, Position]) -> frozenset[str]:
        held = {topic: at for topic, at in positions.items() if self.holders.get(topic) is member}
        self.positions.update(held)
        return frozenset(held)

    def _wants(self, member: M, wanted: Wanted) -> list[Change[M]]:
        self._members[member] = wanted
        for topic, history in self._histories.items():
            if is_wanted(topic, wanted):
                begin = history.first if self._starts[member] == "earliest" else history.next
                self.positions.setdefault(topic, Position(begin))
        return self._share()

    def _share(self) -> list[Change[M]]:
        wanting = {topic: members for topic in self._histories if (members := self._wanting(topic))}
        before, self.holders = self.holders, shared(wanting, self.holders)
        moved = {topic for topic in before | self.holders if before.get(topic) is not self.holders.get(topic)}
        lost = _by_member((before, topic) for topic in moved)
        gained = _by_member((self.holders, topic) for topic in moved)
        told: list[Change[M]] = [
            (member, Lost(frozenset(topics))) for member, topics in lost.items() if member in self._members
        ]
        for member, topics in gained.items():
            told.append((member, Gained({topic: self.positions[topic] for topic in sorted(topics)})))
        return told

    def _wanting(self, topic: str) -> list[M]:
        return [member for member, wanted in self._members.items() if is_wanted(topic, wanted)]


def _by_member(pairs: Iterable[tuple[Mapping[str, M], str]]) -> dict[M, list[str]]:
    """The topics of each member, of those that have a holder."""
    topics: dict[M, list[str]] = {}
    for holders, topic in pairs:
        if topic in holders:
            topics.setdefault(holders[topic], []).append(topic)
    return topics
