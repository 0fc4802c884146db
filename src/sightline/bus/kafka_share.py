"""How topics come to a consumer of Kafka: by itself, or as its share of what a group has.

Both look for topics twice a second, and tell the `Lines` of what is gained and lost. They are served by the
thread of the consumer, in which librdkafka calls back too. What the group gives is assigned by hand all the
same, once its position is known: so one way serves to begin, to pause, and to seek.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from sightline.bus.kafka_commits import KafkaCommits, Stands
from sightline.bus.kafka_ids import KafkaIds
from sightline.bus.kafka_lines import Lines
from sightline.bus.kafka_questions import KafkaQuestions
from sightline.bus.kafka_reader import KafkaReader
from sightline.bus.log import Ends, Position, Start
from sightline.bus.names import Wanted, is_wanted


class Held:
    """What a share works on.

    Args:
        reader: the consumer of librdkafka.
        questions: who asks beside it.
        commits: what is committed by it.
    """

    def __init__(self, reader: KafkaReader, questions: KafkaQuestions, commits: KafkaCommits) -> None:
        self.reader = reader
        self.questions = questions
        self.commits = commits
        self.ids = KafkaIds(questions)
        self.lines = Lines()
        self.changed = threading.Condition()
        """Guards the lines; notified of whatever changes."""
        self.wishes: deque[frozenset[str]] = deque()
        """What is wanted instead, not told to the share so far; what one of them lacks is not gained."""
        self._partitions: dict[str, int] = {}

    def there(self, wanted: Wanted) -> frozenset[str]:
        """The topics that are wanted and there."""
        self._partitions = self.questions.topics(wanted)
        return frozenset(self._partitions)

    def gain(self, positions: Mapping[str, Position], ends: Mapping[str, Ends]) -> None:
        with self.changed:
            gained = {
                topic: at
                for topic, at in positions.items()
                if all(is_wanted(topic, wish) for wish in self.wishes)
            }
            self.lines.gain(gained, {topic: ends[topic].next for topic in gained})
            self.changed.notify_all()

    def lose(self, topics: Iterable[str]) -> None:
        lost = frozenset(topics)
        for topic in lost:
            self.ids.forget(topic)
        self.leave(lost)

    def leave(self, topics: Iterable[str]) -> None:
        """They may come back: if one is another by then, its id tells, which is kept."""
        with self.changed:
            self.lines.lose(topics)
            self.changed.notify_all()

    def narrow(self, wanted: frozenset[str]) -> None:
        """What is not wanted is lost for good."""
        self.leave(self.topics() - wanted)
        self.ids.forget_all_but(wanted)

    def renew(self) -> None:
        """Goes on with another client where this one is, which is not waited for."""
        commits, left = KafkaCommits(), self.reader
        self.reader = commits.reader = left.again({"on_commit": commits.heard})
        self.commits = commits
        left.abandon()
        with self.changed:
            self.lines.fetch_all_anew()

    def topics(self) -> frozenset[str]:
        with self.changed:
            return self.lines.topics

    def move(self) -> None:
        """Fetches what is to be fetched, and nothing else."""
        with self.changed:
            moves = self.lines.moves()
        if moves.stop:
            self.reader.unassign(moves.stop)
        # librdkafka has one line for all topics: what waits behind a backlog there waits long.
        many = {topic: at for topic, at in moves.begin.items() if topic in moves.behind}
        few = {topic: at for topic, at in moves.begin.items() if topic not in moves.behind}
        for begin in (few, many):
            if begin:
                self.reader.assign(begin, self._partitions)


class Share(Protocol):
    """Each of these may raise BusError, and is called again after that."""

    def want(self, wanted: frozenset[str]) -> None:
        """Other topics are wanted."""

    def look(self) -> None:
        """Looks for topics that came and went."""

    def settle(self) -> None:
        """Begins with what came; called often."""

    def begin_again(self, topics: frozenset[str]) -> None:
        """They were deleted, and made again."""

    def refuse(self, topic: str) -> None:
        """It cannot be read, until it is wanted anew."""

    def renewed(self) -> None:
        """What it works on has another client."""

    def is_ready(self) -> bool:
        """Whether all that is published from now on will come."""


class Alone:
    """All that is wanted and there.

    Args:
        held: what it works on.
        wanted: topics, checked.
        start: where to begin in what is there.
    """

    def __init__(self, held: Held, wanted: Wanted, start: Start) -> None:
        self._held = held
        self._wanted = wanted
        self._start = start
        self._new: Wanted = wanted  # not looked for so far: these begin as `start` says
        self._was: dict[str, int] = {}  # where it was in what a broker did not show any more
        self._refused: set[str] = set()
        self._looked = False

    def want(self, wanted: frozenset[str]) -> None:
        self._new = _new(wanted, self._wanted, self._new)
        self._wanted = wanted
        self._was = {topic: at for topic, at in self._was.items() if topic in wanted}
        self._refused &= wanted
        self._looked = False
        self._held.narrow(wanted)

    def look(self) -> None:
        there = self._held.there(self._wanted) - self._refused
        held = self._held.topics()
        gone = held - there
        if gone:
            with self._held.changed:
                positions = self._held.lines.positions()
            self._was |= {topic: positions[topic] for topic in gone if topic in positions}
            self._held.leave(gone)
        self._begin(there - held)
        # Of what nobody leads there is no end: it begins later, and as `start` says all the same.
        late = there - self._held.topics()
        self._new = frozenset(topic for topic in late if is_wanted(topic, self._new))
        self._looked = True
        self.begin_again(self._held.ids.changed(self._held.topics()))

    def settle(self) -> None:
        """There is nothing to agree on."""

    def begin_again(self, topics: frozenset[str]) -> None:
        if topics:
            self._held.lose(topics)
            self._begin(topics)

    def refuse(self, topic: str) -> None:
        self._refused.add(topic)
        self._held.lose([topic])

    def renewed(self) -> None:
        """It reads on where it is."""

    def is_ready(self) -> bool:
        return self._looked and not (self._new and self._start == "latest")

    def _begin(self, topics: Iterable[str]) -> None:
        ends = self._held.questions.ends_now(frozenset(topics))
        positions = {topic: Position(self._first(topic, ends[topic])) for topic in sorted(ends)}
        self._held.gain(positions, ends)

    def _first(self, topic: str, ends: Ends) -> int:
        was = self._was.pop(topic, None)
        if was is not None and self._held.ids.is_same(topic):
            return was
        self._held.ids.forget(topic)
        return ends.next if is_wanted(topic, self._new) and self._start == "latest" else ends.first


def _new(wanted: frozenset[str], before: Wanted, not_looked_for: Wanted) -> frozenset[str]:
    """Of what is wanted now, what has not been looked for: there may be several wishes between two looks."""
    return frozenset(
        topic for topic in wanted if not is_wanted(topic, before) or is_wanted(topic, not_looked_for)
    )


class Member:
    """What the group gives it.

    Where the group has no position, it begins where the first member says that gets the topic: there it is
    committed before anything is read.

    Args:
        held: what it works on.
        wanted: topics, checked.
        start: where the group begins in what is there, where it has no position.
        group: its name.
        is_told: whether librdkafka tells who got nothing that it is a member (the classic protocol).
    """

    def __init__(self, held: Held, wanted: Wanted, start: Start, group: str, *, is_told: bool) -> None:
        self._held = held
        self._wanted = wanted
        self._start = start
        self._group = group
        self._is_told = is_told
        self._answer: Any = None
        self._new: Wanted = wanted
        self._ends: dict[str, int] = {}  # where what was there ended when it was wanted
        self._subscribed: frozenset[str] = frozenset()
        self._there: frozenset[str] = frozenset()
        self._owned: set[str] = set()
        self._joining: set[str] = set()
        self._anew: set[str] = set()
        self._refused: set[str] = set()
        self._settling: tuple[Future[Stands], dict[str, Position], dict[str, Ends]] | None = None
        self._looked = self._joined = False

    def want(self, wanted: frozenset[str]) -> None:
        self._new = _new(wanted, self._wanted, self._new)
        self._wanted = wanted
        self._looked = False
        self._refused &= wanted
        self._held.narrow(wanted)
        self._joining = (self._owned & wanted) - self._held.topics() - self._refused

    def look(self) -> None:
        self._there = self._held.there(self._wanted)
        new = {topic for topic in self._there if is_wanted(topic, self._new)}
        if new and self._start == "latest":
            known = self._held.questions.ends_now(new)
            self._ends |= {topic: ends.next for topic, ends in known.items()}
            self._new = frozenset(new - known.keys())  # nobody leads these
        else:
            self._new = frozenset()
        self._subscribe(self._wanted if isinstance(self._wanted, frozenset) else self._there)
        self._looked = True
        self.begin_again(self._held.ids.changed(self._held.topics()))

    def settle(self) -> None:
        if self._settling is None:
            self._join()
        elif self._settling[0].done():
            (answer, begun, ends), self._settling = self._settling, None
            self._gain({topic: begun[topic] for topic in answer.result()}, ends)

    def begin_again(self, topics: frozenset[str]) -> None:
        self._held.lose(topics)
        self._anew |= topics
        self._joining |= topics & self._owned
        for topic in topics:
            self._ends.pop(topic, None)

    def refuse(self, topic: str) -> None:
        self._refused.add(topic)
        self._held.lose([topic])

    def renewed(self) -> None:
        """To the group this is another member."""
        self._held.leave(self._held.topics())
        self._owned, self._joining, self._settling = set(), set(), None
        self._subscribed, self._joined = frozenset(), False

    def is_ready(self) -> bool:
        if not self._looked or self._joining or self._new:
            return False
        return self._joined or not (self._there & self._subscribed) or self._is_member()

    def _is_member(self) -> bool:
        """By the protocol of brokers of version 4 no word comes to who has no topic."""
        if self._is_told:
            return False
        if self._answer is None:
            self._answer = self._held.questions.ask_members(self._group)
        if not self._answer.done():
            return False
        answer, self._answer = self._answer, None
        members = () if answer.exception() is not None else answer.result().members
        self._joined = any(member.member_id == self._held.reader.client.memberid() for member in members)
        return self._joined

    def _subscribe(self, topics: frozenset[str]) -> None:
        if topics == self._subscribed:
            return
        self._subscribed = topics
        self._joined = False
        if topics:
            self._held.reader.client.subscribe(
                sorted(topics), on_assign=self._given, on_revoke=self._taken, on_lost=self._taken
            )
        else:
            self._held.reader.client.unsubscribe()

    def _given(self, client: Any, partitions: Iterable[Any]) -> None:
        if client is not self._held.reader.client:
            return  # that was left, and is closing in another thread
        topics = {each.topic for each in partitions if each.partition == 0}
        self._owned |= topics
        self._joining |= {topic for topic in topics - self._refused if is_wanted(topic, self._wanted)}
        self._joined = True
        client.incremental_assign([])  # or librdkafka would assign them

    def _taken(self, client: Any, partitions: Iterable[Any]) -> None:
        if client is not self._held.reader.client:
            return
        topics = {each.topic for each in partitions if each.partition == 0}
        self._owned -= topics
        self._joining -= topics
        self._held.leave(topics)
        # These alone: of others that were sought in, messages from where they were before may be under way.
        self._held.reader.unassign(topics)
        client.incremental_unassign([])

    def _join(self) -> None:
        """Goes on where the group is, and commits where it begins."""
        ends = self._held.questions.ends_now(self._joining) if self._joining else {}
        if not ends:
            return
        if other := self._held.ids.other(ends):
            # The group's position may still be that in the one before; so may these ends, asked anew next.
            self.begin_again(other)
            return
        known = {
            topic: at
            for topic, at in self._held.reader.committed(ends).items()
            if at.offset <= ends[topic].next and topic not in self._anew  # else of one that there was before
        }
        self._gain(known, ends)
        begun = {topic: Position(self._begin(topic, ends[topic])) for topic in ends.keys() - known.keys()}
        if begun:
            self._settling = (self._held.commits.begin(begun), begun, ends)

    def _gain(self, positions: Mapping[str, Position], ends: Mapping[str, Ends]) -> None:
        gained = {topic: positions[topic] for topic in sorted(positions) if topic in self._joining}
        self._joining -= gained.keys()
        self._anew -= gained.keys()
        for topic in gained:
            self._ends.pop(topic, None)
        self._held.gain(gained, ends)

    def _begin(self, topic: str, ends: Ends) -> int:
        begin = ends.next if is_wanted(topic, self._new) else ends.first
        return max(ends.first, min(self._ends.get(topic, begin), ends.next))
