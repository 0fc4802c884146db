"""One subscription of a client, for as long as the client wants it: over as many connections as that takes.

Pure, as what it holds. The hub knows it by another number on each connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from sightline.hub.client.handshake import key_proof
from sightline.hub.client.positions import Positions
from sightline.hub.client.reading import Inbox
from sightline.hub.wire.control import Attached, Detached, Notice, Subscribe
from sightline.overflow import Overflow


class Subscription:
    """What was asked for, what came, and how far.

    Attributes:
        inbox: what waits for the application.
        number: the hub's word for it on the present connection.
        feeds: the names of the channels that it reads now, by the feed's number.
        paused: channels whose feeds are passed over.
    """

    def __init__(
        self,
        wish: Subscribe,
        inbox: Inbox,
        *,
        key: str | None = None,
        on_notice: Callable[[Notice], object] | None = None,
    ) -> None:
        self.inbox = inbox
        self.number = 0
        self.hub = b""
        self.feeds: dict[int, str] = {}
        self.paused: set[str] = set()
        self.positions = Positions()
        self._wish = wish
        self._key = key
        self.on_notice = on_notice

    @property
    def group(self) -> str | None:
        return self._wish.group

    @property
    def waits(self) -> bool:
        """Whether channels that are not there are waited for."""
        return self._wish.wait

    @property
    def _decodes(self) -> bool:
        return self.group is None and self._wish.buffer.overflow is Overflow.DROP_TO_KEYFRAME

    def want(self, names: Iterable[str]) -> tuple[str, ...]:
        """Other channels are wished for from now on; the names as they are told to the hub."""
        self._wish = msgspec.structs.replace(self._wish, names=tuple(sorted(names)))
        return self._wish.names

    def request(self, number: int, nonce: bytes, *, again: bool) -> Subscribe:
        """What to ask of the hub; `again`: it was granted before, so its channels will come."""
        self.number = number
        self.feeds.clear()
        self.inbox.begin()
        if self.group is not None:
            self.inbox.drop("disconnected")  # the group goes on from its own position
        name = self._wish.names[0] if self._wish.names else ""
        return msgspec.structs.replace(
            self._wish,
            number=number,
            wait=again or self._wish.wait,
            proof=key_proof(self._key, nonce, name),
            seen={} if self.group is not None else dict(self.positions.seen()),
            whole=self.positions.whole() if self._decodes else (),
        )

    def attached(self, notice: Attached, hub: bytes) -> None:
        self.feeds[notice.feed] = notice.name
        gap = None
        if self.group is None:
            gap = self.positions.attached(notice.name, hub, notice.next_offset)
        else:
            self.positions.began(notice.name, hub, notice.next_offset)
        if gap is not None:
            self.inbox.missed(gap)
        self._tell(notice)

    def detached(self, notice: Detached) -> None:
        self.feeds.pop(notice.feed, None)
        self.positions.detached(notice.name, notice.reason)
        self._tell(notice)

    def _tell(self, notice: Attached | Detached) -> None:
        if self.on_notice is not None:
            self.on_notice(notice)
