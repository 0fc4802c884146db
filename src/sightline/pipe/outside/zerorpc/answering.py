"""The side that is called, without sockets and threads: messages and a time in, things to do out.

Promises: a call is answered once, with a value, a failure, or a stream of values with its end; or not at all
where its caller is lost: who sends no heartbeat for 10 s once it was sent one is. A caller may call as often
as it likes at a time, all together `most` times: the next is told that we are busy. A stream has no more
under way than its caller said that it has room for. What is no call of ours is counted and ignored.

    received = done + failed + refused + lost + in_flight

A caller is known by the frames before its message, which the socket puts there, so that nobody can answer to,
or end, another one's call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from sightline.clock import ns
from sightline.errors import WireError
from sightline.log import redact
from sightline.pipe.outside.zerorpc.event import (
    BEAT,
    ERR,
    HEARTBEAT_S,
    LOST_AFTER,
    MORE,
    OK,
    STREAM,
    STREAM_DONE,
    UNSENDABLE,
    Event,
    Id,
    count_of,
)

MOST: Final = 100
MOST_FRAMES: Final = 16
"""Of a message: each that passed it on adds one."""
MOST_TEXT: Final = 4096
Peer: TypeAlias = tuple[bytes, ...]


class Call:
    """One that is in hand. `args`: as they came."""

    __slots__ = ("args", "beat_at_ns", "heard_ns", "id", "name", "peer", "room", "streams", "waits")

    def __init__(self, peer: Peer, id_: Id, event: Event, *, streams: bool, beat_at_ns: int) -> None:
        self.peer = peer
        self.id = id_
        self.name = event.name
        self.args: Any = event.args
        self.streams = streams
        self.beat_at_ns = beat_at_ns
        self.heard_ns: int | None = None
        self.room = 1
        self.waits = False  # for room, with nothing asked of its method


class Send(NamedTuple):
    """A message, with the frames that lead to its receiver."""

    frames: list[bytes]


class Run(NamedTuple):
    """Call the method: then say `ended`; of one that streams, `given` once for each `Next`, then `ended`."""

    call: Call


class Next(NamedTuple):
    """The caller has room for one more of a stream."""

    call: Call


class Leave(NamedTuple):
    """Nobody waits for it any more."""

    call: Call


Do: TypeAlias = Send | Run | Next | Leave


class RpcStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one moment.

    Attributes:
        refused: nothing was run.
        failed: the method raised, or gave what cannot be sent.
        lost: nobody waits for the answer any more.
        ignored: messages that were no call, and belonged to none.
    """

    received: int
    done: int
    failed: int
    refused: int
    lost: int
    in_flight: int
    ignored: int


