"""The two ends of one edge."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from sightline.pipe.message import Message
from sightline.pipe.settings import WireSettings


class Inlet(Protocol):
    """Where messages of an edge go: that of `sightline.pipe.inlet`."""

    def put_many(self, messages: list[Message], source: str) -> int:
        """Take these in order, from the first on; how many it took. Never waits."""

    def room(self, source: str) -> int:
        """How many of this source it would take now."""

    def ended(self, source: str) -> None:
        """Nothing more comes of this source."""


class EdgeStats(msgspec.Struct, frozen=True, kw_only=True):
    """An edge's counts at the end where it comes in: came = taken + waiting + unreadable."""

    came: int
    taken: int
    waiting: int
    unreadable: int


class Outlet:
    """Where a routine's messages leave its flow for one routine of another.

    `stats()` gives `BufferStats` that add up: entered = left + dropped by reason + held; `left` are those that the other
    flow has read, `held` those on their way. Reasons besides those of overflow: `away` (no such flow now),
    `lost` (it died with them under way), `unsendable` (they cannot be pickled).
    """

    def __init__(self, settings: WireSettings, transmitter: Any = None) -> None: ...

    def put(self, message: Message) -> None:
        """Send it, or drop it by the wire's rule (live), or wait (lossless). Raises Closed after `close`."""

    def ended(self) -> None:
        """Nothing more comes; the other end is told so behind the last message."""

    def close(self) -> None:
        """Let nothing more in; who waits in `put` gets Closed. What is held and not sent is dropped."""
