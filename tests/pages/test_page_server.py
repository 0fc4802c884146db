"""The server within a program, over real sockets: who keeps it busy, and for how long."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest
from tests.conftest import WaitFor

from sightline.pages import server as of_server
from sightline.pages.guarded import Receive, Scope, Send
from sightline.pages.server import PageServer, listen, url_of

WAIT_S = 20.0
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class Served:
    """Says hello from a thread of its own, until it is closed."""

    def __init__(self) -> None:
        self.over = False
        self.listening = listen("127.0.0.1", 0)
        self.port: int = self.listening.getsockname()[1]
        self.server = PageServer(hello, over=lambda: self.over)
        self.thread = threading.Thread(target=self.server.run, args=([self.listening],))
        self.thread.start()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)

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


def test_it_ends_when_it_is_told_that_it_is_over(served: Served) -> None:
    assert served.ask() == b"hello"
    served.over = True
    served.thread.join(WAIT_S)
    assert not served.thread.is_alive()
    with pytest.raises(OSError, match="refused"):
        served.connect()


def test_where_it_cannot_listen_is_told_at_once(served: Served) -> None:
    for port in (served.port, 70000, -1):
        with pytest.raises(OSError, match=r"in use|from 0 to 65535"):
            listen("127.0.0.1", port)
    with pytest.raises(OSError, match="not known|failure"):
        listen("nowhere.invalid", 0)


def test_an_address_reads_as_in_a_browser() -> None:
    for host, shown in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
        with listen(host, 0) as listening:
            assert url_of(listening) == f"http://{shown}:{listening.getsockname()[1]}/"
