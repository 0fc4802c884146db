"""The hub, without its sockets: frames of connections and a time in, frames to send and what to close out.

A shell tells it of connections and their frames, and after each round of these calls `settle`, sends what
the lanes of the `dirty` connections have, and closes those in `endings` once what they were sent is out.
It does no I/O and does not look at a clock but for the date that a client is told.

Whoever breaks the protocol is told so, ended and counted under `refused`, and nobody else notices.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.hub.broker.calls import Calls
from sightline.hub.broker.channels import Channels
from sightline.hub.broker.connection import MOST_UNREAD_BYTES, Connection
from sightline.hub.broker.feed import Chores
from sightline.hub.broker.readers import DISCONNECTED, Readers
from sightline.hub.broker.refusal import Cut
from sightline.hub.broker.requests import Requests
from sightline.hub.broker.session import Session
from sightline.hub.broker.sessions import Sessions
from sightline.hub.broker.shares import Shares
from sightline.hub.broker.timers import Timers
from sightline.hub.settings import Limits
from sightline.hub.wire.control import Code
from sightline.hub.wire.header import SHARED, Frame, Head, Kind

if TYPE_CHECKING:
    from sightline.shm.host import Host

_DATA: Final = int(Kind.DATA)
_CREDIT: Final = int(Kind.CREDIT)


class Hub:
    """One hub.

    Args:
        limits: what strangers can make it hold.
        token_digest: `digest(token)` that clients must know; None: none.
        clock: tells clients the date.
        id: of this start of the hub; made up when not given.
        host: keeps account of memory that clients share; None: they cannot.

    Attributes:
        dirty: connections that have something to send.
        endings: connections that are to be closed, once.
        refused: connections that were ended, by reason.
        lag_ms, lag_peak_ms: kept by the shell, for the statistics.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        token_digest: bytes | None = None,
        clock: Clock = SYSTEM_CLOCK,
        id: bytes | None = None,  # noqa: A002 - as the protocol calls it
        began_ns: int = 0,
        host: Host | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.shares = Shares(host)
        self.id = id or secrets.token_bytes(16)
        self.began_ns = began_ns
        self.timers = Timers()
        self.chores = Chores()
        self.channels = Channels(self.limits, self.timers)
        self.readers = Readers(self.id, self.limits, self.channels, self.chores)
        self.calls = Calls(self.limits, self.timers)
        self.sessions = Sessions(
            self.id, self.limits, self.timers, clock, token_digest=token_digest, shares=self.shares
        )
        self.sessions.on_over = self._session_over
        self.connections: dict[Connection, None] = {}
        self.dirty: dict[Connection, None] = {}
        self.endings: list[Connection] = []
        self.refused: Counter[str] = Counter()
        self.late_frames = 0
        self.lag_ms = self.lag_peak_ms = 0.0
        self._strangers = 0
        self._requests = Requests(self)
        self._kinds: dict[int, Callable[[Connection, Frame, int], None]] = {
            Kind.DATA: self._came_late,
            Kind.CREDIT: self._came_late,
            Kind.REQUEST: self._requests.received,
            Kind.CALL: self.calls.call,
            Kind.REPLY: lambda connection, frame, _now_ns: self.calls.answer(connection, frame),
            Kind.ERROR: lambda connection, frame, _now_ns: self.calls.answer(connection, frame),
            Kind.CANCEL: lambda connection, frame, _now_ns: self.calls.cancel(connection, frame.head.seq),
            Kind.PING: self._pinged,
            Kind.PONG: self._ponged,
            Kind.BYE: lambda connection, _frame, now_ns: self._end(connection, "bye", now_ns),
        }

    def connected(self, address: str, now_ns: int, side: bytes | None = None) -> Connection:
        """A connection was made. It may be in `endings` at once. `side`: see `Connection`."""
        connection = Connection(address, secrets.token_bytes(16), self.dirty, now_ns, side)
        self.connections[connection] = None
        self._strangers += 1
        if self._strangers > self.limits.handshakes:
            self._cut(connection, Cut("handshakes", "too many connections at once", Code.LIMIT), now_ns)
        else:
            self.sessions.challenge(connection)
            connection.timer = self.timers.at(
                now_ns + ns(self.limits.handshake_s),
                lambda now_ns: self._cut(connection, Cut("handshake_time", "expected HELLO sooner"), now_ns),
            )
        return connection

    def received(self, connection: Connection, frame: Frame, now_ns: int) -> None:
        """A whole frame came."""
        if connection.ending is not None:
            return
        connection.heard_ns = now_ns
        head = frame.head
        kind = head.kind
        try:
            if kind == _DATA and (writer := connection.writers.get(head.channel)) is not None:
                limits = self.limits
                if head.flags & SHARED:
                    shared = self.shares.claim(connection, frame, limits.message_bytes)
                    writer.channel.receive(writer, frame, now_ns, limits, shared)
                else:
                    writer.channel.receive(writer, frame, now_ns, limits)
            elif kind == _CREDIT and (reader := connection.subscriptions.get(head.channel)) is not None:
                reader.allow(head, now_ns)
            elif connection.session is None:
                self._greet(connection, frame, now_ns)
            else:
                self._others(connection, kind)(connection, frame, now_ns)
        except Cut as cut:
            self._cut(connection, cut, now_ns)

    def broke_protocol(self, connection: Connection, message: str, now_ns: int) -> None:
        """What came on it is no frame, or one that is too large."""
        self._cut(connection, Cut("malformed", message), now_ns)

    def disconnected(self, connection: Connection, now_ns: int) -> None:
        """The connection is gone. Again, or after it was in `endings`, does nothing."""
        self._end(connection, "lost", now_ns)
        self.dirty.pop(connection, None)

    def tick(self, now_ns: int) -> int | None:
        """Do what is due. Gives when to come again, None where nothing is to come."""
        self.readers.age(now_ns)
        return self.timers.run(now_ns)

    def settle(self, now_ns: int) -> None:
        """Finish what the last round of frames, or of sending, brought up; acknowledge what was taken in."""
        chores = self.chores
        while chores.thaw:
            channel, _ = chores.thaw.popitem()
            channel.thaw(now_ns)
        while chores.finished:
            feed, _ = chores.finished.popitem()
            if not feed.left:
                self.readers.detach(feed, feed.over or "", now_ns)
        for connection in tuple(self.dirty):
            if connection.unread_bytes > MOST_UNREAD_BYTES:  # acknowledgements and notices count as well
                self._cut(connection, _unread(), now_ns)
            elif connection.acks:
                connection.acknowledge()

    @property
    def unsettled(self) -> bool:
        """Whether `settle` has something to do, or something is to be sent."""
        return bool(self.dirty or self.chores.thaw or self.chores.finished)

    def close(self, now_ns: int) -> None:
        """Say goodbye to all."""
        for connection in tuple(self.connections):
            connection.send(Head(0, Kind.BYE))
            self._end(connection, "closing", now_ns)

    def _others(self, connection: Connection, kind: int) -> Callable[[Connection, Frame, int], None]:
        """What a frame that is neither data nor credit is for."""
        if connection.unread_bytes > MOST_UNREAD_BYTES:
            raise _unread()
        handle = self._kinds.get(kind)
        if handle is None:
            raise Cut("protocol", f"expected no frame of kind {kind} from a client")
        return handle

    def _greet(self, connection: Connection, frame: Frame, now_ns: int) -> None:
        full = len(self.connections) - self._strangers >= self.limits.clients
        session, older = self.sessions.greet(connection, frame, full=full)
        self.sessions.enter(connection, session)
        if older is not None:
            self._cut(older, Cut("replaced", "the same session connected again", Code.TAKEN), now_ns)
        self._strangers -= 1
        assert connection.timer is not None
        connection.timer.cancel()
        self._watch_silence(connection, now_ns)

    def _watch_silence(self, connection: Connection, now_ns: int) -> None:
        silence_ns = ns(self.limits.silence_s)
        if now_ns - connection.heard_ns >= silence_ns:
            self._cut(connection, Cut("silence", f"nothing came for {self.limits.silence_s} s"), now_ns)
            return
        connection.timer = self.timers.at(
            connection.heard_ns + silence_ns, lambda now_ns: self._watch_silence(connection, now_ns)
        )

    def _came_late(self, _connection: Connection, _frame: Frame, _now_ns: int) -> None:
        """For a channel or subscription that ended meanwhile."""
        self.late_frames += 1

    def _pinged(self, connection: Connection, frame: Frame, now_ns: int) -> None:
        connection.send(Head(0, Kind.PONG, time_ns=frame.head.time_ns))
        connection.ping(now_ns)

    def _ponged(self, connection: Connection, frame: Frame, now_ns: int) -> None:
        connection.ponged(frame.head.time_ns, now_ns)

    def _cut(self, connection: Connection, cut: Cut, now_ns: int) -> None:
        if connection.ending is None:
            self.refused[cut.reason] += 1
            connection.say(Kind.ERROR, cut.failure)
            self._end(connection, cut.reason, now_ns)

    def _end(self, connection: Connection, why: str, now_ns: int) -> None:
        """It is over: readers and calls end with it, what its session keeps stays for a while."""
        if connection.ending is not None:
            return
        connection.ending = why
        self.endings.append(connection)
        del self.connections[connection]
        if connection.timer is not None:
            connection.timer.cancel()
        session = connection.session
        if session is None:
            self._strangers -= 1
            return
        connection.acknowledge()
        for subscription in tuple(connection.subscriptions.values()):
            self.readers.unsubscribe(subscription, DISCONNECTED, now_ns)
        self._requests.lost(connection)
        self.shares.forget(connection)
        connection.forget_hearings()
        self.calls.lost(connection, session)
        for writer in session.writers.values():
            if writer.connection is connection:
                writer.connection = None
        connection.writers.clear()
        if session.connection is connection:
            self.sessions.lost(session, now_ns, clean=why == "bye")

    def _session_over(self, session: Session, now_ns: int) -> None:
        for channel in tuple(session.owned):
            self.channels.end(channel, "owner_gone", now_ns)
        for writer in tuple(session.writers.values()):
            self.channels.forget(writer)


def _unread() -> Cut:
    return Cut("unread", "what is sent is not read", Code.LIMIT)
