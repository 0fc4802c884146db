"""One end of the socket between the parent of a pipe and a flow.

It promises: messages come in order, whole, once, while the other end lives; a descriptor travels with the
message that speaks of it, and is missed there where this process may open no more. Nobody waits for the other
end who does not ask to (`drain`): what finds no room waits for `flush`.

Whoever speaks may be interrupted by a finalizer, as by any code, and that may speak as well: it writes to a
log that goes this way, say. What it says then goes with what is being sent.
"""

from __future__ import annotations

import math
import os
import select
import socket
import threading
import time
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

import msgspec

from sightline.errors import Closed
from sightline.pipe.control import Connect, Keep, Said, plain

MOST_UNSENT: Final = 20_000
"""Messages that may wait for the other end to read them; one that lets it come so far is cut off."""
_LENGTH_BYTES: Final = 4
_AT_ONCE_BYTES: Final = 1 << 16
_ROOM: Final = socket.CMSG_SPACE(64 * array("i").itemsize)
"""For descriptors that come at once: one comes with a message."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final[msgspec.msgpack.Decoder[Said]] = msgspec.msgpack.Decoder(Said)


class Channel:
    """One end of the socket between the parent and a flow. Any thread may send; one receives.

    Args:
        sock: a connected stream socket, which is this object's from now on.

    Attributes:
        dry: whether nothing was there when `receive` looked last.
        ended: whether nothing will ever be there any more.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.RLock()
        self._flushing = self._cut = False
        self._unsent: deque[tuple[memoryview, list[int]]] = deque()
        self._came = bytearray()
        self._fds: deque[int | None] = deque()
        self.dry = self.ended = False

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def unsent(self) -> int:
        """Messages that wait for `flush`."""
        return len(self._unsent)

    def send(self, message: Said, *fds: int) -> bool:
        """Send it, with descriptors that are this object's from now on. False: some of it waits for `flush`.

        Raises:
            Closed: the other end is gone, or reads nothing.
        """
        body = _encoded(message)
        frame = memoryview(len(body).to_bytes(_LENGTH_BYTES, "little") + body)
        self._unsent.append((frame, list(fds)))
        if len(self._unsent) > MOST_UNSENT:
            self._cut = True
        return self.flush()

    def flush(self) -> bool:
        """Send what waits. False: there is no room for all of it yet. Raises Closed as `send`."""
        while self._unsent:
            with self._lock:
                if self._flushing:  # by this very thread, within what it was interrupted at
                    return False
                self._flushing = True
                try:
                    if not self._flush():
                        return False
                finally:
                    self._flushing = False
        return True

    def drain(self, timeout_s: float | None = None) -> bool:
        """Send what waits, and wait for room for it. False: time was up. Raises Closed as `send`."""
        due_s = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
        while not self.flush():
            with self._lock:
                if self._flushing:  # as above: then nothing gets better by waiting
                    return False
            left_s = due_s - time.monotonic()
            if left_s <= 0:
                return False
            poll = select.poll()
            poll.register(self._sock, select.POLLOUT)
            poll.poll(None if left_s == math.inf else left_s * 1000)
        return True

    def receive(self) -> Iterator[tuple[Said, int | None]]:
        """What came, if anything, each with its descriptor, which is the caller's.

        Where a message is to have one that could not be opened here, that is None.

        Raises:
            Closed: the other end is gone, and nothing more comes.
        """
        try:
            # Not socket.recv_fds, nor send_fds: both take flags and, up to Python 3.13 at least, ignore them.
            data, rights, flags, _ = self._sock.recvmsg(
                _AT_ONCE_BYTES, _ROOM, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            self.dry = True
            return
        except OSError as error:
            self.ended = True
            raise Closed(f"the other end of a pipe's channel is gone: {error}") from error
        self.dry = False
        if not data:
            self.ended = True
            raise Closed("the other end of a pipe's channel is gone")
        self._came += data
        came = [fd for _level, _kind, fds in rights for fd in _descriptors(fds)]
        # Those of one message come at once, and each has one.
        self._fds.extend(came or [None] * bool(flags & socket.MSG_CTRUNC))
        while (message := self._next()) is not None:
            yield message, self._fds.popleft() if isinstance(message, Connect | Keep) else None

    def close(self) -> None:
        with suppress(OSError):  # a thread that sends or receives is told
            self._sock.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._sock.close()
            self._drop_unsent()
            _close(fd for fd in self._fds if fd is not None)
            self._fds.clear()

    def _flush(self) -> bool:
        if self._cut:
            self._drop_unsent()
            raise Closed("the other end of a pipe's channel is gone, or reads nothing")
        while self._unsent:
            rest, fds = self._unsent[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))] if fds else []
            try:
                sent = self._sock.sendmsg([rest], rights, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return False
            except OSError as error:
                self._cut = True
                self._drop_unsent()
                raise Closed(f"the other end of a pipe's channel is gone: {error}") from error
            _close(fds)
            self._unsent.popleft()
            if sent < len(rest):
                self._unsent.appendleft((rest[sent:], []))
        return True

    def _next(self) -> Said | None:
        length = int.from_bytes(self._came[:_LENGTH_BYTES], "little")
        end = _LENGTH_BYTES + length
        if len(self._came) < max(end, _LENGTH_BYTES + 1):
            return None
        message = _decoder.decode(memoryview(self._came)[_LENGTH_BYTES:end])
        del self._came[:end]
        return message

    def _drop_unsent(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        while self._unsent:
            _close(self._unsent.popleft()[1])


def _encoded(message: Said) -> bytes:
    try:
        return _encode(message)
    except UnicodeEncodeError:  # of a text that Python made of a file's name, say
        values = {name: getattr(message, name) for name in message.__struct_fields__}
        texts = {name: plain(value) for name, value in values.items() if isinstance(value, str)}
        return _encode(msgspec.structs.replace(message, **texts))


def _descriptors(fds: bytes) -> array[int]:
    whole = array("i")
    return array("i", fds[: len(fds) - len(fds) % whole.itemsize])


def _close(fds: Iterable[int]) -> None:
    for fd in fds:
        os.close(fd)
