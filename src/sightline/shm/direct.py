"""Values from one process to others of the same machine, without a hub: pictures in place, and small things.

A `SharedSender` is the host of its own pools. A value costs one message to each reader, and a picture one
that comes back; no thread; no copy but that into a slot, and not that one where the picture was made in an
array of `new_array`.

It promises:
- A picture that somebody looks at is never written to, however long that takes.
- Nobody's stall stops another reader: each may look at its share of the slots at most, and two slots are
  left over. What a reader did not get is counted by reason (`Missed`).
- The end of a reader is the end of its socket, also by `kill -9`, and of all that it held. The end of the
  sender is `Closed` at the readers, after what was sent before; what they look at stays as it is.

It waits for nobody unless told to (`wait_for_room`), keeps nothing for those who are late, and carries
nothing to another machine.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Self
from weakref import WeakSet

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from sightline.arrays import Buffer, array_pieces
from sightline.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, Clock, ns
from sightline.errors import BufferFull, Closed, SharingError
from sightline.shm.audience import Audience, Missed
from sightline.shm.leases import Leases, LeaseStats
from sightline.shm.messages import MOST_MESSAGE_BYTES, Drain, Pool, Value
from sightline.shm.pool import Pools, SharingStats
from sightline.shm.receiver import Received, SharedReceiver
from sightline.shm.settings import Sharing
from sightline.shm.side import Side
from sightline.shm.slot import Slot
from sightline.shm.token import TOKEN_BYTES, Token

__all__ = ["Missed", "Received", "SenderStats", "SharedReceiver", "SharedSender"]

MOST_NOTE_BYTES: Final = 2048
SMALL_BYTES: Final = 1536
"""From here on a value goes into a slot: a copy there takes no longer than into a socket and out of it."""
_VALUE_BYTES: Final = 16
"""What `Value` adds to what is in it, at most."""
_MOST_VALUES_BYTES: Final = MOST_MESSAGE_BYTES - 64
HEAR_NS: Final = 100 * NS_PER_MS
"""So often, at least, readers are listened to while something is sent."""


class SenderStats(msgspec.Struct, frozen=True, kw_only=True):
    """A sender's counts at one moment.

    Attributes:
        readers: there are now.
        offered: values so far, once for each reader that there was.
        taken: of these, those that a reader got.
        missed: by reason (`Missed`), those that one did not get.
        sharing: of the slots.
        leases: of who looks at them.
    """

    readers: int
    offered: int
    taken: int
    missed: dict[str, int]
    sharing: SharingStats
    leases: LeaseStats

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.offered == self.taken + sum(self.missed.values())


class _Outgoing(NamedTuple):
    """A value on its way: the slot that it was made in, or what it is made of."""

    note: bytes
    is_array: bool
    size: int
    slot: Slot | None
    pieces: list[Buffer]
    small: bool

    @property
    def bytes_of_message(self) -> int:
        return len(self.note) + (self.size if self.small else TOKEN_BYTES) + _VALUE_BYTES


class SharedSender:
    """Sends to any number of readers. For the process that made it, and one thread at a time.

    Args:
        sharing: how much memory, in how many slots. All but two are for the readers, in equal shares of at
            least one: with two slots more than readers, or more, these cannot keep a sender without one.
        lease_s: seconds after which a reader should have given a picture back; later is counted.
        most_retired: a reader that keeps more than this for longer gets none until it gave all of them back.
        clock: tells when.

    Raises:
        ConfigError: a setting that makes no sense.
    """

    def __init__(
        self,
        sharing: Sharing | None = None,
        *,
        lease_s: float = 2.0,
        most_retired: int = 8,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        sharing = sharing or Sharing()
        self._slot_from = min(sharing.above_bytes, SMALL_BYTES)
        sharing = msgspec.structs.replace(sharing, above_bytes=self._slot_from)
        self._drained: deque[Drain] = deque()  # comes from any thread
        self._audience = Audience(Leases(lease_s, most_retired), sharing.slots)
        self._pools = Pools(sharing, self._announce, self._drained.append, clock=clock)
        self._clock = clock
        self._hear_ns = 0
        self._offered = self._taken = 0
        self._open = True
        _open_senders.add(self)

    def connect(self) -> socket.socket:
        """One more reader. What is sent from now on is for it, also before it has begun to read.

        Returns:
            Its end, for a `SharedReceiver`: inherited by another process or passed on to it, and then closed
            here, as a reader has ended when nobody has its end: `with sender.connect() as end: ...`.

        Raises:
            SharingError: this system has no such sockets, or no more of them.
            Closed: this was closed.
        """
        self._check_open()
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except (AttributeError, OSError) as error:
            raise SharingError(f"no socket for a reader: {error}") from error
        self._audience.join(Side(ours))
        return theirs

    def new_array(self, shape: int | Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """An array to be filled and then sent; without a copy where there is a slot, else an ordinary one.

        What it holds at first is anything. Sent, it cannot be written to any more; views that were taken of
        it before can, and must not: others look at it.

        Raises:
            TypeError: an array of that kind cannot be sent.
            Closed: this was closed.
        """
        self._check_open()
        array = self._pools.array(shape, dtype)
        if array is None:
            self._hear()
            array = self._pools.array(shape, dtype)
        return np.empty(shape, dtype) if array is None else array

    def send(self, value: NDArray[Any] | Buffer, note: bytes = b"") -> int:
        """Hand a value to all readers that have room, with up to `MOST_NOTE_BYTES` about it.

        Returns:
            How many have it: they get it even if this process ends now. For the others see `stats`.

        Raises:
            BufferFull: the note is too long.
            TypeError: it cannot be sent.
            Closed: this was closed.
        """
        return self.send_many([(value, note)])[0]

    def send_many(self, values: Sequence[tuple[NDArray[Any] | Buffer, bytes]]) -> list[int]:
        """`send` of each of these, a value and its note, in fewer messages: for values that come together.

        Returns:
            How many have each. A reader that has not room for all pictures gets the first of them.

        Raises:
            BufferFull, TypeError, Closed: as `send`; none of them was sent then.
        """
        self._check_open()
        outgoing: list[_Outgoing] = []
        try:
            outgoing.extend(self._outgoing(value, note) for value, note in values)
        except BaseException:
            for slot in filter(None, (one.slot for one in outgoing)):
                slot.taken = False  # it can still be sent as it is
            raise
        self._hear_if_due()
        counts = []
        for some in _messages(outgoing):
            counts += self._give(some)
        self._taken += sum(counts)
        self._reuse()
        return counts

    def wait_for_room(self, timeout_s: float | None = None, *, values: int = 1) -> bool:
        """Wait until each reader can take `values` more pictures, or its whole share. False: not in time.

        True also where there is no reader, or none is left.

        Raises:
            Closed: this was closed.
        """
        self._check_open()
        now_ns = self._hear() if self._audience.lacking(values) else self._clock.monotonic_ns()
        until_ns = None if timeout_s is None else now_ns + ns(timeout_s)
        while lacking := self._audience.lacking(values):
            left_s = None if until_ns is None else (until_ns - now_ns) / NS_PER_S
            if (left_s is not None and left_s <= 0) or not self._audience.wait(lacking, left_s):
                return False
            now_ns = self._hear()
        return True

    def stats(self) -> SenderStats:
        if self._open:
            self._hear()
        return SenderStats(
            readers=len(self._audience.readers),
            offered=self._offered,
            taken=self._taken,
            missed={str(why): count for why, count in self._audience.missed.items() if count},
            sharing=self._pools.stats(),
            leases=self._audience.leases.stats(),
        )

    def close(self) -> None:
        """No more values: readers get what was sent, then `Closed`. Again is allowed."""
        if self._open:
            self._open = False
            self._audience.close()
            self._pools.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if not self._open:
            raise Closed("this sender was closed, or is that of the process that forked this one")

    def _outgoing(self, value: NDArray[Any] | Buffer, note: bytes) -> _Outgoing:
        if len(note) > MOST_NOTE_BYTES:
            raise BufferFull(f"expected a note of at most {MOST_NOTE_BYTES} bytes, got {len(note)}")
        if not isinstance(value, np.ndarray):
            payload = memoryview(value).cast("B")
            size = len(payload)
            return _Outgoing(note, False, size, None, [payload], size < self._slot_from)
        if (slot := self._pools.slot_of(value)) is not None:
            return _Outgoing(note, True, slot.size, slot, [], False)
        pieces = array_pieces(value)
        size = sum(map(len, pieces))
        return _Outgoing(note, True, size, None, pieces, size < self._slot_from)

    def _give(self, some: Sequence[_Outgoing]) -> list[int]:
        """What goes in one message to each reader. For each, how many got it."""
        audience = self._audience
        self._offered += len(audience.readers) * len(some)
        room = audience.room
        values: list[Value] = []
        tokens: list[Token | None] = []
        given = []
        for one in some:
            token = None if one.small else self._token(one, room)
            given.append(one.small or token is not None)
            if not given[-1]:
                continue
            room -= token is not None
            payload = b"".join(one.pieces) if token is None else token.packed()
            values.append(Value(payload, one.note, token is not None, one.is_array))
            tokens.append(token)
        counts = iter(audience.give(values, tokens, self._clock.monotonic_ns()))
        return [next(counts) if was else 0 for was in given]

    def _token(self, one: _Outgoing, room: int) -> Token | None:
        """Of its slot. None: it is not sent, which is counted."""
        slot = one.slot
        if slot is None and room > 0 and (slot := self._pools.slot(one.size)) is not None:
            slot.fill(one.pieces)
        if slot is not None and room > 0:
            slot.sent = True
            return slot.token()
        if slot is not None:
            slot.taken = False
        why = Missed.NOT_SHARED if room > 0 else Missed.BEHIND
        self._audience.missed[why] += len(self._audience.readers)
        return None

    def _hear_if_due(self) -> None:
        if self._clock.monotonic_ns() >= self._hear_ns or self._audience.lacking(1):
            self._hear()

    def _hear(self) -> int:
        now_ns = self._clock.monotonic_ns()
        self._hear_ns = now_ns + HEAR_NS
        self._audience.hear(now_ns)
        self._reuse()
        while self._drained:
            self._audience.forget(self._drained.popleft().pool)
        return now_ns

    def _reuse(self) -> None:
        for place in self._audience.take_freed():
            self._pools.freed(*place)

    def _announce(self, said: Pool, fd: int) -> bool:
        if added := self._audience.add(said, fd):
            self._pools.ready(said.pool)
        return added


def _messages(outgoing: Sequence[_Outgoing]) -> Iterator[list[_Outgoing]]:
    """As many in each as it takes."""
    some: list[_Outgoing] = []
    room = _MOST_VALUES_BYTES
    for one in outgoing:
        if some and one.bytes_of_message > room:
            yield some
            some, room = [], _MOST_VALUES_BYTES
        some.append(one)
        room -= one.bytes_of_message
    if some:
        yield some


_open_senders: Final[WeakSet[SharedSender]] = WeakSet()


def _close_all() -> None:
    """In a child: the slots are its parent's."""
    for sender in tuple(_open_senders):
        sender._open = False  # noqa: SLF001 - for nobody else to set
        sender._audience.disown()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)
