"""What a log promises on top of a bus: messages that stay for a while, and readers who come back to them.

A log keeps what was published, so a `Consumer` reads from where it wants, again if need be. Consumers that
name the same group share its topics, a topic to one member; the group's positions outlive its members. Each
group, and each consumer without one, gets all messages.

What a group was given and did not commit is given out again, to whoever holds the topic by then: at least
once. Nothing is committed but by `commit`. Where a group begins in a topic is settled, as if committed, when
a member first gets it: one that dies before its first commit has lost nothing for its group.

A bus that is no log lacks `Feature.LOG`, and its `consume` raises `Unsupported`.

Deliberately not here: transactions, which publish and commit as one. What a back end fetches ahead of `poll`
is bounded and its own business. How long messages and positions stay is the broker's setting, not a reader's.

`sightline.testing.check_log` holds a back end to all of this. The shape was settled with three in mind:

- A group changes while its members work, and a broker says so in threads and at moments of its own. Here
  changes are told by `on_event` within `poll`, before it returns messages of the topics concerned, so that a
  reader needs no lock for what it keeps for each topic. One thread polls a consumer.
- A topic may be another's before its former holder learns of it. So what depends on holding a topic (`seek`,
  `commit`) does not raise when it went: it says what stands.
- Text beside a position is what a reader needs to go on, such as where the keyframe before it is: hence
  `Gained` has both. Kafka keeps 4095 bytes of it.
- What a broker no longer has is not passed over in silence: it is a `Gap`, and counted.

A topic may be compacted (`Log.compact`): the last message of each key stays, however old it is and whatever
else comes. Who begins at "earliest" gets it; of those that it took the place of, some or none. That these are
missing is no `Gap`. An empty value says that the key is gone: it is a message like others to whoever reads,
and sooner or later the log may forget the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from sightline.bus.names import Topics
from sightline.bus.promise import Bus, Message, Subscription
from sightline.errors import ConfigError

MAX_METADATA_BYTES: Final = 4095
"""Of the text beside a position, in UTF-8; as Kafka has it (`offset.metadata.max.bytes`)."""

COMPACTED_BYTES: Final = 256 * 1024**2
"""What a broker of ours keeps of a compacted topic; then the keys written to least recently make room."""

EVICTED: Final = "evicted"
"""Reason of a gap, and of a drop: the log no longer had these messages when their turn came."""

Start: TypeAlias = Literal["earliest", "latest"]
"""The oldest message that the log has, or what is published from now on."""


class Position(msgspec.Struct, frozen=True):
    """How far a group has come in a topic: the offset that comes next, and a text beside it."""

    offset: int
    metadata: str = ""

    def __post_init__(self) -> None:
        size = len(self.metadata.encode())
        if self.offset < 0 or size > MAX_METADATA_BYTES:
            raise ConfigError(
                f"expected an offset from 0 and at most {MAX_METADATA_BYTES} bytes of metadata, "
                f"got {self.offset} and {size} bytes"
            )


class Ends(msgspec.Struct, frozen=True):
    """What a log has of a topic: the offsets from `first` up to but not including `next`.

    Of a compacted topic it may have none of some between; a lag counts these too.
    """

    first: int
    next: int


class Gained(msgspec.Struct, frozen=True):
    """These topics are this consumer's now; each goes on from its position, unless it seeks."""

    positions: dict[str, Position]


class Lost(msgspec.Struct, frozen=True):
    """These topics are not this consumer's any more: another member may be reading them already."""

    topics: frozenset[str]


class Gap(msgspec.Struct, frozen=True):
    """Messages of a topic from offset `first` up to `next` will not come: the log has lost them."""

    topic: str
    first: int
    next: int
    reason: str = EVICTED


Event: TypeAlias = Gained | Lost | Gap


