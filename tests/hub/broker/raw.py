"""A client of a few lines over a real socket: the wire's parser, and nothing of the package's clients."""

import os
import select
import socket
import ssl
import time
from typing import Any, Self

import msgspec

from sightline.hub.broker.proofs import proof
from sightline.hub.settings import digest
from sightline.hub.wire.control import Challenge, Failure, Hello, Request
from sightline.hub.wire.header import Frame, Head, Kind
from sightline.hub.wire.parser import Parser

PATIENCE_S = 10.0


class RawClient:
    """Says hello at once. Every wait ends with TimeoutError after `PATIENCE_S`."""

    def __init__(
        self,
        address: int | str,
        name: str = "",
        *,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        greet: bool = True,
        shares: bool = False,
    ) -> None:
        self.socket = connected(address)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self._parser = Parser()
        self._frames: list[Frame] = []
        self._number = 0
        if greet:
            self.hello(name, token, shares=shares)

    def hello(self, name: str, token: str | None = None, *, shares: bool = False) -> None:
        challenge = msgspec.msgpack.decode(self.next_of(Kind.CHALLENGE).body, type=Challenge)
        nonce = os.urandom(16)
        shown = None
        if token is not None:
            shown = proof(digest(token), b"client", challenge.nonce, nonce, name.encode())
        hello = Hello(name=name, session=os.urandom(16), nonce=nonce, proof=shown, shares=shares)
        self.say(Kind.HELLO, hello)
        self.welcome = self.next_of(Kind.WELCOME, Kind.ERROR)

    def send(self, kind: Kind, body: bytes = b"", **fields: int) -> None:
        self.socket.sendall(Head(len(body), kind, **fields).packed() + body)

    def say(self, kind: Kind, body: object, **fields: int) -> None:
        self.send(kind, msgspec.msgpack.encode(body), **fields)

    def ask(self, request: Request) -> Any:
        self._number += 1
        self.say(Kind.REQUEST, request, seq=self._number)
        while True:
            frame = self.next_of(Kind.ANSWER, Kind.ERROR)
            if frame.head.seq == self._number:
                failed = frame.head.kind == Kind.ERROR
                return msgspec.msgpack.decode(frame.body, type=Failure if failed else Any)

    def next_of(self, *kinds: Kind) -> Frame:
        """The next frame of one of these kinds; others are thrown away. EOFError where the hub closed."""
        until_s = time.monotonic() + PATIENCE_S
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if frame.head.kind in kinds:
                    return frame
            self._read(until_s - time.monotonic())

    def is_closed_by_the_hub(self) -> bool:
        """Waits for the end."""
        try:
            self.next_of()
        except (EOFError, ConnectionError, ssl.SSLError):  # the last: told why
            return True
        return False

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()

    def _read(self, timeout_s: float) -> None:
        self.socket.settimeout(max(0.001, timeout_s))
        count = self.socket.recv_into(self._parser.get_buffer())
        if not count:
            raise EOFError("the hub closed the connection")
        self._frames += self._parser.buffer_updated(count)


def connected(address: int | str) -> socket.socket:
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address), timeout=PATIENCE_S)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE_S)
    connection.connect(address)
    return connection


def is_readable(connection: socket.socket, timeout_s: float) -> bool:
    return bool(select.select([connection], [], [], timeout_s)[0])
