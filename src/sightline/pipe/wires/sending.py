"""What one end of a trunk says to the other: messages of its edges in turn, and before them what these need.

The other end has to know of a class before an object of it comes, and the pipe's parent of a token before it
goes. Tokens of a pool go once the other end has said that it mapped that; bytes do until then. It waits for
nobody: what cannot go yet is tried again when it is called again.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pickle import PickleBuffer
from typing import Any, Final, TypeAlias

from sightline.pipe.counts.accounts import COPIED_BYTES
from sightline.pipe.wires.codec import Aside, Codec, Packed
from sightline.pipe.wires.edge import Outlet
from sightline.pipe.wires.frames import FrameSpace, Lent
from sightline.pipe.wires.stream import Stream

TELL_POOL_S: Final = 1.0
"""So often a pool is told of that the other end did not map: it may have no descriptor, or memory, left."""

Said: TypeAlias = tuple[int, int]
"""Of one edge, to whom it comes from: limit, arrived."""


class Kind:
    """The first item of what is sent, which is a tuple: a plain number, as an enum's costs a pickle 3 us."""

    HELLO: Final = 0  # number of the flow in shared memory, or None
    POOL: Final = 1  # id, slots, bytes of a slot, sealed; its descriptor goes with it
    CLASS: Final = 2  # number, pickled
    BATCH: Final = 3  # edge, version of it, records
    END: Final = 4  # edge
    ROOM: Final = 5  # batches read, [(edge, limit, arrived)]
    CLOSED: Final = 6  # edge: nothing follows, ever
    MAPPED: Final = 7  # id of a pool whose tokens may come
    OVER: Final = 8  # edge that was closed: all that came of it is where it is read


