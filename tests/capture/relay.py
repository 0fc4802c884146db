"""A TCP relay in front of servers: slow, or turned to another one as if the camera itself had changed."""

import socket
import threading
import time
from contextlib import suppress
from typing import Self


class Relay:
    """Usable as a context manager; `port` is where it listens."""

    def __init__(self, port: int, *, bytes_per_s: float | None = None) -> None:
        self._target = port
        self._bytes_per_s = bytes_per_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(5)
        self.turn_to(0)
        for thread in self._threads[1:]:
            thread.join(5)
        for one in (self._listener, *self._open):
            one.close()

    def turn_to(self, port: int) -> None:
        """From now on connections lead to `port`; those that stand are broken off."""
        self._target = port
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open += [near, far]
                for args in ((near, far, None), (far, near, self._bytes_per_s)):
                    self._threads.append(threading.Thread(target=self._relay, args=args))
                    self._threads[-1].start()

    def _relay(self, source: socket.socket, sink: socket.socket, bytes_per_s: float | None) -> None:
        with suppress(OSError):
            while data := source.recv(1000):
                sink.sendall(data)
                if bytes_per_s:
                    time.sleep(len(data) / bytes_per_s)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
