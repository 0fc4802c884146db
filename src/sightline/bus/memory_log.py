"""A consumer of the log in memory: it reads what the broker kept, from where it stands, and holds nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

from sightline.bus.group import Group
from sightline.bus.history import Kept
from sightline.bus.log import EVICTED, Event, Gained, Gap, Lost, OnEvent, Position, Start, first_messages
from sightline.bus.names import topic_names
from sightline.bus.promise import Message
from sightline.errors import Closed, ConfigError
from sightline.overflow import BufferStats


class MemoryConsumer:
    """`sightline.bus.Consumer` says what its methods do.

    Args:
        group: that it is a member of; its own where it reads alone.
        commits: whether it may commit to its group.
        histories: of all topics.
        on_event: as `sightline.bus.Log.consume` has it.
        on_close: called first of all when it closes.
        lock: of the broker.
    """

    def __init__(
        self,
        group: Group[MemoryConsumer],
        histories: Mapping[str, Kept],
        *,
        commits: bool,
        on_event: OnEvent,
        on_close: Callable[[MemoryConsumer], None],
        lock: threading.Lock,
    ) -> None:
        self.group = group
        self._histories = histories
        self._commits = commits
        self._on_event = on_event
        self._on_close = on_close
        self._lock = lock
        self._arrived = threading.Condition(lock)
        self._next: dict[str, int] = {}  # in the order of their turns
        self._events: list[Event] = []
        self._paused: set[str] = set()
        self._left: Counter[str] = Counter()
        self._evicted: Counter[str] = Counter()
        self._closed = False

    # For the broker: each of these is called with the lock held.

    def tell(self, event: Gained | Lost) -> None:
        if isinstance(event, Lost):
            for topic in event.topics:
                del self._next[topic]
        else:
            for topic, position in event.positions.items():
                self._next[topic] = min(position.offset, self._histories[topic].next)
        self._events.append(event)
        self._arrived.notify()

    def wake(self) -> None:
        """To be called when a topic that it holds has something new."""
        self._arrived.notify()

    # For the reader.

    def ready(self, timeout_s: float) -> bool:  # noqa: ARG002 - it is a member at once
        return True

    def poll(self, max_messages: int, timeout_s: float) -> list[Message]:
        until_s = time.monotonic() + timeout_s
        while isinstance(due := self._await(max_messages, until_s - time.monotonic()), Gained | Lost | Gap):
            self._on_event(self, due)
        return due

    def pause(self, topics: str | Iterable[str]) -> None:
        with self._lock:
            self._paused |= topic_names(topics)

    def resume(self, topics: str | Iterable[str]) -> None:
        with self._lock:
            self._paused -= topic_names(topics)
            self._arrived.notify_all()

    def want(self, topics: str | Iterable[str]) -> None:
        with self._lock:
            self._check_open()
            for consumer, event in self.group.want(self, topics, alone=not self._commits):
                consumer.tell(event)

    def positions(self) -> dict[str, int]:
        with self._lock:
            return dict(self._next)

    def lag(self) -> dict[str, int]:
        with self._lock:
            return {topic: self._histories[topic].next - offset for topic, offset in self._next.items()}

    def seek(self, topic: str, to: int | Start) -> int | None:
        with self._lock:
            self._check_open()
            if topic not in self._next:
                return None
            history = self._histories[topic]
            offset = history.first if to == "earliest" else history.next if to == "latest" else to
            if offset < 0:
                raise ConfigError(f"expected an offset from 0 to seek in topic {topic}, got {offset}")
            self._next[topic] = min(offset, history.next)
            self._arrived.notify_all()
            return max(self._next[topic], history.first)

    def commit(self, positions: Mapping[str, Position] | None = None) -> frozenset[str]:
        if not self._commits:
            raise ConfigError("a consumer without a group has nothing to commit to; name one with group=")
        with self._lock:
            self._check_open()
            here = {topic: Position(offset) for topic, offset in self._next.items()}
            return self.group.commit(self, here if positions is None else positions)

    def stats(self, topic: str | None = None) -> BufferStats:
        with self._lock:
            left = self._left.total() if topic is None else self._left[topic]
            evicted = self._evicted.total() if topic is None else self._evicted[topic]
        return BufferStats(
            entered=left + evicted,
            left=left,
            dropped={EVICTED: evicted} if evicted else {},
            held=0,
            held_bytes=0,
            peak_held=0,
            refused=0,
            fill=0.0,
        )

    def close(self) -> None:
        self._on_close(self)
        with self._lock:
            self._closed = True
            self._arrived.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _await(self, most: int, timeout_s: float) -> Event | list[Message]:
        with self._lock:
            return self._arrived.wait_for(lambda: self._due(most), timeout_s)

    def _due(self, most: int) -> Event | list[Message]:
        """What happened, one at a time; then messages, of which it knows by then that none is missing."""
        self._check_open()
        live = [topic for topic in self._next if topic not in self._paused]
        for topic in live:
            self._look_for_a_gap(topic)
        if self._events:
            return self._events.pop(0)
        taken = first_messages(
            most, {topic: self._histories[topic].since(self._next[topic]) for topic in live}
        )
        for message in taken:
            self._next.pop(message.topic)  # whose turn it was is last the next time
            self._next[message.topic] = message.offset + 1
            self._left[message.topic] += 1
        return taken

    def _look_for_a_gap(self, topic: str) -> None:
        first, offset = self._histories[topic].lost_before, self._next[topic]
        if offset < first:
            self._events.append(Gap(topic, offset, first))
            self._evicted[topic] += first - offset
            self._next[topic] = first

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("this consumer is closed")
