"""A cable between a client and its hub, which can be pulled and plugged in again."""

import socket
import threading
from contextlib import suppress
from typing import Self


class Cable:
    """Usable as a context manager: who connects to `port` is connected to the hub's, as long as it is whole.

    What was on its way when it is pulled is lost, as both ends find out at once.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._whole = True
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.port = self._listener.getsockname()[1]

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
        with self._lock:
            self._whole = False
            for one in self._ends:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def plug(self) -> None:
        self._whole = True

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._join(self._listener.accept()[0])

    def _join(self, near: socket.socket) -> None:
        with self._lock:
            if not self._whole:
                near.close()
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._ends += [near, far]
        for source, sink in ((near, far), (far, near)):
            self._threads.append(threading.Thread(target=_carry, args=(source, sink)))
            self._threads[-1].start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