class Consumer(Subscription, Protocol):
    """A reader of a log: a subscription that knows where it stands.

    Of `Subscription`, two things are more exact here. `poll` gives out topic by topic, each in the order of
    its offsets, and still lets no topic wait for a busier one. `stats` counts what was fetched: what is read
    again after a `seek` counts again, what was evicted is dropped, and `held` is what was fetched and not
    polled. What waits in the log is `lag`.

    A paused topic stays this consumer's; its messages wait in the log.
    """

    def want(self, topics: str | Iterable[str]) -> None:
        """Reads these from now on, and no others; none at all will do, and it waits for some.

        What it holds of them is untouched. A topic that is new begins as `start` said when the consumer was
        made; one that it comes back to begins so again, or at its group's position. `Gained` and `Lost` tell
        of both within `poll`, and what was fetched of a topic that is not wanted is dropped and counted.

        Raises:
            ConfigError: a topic is no name, or this consumer has those that match a pattern.
            Closed, BusError: as `poll`.
        """

    def positions(self) -> dict[str, int]:
        """For each topic that it holds, the offset that `poll` gives next."""

    def lag(self) -> dict[str, int]:
        """For each topic that it holds, how many offsets lie between its position and the end."""

    def seek(self, topic: str, to: int | Start) -> int | None:
        """Goes on at an offset. What the log no longer has is told as a `Gap`; beyond its end is its end.

        Returns:
            The offset that comes next; None where this consumer does not hold the topic.

        Raises:
            ConfigError: `to` is below 0.
            Closed, BusError: as `poll`.
        """

    def commit(self, positions: Mapping[str, Position] | None = None) -> frozenset[str]:
        """Settles from where its group goes on should this consumer leave; returns when the broker has it.

        Args:
            positions: by topic; None: `positions()`, with no text beside them.

        Returns:
            The topics for which it stands; one that this consumer does not hold any more is not among them.

        Raises:
            ConfigError: this consumer has no group.
            Closed, BusError: as `poll`.
        """


OnEvent: TypeAlias = Callable[[Consumer, Event], None]
"""Told within `poll`, in its thread, before messages of the topics concerned. It may seek and commit."""


def _ignore(_consumer: Consumer, _event: Event) -> None: ...


IGNORED: Final[OnEvent] = _ignore
"""For whoever needs none of the events; gaps still are counted."""


class Log(Bus, Protocol):
    """A bus that keeps what was published. It has `Feature.LOG`."""

    def consume(
        self,
        topics: Topics,
        *,
        group: str | None = None,
        start: Start = "latest",
        on_event: OnEvent = IGNORED,
    ) -> Consumer:
        """A reader of one topic, several, or all that match a pattern, now and later.

        It is never slower than it wants at another's cost: the log is its buffer, and publishers do not wait.

        Args:
            topics: as `subscribe` has them.
            group: named as a topic is. Its members share: each topic goes to one that wants it, evenly, and
                few change hands when a member comes or goes. None: it reads alone, and commits nothing.
            start: where to begin in topics that are there and of which the group has no position. One that
                appears later is read from its first message.
            on_event: what happens to it, `Gained`, `Lost` and `Gap`.

        Raises:
            ConfigError: a topic or the group is no name.
            Unsupported: the bus keeps nothing, or lacks a `Feature` that this needs.
            Closed: this bus was closed.
        """

    def compact(self, topics: str | Iterable[str]) -> None:
        """These topics keep the last message of each key; they are made where they are missing.

        Each handle that writes to such a topic is to call this first: it then insists on a key, and tells
        brokers of the like of Kafka that a key is gone; a broker that lost all makes the topic so again. In
        what a broker of ours keeps, keys written to least recently make room beyond `COMPACTED_BYTES`:
        whoever was still to get them is told of a `Gap`.

        Raises:
            ConfigError: a topic is no name, or is there and keeps its messages in another way. From then on,
                `publish` raises it for a message without a key.
            Unsupported: the bus keeps nothing.
            Closed, BusError: as `Subscription.poll`.
        """

    def committed(self, group: str, topics: str | Iterable[str]) -> dict[str, Position]:
        """How far a group has come in these topics; those in which it never began are missing."""

    def ends(self, topics: str | Iterable[str]) -> dict[str, Ends]:
        """What the log has of these topics; those that it does not know are missing."""


def no_key(topic: str) -> ConfigError:
    """For whoever publishes so."""
    return ConfigError(f"expected a message with a key: topic {topic} keeps the last of each key")


def not_compacted(topic: str, keeps: str) -> ConfigError:
    """For whoever wants it compacted."""
    return ConfigError(
        f"expected topic {topic} to keep the last message of each key, but it is there and keeps {keeps}: "
        "delete it, or take another name"
    )


def first_messages(most: int, waiting: Mapping[str, Iterable[Message]]) -> list[Message]:
    """At most `most` of what waits, topic by topic; each topic gives one a turn until there are enough."""
    lines = {topic: iter(messages) for topic, messages in waiting.items()}
    taken: dict[str, list[Message]] = {topic: [] for topic in lines}
    count = 0
    while lines and count < most:
        for topic in list(lines)[: most - count]:
            message = next(lines[topic], None)
            if message is None:
                del lines[topic]
            else:
                taken[topic].append(message)
                count += 1
    return [message for messages in taken.values() for message in messages]
