"""A client's end of a side socket, beside one connection to a host: who it is, its pools, what it looks at.

It lives within the client's loop until the connection ends (`retire`); from then on it needs none. Then it
keeps its side open for as long as the process looks at anything that came over it, as the end of the side is
the end of its leases, and closes it with the last array, in whichever thread that goes.

A token is to be given to `attached.open` in the turn of the loop in which it came: one that waits is not
known here, and no lease of it is kept over the end of the connection.

It does not connect again: the next connection has a guest of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final, Protocol

from sightline.errors import SharingError, WireError
from sightline.shm.attached import Attached, Place
from sightline.shm.messages import (
    MOST_REASON,
    Drain,
    Freed,
    Gone,
    Join,
    Pool,
    Ready,
    Refused,
    Released,
    SideMessage,
)
from sightline.shm.side import SUFFIX, Side

AGAIN_S: Final = 0.05
MOST_TRIES: Final = 100
"""How often, every `AGAIN_S`, it knocks where more come than the host takes in."""


class Writer(Protocol):
    """Whose pools they are: `sightline.shm.pool.Pools`."""

    def ready(self, pool: bytes) -> None: ...
    def refused(self, pool: bytes, reason: str) -> None: ...
    def freed(self, pool: bytes, slot: int, generation: int) -> None: ...
    def abandon(self) -> None: ...


def side_of(unix_path: str | None, name: bytes) -> str | bytes:
    """The address of a hub's side socket: `name` in the abstract space, or beside its Unix socket."""
    return b"\0" + name if name or unix_path is None else unix_path + SUFFIX


class Guest:
    """One end, in the running loop.

    Args:
        address: of the host's side socket, see `side_of`.
        secret: that the host told this client.
        on_lost: called in the loop, once, with why the side could not be had, or ended; not after `retire`.
            The pools are abandoned then, and nothing is attached any more: bytes go and come instead.

    Attributes:
        attached: what this process looks at.
    """

    def __init__(
        self, address: str | bytes, secret: bytes, *, on_lost: Callable[[str], object] | None = None
    ) -> None:
        self.attached = Attached(self._release, on_idle=self._idle)
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._side: Side | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._pools: dict[bytes, Writer] = {}
        self._over = False
        self._knock(address, secret, MOST_TRIES)

    def retire(self) -> None:
        """The connection beside it ended, or is about to. In the loop; again is allowed."""
        if self._over:
            return
        self._leave()
        self._close_if_idle()

    # For writers; from any thread, and within any lock.

    def announce(self, writer: Writer, pool: Pool, fd: int) -> bool:
        """Hand a pool to the host, False where that cannot be; `writer` is told what is said of it."""
        if self._side is None:
            return False
        self._pools[pool.pool] = writer  # before the look: `_leave` looks here after it has set this
        if not self._over and self._side.send(pool, fd):
            return True
        self._pools.pop(pool.pool, None)
        return False

    def drain(self, drain: Drain) -> None:
        """The host has acknowledged all tokens of this pool, and none comes any more."""
        if self._pools.pop(drain.pool, None) is not None and self._side is not None:
            self._side.send(drain)

    def forget(self, writer: Writer) -> None:
        """As `drain`, of all pools of this writer."""
        for pool in list(self._pools):  # not its items: to make pairs of them may run finalizers that drain
            if self._pools.get(pool) is writer:
                self.drain(Drain(pool=pool))

    # For what is looked at; from any thread, and within any lock.

    def _release(self, slots: list[Place]) -> bool:
        return self._side is not None and self._side.tell(Released, slots)

    def _idle(self) -> None:
        if self._over and self._side is not None:
            self._side.close()

    def _close_if_idle(self) -> None:
        # After `_leave`: nothing is opened any more, and whoever ends the last lease sees that it is over.
        if not self.attached.leases:
            self._idle()

    # In the loop.

    def _knock(self, address: str | bytes, secret: bytes, tries: int) -> None:
        try:
            self._side = Side(_connected(address))
        except BlockingIOError:  # more come than it takes in at once
            if not tries:
                self._lose("the host takes nobody in")
                return
            self._retry = self._loop.call_later(AGAIN_S, self._knock, address, secret, tries - 1)
            return
        except (OSError, ValueError) as error:
            self._lose(f"no side socket: {error}")
            return
        self._side.on_full = self._full
        self._side.send(Join(secret=secret))
        self._loop.add_reader(self._side.fileno(), self._hear, self._side)

    def _hear(self, side: Side) -> None:
        try:
            for message, fd in side.receive():
                self._said(side, message, fd)
        except WireError as error:
            self._lose(str(error))
        if side.ended:
            self._lose("the host ended it")

    def _said(self, side: Side, message: SideMessage, fd: int | None) -> None:
        match message:
            case Pool():
                self._offered(side, message, fd)
            case Gone():
                self.attached.gone(message.pool)
            case Freed():
                self._freed(message)
            case Ready() if message.pool in self._pools:
                self._pools[message.pool].ready(message.pool)
            case Refused() if message.pool in self._pools:
                self._pools.pop(message.pool).refused(message.pool, message.reason)
            case Ready() | Refused():
                pass  # it was abandoned meanwhile
            case _:
                raise WireError(f"expected nothing like {type(message).__name__} of a host")

    def _freed(self, message: Freed) -> None:
        for pool, slot, generation in message.slots:
            if (writer := self._pools.get(pool)) is not None:
                writer.freed(pool, slot, generation)

    def _offered(self, side: Side, pool: Pool, fd: int | None) -> None:
        answer: Ready | Refused = Ready(pool=pool.pool)
        if fd is None:
            answer = Refused(pool=pool.pool, reason="its descriptor did not come")
        else:
            try:
                self.attached.add(pool, fd)
            except SharingError as error:
                answer = Refused(pool=pool.pool, reason=str(error)[:MOST_REASON])
        side.send(answer)

    def _lose(self, why: str) -> None:
        if self._over:
            return
        self._leave()
        self._close_if_idle()  # what the host said wrong, or last, does not end what is looked at
        if self._on_lost is not None:
            self._loop.call_soon(self._on_lost, why)

    def _leave(self) -> None:
        """Be done with the loop, with writing, and with what comes."""
        if self._retry is not None:
            self._retry.cancel()
        if self._side is not None and (fd := self._side.fileno()) >= 0:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)
        self._over = True
        for writer in list(self._pools.values()):
            writer.abandon()
        self._pools.clear()
        self.attached.close()

    def _full(self) -> None:
        # From any thread, perhaps after the loop.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._watch)

    def _watch(self) -> None:
        if not self._over and self._side is not None:
            self._loop.add_writer(self._side.fileno(), self._writable, self._side)

    def _writable(self, side: Side) -> None:
        if side.flush():
            self._loop.remove_writer(side.fileno())


def _connected(address: str | bytes) -> socket.socket:
    """Raises BlockingIOError where it is to be tried again, OSError or ValueError where that is of no use."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.setblocking(False)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock
