"""All edges between two flows, on one Unix stream socket.

It sends from the thread that puts, as soon as nothing is under way that the other end has not read, and in
batches while something is: so a message that comes alone goes at once, and many go together. Edges take
turns. It has one thread, which reads, and writes what the socket had no room for.

It promises: the messages of an edge arrive in order, once, or are counted as lost with the trunk; nobody who
puts waits for the socket; before a token goes, the parent knows of it. It does not connect again: see
`Outlet` for what outlives it.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import IntEnum
from functools import partial
from pickle import PickleBuffer
from typing import Any, Final

from sightline.errors import SharingError
from sightline.log import get_logger
from sightline.overflow import Overflow
from sightline.pipe.codec import Aside, Codec, Packed
from sightline.pipe.edge import BATCH, EdgeStats, Landing, Outlet
from sightline.pipe.frames import Lent
from sightline.pipe.inlet import Inlet
from sightline.pipe.reading import Reading
from sightline.pipe.settings import WireSettings
from sightline.pipe.stream import Stream
from sightline.pipe.transmitters import Change, DataTransmitter, as_it_is
from sightline.shm.messages import Pool

RETRY_S: Final = 0.01
"""So often what the parent could not be told of is tried again."""
TELL_TOKENS: Final = 1024
"""So often, in tokens, the parent is told how many came, so that it may forget them."""


class Kind(IntEnum):
    """The first item of what is sent, which is a tuple."""

    HELLO = 0  # number of the flow in shared memory, or None
    POOL = 1  # id, slots, bytes of a slot, sealed; its descriptor goes with it
    CLASS = 2  # number, pickled
    BATCH = 3  # edge, records
    END = 4  # edge
    ROOM = 5  # batches read, [(edge, limit, arrived)]


class Trunk:
    """One end. Edges are told apart by numbers that the pipe gives; they may go both ways.

    Args:
        sock: one end of a `socketpair(AF_UNIX, SOCK_STREAM)`; this object's from now on.
        codec: of the flow; with its `frames`, if it has any, pictures are shared.
        on_end: called once, in the trunk's thread, when nothing comes or goes any more.
    """

    def __init__(
        self, sock: socket.socket, codec: Codec, *, on_end: Callable[[], object] | None = None
    ) -> None:
        self._stream = Stream(sock)
        self._codec, self._frames = codec, codec.frames
        self._on_end = on_end
        self._reading = Reading(codec.frames)
        self._outlets: dict[int, Outlet] = {}
        self._edges: dict[Outlet, int] = {}
        self._landings: dict[int, tuple[Landing, Change]] = {}
        self._lock = threading.Lock()
        self._ready: OrderedDict[Outlet, None] = OrderedDict()
        self._rooms: dict[int, tuple[int, int]] = {}
        self._early_ends: set[int] = set()
        self._sending = threading.Lock()
        self._wanted = self._room_due = False
        self._stuck: tuple[int, list[Packed]] | None = None
        self._said: dict[int, tuple[int, int]] = {}
        self._sent = self._read_there = self._read_here = 0
        self._peer: int | None = None
        self._told_pools: set[bytes] = set()
        self._told_classes: set[int] = set()
        self._ours, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._ended = False
        self._close_by: float | None = None
        self._thread = threading.Thread(target=self._run, name="pipe-trunk", daemon=True)
        self._stream.put((Kind.HELLO, None if self._frames is None else self._frames.number))

    def start(self) -> None:
        """Begin to read and to write."""
        self._thread.start()

    def carry(self, edge_id: int, outlet: Outlet) -> None:
        """What is put into `outlet` goes here from now on; see there."""
        with self._lock:
            self._outlets[edge_id], self._edges[outlet] = outlet, edge_id
            room = self._rooms.get(edge_id)
        outlet.carried(self)
        if room is not None:
            outlet.told(self, *room)

    def deliver(
        self,
        edge_id: int,
        inlet: Inlet,
        source: str,
        settings: WireSettings,
        transmitter: DataTransmitter | None = None,
    ) -> None:
        """What comes on this edge goes into `inlet`, as messages of the routine `source`, a wire of it."""
        landing = Landing(inlet, source, settings)
        change = as_it_is if transmitter is None else transmitter.receive()
        if settings.rule is Overflow.BLOCK:
            inlet.on_room[source] = partial(self.made_room, edge_id)
        with self._lock:
            self._landings[edge_id] = landing, change
            ended = edge_id in self._early_ends
        if ended:
            landing.end()
        self.made_room(edge_id)

    def made_room(self, edge_id: int) -> None:
        """The inlet of this edge may have room again. From any thread; waits for nothing."""
        if self._landings[edge_id][0].due(gladly=False):
            self._room_due = True
            self.flush()

    def has(self, outlet: Outlet, count: int) -> None:
        """There are so many messages to be sent in it, or its end is to be told."""
        if outlet not in self._ready:
            with self._lock:
                self._ready[outlet] = None
        if self._sent == self._read_there or count >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Send all that may be sent, as far as the socket takes it. From any thread; waits for nothing."""
        # Whoever has the lock sends for all: what others add meanwhile is seen when it was let go.
        self._wanted = True
        while self._wanted and not self._ended and self._sending.acquire(blocking=False):
            try:
                self._wanted = False
                self._send()
            except OSError:
                return  # the other end is gone; whoever reads sees that too
            finally:
                self._sending.release()
        if (self._stream.waits or self._stuck) and threading.current_thread() is not self._thread:
            self._wake()

    def stats(self) -> dict[int, EdgeStats]:
        """Of the edges that come in here; an outlet has its own."""
        with self._lock:
            landings = list(self._landings.items())
        return {edge_id: landing.stats() for edge_id, (landing, _) in landings}

    def close(self, timeout_s: float = 0.0) -> None:
        """Send what may be sent for so long, and read what comes meanwhile; then end. Again is allowed."""
        self._close_by = time.monotonic() + timeout_s
        if self._thread.ident is None:
            self._end()
        elif threading.current_thread() is not self._thread:
            self._wake()
            self._thread.join()

    def _wake(self) -> None:
        with suppress(OSError):  # it is awake, or has ended
            self._waker.send(b"\0")

    # With the sending lock held.

    def _send(self) -> None:
        while self._stream.flush():
            if self._room_due:
                self._put_room()
            elif self._stuck is not None:
                if not self._put_batch(*self._stuck):
                    return
            elif (outlet := self._next()) is not None:
                self._put_next(outlet)
            else:
                return

    def _next(self) -> Outlet | None:
        with self._lock:
            return self._ready.popitem(last=False)[0] if self._ready else None

    def _put_next(self, outlet: Outlet) -> None:
        edge_id = self._edges[outlet]
        if batch := outlet.take():
            self._put_batch(edge_id, batch)
        if outlet.sendable:
            with self._lock:
                self._ready[outlet] = None
        elif outlet.take_end():
            self._stream.put((Kind.END, edge_id))

    def _put_room(self) -> None:
        self._room_due = False
        now = {edge_id: landing.said() for edge_id, (landing, _) in tuple(self._landings.items())}
        news = [(edge_id, *said) for edge_id, said in now.items() if self._said.get(edge_id) != said]
        self._said = now
        self._stream.put((Kind.ROOM, self._read_here, news))

    def _put_batch(self, edge_id: int, batch: list[Packed]) -> bool:
        """False: not yet, as the parent cannot be told of what is in it."""
        special = [packed for packed in batch if packed.aside or packed.whole is not None]
        if special and not self._prepared(special):
            self._stuck = edge_id, batch
            return False
        self._stuck = None
        # Nearly always all of them are plain, and there are very many of these.
        records = [self._record(one) for one in batch] if special else [one[:3] for one in batch]
        self._stream.put((Kind.BATCH, edge_id, records))
        self._sent += 1
        return True

    def _prepared(self, batch: list[Packed]) -> bool:
        """Whether the other end can read these: it knows the classes, and the parent knows of the slots."""
        lent = [one for packed in batch for one in packed.aside if _is_lent(one)]
        if lent and self._peer is not None and not self._granted(lent):
            return False
        for number in {number: None for packed in batch for number in packed.classes}:
            if number not in self._told_classes:
                self._told_classes.add(number)
                self._stream.put((Kind.CLASS, number, self._codec.classes.pickled(number)))
        return True

    def _granted(self, lent: Sequence[Any]) -> bool:
        frames, peer = self._frames, self._peer
        if frames is None or peer is None or not frames.grant(lent, peer):
            return False
        for one in lent:
            if one.token.pool not in self._told_pools:
                said, fd = frames.pool_of(one.token)
                self._stream.put((Kind.POOL, said.pool, said.slots, said.slot_bytes, said.sealed), fd)
                self._told_pools.add(said.pool)
        return True

    def _record(self, packed: Packed) -> tuple[Any, ...]:
        if packed.whole is None and not packed.aside:
            return packed[:3]
        return (*packed[:3], [self._aside(one) for one in packed.aside], packed.whole)

    def _aside(self, one: Aside) -> Any:
        if isinstance(one, bytes):
            return PickleBuffer(one)
        if self._peer is None:
            return PickleBuffer(bytes(one.view()))
        return (*one.token, one.start, one.size)

    # In the trunk's thread.

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._ours, select.POLLIN)
        hung_up = False
        self.flush()
        try:
            while self._close_by is None or time.monotonic() < self._close_by:
                self._turn(poll)
                if self._close_by is not None and not hung_up and not self._stream.waits and not self._stuck:
                    self._stream.hang_up()
                    hung_up = True
        except (EOFError, OSError):
            pass
        except Exception:  # noqa: BLE001 - it is the end of this trunk, not of the flow
            get_logger("sightline.pipe").exception("trunk between flows failed")
        finally:
            self._end()

    def _turn(self, poll: select.poll) -> None:
        poll.register(self._stream, select.POLLIN | (select.POLLOUT if self._stream.waits else 0))
        ready = dict(poll.poll(self._patience_ms()))
        if self._ours.fileno() in ready:
            self._ours.recv(4096)
        if ready.get(self._stream.fileno(), 0) & ~select.POLLOUT:
            self._read()
        self.flush()

    def _patience_ms(self) -> float | None:
        if self._close_by is not None:
            return max(0.0, min(RETRY_S, self._close_by - time.monotonic())) * 1000
        return RETRY_S * 1000 if self._stuck else None

    def _read(self) -> None:
        read_before, tokens_before = self._read_here, self._reading.tokens
        touched: set[int] = set()
        for kind, *rest in self._stream.read():
            self._heed(kind, rest, touched)
        for edge_id in touched:
            self._landings[edge_id][0].due(gladly=True)
        self._room_due = self._room_due or self._read_here != read_before
        if self._reading.tokens // TELL_TOKENS != tokens_before // TELL_TOKENS:
            self._tell_tokens(over=False)

    def _heed(self, kind: int, rest: list[Any], touched: set[int]) -> None:
        match kind:
            case Kind.BATCH:
                self._land(*rest)
                touched.add(rest[0])
            case Kind.ROOM:
                self._heed_room(*rest)
            case Kind.END:
                self._heed_end(*rest)
            case Kind.POOL:
                self._add_pool(Pool(*rest))
            case Kind.CLASS:
                self._reading.learn(*rest)
            case Kind.HELLO:
                self._peer = rest[0] if self._frames is not None else None

    def _heed_room(self, read_there: int, rooms: list[tuple[int, int, int]]) -> None:
        self._read_there = read_there
        for edge_id, limit, arrived in rooms:
            with self._lock:
                self._rooms[edge_id] = limit, arrived
                outlet = self._outlets.get(edge_id)
            if outlet is not None:
                outlet.told(self, limit, arrived)

    def _heed_end(self, edge_id: int) -> None:
        with self._lock:
            self._early_ends.add(edge_id)
            landing = self._landings.get(edge_id)
        if landing is not None:
            landing[0].end()

    def _add_pool(self, said: Pool) -> None:
        fd = self._stream.fds.popleft() if self._stream.fds else None
        try:
            if self._frames is not None:
                self._frames.add(said, fd)
        except SharingError as error:  # its pictures cannot be read then, which is counted
            get_logger("sightline.pipe").warning("shared pictures cannot be mapped", reason=str(error))

    def _land(self, edge_id: int, records: list[tuple[Any, ...]]) -> None:
        landing, change = self._landings[edge_id]
        self._read_here += 1
        messages = self._reading.messages(landing.source, change, records)
        landing.land(messages, len(records) - len(messages))

    def _tell_tokens(self, *, over: bool) -> None:
        if self._frames is not None and self._peer is not None:
            self._frames.arrived(self._peer, self._reading.tokens, over=over)

    def _end(self) -> None:
        self._ended = True
        with self._sending:
            self._stream.close()
        with self._lock:
            outlets = list(self._edges)
        for outlet in outlets:
            outlet.dropped_by(self)
        self._tell_tokens(over=True)
        self._reading.flush()
        self._ours.close()
        self._waker.close()
        if self._on_end is not None:
            self._on_end()


def _is_lent(one: Aside) -> bool:
    return isinstance(one, Lent)
