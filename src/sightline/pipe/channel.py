"""One end of the socket between the parent of a pipe and a flow.

It promises: messages come in order, whole, once, while the other end lives; a descriptor travels with the
message that speaks of it. The parent's end never waits for room, a flow's end does.
"""

from __future__ import annotations

import os
import socket
import threading
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

import msgspec

from sightline.errors import Closed
from sightline.pipe.control import Connect, Keep, Said

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
        waits: whether `send` waits for room; if not, what there is no room for goes by `flush`.

    Attributes:
        dry: whether nothing was there when `receive` looked last.
        ended: whether nothing will ever be there any more.
    """

    def __init__(self, sock: socket.socket, *, waits: bool) -> None:
        self._sock = sock
        self._flag = 0 if waits else socket.MSG_DONTWAIT
        self._lock = threading.Lock()
        self._unsent: deque[tuple[memoryview, list[int]]] = deque()
        self._came = bytearray()
        self._fds: deque[int] = deque()
        self.dry = self.ended = False

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def unsent(self) -> bool:
        """Whether something waits for `flush`."""
        return bool(self._unsent)

    def send(self, message: Said, *fds: int) -> bool:
        """Send it, with descriptors that are this object's from now on. False: some of it waits for `flush`.

        Raises:
            Closed: the other end is gone, or reads nothing.
        """
        body = _encode(message)
        frame = memoryview(len(body).to_bytes(_LENGTH_BYTES, "little") + body)
        with self._lock:
            self._unsent.append((frame, list(fds)))
            if len(self._unsent) > MOST_UNSENT:
                self._cut_off()
            return self._flush()

    def flush(self) -> bool:
        """Send what waits. False: there is no room for all of it yet. Raises Closed as `send`."""
        with self._lock:
            return self._flush()

    def receive(self) -> Iterator[tuple[Said, int | None]]:
        """What came, each with its descriptor, which is the caller's. An end that waits waits for something.

        Raises:
            Closed: the other end is gone, and nothing more comes.
        """
        try:
            # Not socket.recv_fds, nor send_fds: both take flags and, up to Python 3.13 at least, ignore them.
            data, rights, _, _ = self._sock.recvmsg(
                _AT_ONCE_BYTES, _ROOM, self._flag | socket.MSG_CMSG_CLOEXEC
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
        for _level, _kind, fds in rights:
            self._fds.extend(array("i", fds))
        while (message := self._next()) is not None:
            yield message, self._fds.popleft() if isinstance(message, Connect | Keep) else None

    def close(self) -> None:
        with suppress(OSError):  # a thread that sends or receives is told
            self._sock.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._sock.close()
            for _, fds in self._unsent:
                _close(fds)
            self._unsent.clear()
            _close(self._fds)
            self._fds.clear()

    def _flush(self) -> bool:
        while self._unsent:
            rest, fds = self._unsent[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))] if fds else []
            try:
                sent = self._sock.sendmsg([rest], rights, self._flag | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return False
            except OSError as error:
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

    def _cut_off(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)


def _close(fds: Iterable[int]) -> None:
    for fd in fds:
        os.close(fd)
