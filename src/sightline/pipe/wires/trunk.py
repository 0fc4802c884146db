"""All edges between two flows, on one Unix stream socket.

It sends from the thread that puts, as soon as nothing is under way that the other end has not read, and in
batches while something is: so a message that comes alone goes at once, and many go together. Edges take
turns. It has one thread, which reads, and writes what the socket had no room for.

It promises: the messages of an edge arrive in order, once, or are counted as lost with the trunk; nobody who
puts waits for the socket. It does not connect again: see `Outlet` for what outlives it.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from sightline.errors import SharingError
from sightline.log import get_logger
from sightline.overflow import Overflow
from sightline.pipe.settings import WireSettings
from sightline.pipe.transmitters import DataTransmitter
from sightline.pipe.wires.codec import Codec
from sightline.pipe.wires.edge import BATCH, Outlet
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.landing import Landing
from sightline.pipe.wires.reading import Reading
from sightline.pipe.wires.sending import Kind, Said, Sending
from sightline.pipe.wires.stream import Stream
from sightline.shm.messages import Pool

RETRY_S: Final = 0.01
"""So often what the parent could not be told of is tried again."""
TELL_TOKENS: Final = 1024
"""So often, in tokens, the parent is told how many came, so that it may forget them."""


class Trunk:
    """One end. Edges are told apart by numbers that the pipe gives; they may go both ways.

    Args:
        sock: one end of a `socketpair(AF_UNIX, SOCK_STREAM)`; this object's from now on.
        codec: of the flow; with its `frames`, if it has any, pictures are shared.
        number: that no other of the pipe ever has.
        on_end: called once, in the trunk's thread, when nothing comes or goes any more; with what is wrong
            here if that is why, or None where the other end is gone, or `close` was called.
    """

    def __init__(
        self,
        sock: socket.socket,
        codec: Codec,
        *,
        number: int = 1,
        on_end: Callable[[str | None], object] | None = None,
    ) -> None:
        self.number = number
        self._stream = Stream(sock)
        self._frames = codec.frames
        self._on_end = on_end
        self._reading = Reading(codec.frames)
        self._sends = Sending(self._stream, codec, self._news)
        self._landings: dict[int, Landing] = {}
        self._lock = threading.Lock()
        self._early_ends: set[int] = set()
        self._touched: set[int] = set()
        self._heed: Mapping[int, Callable[..., None]] = {
            Kind.HELLO: self._heed_hello,
            Kind.POOL: self._heed_pool,
            Kind.CLASS: self._reading.learn,
            Kind.BATCH: self._land,
            Kind.END: self._heed_end,
            Kind.ROOM: self._heed_room,
            Kind.CLOSED: self._heed_closed,
            Kind.MAPPED: self._sends.told_mapped,
            Kind.OVER: self._sends.told_over,
        }
        self._sending = threading.Lock()
        self._wanted = False
        self._read_there = self._read_here = 0
        self._ours, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._ended = False
        self._fault: str | None = None
        self._close_by: float | None = None
        self._thread = threading.Thread(target=self._run, name="pipe-trunk", daemon=True)

    def start(self) -> None:
        """Begin to read and to write."""
        self._thread.start()

    def carry(self, edge_id: int, outlet: Outlet) -> None:
        """What is put into `outlet` goes here from now on; see there."""
        self._sends.carry(edge_id, outlet)
        outlet.carried(self)
        # Only now: what is told in between is told to this outlet, which does not heed it before.
        if (room := self._sends.rooms.get(edge_id)) is not None:
            outlet.told(self, *room)
        if self._ended:
            outlet.dropped_by(self)

    def deliver(
        self,
        edge_id: int,
        inlet: Inlet,
        source: str,
        settings: WireSettings,
        transmitter: DataTransmitter | None = None,
        *,
        version: int = 0,
    ) -> None:
        """What comes on this edge goes into `inlet`, as messages of the routine `source`, a wire of it.

        Again is allowed: with other settings from now on, and another transmitter, for what is of that
        version.
        """
        with self._lock:
            landing = self._landings.get(edge_id)
        if landing is None:
            landing = Landing(inlet, source, settings, transmitter, version=version, trunk=self.number)
        else:
            landing.relink(settings, transmitter, version)
        if settings.rule is Overflow.BLOCK:
            inlet.on_room[source] = partial(self.made_room, edge_id)
        with self._lock:
            self._landings[edge_id] = landing
            ended = edge_id in self._early_ends
        if ended:
            landing.end()
        if self._ended:
            landing.leave()
        self.made_room(edge_id)

    def part(self, edge_id: int, unlink: Callable[[], None]) -> None:
        """This edge is taken away: call `unlink` behind the last that comes on it; now, if nothing does."""
        landing = self._landings.get(edge_id)
        if landing is None:
            unlink()
            return
        landing.part(unlink)
        self._forget_if_over(edge_id, landing)

    def made_room(self, edge_id: int) -> None:
        """The inlet of this edge may have room again. From any thread; waits for nothing."""
        landing = self._landings.get(edge_id)
        if landing is None:
            return
        if landing.due(gladly=False):
            self._sends.room_due = True
            self.flush()
        self._forget_if_over(edge_id, landing)

    def has(self, outlet: Outlet, count: int) -> None:
        """There are so many messages to be sent in it, or something is to be told of it."""
        self._sends.has(outlet)
        if self._sends.sent == self._read_there or count >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Send all that may be sent, as far as the socket takes it. From any thread; waits for nothing."""
        if self._stream.waits and threading.current_thread() is not self._thread:
            return  # that one waits for room in the socket, and sends this too
        # Whoever has the lock sends for all: what others add meanwhile is seen when it was let go.
        self._wanted = True
        while self._wanted and not self._ended and self._sending.acquire(blocking=False):
            try:
                self._wanted = False
                if not self._ended:  # it may have while this waited for its turn
                    self._sends.send()
            except OSError:
                break  # the other end is gone, which whoever reads sees too
            except Exception as error:  # noqa: BLE001 - it is the end of this trunk, not of whoever puts
                self._fail(error)
                break
            finally:
                self._sending.release()
        if (self._stream.waits or self._tries) and threading.current_thread() is not self._thread:
            self._wake()

    def close(self, timeout_s: float = 0.0) -> None:
        """Send what may be sent for so long, and read what comes meanwhile; then end. Again is allowed."""
        self._close_by = time.monotonic() + timeout_s
        if self._thread.ident is None:
            if not self._ended:
                self._end()
        elif threading.current_thread() is not self._thread:
            self._wake()
            self._thread.join()

    @property
    def _tries(self) -> bool:
        """Whether something is to be tried again, and nobody tells when."""
        return self._stream.scarce or self._sends.stuck

    def _wake(self) -> None:
        with suppress(OSError):  # it is awake, or has ended
            self._waker.send(b"\0")

    def _fail(self, error: BaseException) -> None:
        get_logger("sightline.pipe").error("trunk between flows failed", exc_info=error)
        self._fault = f"a way to another flow failed: {error!r}"
        self._close_by = time.monotonic()
        self._wake()

    def _news(self) -> tuple[int, dict[int, Said]]:
        with self._lock:
            return self._read_here, {edge_id: one.said() for edge_id, one in self._landings.items()}

    def _forget_if_over(self, edge_id: int, landing: Landing) -> None:
        if not landing.over:
            return
        with self._lock:
            known = self._landings.pop(edge_id, None)
            self._early_ends.discard(edge_id)
        if known is not None:
            self._sends.answer(Kind.OVER, edge_id)
            self.flush()

    # In the trunk's thread.

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._ours, select.POLLIN)
        hung_up = False
        self.flush()
        try:
            while self._close_by is None or time.monotonic() < self._close_by:
                self._turn(poll)
                if self._close_by is not None and not hung_up and not (self._stream.waits or self._tries):
                    self._stream.hang_up()
                    hung_up = True
        except EOFError:
            pass
        except BaseException as error:  # noqa: BLE001 - it is the end of this trunk; for the flow to judge
            self._fail(error)
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
        return RETRY_S * 1000 if self._tries else None

    def _read(self) -> None:
        read_before, tokens_before = self._read_here, self._reading.tokens
        for kind, *rest in self._stream.read():
            self._heed[kind](*rest)
        while self._touched:
            edge_id = self._touched.pop()
            landing = self._landings.get(edge_id)
            if landing is not None:
                landing.due(gladly=True)
        if self._read_here != read_before:  # never back to False here: another thread may have made it True
            self._sends.room_due = True
        if self._reading.tokens // TELL_TOKENS != tokens_before // TELL_TOKENS:
            self._tell_tokens(over=False)

    def _heed_hello(self, peer: int | None) -> None:
        self._sends.peer = peer if self._frames is not None else None

    def _heed_room(self, read_there: int, rooms: list[tuple[int, int, int]]) -> None:
        self._read_there = read_there
        for edge_id, limit, arrived in rooms:
            self._sends.rooms[edge_id] = limit, arrived
            if (outlet := self._sends.outlets.get(edge_id)) is not None:
                outlet.told(self, limit, arrived)

    def _heed_end(self, edge_id: int) -> None:
        with self._lock:
            self._early_ends.add(edge_id)
            landing = self._landings.get(edge_id)
        if landing is not None:
            landing.end()

    def _heed_closed(self, edge_id: int) -> None:
        landing = self._landings.get(edge_id)
        if landing is None:  # this end never had it: it was taken away while this flow was begun again
            self._early_ends.discard(edge_id)
            self._sends.answer(Kind.OVER, edge_id)
            return
        landing.close()
        self._forget_if_over(edge_id, landing)

    def _heed_pool(self, *of: Any) -> None:
        said = Pool(*of)
        fd = self._stream.fds.popleft() if self._stream.fds else None
        try:
            if self._frames is not None:
                self._frames.add(said, fd)
                self._sends.answer(Kind.MAPPED, said.pool)
        except SharingError as error:  # they come as bytes then
            get_logger("sightline.pipe").warning("shared pictures cannot be mapped", reason=str(error))

    def _land(self, edge_id: int, version: int, records: list[tuple[Any, ...]]) -> None:
        landing = self._landings[edge_id]
        self._read_here += 1
        self._touched.add(edge_id)
        messages = self._reading.messages(landing.source, landing.change(version), records)
        landing.land(messages, len(records) - len(messages))

    def _tell_tokens(self, *, over: bool) -> None:
        if self._frames is not None and self._sends.peer is not None:
            self._frames.arrived(self._sends.peer, self._reading.tokens, over=over)

    def _end(self) -> None:
        self._ended = True
        with self._sending:
            self._stream.close()
            self._sends.forget()
        with self._lock:
            landings = list(self._landings.values())
        for outlet in list(self._sends.outlets.values()):
            outlet.dropped_by(self)
        for landing in landings:
            landing.leave()
        self._tell_tokens(over=True)
        self._reading.flush()
        self._ours.close()
        self._waker.close()
        if self._on_end is not None:
            self._on_end(self._fault)
