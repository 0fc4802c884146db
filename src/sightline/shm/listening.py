"""Where a host's peers come to: listening side sockets, and the sides of all peers, within one loop.

It promises: whoever has not shown its secret within `JOIN_S` is gone, and there are at most `MOST_STRANGERS`
of those; who does not read what it is told is not read either, so nobody can ask for more answers than it
takes; a peer that breaks the protocol ends, and no other, but what it looks at stands until it lets go.

It does not know who belongs to which secret: it asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sightline.errors import SharingError, WireError
from sightline.log import Repeated, get_logger
from sightline.shm.foreign import close_foreign
from sightline.shm.held import Peer
from sightline.shm.host import Host
from sightline.shm.messages import Join, SideMessage
from sightline.shm.side import Side

BACKLOG: Final = 128
JOIN_S: Final = 5.0
MOST_STRANGERS: Final = 64
"""Beyond, the one that has been silent for longest goes: who means well speaks at once."""
PAUSE_S: Final = 1.0
"""Where this process can have no more descriptors, it takes nobody in for so long."""
MODE: Final = 0o600
"""Of a socket with a path: who it belongs to may connect."""


class Sides:
    """All sides of a host, in the running loop.

    Args:
        host: whose peers they are.
        admit: whether this secret is somebody's, who is this peer from now on.
    """

    def __init__(self, host: Host, admit: Callable[[bytes, Peer], bool]) -> None:
        self._host = host
        self._admit = admit
        self._loop = asyncio.get_running_loop()
        self._listeners: list[socket.socket] = []
        self._strangers: dict[Side, asyncio.TimerHandle] = {}
        self._peers: dict[Side, Peer] = {}
        self._refused: set[Side] = set()  # of peers that are not heard any more, but still look at something
        self._closed = False
        self._refusals = Repeated(get_logger("sightline.shm"), "side socket ended by the host")

    def listen(self, listener: socket.socket) -> None:
        """Take in who comes here; it is closed by `close`."""
        listener.setblocking(False)
        self._listeners.append(listener)
        self._loop.add_reader(listener.fileno(), self._accept, listener)

    def take(self, sock: socket.socket) -> None:
        """Take in who is at the other end of this connected socket, as if it had come by itself."""
        if len(self._strangers) >= MOST_STRANGERS:
            self._end(next(iter(self._strangers)))
        side = Side(sock)
        self._strangers[side] = self._loop.call_later(JOIN_S, self._too_late, side)
        side.on_full = lambda: self._soon(side)
        self._loop.add_reader(side.fileno(), self._hear, side)
        self._hear(side)  # it has spoken already, and there may be many

    def close(self) -> None:
        """All sides end. Before the host is closed; again is allowed."""
        self._closed = True
        for listener in self._listeners:
            self._loop.remove_reader(listener.fileno())
            listener.close()
        self._listeners.clear()
        self._host.retire_all()
        for side in (*self._strangers, *self._peers):
            self._end(side)
        self._refusals.flush()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(BACKLOG):
            try:
                sock, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                self._loop.remove_reader(listener.fileno())
                self._loop.call_later(PAUSE_S, self._accept_again, listener)
                return
            self.take(sock)

    def _accept_again(self, listener: socket.socket) -> None:
        if not self._closed:
            self._loop.add_reader(listener.fileno(), self._accept, listener)

    def _too_late(self, side: Side) -> None:
        self._refuse(side, f"expected a secret within {JOIN_S} s")

    def _hear(self, side: Side) -> None:
        try:
            for message, fd in side.receive():
                self._said(side, message, fd)
        except (WireError, SharingError) as error:
            self._refuse(side, str(error))
        if side.ended:
            self._end(side)
        self._host.settle()

    def _said(self, side: Side, message: SideMessage, fd: int | None) -> None:
        peer = self._peers.get(side)
        if peer is not None and side not in self._refused:
            self._host.received(peer, message, fd)
            return
        if fd is not None:
            close_foreign([fd])
        if peer is not None:
            return
        if not isinstance(message, Join):
            raise WireError(f"expected a secret first, got {type(message).__name__}")
        peer = self._host.joined(side)
        self._peers[side] = peer
        self._strangers.pop(side).cancel()
        if not self._admit(message.secret, peer):
            raise WireError("expected the secret of a connection that stands")

    def _refuse(self, side: Side, reason: str) -> None:
        if side in self._refused:
            return
        self._refusals.add(pid=side.peer_pid, reason=reason)
        peer = self._peers.get(side)
        if peer is None or not self._host.looks(peer):
            self._end(side)
            return
        # Its process lives. What it looks at stays as it is until that ends, or closes its own end.
        self._refused.add(side)
        self._host.retire(peer)
        side.hang_up()

    def _end(self, side: Side) -> None:
        if (fd := side.fileno()) >= 0:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)
        if (deadline := self._strangers.pop(side, None)) is not None:
            deadline.cancel()
        if (peer := self._peers.pop(side, None)) is not None:
            self._host.lost(peer)
        self._refused.discard(side)
        side.close()

    def _soon(self, side: Side) -> None:
        # From any thread, perhaps after the loop.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._hold, side)

    def _hold(self, side: Side) -> None:
        """It does not read: nor is it read, until it does."""
        if (fd := side.fileno()) >= 0:
            self._loop.remove_reader(fd)
            self._loop.add_writer(fd, self._writable, side)

    def _writable(self, side: Side) -> None:
        if side.flush():
            self._loop.remove_writer(side.fileno())
            self._loop.add_reader(side.fileno(), self._hear, side)


@contextlib.contextmanager
def unix_listener(path: str, kind: int = socket.SOCK_SEQPACKET) -> Iterator[socket.socket]:
    """A socket at `path` that only this user may connect to. A file left by one that is dead is replaced.

    Raises:
        OSError: it cannot be there.
    """
    place = Path(path)
    with socket.socket(socket.AF_UNIX, kind) as listener:
        _clear_stale(place, kind)
        os.fchmod(listener.fileno(), MODE)  # Linux makes the file with it; elsewhere it has no effect
        listener.bind(path)
        place.chmod(MODE)
        listener.listen(BACKLOG)  # before that, another would take the file for one that was left
        inode = place.stat().st_ino
        try:
            yield listener
        finally:
            listener.close()
            with contextlib.suppress(OSError):
                if place.stat().st_ino == inode:
                    place.unlink()


def abstract_listener() -> tuple[bytes, socket.socket]:
    """A socket in no file system (unix(7), "abstract"), and the name that was made up for it.

    Raises:
        OSError: there is none on this system.
    """
    name = b"sightline-hub-" + secrets.token_hex(16).encode()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listener.bind(b"\0" + name)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return name, listener


def _clear_stale(place: Path, kind: int) -> None:
    if not place.is_socket():
        return
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(place))
        except ConnectionRefusedError:
            place.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another answers there")
