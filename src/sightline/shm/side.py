"""One end of a side socket: whole messages with, now and then, a descriptor. Nothing is decided here.

It promises: no call waits; what `send` took is sent in order, once, while the other end lives; each
descriptor that comes is closed over `exec`, and at once where no message has a right to it. What the socket
has no room for is kept here, up to `MOST_UNSENT` messages. Two ends that keep to the protocol do not come
near that, as a slot is told of once until the other end has answered: whoever lets it come so far neither
reads nor keeps to the protocol. The socket is shut down then, which ends that end's leases and harms nobody
but itself.

A child made by `fork` is not the process that has the leases: in it every end is closed and sends nothing.
Shared pictures that it inherited may change under it from then on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final
from weakref import WeakSet

import msgspec

from sightline.errors import WireError
from sightline.shm.foreign import close_foreign
from sightline.shm.messages import MOST_MESSAGE_BYTES, MOST_TOLD, Freed, Pool, Released, SideMessage

SUFFIX: Final = ".side"
"""Of the path of a side socket, beside that of the socket that it belongs to."""
MOST_UNSENT: Final = 20_000
"""Above the slots of 64 pools, each of which may be told of once."""
MOST_AT_ONCE: Final = 64
"""Messages that one `receive` gives, so that no peer has a loop for itself."""

_FD: Final = struct.Struct("i")
_CREDENTIALS: Final = struct.Struct("3i")  # unix(7), SO_PEERCRED: pid, uid, gid
_ONE_FD: Final = socket.CMSG_LEN(_FD.size) if hasattr(socket, "CMSG_LEN") else 0
_CLOSE_ON_EXEC: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_CUT: Final = int(socket.MSG_CTRUNC)  # a plain number: an operation of flags takes a microsecond
_LONGER: Final = int(socket.MSG_TRUNC)
_NO_SIGNAL: Final = getattr(socket, "MSG_NOSIGNAL", 0)
_SCARCE: Final = frozenset((errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS, errno.EMFILE))
"""The system has no means now, and nothing tells when it has: to be tried again after a while."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(SideMessage).decode