class Answering:
    """The calls of all who call.

    Args:
        methods: by name; whether each gives a stream.
        heartbeat_s: how often each caller hears of us.
        most: calls in hand.
    """

    def __init__(
        self, methods: Mapping[str, bool], *, heartbeat_s: float = HEARTBEAT_S, most: int = MOST
    ) -> None:
        self._methods = methods
        self._beat_ns = ns(heartbeat_s)
        self._most = most
        self._calls: dict[tuple[Peer, Id], Call] = {}
        self._counts: Counter[str] = Counter()
        self._ending = False

    @property
    def due_ns(self) -> int | None:
        """When `tick` has something to do; None: nobody calls."""
        return min((call.beat_at_ns for call in self._calls.values()), default=None)

    @property
    def in_flight(self) -> int:
        return len(self._calls)

    def stats(self) -> RpcStats:
        names = ("received", "done", "failed", "refused", "lost", "ignored")
        return RpcStats(**{name: self._counts[name] for name in names}, in_flight=self.in_flight)

    def received(self, frames: Sequence[bytes], now_ns: int) -> list[Do]:
        """A message came, with the frames that lead back to its sender."""
        if not 3 <= len(frames) <= MOST_FRAMES or frames[-2]:
            return self._ignored()
        try:
            event = Event.from_bytes(frames[-1])
        except WireError:
            return self._ignored()
        peer = tuple(frames[:-2])  # an empty one stands between
        if event.response_to is not None:
            return self._told(peer, event.response_to, event, now_ns)
        id_ = event.message_id
        if id_ is None or (peer, id_) in self._calls:
            return self._ignored()
        return self._called(peer, id_, event, now_ns)

    def given(self, call: Call, item: object) -> list[Do]:
        """A stream gave its next."""
        if not self._is_current(call):
            return []
        try:
            sent = self._message(call, STREAM, item)
        except UNSENDABLE as error:
            return [*self.failed(call, type(error).__name__, _unsendable(call, error)), Leave(call)]
        call.room -= 1
        call.waits = not call.room
        return [sent] if call.waits else [sent, Next(call)]

    def ended(self, call: Call, value: object = None) -> list[Do]:
        """The method returned; the stream is over."""
        if not self._is_current(call):
            return []
        try:
            sent = self._message(call, *((STREAM_DONE, None) if call.streams else (OK, (value,))))
        except UNSENDABLE as error:
            return self.failed(call, type(error).__name__, _unsendable(call, error))
        self._forget(call, "done")
        return [sent]

    def failed(self, call: Call, kind: str, text: str) -> list[Do]:
        """The method raised an error of that class, which says that."""
        return self._not_done(call, "failed", kind, text)

    def refused(self, call: Call, kind: str, text: str) -> list[Do]:
        """It was not run, for that."""
        return self._not_done(call, "refused", kind, text)

    def tick(self, now_ns: int) -> list[Do]:
        """Time has gone by."""
        due = [call for call in self._calls.values() if now_ns >= call.beat_at_ns]
        return [do for call in due for do in self._beat(call, now_ns)]

    def end(self) -> list[Do]:
        """Refuse what comes from now on, and end all streams; answers in hand are still given."""
        self._ending = True
        streams = [call for call in self._calls.values() if call.streams]
        return [do for call in streams for do in (*self.ended(call), Leave(call))]

    def give_up(self) -> list[Do]:
        """Tell all who still wait that nothing comes."""
        told = ("Closed", "this server ended before it was done")
        return [do for call in [*self._calls.values()] for do in self.failed(call, *told)]

    def _called(self, peer: Peer, id_: Id, event: Event, now_ns: int) -> list[Do]:
        self._counts["received"] += 1
        streams = self._methods.get(event.name, False)
        call = Call(peer, id_, event, streams=streams, beat_at_ns=now_ns + self._beat_ns)
        full = len(self._calls) >= self._most
        self._calls[peer, id_] = call
        if self._ending:
            return self.refused(call, "Closed", "this server is ending")
        if event.name not in self._methods:
            known = ", ".join(name for name in self._methods if not name.startswith("_"))
            return self.refused(call, "NameError", f"no method {event.name!r} is served (known: {known})")
        if full:
            return self.refused(
                call, "ResponderBusy", f"{self._most} calls are in hand, which is all it takes"
            )
        return [Run(call), Next(call)] if streams else [Run(call)]

    def _told(self, peer: Peer, id_: Id, event: Event, now_ns: int) -> list[Do]:
        call = self._calls.get((peer, id_))
        if call is None:
            # These may have crossed the answer.
            return [] if event.name in {BEAT, MORE} else self._ignored()
        if event.name == BEAT:
            call.heard_ns = now_ns
            return [self._message(call, BEAT, (0,))]  # at once: some ask more often than we would say it
        return [*self._widened(call, count_of(event))] if event.name == MORE else self._ignored()

    def _widened(self, call: Call, room: int) -> Iterator[Do]:
        call.room += room
        if call.waits and call.room:
            call.waits = False
            yield Next(call)

    def _beat(self, call: Call, now_ns: int) -> list[Do]:
        if call.heard_ns is None:
            call.heard_ns = now_ns  # it may wait for our first, to begin with its own
        if now_ns > call.heard_ns + LOST_AFTER * self._beat_ns:
            self._forget(call, "lost")
            return [Leave(call)]
        call.beat_at_ns = now_ns + self._beat_ns
        return [self._message(call, BEAT, (0,))]

    def _not_done(self, call: Call, counted: str, kind: str, text: str) -> list[Do]:
        if not self._is_current(call):
            return []
        self._forget(call, counted)
        # Without a traceback: its place is our log, and a client that has none prints kind and text.
        told = redact(text)[:MOST_TEXT].encode("utf-8", "backslashreplace").decode()  # a file's name, say
        return [self._message(call, ERR, (kind, told, None))]

    def _message(self, call: Call, name: str, args: Any) -> Send:
        # Its own id is not looked at by anybody: what belongs together says `response_to`.
        event = Event(name, args, message_id=call.id, response_to=call.id)
        return Send([*call.peer, b"", event.to_bytes()])

    def _ignored(self) -> list[Do]:
        self._counts["ignored"] += 1
        return []

    def _is_current(self, call: Call) -> bool:
        return self._calls.get((call.peer, call.id)) is call

    def _forget(self, call: Call, counted: str) -> None:
        del self._calls[call.peer, call.id]
        self._counts[counted] += 1


def _unsendable(call: Call, error: Exception) -> str:
    return f"{call.name} gave what cannot be sent: {error}"
