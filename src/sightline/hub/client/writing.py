"""What one client writes to one channel: put together, numbered, and kept until the hub has it.

Pure but for its lock: messages and a time go in, frames come out, no I/O. It promises: the writer's numbers
(seq) have no holes; what the hub did not acknowledge is sent again after a reconnect, from exactly where the
hub says, so nothing is lost by a cut connection and nothing comes twice; un-ACKed memory is bounded by the
window, and one message more. Small values put at about the same time go as one frame. A payload that was
lent goes as its token once, and as bytes after that. It does not wait: `offer` says `FULL`, and `bell` rings
when that may have changed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

import msgspec

from sightline.errors import SightlineError
from sightline.hub.client.faults import again
from sightline.hub.client.outgoing import (
    BATCH_BYTES,
    BATCH_MESSAGES,
    SMALL_BYTES,
    Outgoing,
    joined,
    unchanging,
)
from sightline.hub.client.sharing import Lent, Share
from sightline.hub.settings import MIB
from sightline.hub.wire.control import WriterOpened
from sightline.hub.wire.header import Buffer, Head

WINDOW_MESSAGES: Final = 65_536
WINDOW_BYTES: Final = 8 * MIB


class Put(Enum):
    """What became of a message."""

    TAKEN = "taken"
    UNWANTED = "unwanted"
    FULL = "full"


class WriterStats(msgspec.Struct, frozen=True, kw_only=True):
    """A writer's counts at one moment: put = acknowledged + unacknowledged + unwanted.

    Attributes:
        shared, shared_bytes: messages that went as tokens, and what they would have weighed.
        not_shared: payloads that were large enough and went as bytes, by reason: `off` (the hub is not on
            this machine, or does not share), `not_ready`, `no_slot`, `no_memory`, `too_large`, `refused`.
    """

    put: int
    acknowledged: int
    unacknowledged: int
    unacknowledged_bytes: int
    unwanted: int
    readers: int
    wanted: bool
    shared: int = 0
    shared_bytes: int = 0
    not_shared: dict[str, int] = {}


class Outbox:
    """The messages of one writer, until they are acknowledged. Also a source of the connection's lanes.

    Args:
        name: the channel's.
        on_ready: called, with the lock held, when there is something to send and there was not before.
        first_seq: the number of its first message: where this client wrote to a channel of this name before,
            the numbers go on, so that no reader takes what is new for what it had.
        share: how large payloads are shared; None: they are not.
    """

    def __init__(
        self,
        name: str,
        on_ready: Callable[[Outbox], None] = lambda _outbox: None,
        *,
        first_seq: int = 0,
        share: Share | None = None,
    ) -> None:
        self.name = name
        self.share = Share() if share is None else share
        self.channel: int | None = None
        self.readers = 0
        self.wanted = False
        self.bell = self.share.bell
        self.batch_bytes = BATCH_BYTES
        self.failure: SightlineError | None = None
        self._on_ready = on_ready
        self._lock = threading.Lock()
        self._ready = False
        self._window_messages = WINDOW_MESSAGES
        self._window_bytes = WINDOW_BYTES
        self._first_seq = self._next_seq = self._acked_seq = self._sent_seq = first_seq
        self._bytes = self._sent_bytes = self._unwanted = self._shared = self._shared_bytes = 0
        self._small: list[Buffer] = []
        self._small_format = self._small_bytes = self._small_time_ns = 0
        self._unsent: deque[Outgoing] = deque()
        self._sent: deque[Outgoing] = deque()

    # For who writes; from any thread.

    def offer(
        self,
        format: int,  # noqa: A002 - the wire's word
        pieces: Sequence[Buffer],
        time_ns: int,
        *,
        ext: bytes = b"",
        keyframe: bool = False,
        lent: Lent | None = None,
    ) -> Put:
        """One message; `lent`: where its payload lies as well. Raises what ended the channel."""
        size = len(pieces[0]) if len(pieces) == 1 else sum(map(len, pieces))
        small = size <= SMALL_BYTES and not ext and not keyframe and lent is None
        if lent is None:  # copied where it is not ours, and outside of the lock
            pieces = [joined(pieces)] if small else [unchanging(piece) for piece in pieces]
        with self._lock:
            if (verdict := self._verdict(1)) is not Put.TAKEN:
                return verdict
            if small:
                self._add_small(format, pieces[0], size, time_ns)
            else:
                self._seal()
                self._append(
                    Outgoing(
                        seq=self._next_seq,
                        lengths=(size,),
                        format=format,
                        time_ns=time_ns,
                        pieces=pieces if lent is None else self._pieces_of(lent),
                        ext=ext,
                        keyframe=keyframe,
                        slot=None if lent is None else lent.slot,
                    )
                )
            self._rouse()
        return Put.TAKEN

    def offer_many(self, format: int, lengths: Sequence[int], payload: Buffer, time_ns: int) -> Put:  # noqa: A002
        """Messages that lie one behind the other in `payload`; cut by `cuts` before. Raises as `offer`."""
        with self._lock:
            if (verdict := self._verdict(len(lengths))) is not Put.TAKEN:
                return verdict
            self._seal()
            self._append(
                Outgoing(
                    seq=self._next_seq,
                    lengths=tuple(lengths),
                    format=format,
                    time_ns=time_ns,
                    pieces=(payload,),
                )
            )
            self._rouse()
        return Put.TAKEN

    def passes_over(self, messages: int) -> bool:
        """Whether nobody wants these messages; they are counted then, and need not be encoded."""
        if self.wanted or self.failure is not None:
            return False
        with self._lock:
            self._unwanted += messages
        return True

    @property
    def backlog(self) -> int:
        """Messages that were not yet sent."""
        return self._next_seq - self._sent_seq

    @property
    def next_seq(self) -> int:
        """The number of the message that is put next."""
        return self._next_seq

    @property
    def unacknowledged(self) -> int:
        return self._next_seq - self._acked_seq

    def may_offer(self, messages: int = 1) -> bool:
        """Whether an offer would be settled: there is room, nobody wants it, or there is an error to tell."""
        return self.failure is not None or not self.wanted or self._has_room(messages)

    def is_flushed(self) -> bool:
        """Whether the hub has all, or never will."""
        return self.failure is not None or not self.unacknowledged

    def is_active(self) -> bool:
        return self.failure is not None or self.wanted

    def stats(self) -> WriterStats:
        with self._lock:
            return WriterStats(
                put=self._next_seq - self._first_seq + self._unwanted,
                acknowledged=self._acked_seq - self._first_seq,
                unacknowledged=self.unacknowledged,
                unacknowledged_bytes=self._bytes,
                unwanted=self._unwanted,
                readers=self.readers,
                wanted=self.wanted,
                shared=self._shared,
                shared_bytes=self._shared_bytes,
                not_shared=self.share.not_shared(),
            )

    # For the session; in its loop.

    def first_unacknowledged(self) -> int:
        return self._acked_seq

    def opened(self, answer: WriterOpened, *, frame_bytes: int = BATCH_BYTES) -> None:
        """The hub takes it, and has all before `accepted_seq`; the rest is sent again.

        Args:
            answer: of the hub.
            frame_bytes: the most that it takes as one frame.
        """
        with self._lock:
            self._seal()
            self._unsent.extendleft(reversed(self._sent))
            self._sent.clear()
            self._sent_bytes = 0
            self.channel = answer.channel
            self.batch_bytes = min(BATCH_BYTES, frame_bytes)
            self._window_messages, self._window_bytes = answer.window_messages, answer.window_bytes
            self._accept(answer.accepted_seq, self._unsent)
            self._sent_seq = self._acked_seq
            if self._unsent and self._unsent[0].seq < self._acked_seq:
                rest = self._unsent[0].after(self._acked_seq)
                self._bytes -= self._unsent[0].size - rest.size
                self._unsent[0] = rest
            self._ready = False
            if self._unsent:
                self._rouse()
        self.demand(answer.readers, wanted=answer.wanted)

    def lost(self) -> None:
        """The connection is gone; what is put is kept until the window is full."""
        with self._lock:
            self.channel = None
        self.unshare()
        self.share.end()

    def unshare(self) -> None:
        """Tokens are not understood any more: what was not acknowledged goes as bytes."""
        with self._lock:
            self.share.epoch += 1
            for line in (self._sent, self._unsent):
                for place, outgoing in enumerate(line):
                    if outgoing.shared:
                        line[place] = outgoing.unshared()
                        if line is self._unsent:
                            self.share.missed()

    def fail(self, error: SightlineError) -> None:
        """Nothing goes out any more: whoever puts gets `error`.

        What is shared stays with the hub, as tokens may still be on their way there: see `gone`.
        """
        with self._lock:
            self.failure = error
            self.channel = None
        self.bell.ring()

    def gone(self, error: SightlineError) -> None:
        """As `fail`, of a channel to which the hub takes nothing in: it needs no memory of it either."""
        self.fail(error)
        self.share.end()

    def demand(self, readers: int, *, wanted: bool) -> None:
        self.readers, self.wanted = readers, wanted
        self.bell.ring()

    def acknowledged(self, seq: int) -> bool:
        """The hub has all before `seq`; whether there is more to send that waited for it."""
        with self._lock:
            if seq > self._sent_seq:
                return False  # never sent: the hub does not keep to the protocol, and nothing follows from it
            self._accept(seq, self._sent)
            waiting = bool(self._unsent or self._small)
        self.bell.ring()
        return waiting

    def next_frame(self, now_ns: int) -> tuple[Head, Sequence[Buffer]] | None:  # noqa: ARG002 - of a source
        """What to send next, within the hub's window; None: nothing now."""
        with self._lock:
            self._seal()
            if self.channel is None or not self._unsent:
                self._ready = False
                return None
            if not self._in_window(self._unsent[0]):
                return None
            outgoing = self._fitting(self._unsent.popleft())
            self._sent.append(outgoing)
            self._sent_seq = outgoing.end
            self._sent_bytes += outgoing.size
            if outgoing.shared:
                self._shared += 1
                self._shared_bytes += outgoing.lengths[0]
            return outgoing.frame(self.channel)

    # With the lock held.

    def _verdict(self, messages: int) -> Put:
        if self.failure is not None:
            raise again(self.failure)
        if not self.wanted:
            self._unwanted += messages
            return Put.UNWANTED
        return Put.TAKEN if self._has_room(messages) else Put.FULL

    def _has_room(self, messages: int) -> bool:
        """By bytes the last one may reach beyond: it waits here while those before it are taken in."""
        held = self.unacknowledged
        return not held or (held + messages <= self._window_messages and self._bytes < self._window_bytes)

    def _in_window(self, outgoing: Outgoing) -> bool:
        in_flight = self._sent_seq - self._acked_seq
        return not in_flight or (
            in_flight + len(outgoing.lengths) <= self._window_messages
            and self._sent_bytes + outgoing.size <= self._window_bytes
        )

    def _fitting(self, outgoing: Outgoing) -> Outgoing:
        """What of the next frame is no more than a whole window, of more than one message; the rest waits."""
        messages = len(outgoing.lengths)
        if messages == 1 or (messages <= self._window_messages and outgoing.size <= self._window_bytes):
            return outgoing
        part = outgoing.first(self._window_messages, self._window_bytes)
        self._unsent.appendleft(outgoing.after(part.end))
        return part

    def _add_small(self, format: int, piece: Buffer, size: int, time_ns: int) -> None:  # noqa: A002
        if self._small and (
            format != self._small_format
            or self._small_bytes + size > self.batch_bytes
            or len(self._small) == BATCH_MESSAGES
        ):
            self._seal()
        if not self._small:
            self._small_format, self._small_time_ns = format, time_ns
        self._small.append(piece)
        self._small_bytes += size
        self._bytes += size
        self._next_seq += 1

    def _pieces_of(self, lent: Lent) -> Sequence[Buffer]:
        """Nothing, where its token may go; else the payload as it lies there. It is not changed any more."""
        lent.slot.token()
        if lent.epoch != self.share.epoch:
            self.share.missed()
            return (lent.slot.payload,)
        lent.slot.sent = True
        return ()

    def _append(self, outgoing: Outgoing) -> None:
        self._unsent.append(outgoing)
        self._bytes += outgoing.size
        self._next_seq = outgoing.end

    def _seal(self) -> None:
        """What was put together becomes a frame."""
        if not self._small:
            return
        lengths = tuple(map(len, self._small))
        self._unsent.append(
            Outgoing(
                seq=self._next_seq - len(lengths),
                lengths=lengths,
                format=self._small_format,
                time_ns=self._small_time_ns,
                pieces=(b"".join(self._small),),
            )
        )
        self._small = []
        self._small_bytes = 0

    def _accept(self, seq: int, line: deque[Outgoing]) -> None:
        """Forgets what lies wholly before `seq`; the hub may also have taken in a part of what follows."""
        while line and line[0].end <= seq:
            size = line.popleft().size
            self._bytes -= size
            self._sent_bytes -= size if line is self._sent else 0
        self._acked_seq = max(self._acked_seq, seq)

    def _rouse(self) -> None:
        if not self._ready:
            self._ready = True
            self._on_ready(self)
