"""The server within a program, over real sockets: who keeps it busy, and for how long."""

import errno
import logging
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest
import uvicorn
from tests.conftest import WaitFor

from sightline.pages import server as of_server
from sightline.pages.crowd import Whose
from sightline.pages.guarded import Receive, Scope, Send
from sightline.pages.server import PageServer, listen, url_of

WAIT_S = 20.0
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class Served:
    """Says hello from a thread of its own, until it is closed."""

    def __init__(self, whose: Whose = lambda _: None) -> None:
        self.over = False
        self.listening = listen("127.0.0.1", 0)
        self.port: int = self.listening.getsockname()[1]
        self.server = PageServer(hello, over=lambda: self.over, whose=whose)
        self.thread = threading.Thread(target=self.server.run, args=([self.listening],))
        self.thread.start()

    def connect(self, own: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), WAIT_S, (own, 0))

    def ask(self) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read()
        finally:
            connection.close()

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(WAIT_S)


@pytest.fixture
def served(no_leaks: None) -> Iterator[Served]:
    served = Served()
    yield served
    served.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_server, "SILENT_S", 0.5)


def ended(connection: socket.socket) -> bool:
    """Whether the other side ended it, waiting for that."""
    try:
        return connection.recv(1000) == b""
    except ConnectionResetError:
        return True


def test_who_says_nothing_is_cut_off(impatient: None, served: Served) -> None:
    with served.connect() as silent:
        assert ended(silent)


def test_who_never_ends_the_head_of_a_request_is_cut_off(impatient: None, served: Served) -> None:
    with served.connect() as slow:
        slow.sendall(HEAD)
        slow.settimeout(0.05)
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            try:
                slow.sendall(b"X-More: again\r\n")
                if slow.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except OSError:  # it was cut off
                return
        pytest.fail("it is still there")


def test_who_asks_again_and_again_on_one_connection_is_not(impatient: None, served: Served) -> None:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=WAIT_S)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        connection.request("GET", "/")
        kept = connection.sock
        assert connection.getresponse().read() == b"hello"
        assert connection.sock is kept is not None
        time.sleep(0.05)
    connection.close()


def test_connections_have_a_bound(no_leaks: None, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor) -> None:
    monkeypatch.setattr(of_server, "MAX_CONNECTIONS", 4)
    served = Served()
    with ExitStack() as open_ones:
        many = [open_ones.enter_context(served.connect()) for _ in range(8)]
        connections = served.server.server_state.connections
        wait_for(lambda: len(connections) == 8, WAIT_S, "all of them to be taken")
        with served.connect() as one_more:
            assert ended(one_more)
        many[0].sendall(HEAD + b"\r\n")
        assert many[0].recv(1000).startswith(b"HTTP/1.1 503")
    wait_for(lambda: not connections, WAIT_S, "them to be gone")
    assert served.ask() == b"hello"
    served.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.1 is all that there is")
def test_one_address_has_half_of_the_connections_and_some_are_left_for_who_is_not_counted(
    no_leaks: None, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    monkeypatch.setattr(of_server, "MAX_CONNECTIONS", 16)
    served = Served(lambda address: None if address == "127.0.0.1" else address)
    connections = served.server.server_state.connections
    with ExitStack() as open_ones:

        def come(own: str, times: int) -> socket.socket:
            there = len(connections)
            many = [open_ones.enter_context(served.connect(own)) for _ in range(times)]
            wait_for(lambda: len(connections) == there + times, WAIT_S, "them to be taken")
            return many[-1]

        greedy = come("127.0.0.2", 9)
        assert ended(open_ones.enter_context(served.connect("127.0.0.2")))
        assert status(greedy) == "503"
        wait_for(lambda: len(connections) == 8, WAIT_S, "that one to be gone")
        assert status(come("127.0.0.3", 6)) == "200"
        assert status(come("127.0.0.4", 1)) == "503"
        assert served.ask() == b"hello"
    wait_for(lambda: not connections, WAIT_S, "them to be gone")
    with served.connect("127.0.0.2") as again:
        assert status(again) == "200"
    served.close()


def status(connection: socket.socket) -> str:
    connection.sendall(HEAD + b"\r\n")
    return connection.recv(1000).decode().split()[1]


def test_the_parts_of_an_answer_do_not_wait_for_each_other(served: Served, wait_for: WaitFor) -> None:
    connections = served.server.server_state.connections
    with served.connect():
        wait_for(lambda: connections, WAIT_S, "it to be taken")
        (taken,) = (one.transport.get_extra_info("socket") for one in connections)
        assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.parametrize(
    ("parts", "answers"),
    [
        ([b"\x16\x03\x01 hello\r\n\r\n"], ["400"]),
        ([HEAD + b"\r\n", b"\x00\r\n\r\n"], ["200", "400"]),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n"], ["400"]),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"no number\r\n"], ["200"]),
        ([HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"], ["200"]),
    ],
    ids=[
        "no HTTP",
        "none after a request",
        "none within one",
        "none within one that is answered",
        "WebSocket",
    ],
)
def test_a_stranger_writes_nothing_into_the_log(
    served: Served, parts: list[bytes], answers: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with served.connect() as stranger:
        told = b""
        for part in parts:
            stranger.sendall(part)
            told += stranger.recv(10_000)
        stranger.shutdown(socket.SHUT_WR)
        while more := stranger.recv(10_000):
            told += more
    assert re.findall(r"HTTP/1.1 (\d+)", told.decode()) == answers
    assert served.ask() == b"hello"
    assert caplog.text == ""


def test_the_log_of_another_server_of_the_program_stays_as_it_is(served: Served) -> None:
    others = logging.getLogger("uvicorn.access")
    handler = logging.NullHandler()
    others.addHandler(handler)
    try:
        uvicorn.Config(hello, log_config=None, access_log=True)
        before = others.handlers[:], others.propagate, others.level
        PageServer(hello)
        assert (others.handlers, others.propagate, others.level) == before
        assert handler in others.handlers
    finally:
        others.removeHandler(handler)


def test_it_ends_when_it_is_told_that_it_is_over(served: Served) -> None:
    assert served.ask() == b"hello"
    served.over = True
    served.thread.join(WAIT_S)
    assert not served.thread.is_alive()
    with pytest.raises(OSError, match="refused"):
        served.connect()


def test_where_it_cannot_listen_is_told_at_once(served: Served) -> None:
    for port in (served.port, 70000, -1, "8080", 80.5, None):
        with pytest.raises(OSError, match=r"in use|from 0 to 65535, got"):
            listen("127.0.0.1", port)  # type: ignore[arg-type]  # as a user may give it
    for host in ("nowhere.invalid", "a" * 70, "camera..example"):
        with pytest.raises(OSError, match="not known|failure|an address or a name"):
            listen(host, 0)


def test_an_address_reads_as_in_a_browser() -> None:
    for host, shown in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
        with listen(host, 0) as listening:
            assert url_of(listening) == f"http://{shown}:{listening.getsockname()[1]}/"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
def test_who_reads_nothing_loses_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_server, "UNREAD_S", 0.5)
    with listen("127.0.0.1", 0) as listening, socket.socket() as unread:
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        unread.connect(listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            accepted.setblocking(False)
            with pytest.raises(BlockingIOError):
                accepted.sendall(bytes(1 << 24))
            accepted.settimeout(WAIT_S)
            with pytest.raises(TimeoutError) as lost:
                accepted.sendall(bytes(1 << 24))
    assert lost.value.errno == errno.ETIMEDOUT, "the kernel's, not ours"
