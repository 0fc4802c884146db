"""A way to a server that loses what it is told to: the reply to a command, with the connection."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class LosingProxy:
    """Passes bytes on between clients and a server of this machine; a context manager.

    Attributes:
        port: where clients come.
        lose: once set, the next reply is lost, and clears it.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.lose = threading.Event()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._open += [client, server]
                for target in (self._ask, self._reply):
                    self._threads.append(threading.Thread(target=target, args=(client, server)))
                    self._threads[-1].start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(2**16):
                server.sendall(data)
        _end(server)

    def _reply(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(2**16):
                if self.lose.is_set():
                    self.lose.clear()
                    break
                client.sendall(data)
        _end(client)
        _end(server)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._listening)
        for each in self._open:
            _end(each)
        for thread in self._threads:
            thread.join()
        for each in (self._listening, *self._open):
            each.close()


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
