"""Messages that wait for one reader: the half of a subscription that all back ends share.

One bounded buffer a topic, under one lock, and the line of topics that have something. A back end puts
messages in as they come; `poll` takes them out by turns. What a full buffer does is decided by
`sightline.overflow`, and nothing is decided here about how messages come.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable
from types import TracebackType
from typing import Self

from sightline.bus.names import Topics, is_wanted, topic_names, wanted_topics
from sightline.bus.promise import MAX_MESSAGE_BYTES, Message
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, ConfigError
from sightline.overflow import BufferStats, Capacity, Overflow, OverflowBuffer


class Inbox:
    """What waits for one reader.

    Args:
        topics, capacity, overflow, key, keyframe: as `sightline.bus.Bus.subscribe` has them.
        max_message_bytes: the most that a message of this bus may weigh.
        on_close: called first of all when the reader closes: puts nothing more in after that.
        lock: guards it; the inboxes of one broker may share theirs.
        clock: its monotonic time ages the messages.

    Raises:
        ConfigError: a topic or the capacity is wrong, or does not go with the policy.
    """

    def __init__(
        self,
        topics: Topics,
        capacity: Capacity,
        overflow: Overflow,
        *,
        key: Callable[[Message], Hashable] | None = None,
        keyframe: Callable[[Message], bool] | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        on_close: Callable[[Inbox], None] = lambda _inbox: None,
        lock: threading.Lock | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        check_policy(capacity, overflow, max_message_bytes)
        self.wanted = wanted_topics(topics)
        self._overflow = overflow
        self._retry_s = capacity.age_s
        self._new_buffer: Callable[[], OverflowBuffer[Message]] = lambda: OverflowBuffer(
            capacity, overflow, size=_size, key=key or _key, keyframe=keyframe or _keyframe
        )
        self._new_buffer()  # wrong settings are refused now, and not when the first message comes
        self._clock = clock
        self._on_close = on_close
        self.lock = lock or threading.Lock()
        self._room = threading.Condition(self.lock)
        self._arrived = threading.Condition(self.lock)
        self._buffers: dict[str, OverflowBuffer[Message]] = {}
        self._line: OrderedDict[str, None] = OrderedDict()
        self._paused: set[str] = set()
        self._closed = False

    # For the back end: each of these is called with the lock held.

    def wants(self, topic: str) -> bool:
        return is_wanted(topic, self.wanted)

    def has_room(self, message: Message) -> bool:
        """Whether `put` may be called: always, but where the policy is to wait."""
        if self._overflow is not Overflow.BLOCK or message.topic not in self._buffers:
            return True
        return self._buffers[message.topic].fits(message, self._clock.monotonic_ns())

    def wait_for_room(self) -> None:
        """Waits until there may be room, or `give_up_waiting` is called; look again after it."""
        self._room.wait(self._retry_s)

    def give_up_waiting(self) -> None:
        self._room.notify_all()

    def put(self, message: Message) -> None:
        buffer = self._buffers.get(message.topic)
        if buffer is None:
            buffer = self._buffers[message.topic] = self._new_buffer()
        buffer.offer(message, self._clock.monotonic_ns())
        if len(buffer) and message.topic not in self._paused:
            self._line[message.topic] = None
            self._arrived.notify()

    # For the reader: as `sightline.bus.Subscription` says.

    def ready(self, timeout_s: float) -> bool:  # noqa: ARG002 - where a reader is known at once
        return True

    def poll(self, max_messages: int, timeout_s: float) -> list[Message]:
        with self.lock:
            return self._arrived.wait_for(lambda: self._taken(max_messages), timeout_s)

    def pause(self, topics: str | Iterable[str]) -> None:
        with self.lock:
            for topic in topic_names(topics):
                self._paused.add(topic)
                self._line.pop(topic, None)

    def resume(self, topics: str | Iterable[str]) -> None:
        with self.lock:
            for topic in topic_names(topics):
                self._paused.discard(topic)
                if len(self._buffers.get(topic, ())):
                    self._line[topic] = None
            self._arrived.notify_all()

    def stats(self, topic: str | None = None) -> BufferStats:
        with self.lock:
            return total(buffer.stats() for name, buffer in self._buffers.items() if topic in (None, name))

    def close(self) -> None:
        self._on_close(self)
        with self.lock:
            self._closed = True
            for buffer in self._buffers.values():
                buffer.discard()
            self._arrived.notify_all()
            self._room.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _taken(self, most: int) -> list[Message]:
        if self._closed:
            raise Closed("this subscription is closed")
        now_ns = self._clock.monotonic_ns()
        taken: list[Message] = []
        while self._line and len(taken) < most:
            topic, _ = self._line.popitem(last=False)
            buffer = self._buffers[topic]
            message = buffer.take(now_ns)  # None where all that it held had grown too old
            if message is not None:
                taken.append(message)
            if len(buffer):
                self._line[topic] = None
        if self._overflow is Overflow.BLOCK:
            self._room.notify_all()
        return taken


def _size(message: Message) -> int:
    return message.size


def _key(message: Message) -> bytes | None:
    return message.key


def _keyframe(message: Message) -> bool:
    return message.keyframe


def check_policy(capacity: Capacity, overflow: Overflow, max_message_bytes: int) -> None:
    """Raises ConfigError where a subscription cannot hold to this."""
    if overflow is Overflow.RAISE:
        raise ConfigError("a subscription cannot raise when it is full: the publisher would get the error")
    if overflow is Overflow.BLOCK and (capacity.bytes or max_message_bytes) < max_message_bytes:
        raise ConfigError(
            f"expected a capacity of at least {max_message_bytes} bytes, the largest message of this bus, "
            f"where nothing may be dropped; got {capacity.bytes}"
        )


def total(parts: Iterable[BufferStats]) -> BufferStats:
    """The counts of all topics together, as `Subscription.stats` has them."""
    all_parts = tuple(parts)
    dropped: Counter[str] = Counter()
    for part in all_parts:
        dropped.update(part.dropped)
    return BufferStats(
        entered=sum(part.entered for part in all_parts),
        left=sum(part.left for part in all_parts),
        dropped=dict(dropped),
        held=sum(part.held for part in all_parts),
        held_bytes=sum(part.held_bytes for part in all_parts),
        peak_held=sum(part.peak_held for part in all_parts),
        refused=sum(part.refused for part in all_parts),
        fill=max((part.fill for part in all_parts), default=0.0),
    )
