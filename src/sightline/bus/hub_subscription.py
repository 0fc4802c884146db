"""A reader of a bus over a hub. `sightline.bus.Subscription` says what its methods do.

What waits for it waits on the hub. Where a reader brings functions of its own that tell keys or keyframes,
the hub cannot know what they say: its messages are sent as they come, and wait in an `Inbox` here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from types import TracebackType
from typing import Final, Self

import msgspec

from sightline.bus.hub_feed import HubFeed
from sightline.bus.hub_thread import HubThread
from sightline.bus.inbox import Inbox, total
from sightline.bus.log import first_messages
from sightline.bus.names import Topics, topic_names, wanted_topics
from sightline.bus.promise import Message
from sightline.errors import Closed
from sightline.hub.client.positions import Gap
from sightline.hub.client.reading import Prefetch
from sightline.hub.settings import MIB, ReaderBuffer
from sightline.hub.wire.control import Attached, Detached
from sightline.overflow import BufferStats, Capacity, Overflow, Reason

_ON_THE_HUB: Final = frozenset(Reason)
"""Reasons of drops that the hub counts. A gap of another reason was never in a buffer there."""
_AHEAD: Final = ReaderBuffer(messages=None, bytes=64 * MIB)
_PREFETCH: Final = Prefetch(messages=1024)
_NOTHING: Final = BufferStats(
    entered=0, left=0, dropped={}, held=0, held_bytes=0, peak_held=0, refused=0, fill=0.0
)


class _Counts:
    """Of one topic.

    Attributes:
        came, left: messages that came here, and that the application has.
        gaps: messages that are missing, as far as we know, by reason.
        before: those of `came` and of the hub's own drops in `gaps` that were before the present connection.
        hub: the counts on the hub when it was last asked.
    """

    def __init__(self) -> None:
        self.came = self.left = 0
        self.gaps: Counter[str] = Counter()
        self.came_before = 0
        self.dropped_before: Counter[str] = Counter()
        self.hub = _NOTHING

    def begin(self) -> None:
        """Read anew, over another connection or from another hub: what the hub counts begins anew."""
        self.came_before = self.came
        self.dropped_before = Counter({why: n for why, n in self.gaps.items() if why in _ON_THE_HUB})
        self.hub = _NOTHING

    def stats(self, unreadable: int, *, closed: bool) -> BufferStats:
        hub = self.hub
        elsewhere = Counter({why: n for why, n in self.gaps.items() if why not in _ON_THE_HUB})
        lost = self.dropped_before + elsewhere
        entered = self.came_before + lost.total() + hub.entered
        dropped = lost + Counter(hub.dropped) + Counter(unreadable=unreadable)
        held = entered - self.left - dropped.total()
        if closed:
            dropped, held = dropped + Counter({Reason.CLOSED.value: held}), 0
        return BufferStats(
            entered=entered,
            left=self.left,
            dropped=dict(dropped),
            held=held,
            held_bytes=0 if closed else hub.held_bytes,
            peak_held=hub.peak_held,
            refused=0,
            fill=0.0 if closed else hub.fill,
        )


class HubSubscription:
    """A reader whose messages wait on the hub.

    Args:
        thread: of the handle.
        topics, capacity, overflow: as `sightline.bus.Bus.subscribe` has them, and checked.
        on_close: called when it closes.
    """

    def __init__(
        self,
        thread: HubThread,
        topics: Topics,
        capacity: Capacity,
        overflow: Overflow,
        on_close: Callable[[HubSubscription], None],
    ) -> None:
        buffer = ReaderBuffer(
            messages=capacity.count,
            bytes=capacity.bytes,
            age_s=capacity.age_s,
            overflow=overflow,
            unbounded=capacity.endless,
        )
        self._thread = thread
        self._on_close = on_close
        self._feed = HubFeed(thread, wanted_topics(topics), buffer, self._noticed)
        self._counts: dict[str, _Counts] = {}
        self._aside: dict[str, deque[Message]] = {}  # what came, and was not asked for when it did
        self._paused: frozenset[str] = frozenset()
        self._closed = False
        thread.run(self._feed.begin())

    def ready(self, timeout_s: float) -> bool:  # noqa: ARG002 - the hub knew of it when it was made
        return True

    def poll(self, max_messages: int, timeout_s: float) -> list[Message]:
        self._check_open()
        return self._thread.run(self._polled(max_messages, timeout_s))

    def pause(self, topics: str | Iterable[str]) -> None:
        names = topic_names(topics)
        self._paused |= names
        self._thread.run(self._feed.pause(names, on=True))

    def resume(self, topics: str | Iterable[str]) -> None:
        names = topic_names(topics)
        self._paused -= names
        self._thread.run(self._feed.pause(names, on=False))
        self._thread.run(self._rouse())

    def stats(self, topic: str | None = None) -> BufferStats:
        with contextlib.suppress(Closed):
            if not self._closed:
                self._thread.run(self._ask())
        return total(
            counts.stats(self._feed.unreadable[name], closed=self._closed)
            for name, counts in tuple(self._counts.items())
            if topic in (None, name)
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

    # In the loop of the thread.

    async def end(self) -> None:
        if not self._closed:
            await self._ask()
            self._closed = True
            await self._feed.end()

    async def _rouse(self) -> None:
        self._feed.inbox.bell.ring()

    async def _ask(self) -> None:
        for topic, hub in (await self._feed.stats() or {}).items():
            self._of(topic).hub = hub

    async def _polled(self, most: int, timeout_s: float) -> list[Message]:
        self._check_open()
        await self._feed.wait(most, self._is_due, timeout_s)
        self._check_open()
        self._sort()
        taken = first_messages(most, self._live())
        for message in taken:
            self._aside[message.topic].popleft()
            self._counts[message.topic].left += 1
        if not taken:
            self._feed.check()
        return taken

    def _is_due(self) -> bool:
        self._sort()
        return self._closed or self._feed.inbox.failure is not None or any(self._live().values())

    def _live(self) -> dict[str, deque[Message]]:
        return {topic: line for topic, line in self._aside.items() if topic not in self._paused}

    def _sort(self) -> None:
        for item in self._feed.came():
            if isinstance(item, Gap):
                self._of(item.channel).gaps[item.reason] += item.messages
            else:
                self._of(item.topic).came += 1
                self._aside.setdefault(item.topic, deque()).append(item)

    def _noticed(self, notice: Attached | Detached) -> None:
        if isinstance(notice, Attached):
            self._sort()
            self._of(notice.name).begin()

    def _of(self, topic: str) -> _Counts:
        return self._counts.setdefault(topic, _Counts())

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("this subscription is closed")


class HubInbox(Inbox):
    """A reader whose messages wait here, as what it drops is for its own functions to say.

    Args are those of `HubSubscription` and of `Inbox`.
    """

    def __init__(
        self,
        thread: HubThread,
        topics: Topics,
        capacity: Capacity,
        overflow: Overflow,
        on_close: Callable[[HubInbox], None],
        *,
        key: Callable[[Message], Hashable] | None,
        keyframe: Callable[[Message], bool] | None,
    ) -> None:
        super().__init__(topics, capacity, overflow, key=key, keyframe=keyframe)
        self._thread = thread
        self._left_us = on_close
        self._feed = HubFeed(thread, self.wanted, _AHEAD, lambda _notice: None, prefetch=_PREFETCH)
        self._gaps: dict[str, Counter[str]] = {}
        thread.run(self._begin())

    def stats(self, topic: str | None = None) -> BufferStats:
        stats = super().stats(topic)
        missing: Counter[str] = Counter()
        for name, gaps in tuple(self._gaps.items()):
            missing += gaps if topic in (None, name) else Counter()
        dropped = dict(Counter(stats.dropped) + missing)
        return msgspec.structs.replace(stats, entered=stats.entered + missing.total(), dropped=dropped)

    def close(self) -> None:
        self._left_us(self)
        super().close()
        with contextlib.suppress(Closed):
            self._thread.run(self.end())

    # In the loop of the thread.

    async def end(self) -> None:
        super().close()
        await self._feed.end()

    async def _begin(self) -> None:
        await self._feed.begin()
        self._pumping = asyncio.get_running_loop().create_task(self._pump())

    async def _pump(self) -> None:
        inbox = self._feed.inbox
        while inbox.failure is None:
            await inbox.bell.wait_async(lambda: inbox.something, None)
            items = self._feed.came()
            with self.lock:
                for item in items:
                    if isinstance(item, Gap):
                        self._gaps.setdefault(item.channel, Counter())[item.reason] += item.messages
                    else:
                        self.put(item)
