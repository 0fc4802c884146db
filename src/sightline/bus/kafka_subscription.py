"""A reader of a bus over Kafka. `sightline.bus.Subscription` says what its methods do.

What waits for it waits in its `Inbox`; one thread moves messages there from one consumer of librdkafka, which
is assigned by hand: no group has to agree first. Topics that were there begin at their end, those that appear
later at their first message; they are looked for twice a second, at first sooner, while some are wanted. A
topic that was deleted and made again is read from its first message too; where it had as many messages as the
one before it when it was first fetched, some of them come before those that stand before them, and again.

Where nothing may be dropped, what a topic has no room for waits aside. At 128 messages or 2 MiB of them that
topic is paused at the consumer, and no other is; it goes on at half. Not sooner, as to pause throws away what
was fetched ahead, and to go on takes up to a tenth of a second. A message above the capacity itself, which
another program may have published, is refused and counted.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Final, Literal

from sightline.bus.inbox import Inbox
from sightline.bus.kafka_ids import KafkaIds
from sightline.bus.kafka_reader import Item, KafkaReader, Trouble
from sightline.bus.names import Topics
from sightline.bus.promise import Message
from sightline.errors import BufferFull, BusError
from sightline.log import get_logger
from sightline.overflow import Capacity, Overflow

_LOOK_FIRST_S: Final = 0.05
_LOOK_S: Final = 0.5
_WAIT_S: Final = 0.1  # as long may closing take
_AT_ONCE: Final = 128
_AT_ONCE_ASIDE: Final = 16
_ASIDE_MESSAGES: Final = 128
_ASIDE_BYTES: Final = 2 * 1024 * 1024


class _Line:
    """What waits aside of one topic."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._bytes = 0

    def append(self, message: Message) -> None:
        self._messages.append(message)
        self._bytes += message.size

    def first(self) -> Message | None:
        return self._messages[0] if self._messages else None

    def remove_first(self) -> None:
        self._bytes -= self._messages.popleft().size

    def is_filled(self, share: float) -> bool:
        return len(self._messages) >= share * _ASIDE_MESSAGES or self._bytes >= share * _ASIDE_BYTES


