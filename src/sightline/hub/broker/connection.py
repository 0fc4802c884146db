"""One connection as the broker sees it: what waits to be sent on it, and who speaks on it.

It has no socket: a shell takes what is to be written from `lanes` whenever the connection is among the
dirty ones, and ends it when `ending` is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from sightline.hub.settings import KIB, MIB
from sightline.hub.wire.control import Notice
from sightline.hub.wire.header import Buffer, Head, Kind
from sightline.hub.wire.lanes import Lanes, LargeCalls

if TYPE_CHECKING:
    from sightline.hub.broker.calls import Service
    from sightline.hub.broker.channel import Writer
    from sightline.hub.broker.hearing import Hearing
    from sightline.hub.broker.session import Session
    from sightline.hub.broker.subscription import Subscription
    from sightline.hub.broker.timers import Timer
    from sightline.shm.held import Peer

SMALL_BYTES: Final = 64 * KIB
"""Frames up to this size go before all data; larger ones take their turn with it."""

MOST_PENDING_BYTES: Final = 64 * MIB
"""Calls and their answers that wait for one connection; beyond, they fail."""
MOST_UNREAD_BYTES: Final = 2 * MOST_PENDING_BYTES
"""All that waits for one connection and is no data; beyond, it ends."""

encode: Final = msgspec.msgpack.Encoder().encode


class Connection:
    """One connection.

    Attributes:
        address: of the other end, for people.
        attached, calls: services that it may call, and its calls in flight by its own numbers.
        session: who speaks, once that is settled.
        ending: why it is to be closed, once it is.
        heard_ns: when the last frame came, monotonic.
        ping_ns: how long the last round trip took; None: not known yet.
        pings, pongs: how many were sent to it and came back.
        hearings: what waits until it has answered its ping of that number.
        side: the name of the side socket for clients that come as this one did; None: there is none.
        share: its other end of that, where it has one.
        received_bytes, sent_bytes, pending_bytes: kept by the shell, for the statistics.
    """

    __slots__ = (
        "_dirty",
        "_large",
        "acks",
        "address",
        "attached",
        "calls",
        "connected_ns",
        "ending",
        "heard_ns",
        "hearings",
        "lanes",
        "nonce",
        "pending_bytes",
        "ping_ns",
        "pings",
        "pongs",
        "received_bytes",
        "sent_bytes",
        "session",
        "share",
        "side",
        "subscriptions",
        "timer",
        "watching",
        "writers",
    )

    def __init__(
        self,
        address: str,
        nonce: bytes,
        dirty: dict[Connection, None],
        now_ns: int,
        side: bytes | None = None,
    ) -> None:
        self.address = address
        self.nonce = nonce
        self.side = side
        self.share: Peer | None = None
        self.session: Session | None = None
        self.ending: str | None = None
        self.connected_ns = self.heard_ns = now_ns
        self.ping_ns: int | None = None
        self.pings = self.pongs = 0
        self.hearings: dict[Hearing, int] = {}
        self.received_bytes = self.sent_bytes = self.pending_bytes = 0
        self.lanes = Lanes()
        self.writers: dict[int, Writer] = {}
        self.subscriptions: dict[int, Subscription] = {}
        self.acks: dict[Writer, None] = {}
        self.attached: set[int] = set()
        self.calls: dict[int, tuple[Service, int]] = {}
        self.watching = False
        self.timer: Timer | None = None
        self._large = LargeCalls()
        self.lanes.add(self._large)
        self._dirty = dirty

    @property
    def name(self) -> str:
        return self.session.name if self.session else ""

    @property
    def is_full(self) -> bool:
        """Whether so much waits for it that it gets no more calls, and no answers to its own."""
        return self.unread_bytes > MOST_PENDING_BYTES

    @property
    def unread_bytes(self) -> int:
        """What waits for it and is no data."""
        return self.lanes.urgent_bytes + self._large.held_bytes

    def mark(self) -> None:
        """Something is to be sent."""
        self._dirty[self] = None

    def send(self, head: Head, *body: Buffer) -> None:
        """Send a frame that is no data: at once where it is small."""
        if self.ending is not None:
            return
        if head.body_bytes <= SMALL_BYTES:
            self.lanes.urgent(head.packed(), *body)
        else:
            self._large.put(head, body)
            self.lanes.wake(self._large)
        self._dirty[self] = None

    def say(self, kind: Kind, body: Any, *, seq: int = 0) -> None:
        """Send a control frame with `body` as msgpack."""
        data = encode(body)
        self.send(Head(len(data), kind, seq=seq), data)

    def ping(self, now_ns: int) -> None:
        self.pings += 1
        self.send(Head(0, Kind.PING, time_ns=now_ns))

    def ponged(self, time_ns: int, now_ns: int) -> None:
        """A PONG came to what was pinged at `time_ns`."""
        self.pongs += 1
        self.ping_ns = max(0, now_ns - time_ns)
        for hearing, number in tuple(self.hearings.items()):
            if self.pongs >= number:
                hearing.heard(self)

    def forget_hearings(self) -> None:
        """It is over: nobody needs to wait for it."""
        for hearing in tuple(self.hearings):
            hearing.heard(self)

    def notify(self, notice: Notice) -> None:
        self.say(Kind.NOTICE, notice)

    def acknowledge(self) -> None:
        """Tell each writer that asked for it how far its messages were taken in."""
        for writer in self.acks:
            self.lanes.urgent(
                Head(0, Kind.ACK, channel=writer.channel.number, seq=writer.accepted_seq).packed()
            )
        self.acks.clear()