class Side:
    """One end.

    Args:
        sock: a connected SEQPACKET socket, which is this object's from now on.

    Attributes:
        peer_pid, peer_uid: of the process that made the other end, as this process sees it; 0 and up.
        ended: nothing comes any more; the other end's process, or its end, is gone.
        on_full: called when something begins to wait for room in the socket, in whichever thread sent it.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self.peer_pid, self.peer_uid, _ = _credentials(sock)
        self.ended = False
        self.on_full: Callable[[], object] = _ignore
        self._unsent: deque[tuple[SideMessage, int | None]] = deque()
        self._sending = threading.Lock()
        self._full = self._closing = False
        _open_ends.add(self)

    def fileno(self) -> int:
        """-1: it is closed."""
        return self._sock.fileno()

    @property
    def unsent(self) -> int:
        """Messages that wait here."""
        return len(self._unsent)

    # From any thread, and from finalizers, which may run within any of these calls.

    def send(self, message: SideMessage, fd: int | None = None) -> bool:
        """Send it, now or when there is room. False: never, as this end is closed or means are wanting.

        Args:
            message: what is said.
            fd: a descriptor to go with it; it stays the caller's.
        """
        if self.fileno() < 0 or self._closing:
            return False
        if len(self._unsent) >= MOST_UNSENT:
            self._break_off()
            return False
        try:
            # One that waits must stay what it is, whatever its owner does meanwhile.
            self._unsent.append((message, None if fd is None else os.dup(fd)))
        except OSError:
            return False
        self.flush()
        return True

    def tell(self, kind: type[Freed | Released], slots: Sequence[tuple[bytes, int, int]]) -> bool:
        """Send any number of slots, in as many messages as that takes. False: as `send`."""
        taken = True
        for at in range(0, len(slots), MOST_TOLD):
            taken = self.send(kind(slots=list(slots[at : at + MOST_TOLD]))) and taken
        return taken

    def offer(self, message: SideMessage) -> bool:
        """Send it now, before this returns, or not at all (False), as there is no room. Not from finalizers.

        Raises:
            OSError: nobody is there to have it.
        """
        if not self.flush() or self._unsent:
            return False
        try:
            with self._sending:
                self._sock.sendmsg([_encode(message)], (), _NO_SIGNAL)
        except OSError as error:
            if error.errno not in _SCARCE | {errno.EAGAIN}:
                raise
            return False
        finally:
            self.flush()  # what finalizers added meanwhile
        return True

    def flush(self) -> bool:
        """Send what waits. False: the socket has no room for it; `flush` again when it has."""
        # Whoever has the lock sends for all: what others add meanwhile is seen when it was let go.
        going = True
        while (self._closing or (going and self._unsent)) and self._sending.acquire(blocking=False):
            try:
                if self._closing:
                    self._shut()
                elif self._unsent:
                    going = self._send_next()
            finally:
                self._sending.release()
        return not self._full

    def deafen(self) -> None:
        """Nothing is to come but what came already, and who offers more is told. This end may still speak."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RD)

    def hang_up(self) -> None:
        """Say nothing more, which the other end takes for the end. What it says still comes."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """What waits unsent is forgotten. Again is allowed."""
        self._closing = True
        self.flush()

    # For whoever reads it, in one thread.

    def receive(self) -> Iterator[tuple[SideMessage, int | None]]:
        """What came, up to `MOST_AT_ONCE`; then see `ended`. The descriptor of a `Pool` is the caller's.

        A `Pool` without one: the system had no means to hand it on, or too many came.

        Raises:
            WireError: what came is no message, or has a descriptor that it must not have; that one is closed.
        """
        for _ in range(MOST_AT_ONCE):
            try:
                data, ancillary, flags, _ = self._sock.recvmsg(MOST_MESSAGE_BYTES, _ONE_FD, _CLOSE_ON_EXEC)
            except BlockingIOError:
                return
            except ConnectionResetError:
                continue  # it ended without reading all; what it said before is still to come
            except OSError:
                data, ancillary, flags = b"", [], 0
            fds = _descriptors(ancillary)
            if not data:
                self.ended = True
                close_foreign(fds)
                return
            yield _read(data, fds, flags)

    # With the lock held.

    def _send_next(self) -> bool:
        """Whether to go on: it was sent, or nobody is there to have it."""
        message, fd, count = self._next()
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _FD.pack(fd))]
        try:
            self._sock.sendmsg([_encode(message)], rights, _NO_SIGNAL)
        except BlockingIOError:
            self._fill()
            return False
        except OSError as error:
            if error.errno in _SCARCE:
                return False
            count = len(self._unsent)  # the other end is gone; what it said may still be read
        self._full = False
        for _ in range(count):
            _close([fd for fd in self._unsent.popleft()[1:] if fd is not None])
        return True

    def _next(self) -> tuple[SideMessage, int | None, int]:
        """The next message, with those behind it that may go as one; and how many these are."""
        first, fd = self._unsent[0]
        if not isinstance(first, Freed | Released):
            return first, fd, 1
        slots, count = list(first.slots), 1
        while count < len(self._unsent):
            more = self._unsent[count][0]
            if type(more) is not type(first) or len(slots) + len(more.slots) > MOST_TOLD:
                break
            slots += more.slots
            count += 1
        return (type(first)(slots=slots) if count > 1 else first), fd, count

    def _fill(self) -> None:
        if not self._full:
            self._full = True
            self.on_full()

    def _shut(self) -> None:
        self._closing = self._full = False
        self._sock.close()
        while self._unsent:
            _close([fd for fd in self._unsent.popleft()[1:] if fd is not None])

    def _break_off(self) -> None:
        """Ends it for both ends; whoever reads this one sees that it ended, and closes it."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is gone already

    def _orphan(self) -> None:
        """In a child: a lock may be held by a thread that there is not."""
        self._sending = threading.Lock()
        self.on_full = _ignore
        self._shut()


def _read(data: bytes, fds: list[int], flags: int) -> tuple[SideMessage, int | None]:
    whole = not flags & _CUT
    try:
        message: SideMessage = _decode(b"" if flags & _LONGER else data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        close_foreign(fds)
        raise WireError(f"expected a message of a side socket, got {len(data)} bytes: {error}") from error
    if isinstance(message, Pool) and whole and len(fds) == 1:
        return message, fds[0]
    close_foreign(fds)
    if not isinstance(message, Pool) and (fds or not whole):
        raise WireError(f"expected no descriptor with {type(message).__name__}")
    return message, None


def _descriptors(ancillary: Sequence[tuple[int, int, bytes]]) -> list[int]:
    """All that came, also beside what was asked for."""
    found = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            whole = len(data) // _FD.size * _FD.size
            found += [fd for (fd,) in _FD.iter_unpack(data[:whole])]
    return found


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


def _credentials(sock: socket.socket) -> Any:
    if not hasattr(socket, "SO_PEERCRED"):
        return 0, 0, 0
    return _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))


def _ignore() -> None:
    pass


_open_ends: Final[WeakSet[Side]] = WeakSet()


def _orphan_all() -> None:
    for side in tuple(_open_ends):
        side._orphan()  # noqa: SLF001 - for nobody else to call


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_orphan_all)
