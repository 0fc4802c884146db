"""What a consumer of Kafka holds: where it is in each topic, what was fetched, and what is to be told. Pure.

A topic is fetched from `fetch` on, and read by `poll` from `next` on; what lies between waits here. What is
paused, or sought away from, is thrown away and fetched again: so little waits that it is not worth keeping.
What librdkafka has to be told is said by `moves`; whoever holds the lines tells it, between two fetches, so
that nothing comes of a topic that is from where it was before.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from itertools import takewhile
from typing import Final, NamedTuple

from sightline.bus.log import EVICTED, Event, Gained, Gap, Lost, Position, first_messages
from sightline.bus.promise import Message
from sightline.errors import BusError
from sightline.overflow import BufferStats

MOST_BYTES: Final = 4 * 1024 * 1024
MOST_MESSAGES: Final = 4096
_MANY: Final = 64


class Moves(NamedTuple):
    """What changes of what is fetched: topics that are not to be, and those that are, from where on."""

    stop: frozenset[str]
    begin: dict[str, int]
    behind: frozenset[str] = frozenset()
    """Of those that begin, the ones that have much to come."""


class _Line:
    """One topic that is held."""

    __slots__ = ("bytes", "end", "fetch", "gaps", "items", "next")

    def __init__(self, offset: int, end: int) -> None:
        self.next = self.fetch = offset
        self.end = end
        self.items: deque[Message | Gap] = deque()
        self.bytes = 0
        self.gaps = 0

    def messages(self) -> Iterable[Message]:
        """Those before the next gap."""
        if not self.gaps:
            return self.items  # type: ignore[return-value]  # there are no others
        return takewhile(_is_message, self.items)  # type: ignore[arg-type]

    def clear(self, offset: int) -> int:
        """Begins again at an offset; so many messages are thrown away."""
        count = len(self.items) - self.gaps
        self.items.clear()
        self.bytes = self.gaps = 0
        self.next = self.fetch = offset
        return count


class Lines:
    """The topics of one consumer."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._turns: dict[str, None] = {}  # topics with something to give, in the order of their turns
        self._events: deque[Event] = deque()
        self._failures: deque[BusError] = deque()
        self._paused: set[str] = set()
        self._fetched: set[str] = set()
        self._moved: set[str] = set()
        self._stalled = False
        self._gapped: set[str] = set()
        self._bytes = self._held = 0
        self._peak: Counter[str] = Counter()
        self._came: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._evicted: Counter[str] = Counter()
        self._dropped: dict[str, Counter[str]] = {}

    # What is held.

    @property
    def topics(self) -> frozenset[str]:
        return frozenset(self._lines)

    @property
    def resting(self) -> frozenset[str]:
        """Topics that are not fetched, so that nobody tells of their ends."""
        return frozenset(self._lines.keys() - self._fetched)

    def gain(self, positions: Mapping[str, Position], ends: Mapping[str, int]) -> None:
        for topic, position in positions.items():
            self._lines[topic] = _Line(position.offset, ends[topic])
            self._moved.add(topic)
        if positions:
            self._events.append(Gained(dict(positions)))

    def lose(self, topics: Iterable[str]) -> None:
        lost = frozenset(topics) & self._lines.keys()
        for topic in lost:
            self._clear(topic, 0, "lost")
            del self._lines[topic]
            self._moved.add(topic)
        if lost:
            self._events.append(Lost(lost))

    def positions(self) -> dict[str, int]:
        return {topic: line.next for topic, line in self._lines.items()}

    def at(self, topic: str) -> int | None:
        """Where it is fetched next; None where it is not held."""
        line = self._lines.get(topic)
        return None if line is None else line.fetch

    def lag(self) -> dict[str, int]:
        return {topic: max(line.end, line.fetch) - line.next for topic, line in self._lines.items()}

    def ended(self, ends: Mapping[str, int]) -> None:
        """The ends of these topics, as a fetch or the broker told them."""
        for topic in ends.keys() & self._lines.keys():
            self._lines[topic].end = ends[topic]

    def behind(self, ends: Collection[str]) -> bool:
        """Whether something of these topics is to be fetched, and more of it is there than came."""
        fetched = self._fetched & self._lines.keys() & frozenset(ends)
        return any(self._lines[topic].end > self._lines[topic].fetch for topic in fetched)

    # What is fetched.

    def fetch_all_anew(self) -> None:
        """Of another client, which was told nothing so far."""
        self._fetched.clear()
        self._moved |= self._lines.keys()

    def moves(self) -> Moves:
        """What changed since this was last asked for; to be done before more is fetched."""
        stop = frozenset(self._moved & self._fetched)
        begin = {
            topic: self._lines[topic].fetch
            for topic in self._moved & self._lines.keys()
            if not self._stalled and topic not in self._paused
        }
        self._fetched = (self._fetched - stop) | begin.keys()
        self._moved.clear()
        behind = frozenset(topic for topic, at in begin.items() if self._lines[topic].end - at > _MANY)
        return Moves(stop, begin, behind)

    @property
    def is_full(self) -> bool:
        """Whether enough waits; when it is stalled, until half of that is gone."""
        share = 0.5 if self._stalled else 1.0
        return self._bytes > share * MOST_BYTES or self._held > share * MOST_MESSAGES

    @property
    def is_stalled(self) -> bool:
        return self._stalled

    def stall(self, *, on: bool) -> None:
        """Fetches nothing, or again."""
        if self._stalled != on:
            self._stalled = on
            self._moved |= self._lines.keys()

    def put(self, message: Message) -> None:
        topic = message.topic
        self._came[topic] += 1
        line = self._lines.get(topic)
        if line is None or topic in self._moved or topic not in self._fetched:
            self._drop(topic, "moved", 1)
            return
        line.items.append(message)
        line.fetch = message.offset + 1
        size = message.size
        line.bytes += size
        self._bytes += size
        self._held += 1
        self._peak[topic] = max(self._peak[topic], len(line.items))
        if topic not in self._paused:
            self._turns[topic] = None

    def reached(self, topic: str, offset: int) -> None:
        """Nothing more is to be fetched before `offset`, whatever lies between."""
        line = self._lines.get(topic)
        if line is None or topic in self._moved or topic not in self._fetched:
            return
        line.fetch = max(line.fetch, offset)
        if not line.items:
            line.next = line.fetch

    def missing(self, topic: str, first: int) -> None:
        """The log has lost what comes before `first`, or, from before that, what was to be fetched."""
        line = self._lines.get(topic)
        if line is None:
            return
        if line.fetch < first:
            line.items.append(Gap(topic, line.fetch, first))
            line.gaps += 1
            self._gapped.add(topic)
            line.fetch = first
            if topic not in self._paused:
                self._turns[topic] = None
        self._moved.add(topic)

    def fetch_again(self, topic: str, offset: int | None = None) -> None:
        line = self._lines.get(topic)
        if line is not None:
            line.fetch = line.fetch if offset is None else offset
            self._moved.add(topic)

    def fail(self, error: BusError) -> None:
        """One `poll` raises it."""
        self._failures.append(error)

    # What the reader does.

    def due(self, most: int) -> Event | list[Message]:
        """What happened, one at a time; then messages. Raises BusError for what failed."""
        if self._events:
            return self._events.popleft()
        if self._failures:
            raise self._failures.popleft()
        gap = self._gap()
        return gap if gap is not None else self._taken(most)

    def seek(self, topic: str, offset: int) -> None:
        self._clear(topic, offset, "seek")
        self._moved.add(topic)

    def pause(self, topics: frozenset[str]) -> None:
        for topic in (topics - self._paused) & self._lines.keys():
            self._clear(topic, self._lines[topic].next, "paused")
            self._moved.add(topic)
        self._paused |= topics

    def resume(self, topics: frozenset[str]) -> None:
        self._moved |= topics & self._paused & self._lines.keys()
        self._paused -= topics

    def close(self) -> None:
        for topic, line in self._lines.items():
            self._clear(topic, line.next, "closed")

    def stats(self, topic: str | None) -> BufferStats:
        topics = tuple(self._came | self._evicted) if topic is None else (topic,)
        came = sum(self._came[name] for name in topics)
        left = sum(self._left[name] for name in topics)
        evicted = sum(self._evicted[name] for name in topics)
        dropped = Counter({EVICTED: evicted})
        for name in topics:
            dropped.update(self._dropped.get(name, {}))
        lines = [self._lines[name] for name in topics if name in self._lines]
        held_bytes = sum(line.bytes for line in lines)
        return BufferStats(
            entered=came + evicted,
            left=left,
            dropped=dict(+dropped),
            held=sum(len(line.items) - line.gaps for line in lines),
            held_bytes=held_bytes,
            peak_held=sum(self._peak[name] for name in topics),
            refused=0,
            fill=min(1.0, held_bytes / MOST_BYTES),
        )

    def _gap(self) -> Gap | None:
        for topic in self._gapped & self._turns.keys():
            line = self._lines[topic]
            if isinstance(gap := line.items[0], Gap):
                line.items.popleft()
                line.gaps -= 1
                line.next = gap.next
                self._evicted[topic] += gap.next - gap.first
                if not line.gaps:
                    self._gapped.discard(topic)
                if not line.items:
                    line.next = line.fetch
                    del self._turns[topic]
                return gap
        return None

    def _taken(self, most: int) -> list[Message]:
        taken = first_messages(most, {topic: self._lines[topic].messages() for topic in self._turns})
        for message in taken:
            line = self._lines[message.topic]
            line.items.popleft()
            line.next = message.offset + 1
            size = message.size
            line.bytes -= size
            self._bytes -= size
            self._left[message.topic] += 1
        self._held -= len(taken)
        for topic in dict.fromkeys(message.topic for message in taken):
            del self._turns[topic]  # whose turn it was is last the next time
            line = self._lines[topic]
            if line.items:
                self._turns[topic] = None
            else:
                line.next = line.fetch
        return taken

    def _clear(self, topic: str, offset: int, reason: str) -> None:
        line = self._lines[topic]
        self._bytes -= line.bytes
        count = line.clear(offset)
        self._held -= count
        self._drop(topic, reason, count)
        self._turns.pop(topic, None)
        self._gapped.discard(topic)

    def _drop(self, topic: str, reason: str, count: int) -> None:
        if count:
            self._dropped.setdefault(topic, Counter())[reason] += count


def _is_message(item: Message | Gap) -> bool:
    return isinstance(item, Message)
