"""How an application gets what came: at once, or by waiting in a thread or in a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from sightline.errors import ConfigError
from sightline.hub.client.link import Link
from sightline.hub.client.positions import Gap
from sightline.hub.client.reading import Inbox, ReaderStats
from sightline.hub.client.runs import Message
from sightline.hub.client.subscription import Subscription

Take: TypeAlias = Callable[[int], list[Any]]


class Reader:
    """What waits here of one subscription. It may be used from any thread, and directly.

    Iterating gives the values that wait here, and ends when there are none; `len` says how many there are.
    Without prefetch nothing comes but while somebody waits.
    """

    def __init__(self, link: Link, subscription: Subscription) -> None:
        self.subscription = subscription
        self._link = link
        self._inbox: Inbox = subscription.inbox

    def __len__(self) -> int:
        return len(self._inbox)

    def __iter__(self) -> Iterator[Any]:
        while values := self.take(1):
            yield from values

    @property
    def gaps(self) -> Sequence[Gap]:
        """The last 1000 gaps that the application has come past."""
        return tuple(self._inbox.gaps)

    def stats(self) -> ReaderStats:
        return self._inbox.stats()

    def take(self, most: int) -> list[Any]:
        """At most so many values of those that wait here, maybe none."""
        return self._taken(self._inbox.values, most)

    # One of these three is `of` below.

    @property
    def values(self) -> Take:
        return self._inbox.values

    @property
    def messages(self) -> Take:
        return self._inbox.messages

    @property
    def messages_and_gaps(self) -> Callable[[int], list[Message | Gap]]:
        return self._inbox.next_or_gap

    def get(self, of: Take, most: int, timeout_s: float | None) -> list[Any]:
        """What there is, once there is something; after the time an empty list. Blocks."""
        _check_most(most)
        taken = self._taken(of, most)
        if taken or timeout_s == 0:
            return taken
        self._link.check_may_block()
        with _Wish(self, most):
            return self._inbox.bell.wait(lambda: self._taken_if_any(of, most), timeout_s)

    async def get_async(self, of: Take, most: int, timeout_s: float | None) -> list[Any]:
        """As `get`, without blocking the running loop."""
        _check_most(most)
        taken = self._taken(of, most)
        if taken or timeout_s == 0:
            return taken
        with _Wish(self, most):
            return await self._inbox.bell.wait_async(lambda: self._taken_if_any(of, most), timeout_s)

    def want(self, messages: int) -> None:
        """Without prefetch: somebody waits for so many, or (less than 0) no longer does."""
        if not self._inbox.prefetch.messages:
            self._inbox.want(messages)
            self._link.owe_credit(self.subscription)

    def _taken_if_any(self, of: Take, most: int) -> list[Any]:
        return self._taken(of, most) if self._inbox.something else []

    def _taken(self, of: Take, most: int) -> list[Any]:
        taken = of(most)
        if self._inbox.claim_credit():
            self._link.owe_credit(self.subscription)
        return taken


def _check_most(most: int) -> None:
    if most < 1:
        raise ConfigError(f"expected to be asked for 1 message or more, got {most}")


class _Wish:
    """Somebody waits for messages, for as long as this is entered."""

    def __init__(self, reader: Reader, most: int) -> None:
        self._reader = reader
        self._most = most

    def __enter__(self) -> None:
        self._reader.want(self._most)

    def __exit__(self, *_exc: object) -> None:
        self._reader.want(-self._most)
