"""Whole values over a Unix stream socket, with descriptors now and then.

    offset  size
    0       4     n, bytes of the value: u32 little endian, as all that follows
    4       4     k, buffers beside it
    8       8 k   their sizes
    ...     n     pickle of the value, protocol 5
    ...           the buffers

It waits for nothing: what the socket has no room for waits here. One thread may write while another reads.
In a child made by `fork` all ends are closed: it is not the process that was to read them.
"""

from __future__ import annotations

import errno
import os
import pickle
import socket
import struct
from collections import deque
from collections.abc import Iterator
from typing import Any, Final
from weakref import WeakSet

READ_BYTES: Final = 256 * 1024
_HEAD: Final = struct.Struct("<II")
_SIZE_BYTES: Final = 8
_FD: Final = struct.Struct("i")
_MOST_PIECES: Final = 64
_FDS_SPACE: Final = socket.CMSG_LEN(_FD.size) if hasattr(socket, "CMSG_LEN") else 0
_CLOSE_ON_EXEC: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_NO_SIGNAL: Final = getattr(socket, "MSG_NOSIGNAL", 0)
_CUT: Final = int(socket.MSG_CTRUNC)
_SCARCE: Final = frozenset((errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS))
"""The system has no means now, and nothing tells when it has."""


class Stream:
    """One end.

    Args:
        sock: this object's from now on.

    Attributes:
        waits: whether something waits for room in the socket.
        scarce: whether something waits until the system has the means; it is to be tried again after a while.
        fds: descriptors that came, in order, each with the value that `read` gave; the caller's. None for
            one that this process could not have.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._unsent: deque[tuple[memoryview, int | None]] = deque()
        self._usual = self._buffer = bytearray(READ_BYTES)
        self._filled = 0
        self.waits = self.scarce = False
        self.fds: deque[int | None] = deque()
        _open_ends.add(self)

    def fileno(self) -> int:
        """-1: it is closed."""
        return self._sock.fileno()

    # For who writes.

    def put(self, value: Any, fd: int | None = None) -> None:
        """Put it in line, see `flush`; the descriptor that goes with it stays the caller's.

        Buffers within it (`pickle.PickleBuffer`) are not copied and must stay as they are.

        Raises:
            OSError: no descriptor is left.
        """
        aside: list[memoryview] = []
        body = pickle.dumps(value, 5, buffer_callback=lambda buffer: aside.append(buffer.raw()))
        sizes = struct.pack(f"<{len(aside)}Q", *map(len, aside)) if aside else b""
        kept = None if fd is None else os.dup(fd)
        head = _HEAD.pack(len(body), len(aside)) + sizes
        whole = [head, body] if len(body) > READ_BYTES else [head + body]  # what is large is not copied
        self._unsent.append((memoryview(whole[0]), kept))
        self._unsent.extend((memoryview(piece), None) for piece in whole[1:])
        self._unsent.extend((view, None) for view in aside)

    def flush(self) -> bool:
        """Send what is in line. False: not all of it now; see `waits` and `scarce`.

        Raises:
            OSError: nobody is there to have it.
        """
        while self._unsent:
            fd = self._unsent[0][1]
            rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _FD.pack(fd))]
            try:
                sent = self._sock.sendmsg(self._pieces(), rights, _NO_SIGNAL)
            except OSError as error:
                self.waits = isinstance(error, BlockingIOError)
                self.scarce = error.errno in _SCARCE
                if self.waits or self.scarce:
                    return False
                raise
            self._count(sent)
        self.waits = self.scarce = False
        return True

    def hang_up(self) -> None:
        """Send nothing more; what the other end sends still comes."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it is gone

    def close(self) -> None:
        """What waits is forgotten."""
        self._sock.close()
        while self._unsent:
            if (fd := self._unsent.popleft()[1]) is not None:
                os.close(fd)
        while self.fds:
            if (fd := self.fds.popleft()) is not None:
                os.close(fd)

    def _pieces(self) -> list[memoryview]:
        """Those that may go at once: a descriptor goes with the first."""
        pieces: list[memoryview] = []
        for view, fd in self._unsent:
            if pieces and (fd is not None or len(pieces) == _MOST_PIECES):
                break
            pieces.append(view)
        return pieces

    def _count(self, sent: int) -> None:
        view, fd = self._unsent[0]
        if fd is not None:  # it went with the first byte
            os.close(fd)
            self._unsent[0] = view, None
        while self._unsent and sent >= len(self._unsent[0][0]):
            sent -= len(self._unsent.popleft()[0])
        if sent:
            self._unsent[0] = self._unsent[0][0][sent:], None

    # For who reads.

    def read(self) -> Iterator[Any]:
        """The values that are whole by now; buffers within them are read-only.

        Raises:
            EOFError: the other end is gone, or has hung up.
        """
        try:
            space = memoryview(self._buffer)[self._filled :]
            count, ancillary, flags, _ = self._sock.recvmsg_into([space], _FDS_SPACE, _CLOSE_ON_EXEC)
        except BlockingIOError:
            return
        except OSError as error:
            raise EOFError(str(error)) from error
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self.fds.extend(fd for (fd,) in _FD.iter_unpack(data[: len(data) // _FD.size * _FD.size]))
        if flags & _CUT and not ancillary:
            self.fds.append(None)
        if not count:
            raise EOFError("the other end has ended")
        self._filled += count
        yield from self._values()

    def _values(self) -> Iterator[Any]:
        at = 0
        while (size := self._size(at)) is not None and at + size <= self._filled:
            yield self._value(at)
            at += size
        left = memoryview(self._buffer)[at : self._filled]
        if size is not None and size > READ_BYTES:
            if size > len(self._buffer):
                self._begin(bytearray(size), left)
        elif at:
            self._begin(self._usual, bytes(left))

    def _begin(self, buffer: bytearray, left: memoryview | bytes) -> None:
        """Go on to read into `buffer`, behind what is left."""
        buffer[: len(left)] = left
        self._buffer, self._filled = buffer, len(left)

    def _size(self, at: int) -> int | None:
        """Of the value that begins there, as far as it is known. None: not enough of it is here to tell."""
        begun = at + _HEAD.size
        if begun > self._filled:
            return None
        body: int
        count: int
        body, count = _HEAD.unpack_from(self._buffer, at)
        if not count:
            return _HEAD.size + body
        if begun + count * _SIZE_BYTES > self._filled:
            return _HEAD.size + count * _SIZE_BYTES + body
        sizes: tuple[int, ...] = struct.unpack_from(f"<{count}Q", self._buffer, begun)
        return _HEAD.size + count * _SIZE_BYTES + body + sum(sizes)

    def _value(self, at: int) -> Any:
        body, count = _HEAD.unpack_from(self._buffer, at)
        sizes = struct.unpack_from(f"<{count}Q", self._buffer, at + _HEAD.size)
        view = memoryview(self._buffer).toreadonly()
        begun = at + _HEAD.size + count * _SIZE_BYTES
        aside = begun + body
        buffers = []
        for size in sizes:
            piece = view[aside : aside + size]
            # A buffer that is used again must not be looked at any more.
            buffers.append(memoryview(bytes(piece)) if self._buffer is self._usual else piece)
            aside += size
        return pickle.loads(view[begun : begun + body], buffers=buffers)  # noqa: S301 - of this pipe's own


_open_ends: Final[WeakSet[Stream]] = WeakSet()


def _close_all() -> None:
    for stream in tuple(_open_ends):
        stream.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)
