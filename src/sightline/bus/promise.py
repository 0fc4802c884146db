"""What a bus promises, whatever broker is behind it.

Publish and subscribe, synchronous, safe from any thread. Each subscription gets every message that is
published on its topics once it is ready, in the order of each topic; topics appear with their first message.
A reader that is slow has its own bound: what happens at it (`Overflow`) is the reader's choice.

Deliberately not here: groups that share the work, positions to come back to, lag. They are a log's:
`sightline.bus.log`.

`sightline.testing.check_bus` holds a back end to all of this. The shape was tried on librdkafka and its mock
cluster before it was settled, which taught:

- A subscription becomes ready some time after it was made: hence `ready(timeout_s)`. Assigning partitions by
  hand takes milliseconds, joining a consumer group over three seconds; only a log's groups need one.
- A topic that appears later is read from its first message: a broker has to be asked for new topics, and
  what was published before the answer is waiting there.
- Order holds within one partition. A topic that spreads over several loses its order and the meaning of
  `offset`, so a back end publishes all of a topic to one.
- Two handles on one broker are two senders: their messages may arrive in another order than they were
  published in, until the first is closed.
- A broker may stamp messages in whole milliseconds, so `timestamp_ns` is promised no finer.
- No key and an empty key are two things; a value or a header that is absent reads as `b""`.
- Bounds hold for each topic of a subscription. One bound for all would let a paused or busy camera push
  out its neighbours. Where nothing may be lost, a back end stops fetching the full topic and no other.
- `poll` must wake when somebody closes, and no client library's own poll does: messages wait in an `Inbox`.
- `publish` may return before the broker has the message. Where it is refused later, the next `publish` or
  `close` raises `BusError`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from sightline.bus.names import Topics
from sightline.overflow import BufferStats, Capacity, Overflow
from sightline.wire import Headers

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""The most that a message may weigh unless a bus is opened with another limit; 4K keyframes are near 2 MB."""


class Feature(StrEnum):
    """What a back end may lack. Where it does, it refuses with `Unsupported`, and the error names this."""

    PATTERNS = "patterns"
    """`subscribe` takes a compiled pattern."""
    PAUSE = "pause"
    """`pause` and `resume`."""
    BLOCK = "block"
    """`Overflow.BLOCK`: nothing is lost to a slow reader; publishers wait, or the broker keeps it."""
    LOG = "log"
    """`consume`, `compact`, `committed` and `ends`: the second promise, `sightline.bus.Log`."""


class Message(msgspec.Struct, frozen=True):
    """One message as it came off a topic.

    Attributes:
        topic: where it was published.
        value: its bytes.
        key: the publisher's key; None where it gave none.
        headers: names and values in the publisher's order; a name may come more than once.
        offset: rises within the topic.
        timestamp_ns: UTC ns at which it was published, exact to the millisecond.
        keyframe: whether its publisher said that decoding may begin at it.
    """

    topic: str
    value: bytes
    key: bytes | None
    headers: Headers
    offset: int
    timestamp_ns: int
    keyframe: bool = False

    @property
    def size(self) -> int:
        """Bytes of its value, key and headers."""
        size = len(self.value) + len(self.key or b"")
        for (
            name,
            value,
        ) in self.headers:  # a plain loop: it runs several times a message
            size += len(name) + len(value)
        return size


class Subscription(Protocol):
    """One reader's messages. Any thread may use it; a `with` block closes it."""

    def ready(self, timeout_s: float) -> bool:
        """Waits until all that is published from now on will come; False when it took longer."""

    def poll(self, max_messages: int, timeout_s: float) -> list[Message]:
        """1 to `max_messages`, as soon as there is one; [] when none came within `timeout_s` seconds.

        Topics take turns, so that none waits for a busier one.

        Raises:
            Closed: the subscription or its bus was closed on this side, before or meanwhile.
            BusError: the broker broke off for good.
        """

    def pause(self, topics: str | Iterable[str]) -> None:
        """`poll` passes these over until `resume`; a topic that is not there yet may be named.

        Their messages stay under the bounds and the policy of the subscription: a live one goes on
        dropping and counting, and with `Overflow.BLOCK` publishers wait or the broker keeps them.
        """

    def resume(self, topics: str | Iterable[str]) -> None:
        """Undoes `pause`. What was held comes first."""

    def stats(self, topic: str | None = None) -> BufferStats:
        """The counts of one topic, or of all: then `fill` is that of the fullest and `peak_held` the sum."""

    def close(self) -> None:
        """Ends it. What it still held is dropped and counted; a waiting `poll` raises at once."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Bus(Protocol):
    """A broker, as one user of it sees it. Any thread may use it; a `with` block closes it."""

    @property
    def features(self) -> frozenset[str]:
        """What of `Feature` it has."""

    @property
    def max_message_bytes(self) -> int:
        """The most that a message may weigh, its key and headers included."""

    def publish(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        keyframe: bool = False,
    ) -> None:
        """Hands a message to everyone who reads `topic`; nobody reading is no error.

        Args:
            topic: where to.
            value: its bytes.
            key: what it is the newest of (`Overflow.LATEST_PER_KEY`), and for brokers that sort by it.
            headers: what goes beside it.
            keyframe: whether decoding may begin at it (`Overflow.DROP_TO_KEYFRAME`).

        Raises:
            ConfigError: `topic` is not 1 to 249 letters, digits, dots, underscores and hyphens.
            BufferFull: the message is above `max_message_bytes`.
            Closed: this bus was closed, before or while waiting for a reader.
            BusError: the broker refused this message or an earlier one.
        """

    def subscribe(
        self,
        topics: Topics,
        *,
        capacity: Capacity,
        overflow: Overflow,
        key: Callable[[Message], Hashable] | None = None,
        keyframe: Callable[[Message], bool] | None = None,
    ) -> Subscription:
        """A reader of one topic, several, or all that match a pattern, now and later.

        Args:
            topics: a name, names, or a compiled pattern that has to match the whole name.
            capacity: how much of *each topic* waits for `poll`.
            overflow: what happens beyond that: `BLOCK` where nothing may be lost (files, replay), any
                of the dropping ones for live work. `RAISE` is refused: it would fail the publisher.
            key: what a message replaces its like by, where that is not its own key.
            keyframe: whether decoding may begin at a message, where its publisher does not say so.
                Where these two are not given, a broker can drop what is late before it sends it.

        Raises:
            ConfigError: a topic or the capacity is wrong, or does not go with the policy.
            Unsupported: the broker lacks a `Feature` that this needs.
            Closed: this bus was closed.
        """

    def wait_wanted(self, topic: str, timeout_s: float) -> bool:
        """Waits until somebody would get what is published on `topic`; False when it took longer.

        True where somebody reads it, and always of a log, which keeps it for those who come later. What is
        published while it is False is lost. Of readers that came or went it may know some seconds late.

        Raises:
            ConfigError: as `publish`.
            Closed: this bus was closed, before or meanwhile.
            BusError: the broker does not take this topic from us.
        """

    def close(self) -> None:
        """Ends it and its subscriptions; what was published is delivered first. Again is allowed."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
