"""A consumer of the log that a hub keeps. `sightline.bus.Consumer` says what its methods do.

Positions of a group are the hub's. A consumer without a group is the only member of one without a name; when
its connection was lost, it goes on from where it was by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from types import TracebackType
from typing import Final, Self

from sightline.bus.hub_feed import HubFeed
from sightline.bus.hub_thread import ANSWER_S, HubThread
from sightline.bus.log import (
    EVICTED,
    Event,
    Gained,
    Gap,
    Lost,
    OnEvent,
    Position,
    Start,
    first_messages,
)
from sightline.bus.names import Wanted, other_topics, topic_names
from sightline.bus.promise import Message
from sightline.errors import BusError, Closed, ConfigError, HubError
from sightline.hub.client.positions import HUB_RESTART
from sightline.hub.client.positions import Gap as Missing
from sightline.hub.settings import ReaderBuffer
from sightline.hub.wire.control import Attached, Code, Commit, Committed, Detached, Seek
from sightline.overflow import BufferStats

_STARTS: Final[dict[Start, str]] = {"earliest": "history", "latest": "new"}


class HubConsumer:
    """One member of a group, or the only one of its own.

    Args:
        thread: of the handle.
        wanted, group, start, on_event: as `sightline.bus.Log.consume` has them, and checked.
        on_close: called when it closes.
    """

    def __init__(
        self,
        thread: HubThread,
        wanted: Wanted,
        *,
        group: str | None,
        start: Start,
        on_event: OnEvent,
        on_close: Callable[[HubConsumer], None],
    ) -> None:
        self._thread = thread
        self._group = group
        self._on_event = on_event
        self._on_close = on_close
        self._feed = HubFeed(
            thread,
            wanted,
            ReaderBuffer(),
            self._noticed,
            start=_STARTS[start],
            group=group or "",
            is_due=self._is_behind,
        )
        self._next: dict[str, int] = {}  # in the order of their turns
        self._unsaid: dict[str, Position] = {}  # topics that it has, of which the texts are asked for
        self._asking = False
        self._events: deque[Event] = deque()
        self._aside: dict[str, deque[Message | Missing]] = {}
        self._seeking: dict[str, object] = {}
        self._was_at: dict[str, tuple[bytes, int]] = {}  # on an earlier connection, with its hub
        self._number = 0
        self._hub = b""
        self._paused: frozenset[str] = frozenset()
        self._came: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._dropped: dict[str, Counter[str]] = {}
        self._missed: Counter[str] = Counter()
        self._closed = False
        thread.run(self._feed.begin())

    def ready(self, timeout_s: float) -> bool:  # noqa: ARG002 - the hub knew of it when it was made
        return True

    def poll(self, max_messages: int, timeout_s: float) -> list[Message]:
        until_s = time.monotonic() + timeout_s
        while True:
            self._check_open()
            due = self._thread.run(self._due(max_messages, max(0.0, until_s - time.monotonic())))
            if isinstance(due, list):
                return due
            self._on_event(self, due)

    def pause(self, topics: str | Iterable[str]) -> None:
        names = topic_names(topics)
        self._paused |= names
        self._thread.run(self._feed.pause(names, on=True))

    def resume(self, topics: str | Iterable[str]) -> None:
        names = topic_names(topics)
        self._paused -= names
        self._thread.run(self._feed.pause(names, on=False))

    def want(self, topics: str | Iterable[str]) -> None:
        self._check_open()
        self._thread.run(self._want(other_topics(self._feed.wanted, topics)))

    def positions(self) -> dict[str, int]:
        return self._thread.run(self._positions())

    def lag(self) -> dict[str, int]:
        return self._thread.run(self._lag())

    def seek(self, topic: str, to: int | Start) -> int | None:
        self._check_open()
        if isinstance(to, int) and to < 0:
            raise ConfigError(f"expected an offset from 0 to seek in topic {topic}, got {to}")
        return self._thread.run(self._sought(topic, to))

    def commit(self, positions: Mapping[str, Position] | None = None) -> frozenset[str]:
        self._check_open()
        if self._group is None:
            raise ConfigError("a consumer without a group has nothing to commit to; name one with group=")
        return self._thread.run(self._commit(self._group, positions))

    def stats(self, topic: str | None = None) -> BufferStats:
        topics = tuple(self._came | self._missed) if topic is None else (topic,)
        came, left = sum(self._came[name] for name in topics), sum(self._left[name] for name in topics)
        missed = sum(self._missed[name] for name in topics)
        dropped = Counter({EVICTED: missed})
        for name in topics:
            dropped.update(self._dropped.get(name, {}))
        entered = came + missed
        return BufferStats(
            entered=entered,
            left=left,
            dropped=dict(+dropped),
            held=entered - left - dropped.total(),
            held_bytes=0,
            peak_held=0,
            refused=0,
            fill=0.0,
        )

    def close(self) -> None:
        self._on_close(self)
        with contextlib.suppress(Closed):
            self._thread.run(self.end())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # In the loop of the thread: what comes.

    async def end(self) -> None:
        if not self._closed:
            self._closed = True
            for topic in tuple(self._aside):
                self._forget(topic, "closed")
            await self._feed.end()

    async def _due(self, most: int, timeout_s: float) -> Event | list[Message]:
        self._check_open()
        await self._feed.wait(most, self._is_due, timeout_s)
        self._check_open()
        self._sort()
        if self._events:
            return self._events.popleft()
        taken = first_messages(most, self._live())
        for message in taken:
            self._aside[message.topic].popleft()
            self._next.pop(message.topic)  # whose turn it was is last the next time
            self._next[message.topic] = message.offset + 1
            self._left[message.topic] += 1
        if not taken:
            self._feed.check()
        return taken

    def _is_due(self) -> bool:
        self._sort()
        ended = self._closed or self._feed.inbox.failure is not None
        return ended or bool(self._events) or any(self._live().values())

    def _live(self) -> dict[str, list[Message]]:
        """What may be given out, by topic."""
        lines = {topic: self._aside.get(topic, ()) for topic in self._next if topic not in self._paused}
        return {
            topic: [item for item in takewhile(_is_message, line) if isinstance(item, Message)]
            for topic, line in lines.items()
        }

    def _sort(self) -> None:
        self._renew()
        for item in self._feed.came():
            topic = item.channel if isinstance(item, Missing) else item.topic
            if isinstance(item, Message):
                self._came[topic] += 1
            if topic in self._seeking or (topic not in self._next and topic not in self._unsaid):
                self._drop(item, "seek")
            else:
                self._aside.setdefault(topic, deque()).append(item)
        for topic in self._next.keys() & self._aside.keys():
            line = self._aside[topic]
            while line and topic not in self._paused and isinstance(first := line[0], Missing):
                line.popleft()
                self._miss(first)

    def _miss(self, missing: Missing) -> None:
        reason = HUB_RESTART if missing.reason == HUB_RESTART else EVICTED
        end = missing.last_offset + 1
        self._missed[missing.channel] += end - missing.first_offset
        self._events.append(Gap(missing.channel, missing.first_offset, end, reason))

    def _drop(self, item: Message | Missing, reason: str) -> None:
        if isinstance(item, Message):
            self._dropped.setdefault(item.topic, Counter())[reason] += 1

    def _forget(self, topic: str, reason: str) -> None:
        for item in self._aside.pop(topic, ()):
            self._drop(item, reason)

    # What it has.

    def _noticed(self, notice: Attached | Detached) -> None:
        self._sort()
        self._hub = self._thread.session.hub
        if isinstance(notice, Detached):
            self._lose([notice.name])
        elif self._group is None:
            self._gain({notice.name: Position(notice.next_offset)})
        else:
            self._unsaid[notice.name] = Position(notice.next_offset)
            self._ask_texts(self._group)
        self._feed.inbox.bell.ring()

    def _ask_texts(self, group: str) -> None:
        """What stands beside the positions of what it got: one question for all that came together."""
        if not self._unsaid or self._asking:
            return
        self._asking = True
        asked = dict(self._unsaid)

        def told(texts: dict[str, tuple[int, str]]) -> None:
            self._asking = False
            known = {topic: Position(*texts[topic]) if topic in texts else at for topic, at in asked.items()}
            self._gain({t: at for t, at in known.items() if self._unsaid.pop(t, None) is not None})
            self._feed.inbox.bell.ring()
            self._ask_texts(group)

        self._thread.ask(Committed(group=group, names=tuple(asked)), told)

    def _gain(self, positions: dict[str, Position]) -> None:
        if not positions:
            return
        gained = Gained({})
        self._events.append(gained)
        for topic, position in positions.items():
            hub, was_at = self._was_at.pop(topic, (b"", 0))
            offset = position.offset
            if hub and hub != self._hub:
                self._events.append(Gap(topic, was_at, was_at, HUB_RESTART))
                self._go_to(topic, offset := 0)
            elif hub and self._group is None:
                self._go_to(topic, offset := was_at)
            self._next[topic] = offset
            gained.positions[topic] = Position(offset, position.metadata)

    def _renew(self) -> None:
        """On a new connection it has nothing until it is told so."""
        if self._number == self._feed.subscription.number:
            return
        self._number = self._feed.subscription.number
        self._was_at.update({topic: (self._hub, offset) for topic, offset in self._next.items()})
        self._unsaid.clear()
        self._seeking.clear()
        self._asking = False
        self._lose(list(self._next))

    def _lose(self, topics: list[str]) -> None:
        held = frozenset(topics) & self._next.keys()
        for topic in topics:
            self._feed.inbox.drop("lost", topic)
            self._forget(topic, "lost")
            self._unsaid.pop(topic, None)
            self._next.pop(topic, None)
        if held:
            self._events.append(Lost(held))

    # What is asked of it.

    async def _want(self, topics: frozenset[str]) -> None:
        self._was_at = {topic: at for topic, at in self._was_at.items() if topic in topics}
        await self._feed.want(topics)

    async def _positions(self) -> dict[str, int]:
        return dict(self._next)

    async def _lag(self) -> dict[str, int]:
        ends = await self._thread.ends(self._next)
        return {topic: ends[topic].next - at for topic, at in self._next.items() if topic in ends}

    async def _is_behind(self) -> bool:
        return any(lag for topic, lag in (await self._lag()).items() if topic not in self._paused)

    async def _sought(self, topic: str, to: int | Start) -> int | None:
        self._sort()
        if topic not in self._next:
            return None
        if to == "earliest":
            to = (await self._thread.ends([topic]))[topic].first
        answered: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._go_to(topic, None if isinstance(to, str) else to, answered)
        try:
            return await asyncio.wait_for(answered, ANSWER_S)
        except TimeoutError:
            raise BusError(f"the hub did not answer within {ANSWER_S} s") from None

    def _go_to(
        self, topic: str, offset: int | None, answered: asyncio.Future[int | None] | None = None
    ) -> None:
        """What comes before the hub's answer is from where it was before."""
        token = self._seeking[topic] = object()

        def done(next_offset: int) -> None:
            if self._seeking.get(topic) is token:
                self._sort()
                del self._seeking[topic]
                self._next[topic] = next_offset
                self._forget(topic, "seek")
                sought = next_offset if offset is None else min(offset, next_offset)
                self._feed.subscription.positions.moved(topic, sought)
            settle(next_offset)

        def settle(next_offset: int | None) -> None:
            if answered is not None and not answered.done():
                answered.set_result(next_offset)

        request = Seek(number=self._feed.subscription.number, name=topic, offset=offset)
        self._thread.ask(request, done, lambda _error: settle(None))

    async def _commit(self, group: str, positions: Mapping[str, Position] | None) -> frozenset[str]:
        self._sort()
        here = {topic: Position(offset) for topic, offset in self._next.items()}
        wanted = here if positions is None else positions
        held = {topic: (at.offset, at.metadata) for topic, at in wanted.items() if topic in self._next}
        if not held:
            return frozenset()
        try:
            return frozenset(await self._thread.asked(Commit(group=group, positions=held)))
        except HubError as error:
            if error.code == Code.MISSING:  # a hub that began anew knows of no group
                return frozenset()
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("this consumer is closed")


def _is_message(item: object) -> bool:
    return isinstance(item, Message)
