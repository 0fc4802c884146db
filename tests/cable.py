"""A cable between a client and a server of this machine: pulled, plugged in elsewhere, or slow."""

import socket
import threading
import time
from contextlib import suppress
from typing import Self

_AT_ONCE = 65536


class Cable:
    """Usable as a context manager: who connects to `port` is connected to the server's, while plugged in.

    Args:
        port: the server's.
        bytes_per_s: how quickly the server's bytes come through; as they come when it is not given.
    """

    def __init__(self, port: int, *, bytes_per_s: float | None = None) -> None:
        self._target = port
        self._bytes_per_s = bytes_per_s
        self._plugged_in = True
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.port = self._listener.getsockname()[1]

    @property
    def target(self) -> int:
        """The server's port."""
        return self._target

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(5)
        self.pull()
        for thread in self._threads[1:]:
            thread.join(5)
        for one in (self._listener, *self._ends):
            one.close()

    def pull(self) -> None:
        """What was on its way is lost, as both ends find out at once."""
        with self._lock:
            self._plugged_in = False
            for one in self._ends:
                _end(one)

    def plug(self, port: int | None = None) -> None:
        """Whole again; with `port`, at another server."""
        with self._lock:
            self._target = self._target if port is None else port
            self._plugged_in = True

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._join(self._listener.accept()[0])

    def _join(self, near: socket.socket) -> None:
        with self._lock:
            if not self._plugged_in:
                near.close()
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:  # nobody is there; there may be later
                near.close()
                return
            self._ends += [near, far]
        for ends in ((near, far, None), (far, near, self._bytes_per_s)):
            self._threads.append(threading.Thread(target=_carry, args=ends))
            self._threads[-1].start()


def _carry(source: socket.socket, sink: socket.socket, bytes_per_s: float | None) -> None:
    with suppress(OSError):
        while data := source.recv(1000 if bytes_per_s else _AT_ONCE):
            sink.sendall(data)
            if bytes_per_s:
                time.sleep(len(data) / bytes_per_s)
    _end(source)
    _end(sink)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
