"""Receivers that are not what they should be: they end a connection, and harm nobody."""

import asyncio
import base64
import hashlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.outside.receiving import SOON_S, Receiving, Sending

from sightline.pipe.outside.log_link import HELLO_S, MOST_HEARD
from sightline.pipe.pictures import MOST_JPEG_BYTES

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
Talk = Callable[[socket.socket], None]


def text(said: str, length: int | None = None) -> bytes:
    """A frame that says to be so long."""
    size = len(said) if length is None else length
    return b"\x81\x7f" + struct.pack(">Q", size) + said.encode()


class Hostile:
    """Connects with one sender as it should, and then does as it likes."""

    def __init__(self, talk: Talk, ping_ms: int) -> None:
        self._talk = talk
        self._opening = f'0{{"sid":"a","upgrades":[],"pingInterval":{ping_ms},"pingTimeout":{ping_ms}}}'
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        came, _ = self._listening.accept()
        self._listening.close()
        with came, suppress(OSError):
            came.settimeout(SOON_S)
            key = re.search(rb"Sec-WebSocket-Key: (\S+)", came.recv(4096))
            assert key
            accept = base64.b64encode(hashlib.sha1(key[1] + _MAGIC).digest())
            head = b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            came.sendall(head + accept + b"\r\n\r\n" + text(self._opening))
            came.recv(4096)
            came.sendall(text('40{"sid":"b"}'))
            came.recv(4096)
            self._talk(came)
        self.over.set()

    def close(self) -> None:
        self._thread.join()


@pytest.fixture
def hostile(no_leaks: None) -> Iterator[Callable[..., Hostile]]:
    all_of_them: list[Hostile] = []

    def hostile(talk: Talk, ping_ms: int = 20_000) -> Hostile:
        all_of_them.append(Hostile(talk, ping_ms))
        return all_of_them[-1]

    yield hostile
    for one in all_of_them:
        one.close()


def test_one_that_says_too_much_is_left(hostile: Callable[..., Hostile]) -> None:
    said: list[int] = []

    def talk(sender: socket.socket) -> None:
        sender.sendall(text("", length=1 << 40))
        for _ in range(1000):
            sender.sendall(b"x" * MOST_HEARD)
            said.append(MOST_HEARD)

    receiver = hostile(talk)
    with Sending(receiver.url) as sending:
        sending.say("said")
        assert receiver.over.wait(SOON_S)
    assert sum(said) < 20 * MOST_HEARD  # what the kernel takes comes with it
    assert sending.handler.stats().balanced


@pytest.mark.parametrize("nonsense", ["430[1]", "4", "49", "42[", "451-[1]"])
def test_one_that_talks_nonsense_is_left(hostile: Callable[..., Hostile], nonsense: str) -> None:
    def talk(sender: socket.socket) -> None:
        sender.sendall(text(nonsense) * 2)
        while sender.recv(4096):
            pass

    receiver = hostile(talk)
    with Sending(receiver.url) as sending:
        sending.say("said")
        assert receiver.over.wait(SOON_S)
    assert sending.handler.stats().balanced


def test_one_that_reads_nothing_is_left(hostile: Callable[..., Hostile]) -> None:
    left = threading.Event()

    def talk(sender: socket.socket) -> None:
        while not left.wait(0.1):
            sender.sendall(text("2"))

    receiver = hostile(talk, ping_ms=300)
    with Sending(receiver.url) as sending:
        for number in range(60):
            sending.say("said", picture=b"x" * MOST_JPEG_BYTES, side=f"{number}")
        assert receiver.over.wait(SOON_S)
        left.set()
    assert sending.dropped


def test_one_that_takes_its_time_to_answer_is_known_then(no_leaks: None, wait_for: WaitFor) -> None:
    class Late(Receiving):
        async def _hello(self, sid: str, said: Any = None) -> Any:
            await asyncio.sleep(2 * HELLO_S)
            return await super()._hello(sid, said)

    with Late() as receiver, Sending(receiver.url) as sending:
        sending.say("as PipeRT does")
        receiver.wait_for("as PipeRT does")
        receiver.may_take.clear()
        sending.say("in a batch")
        receiver.taking.clear()
        assert receiver.taking.wait(SOON_S)
        assert sending.handler.stats().held
        receiver.may_take.set()
        wait_for(lambda: not sending.handler.stats().held, SOON_S, "the answer")
    assert receiver.messages == ["as PipeRT does", "in a batch"]