class Sending:
    """The writing half of a trunk. `has` and `carry` may be used by any thread, the rest by one at a time.

    Args:
        stream: that it writes to.
        codec: of the flow.
        news: gives how many batches were read here, and what is to be said of each edge that comes in.

    Attributes:
        outlets: that it carries, by the numbers of their edges.
        rooms: what the other end said of its ends of edges; of those too that begin here only now.
        peer: what the parent calls the other flow; None: it shares nothing.
        sent: batches so far.
        room_due: whether there is news.
    """

    def __init__(self, stream: Stream, codec: Codec, news: Callable[[], tuple[int, dict[int, Said]]]) -> None:
        self.peer: int | None = None
        self.sent = 0
        self.room_due = False
        self._stream = stream
        self._frames, self._classes = codec.frames, codec.classes
        self._news = news
        self._said: dict[int, Said] = {}
        self._lock = threading.Lock()
        self.outlets: dict[int, Outlet] = {}
        self.rooms: dict[int, Said] = {}
        self._numbers: dict[Outlet, int] = {}
        self._ready: OrderedDict[Outlet, None] = OrderedDict()
        self._stuck: tuple[int, list[Packed]] | None = None
        self._told_pools: dict[bytes, float] = {}
        self._mapped_there: frozenset[bytes] = frozenset()
        self._answers: deque[tuple[int, Any]] = deque()
        self._told_classes: set[int] = set()
        stream.put((Kind.HELLO, None if self._frames is None else self._frames.number))

    @property
    def stuck(self) -> bool:
        """Whether something waits until the parent can be told of it."""
        return self._stuck is not None

    def carry(self, number: int, outlet: Outlet) -> None:
        """This edge begins there."""
        with self._lock:
            self.outlets[number], self._numbers[outlet] = outlet, number

    def has(self, outlet: Outlet) -> None:
        """There is something in it to be sent."""
        if outlet not in self._ready:
            with self._lock:
                self._ready[outlet] = None

    def answer(self, kind: int, what: Any) -> None:
        """Say so when it is the next turn."""
        self._answers.append((kind, what))

    def told_mapped(self, pool: bytes) -> None:
        """Tokens of this pool may go there."""
        if self._frames is not None:
            still = {one for one in self._mapped_there if self._frames.knows(one)}
            self._mapped_there = frozenset((*still, pool))
            self._told_pools.pop(pool, None)

    def send(self) -> None:
        """Send all that may be sent, as far as the socket takes it. Raises OSError: nobody is there."""
        while self._stream.flush():
            if self.room_due:
                self._put_room()
            elif self._answers:
                self._stream.put(self._answers.popleft())
            elif self._stuck is not None:
                if not self._put_batch(*self._stuck):
                    return
            elif (outlet := self._next()) is not None:
                self._put_next(outlet)
            else:
                return

    def told_over(self, number: int) -> None:
        """All of an edge that was closed has arrived."""
        with self._lock:
            del self._numbers[self.outlets.pop(number)]
            self.rooms.pop(number, None)

    def forget(self) -> None:
        """Nothing is sent any more: keep nothing for it."""
        self._stuck = None

    def _next(self) -> Outlet | None:
        with self._lock:
            return self._ready.popitem(last=False)[0] if self._ready else None

    def _put_next(self, outlet: Outlet) -> None:
        number = self._numbers.get(outlet)
        if number is None:  # it is over
            return
        batch = outlet.take()
        if (batch and not self._put_batch(number, batch)) or outlet.sendable:
            self.has(outlet)  # its end is told behind its last message
            return
        if outlet.take_end():
            self._stream.put((Kind.END, number))
        if outlet.take_close():
            self._stream.put((Kind.CLOSED, number))

    def _put_room(self) -> None:
        self.room_due = False
        read, now = self._news()
        news = [(number, *said) for number, said in now.items() if self._said.get(number) != said]
        self._said = now
        self._stream.put((Kind.ROOM, read, news))

    def _put_batch(self, number: int, batch: list[Packed]) -> bool:
        """False: not yet, as the parent cannot be told of what is in it."""
        special = [packed for packed in batch if packed.aside or packed.whole is not None]
        self._stuck = number, batch
        pools = self._mapped_there if self.peer is not None else frozenset()  # it may grow meanwhile
        if special and not self._prepared(special, pools):
            return False
        # Nearly always all of them are plain, and there are very many of these.
        records = [_record(one, pools) for one in batch] if special else [one[:3] for one in batch]
        if copied := sum(_copied_bytes(one, pools) for packed in special for one in packed.aside):
            self.outlets[number].words[COPIED_BYTES] += copied
        self._stream.put((Kind.BATCH, number, batch[0].version, records))
        self._stuck = None
        self.sent += 1
        return True

    def _prepared(self, batch: Sequence[Packed], pools: Collection[bytes]) -> bool:
        """Whether the other end can read these: it knows classes, and the parent knows of slots."""
        for number in {number: None for packed in batch for number in packed.classes}:
            if number not in self._told_classes:
                self._stream.put((Kind.CLASS, number, self._classes.pickled(number)))
                self._told_classes.add(number)
        if self._frames is None or self.peer is None:
            return True
        lent = [one for packed in batch for one in packed.aside if isinstance(one, Lent)]
        for one in lent:
            if one.token.pool not in pools:
                self._tell_pool(self._frames, one)
        known = [one for one in lent if one.token.pool in pools]
        return not known or self._frames.grant(known, self.peer)

    def _tell_pool(self, frames: FrameSpace, lent: Lent) -> None:
        pool, now_s = lent.token.pool, time.monotonic()
        if now_s < self._told_pools.get(pool, 0.0):
            return
        with suppress(OSError):  # no descriptor is left: it is told of with the next
            said, fd = frames.pool_of(lent.token)
            self._stream.put((Kind.POOL, said.pool, said.slots, said.slot_bytes, said.sealed), fd)
            self._told_pools[pool] = now_s + TELL_POOL_S


def _record(packed: Packed, pools: Collection[bytes]) -> tuple[Any, ...]:
    if packed.whole is None and not packed.aside:
        return packed[:3]
    return (*packed[:3], [_aside(one, pools) for one in packed.aside], packed.whole)


def _copied_bytes(one: Aside, pools: Collection[bytes]) -> int:
    if isinstance(one, bytes):
        return len(one)
    return 0 if one.token.pool in pools else one.size


def _aside(one: Aside, pools: Collection[bytes]) -> Any:
    if isinstance(one, bytes):
        return PickleBuffer(one)
    if one.token.pool not in pools:
        return PickleBuffer(one.view())
    return (*one.token, one.start, one.size)