class KafkaSubscription(Inbox):
    """One reader.

    Args:
        reader: its consumer, which is closed with it.
        ids: tells which topics were made again.
        topics, capacity, overflow, key, keyframe: as `sightline.bus.Bus.subscribe` has them.
        max_message_bytes: the most that a message of this bus may weigh.
        on_close: called when it closes.
    """

    def __init__(
        self,
        reader: KafkaReader,
        ids: KafkaIds,
        topics: Topics,
        capacity: Capacity,
        overflow: Overflow,
        *,
        key: Callable[[Message], Hashable] | None,
        keyframe: Callable[[Message], bool] | None,
        max_message_bytes: int,
        on_close: Callable[[Inbox], None],
    ) -> None:
        super().__init__(
            topics,
            capacity,
            overflow,
            key=key,
            keyframe=keyframe,
            max_message_bytes=max_message_bytes,
            on_close=on_close,
        )
        self._reader = reader
        self._ids = ids
        self._next: dict[str, int] = {}
        self._went_back: set[str] = set()
        self._logger = get_logger(__name__)
        self._keeps_all = overflow is Overflow.BLOCK
        self._most_bytes = capacity.bytes if self._keeps_all else None
        self._aside: dict[str, _Line] = {}
        self._stopped: set[str] = set()
        self._assigned: set[str] = set()
        self._refused: set[str] = set()
        self._first: frozenset[str] | None = None
        self._look_s = 0.0
        self._look_again_s = _LOOK_FIRST_S
        self._began = threading.Event()
        self._failure: BusError | None = None
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="kafka subscription", daemon=True)
        self._thread.start()

    def ready(self, timeout_s: float) -> bool:
        return self._began.wait(timeout_s) and self._failure is None

    def close(self) -> None:
        super().close()  # first of all: from then on nobody asks the consumer for anything
        self._ending = True
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _taken(self, most: int) -> list[Message]:
        taken = super()._taken(most)
        if self._aside and self._failure is None:
            self._go_on()
        if not taken and self._failure is not None:
            raise BusError(str(self._failure))
        return taken

    def _go_on(self) -> None:
        """Lets in what waits aside, and fetches the topics of which little does. With the lock held."""
        for topic, line in tuple(self._aside.items()):
            while (message := line.first()) is not None and self.has_room(message):
                self.put(message)
                line.remove_first()
            if message is None:
                del self._aside[topic]
        free = self._stopped - {topic for topic, line in self._aside.items() if line.is_filled(0.5)}
        if free:
            self._reader.resume(free)
            self._stopped -= free

    # In the thread.

    def _run(self) -> None:
        most = _AT_ONCE_ASIDE if self._keeps_all else _AT_ONCE
        try:
            while not self._ending:
                self._look()
                self._take_in(self._reader.consume(most, _WAIT_S))
        except Exception as error:  # noqa: BLE001 - told to whoever polls
            self._fail(error if isinstance(error, BusError) else BusError(f"reading Kafka failed: {error!r}"))
        finally:
            self._reader.close()

    def _fail(self, error: BusError) -> None:
        with self.lock:
            self._failure = error
            self._arrived.notify_all()
        self._began.set()

    def _look(self) -> None:
        """Looks for topics that are wanted and not known, and for those that were made again."""
        if time.monotonic() < self._look_s:
            return
        missing = self.wanted - self._assigned if isinstance(self.wanted, frozenset) else self.wanted
        with contextlib.suppress(BusError):  # a broker that is away is waited for
            if missing:
                self._begin(self._reader.topics(missing).keys() - self._assigned)
            self._begin_again(self._ids.changed(self._assigned))
        self._look_s = time.monotonic() + self._look_again_s
        self._look_again_s = min(2 * self._look_again_s, _LOOK_S)

    def _begin(self, new: set[str]) -> None:
        if self._first is None:
            self._first = frozenset(new)
        starts: dict[str, int | Literal["earliest"]] = dict.fromkeys(new - self._first, "earliest")
        starts |= {topic: ends.next for topic, ends in self._reader.ends(new & self._first).items()}
        if starts:
            self._reader.assign(starts)
            self._assigned |= starts.keys()
        if self._first <= self._assigned:
            self._began.set()

    def _begin_again(self, topics: frozenset[str]) -> None:
        """These were made again; librdkafka goes on where it was, unless that is behind the end."""
        passed_over = topics - self._went_back - self._refused
        self._went_back -= topics
        if passed_over:
            with self.lock:
                if self._closed:
                    return
                self._stopped -= passed_over
                self._reader.unassign(passed_over)
                self._reader.assign(dict.fromkeys(passed_over, "earliest"))
            for topic in passed_over:
                self._next.pop(topic, None)

    def _take_in(self, items: Iterable[Item]) -> None:
        with self.lock:
            if self._closed:
                return
            for item in items:
                if isinstance(item, Trouble):
                    self._heed(item)
                elif isinstance(item, Message):
                    self._enter(item)
            if self._aside:
                self._go_on()  # what is held may have grown too old
            full = {topic for topic, line in self._aside.items() if line.is_filled(1)} - self._stopped
            if full:
                self._reader.pause(full)
                self._stopped |= full

    def _enter(self, message: Message) -> None:
        if message.offset < self._next.get(message.topic, 0):
            self._went_back.add(message.topic)
        self._next[message.topic] = message.offset + 1
        if self._most_bytes is not None and message.size > self._most_bytes:
            with contextlib.suppress(BufferFull):  # and is counted as refused
                self.put(message)
        elif message.topic not in self._aside and self.has_room(message):
            self.put(message)
        else:
            self._aside.setdefault(message.topic, _Line()).append(message)

    def _heed(self, trouble: Trouble) -> None:
        """What is for good ends a reader by names; one by a pattern passes the topic over."""
        if not trouble.lasting:
            return
        if isinstance(self.wanted, frozenset) or trouble.topic is None:
            raise trouble.error
        self._logger.warning("topic passed over", topic=trouble.topic, reason=str(trouble.error))
        self._refused.add(trouble.topic)
        self._reader.unassign([trouble.topic])
