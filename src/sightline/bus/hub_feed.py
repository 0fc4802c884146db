"""What a handle on a hub reads of it, pulled: nothing is sent but while somebody waits for it.

So what waits, waits in the buffer on the hub, under the policy that its reader chose. All of it is for the
loop of the handle's `HubThread`.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from sightline.bus.hub_thread import HubThread
from sightline.bus.names import Wanted, is_wanted, literal_prefix
from sightline.bus.promise import Message
from sightline.errors import BusError, Closed, HubError, SightlineError, WireError
from sightline.hub.client import runs
from sightline.hub.client.positions import Gap
from sightline.hub.client.reading import Inbox, Prefetch
from sightline.hub.client.subscription import Subscription
from sightline.hub.settings import ReaderBuffer
from sightline.hub.wire.control import (
    Attached,
    Code,
    Detached,
    Exclude,
    Notice,
    Pause,
    Subscribe,
    SubscriptionStats,
    Want,
)
from sightline.overflow import BufferStats

PULLED: Final = Prefetch(messages=0)
GLANCE_S: Final = 1.0
"""How long a `poll` that may not wait does wait for what is on its way."""

OnNotice: TypeAlias = Callable[[Attached | Detached], None]


class HubFeed:
    """One subscription on the hub.

    Args:
        thread: of the handle.
        wanted: topics by name, or all that match a pattern: the hub gives those that begin alike, and gets
            back the others.
        buffer: what the hub holds of each topic.
        on_notice: told when a topic that is wanted begins or ends to be read, before messages of it come.
        start, group: as `Subscribe` has them.
        prefetch: what is sent ahead; nothing as a rule.
        is_due: whether the hub has something for us, where its counts do not say so.
    """

    def __init__(
        self,
        thread: HubThread,
        wanted: Wanted,
        buffer: ReaderBuffer,
        on_notice: OnNotice,
        *,
        start: str = "new",
        group: str | None = None,
        prefetch: Prefetch = PULLED,
        is_due: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        named = isinstance(wanted, frozenset)
        wish = Subscribe(
            number=0,
            names=tuple(sorted(wanted)) if isinstance(wanted, frozenset) else (),
            glob=None if isinstance(wanted, frozenset) else literal_prefix(wanted) + "*",
            buffer=buffer,
            start=start,
            wait=named,
            group=group,
        )
        self.inbox = Inbox(prefetch)
        self.subscription = Subscription(wish, self.inbox, on_notice=self._noticed)
        self._thread = thread
        self.wanted = wanted
        self._on_notice = on_notice
        self._is_due = is_due
        self._number = self._received_before = 0
        self.unreadable: Counter[str] = Counter()

    async def begin(self) -> None:
        """Raises ConfigError and HubError where the hub refuses, and BusError where it does not answer."""
        await self._thread.subscribe(self.subscription)

    async def end(self) -> None:
        """Whoever waits gets `Closed`."""
        self.inbox.fail(Closed("this subscription is closed"))
        self._thread.unsubscribe(self.subscription)

    def came(self) -> list[Message | Gap]:
        """All that has come, of topics that are wanted, and was not yet taken from here."""
        taken: list[Message | Gap] = []
        while self.inbox.something:
            try:
                items = self.inbox.next_or_gap()
            except WireError:
                continue
            except SightlineError:  # nothing is left but what ended it
                break
            taken += [item for each in items for item in self._read(each)]
        if self.inbox.claim_credit():
            self._thread.link.owe_credit(self.subscription)
        return taken

    async def wait(self, most: int, done: Callable[[], bool], timeout_s: float) -> None:
        """Until `done`, or the time is over; meanwhile so many messages may come.

        With no time at all it comes back after the hub's answer to whether there is something, and with that.
        """
        if done():
            return
        link = self._thread.link
        self.inbox.want(most)
        link.owe_credit(self.subscription)
        try:
            if timeout_s > 0:
                await self.inbox.bell.wait_async(done, timeout_s)
            elif link.alive:
                # The credit goes first, so that the answer tells what comes by it.
                self._thread.give_credit(self.subscription)
                if await self._comes():
                    await self.inbox.bell.wait_async(done, GLANCE_S)
        finally:
            self.inbox.want(-most)
            link.owe_credit(self.subscription)

    def check(self) -> None:
        """Raises what ended it."""
        if self.inbox.failure is not None:
            raise self.inbox.failure

    async def want(self, topics: frozenset[str]) -> None:
        """Read these by name from now on. Raises ConfigError and HubError where the hub refuses."""
        self.wanted = topics
        names = self.subscription.want(topics)
        try:
            await self._thread.asked(Want(number=self.subscription.number, names=names))
        except HubError as error:
            if error.code != Code.MISSING:  # else it is told on a new connection, by the new wish
                raise

    async def pause(self, topics: frozenset[str], *, on: bool) -> None:
        paused = self.subscription.paused
        paused.update(topics) if on else paused.difference_update(topics)
        with contextlib.suppress(BusError):  # it is told again when the connection is made again
            await self._thread.asked(Pause(number=self.subscription.number, names=tuple(topics), on=on))

    async def stats(self) -> dict[str, BufferStats] | None:
        """The counts on the hub, by topic; None: it cannot be asked now."""
        if not self._thread.link.alive:
            return None
        request = SubscriptionStats(number=self.subscription.number)
        try:
            stats: dict[str, BufferStats] = await self._thread.link.request(request, GLANCE_S)
        except (SightlineError, TimeoutError):
            return None
        return {topic: counts for topic, counts in stats.items() if is_wanted(topic, self.wanted)}

    async def _comes(self) -> bool:
        """Whether the hub has something for us, or sent it."""
        if self._is_due is not None:
            return await self._is_due()
        stats = await self.stats() or {}
        sent = sum(counts.left for counts in stats.values())
        paused = self.subscription.paused
        held = any(counts.held for topic, counts in stats.items() if topic not in paused)
        return held or sent > self.inbox.stats().received - self._received_before

    def _noticed(self, notice: Notice) -> None:
        if not isinstance(notice, Attached | Detached):
            return
        if self._number != self.subscription.number:  # of a new connection
            self._number = self.subscription.number
            self._received_before = self.inbox.stats().received
        # By names the hub gives no others, but for what was on its way when fewer were wanted.
        if isinstance(self.wanted, frozenset) or is_wanted(notice.name, self.wanted):
            self._on_notice(notice)
        elif isinstance(notice, Attached):
            self._thread.ask(Exclude(number=notice.subscription, feed=notice.feed))

    def _read(self, item: runs.Message | Gap) -> list[Message | Gap]:
        if not is_wanted(item.channel, self.wanted):
            self._thread.link.owe_credit(self.subscription)  # it had some of what was given to others
            return []
        if isinstance(item, Gap):
            return [item]
        if not isinstance(item.value, bytes | bytearray | memoryview):
            self.unreadable[item.channel] += 1  # of another kind of writer
            return []
        return [
            Message(
                item.channel,
                bytes(item.value),
                item.key,
                item.headers,
                item.offset,
                item.time_ns,
                item.keyframe,
            )
        ]
