"""What a check of a log works with: members of groups that remember what they were told, and deadlines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final, cast

from sightline.bus.log import Consumer, Ends, Event, Gained, Log, Lost, Position, Start
from sightline.bus.names import Topics
from sightline.bus.promise import Feature, Message
from sightline.bus.trial import Trial, expect, publish_all, values

_TURN_S: Final = 0.02


class Member:
    """A consumer, what it was told, and what it got; polled by one thread."""

    def __init__(self, log: Log, topics: Topics, group: str | None, begin: Start) -> None:
        self.events: list[Event] = []
        self.got: list[Message] = []
        self.held: dict[str, Position] = {}
        self.on_gained: Callable[[Consumer, Gained], None] = lambda _consumer, _gained: None
        self.consumer = log.consume(topics, group=group, start=begin, on_event=self._told)

    def poll(self, most: int = 100, timeout_s: float = _TURN_S) -> list[Message]:
        fresh = self.consumer.poll(most, timeout_s)
        strange = {message.topic for message in fresh} - set(self.held)
        expect(strange, set(), "messages of topics that it was not told of")
        self.got += fresh
        return fresh

    def _told(self, consumer: Consumer, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Gained):
            expect(set(event.positions) & set(self.held), set(), "topics gained that it has")
            self.held.update(event.positions)
            self.on_gained(consumer, event)
        elif isinstance(event, Lost):
            expect(event.topics - set(self.held), frozenset(), "topics lost that it has not")
            for topic in event.topics:
                del self.held[topic]


class LogTrial(Trial):
    """What one check of a log has."""

    history_bytes = 0

    def log(self) -> Log:
        bus = self.bus()
        expect(Feature.LOG in bus.features, True, "a bus that is a log")
        return cast("Log", bus)

    def put(self, log: Log, topic: str, messages: list[bytes], behind: int = 0) -> None:
        """Publishes, and waits until the log has it, and so many that were published before."""
        ends = log.ends(topic).get(topic, Ends(0, 0)) if not behind else Ends(0, 0)
        publish_all(log, topic, messages)
        end = ends.next + behind + len(messages)
        self.wait(lambda: topic in (now := log.ends(topic)) and now[topic].next >= end, "messages in the log")

    def member(self, log: Log, topics: Topics, group: str | None = None, begin: Start = "earliest") -> Member:
        member = Member(log, topics, group and self.topic(group), begin)
        expect(member.consumer.ready(self.timeout_s), True, f"a consumer ready within {self.timeout_s} s")
        return member

    def turn(self, members: Iterable[Member], done: Callable[[], bool], what: str) -> None:
        """Polls one after the other until `done`."""
        until = time.monotonic() + self.timeout_s
        while not done():
            expect(time.monotonic() < until, True, f"{what} within {self.timeout_s} s")
            for member in members:
                member.poll()

    def share(self, members: list[Member], topics: Iterable[str]) -> None:
        """Polls until the members have all topics between them, evenly, and no topic twice."""
        all_topics = sorted(topics)

        def shared() -> bool:
            shares = [len(member.held) for member in members]
            held = sorted(topic for member in members for topic in member.held)
            return held == all_topics and max(shares) - min(shares) <= 1

        self.turn(members, shared, f"{len(all_topics)} topics shared by {len(members)} members")

    def get(self, member: Member, count: int) -> list[bytes]:
        """The next `count` values, and a failure where others or fewer come."""
        before = len(member.got)
        until = time.monotonic() + self.timeout_s
        while (missing := before + count - len(member.got)) > 0 and time.monotonic() < until:
            member.poll(missing, until - time.monotonic())
        expect(len(member.got) - before, count, f"messages within {self.timeout_s} s")
        return values(member.got[before:])

    def poll(self, member: Member, most: int) -> list[Message]:
        """What one poll gives, and a failure where nothing comes."""
        fresh = member.poll(most, self.timeout_s)
        expect(bool(fresh), True, f"a message within {self.timeout_s} s")
        return fresh

    def topics(self, count: int) -> list[str]:
        return [self.topic(f"t{number}") for number in range(count)]
