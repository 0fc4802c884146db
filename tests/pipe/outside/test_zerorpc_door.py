"""Who may call: not the page of a website, nobody without the token, and nobody who sends without end."""

import socket
import threading
from collections.abc import Iterator

import msgspec
import pytest
from tests.conftest import WaitFor
from tests.pipe.outside.callee import server

from sightline.errors import BusError, CallError
from sightline.hub.rpc import rpc
from sightline.hub.rpc.serving import find_served
from sightline.pipe.outside.zerorpc import sockets
from sightline.pipe.outside.zerorpc.client import Client
from sightline.pipe.outside.zerorpc.endpoint import Endpoint
from sightline.pipe.outside.zerorpc.server import Server

pytestmark = pytest.mark.usefixtures("no_leaks")
WAIT_S = 30.0
TOKEN = "planted-31be"
CALL = msgspec.msgpack.encode(({"message_id": b"1", "v": 3}, "note", ["from a page"]))


class Noting:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.told = threading.Event()

    @rpc
    def note(self, text: str) -> None:
        self.notes.append(text)
        self.told.set()


@pytest.fixture
def noting() -> Noting:
    return Noting()


@pytest.fixture
def served(noting: Noting) -> Iterator[Server]:
    with server(noting) as served:
        yield served


def of_a_page(call: bytes) -> bytes:
    """What a browser sends for a page that posts to us, and what is a message of ZMTP 1 as well.

    That has a length, a flag, and so much content, again and again: as long as the letters are that stand
    there. The page chooses a path with which what it posts begins where one of them ends.
    """
    body = b"\x01\x01" + bytes([len(call) + 1, 0]) + call
    for length in range(1000):
        head = (
            f"POST /{'a' * length} HTTP/1.1\r\nHost: 127.0.0.1:4242\r\nConnection: keep-alive\r\n"
            f"Content-Length: {len(body)}\r\nContent-Type: text/plain\r\n\r\n"
        ).encode()
        at = 0
        while at < len(head):
            at += head[at] + 1
        if at == len(head):
            return head + body
    raise AssertionError("no path has them fit")


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_version_of_zmtp_without_a_login_calls_nothing(noting: Noting, token: str | None) -> None:
    """ZMTP 2.0: a signature, a revision, a type of socket, an empty identity, then messages."""
    greeting = b"\xff" + bytes(8) + b"\x7f" + b"\x01" + b"\x05" + b"\x00\x00"
    with Server(find_served(noting), Endpoint("tcp://127.0.0.1:*", token)) as served:
        post(served, greeting + b"\x01\x00" + bytes([0, len(CALL)]) + CALL)
        assert served.stats().received == 0


def port_of(served: Server) -> int:
    return int(served.address.rpartition(":")[2])


def post(served: Server, data: bytes) -> None:
    """Send that, and wait until the other side hangs up, or one second."""
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=1.0) as page:
        page.sendall(data)
        try:
            while page.recv(4096):
                pass
        except OSError:
            pass


def test_a_page_of_a_website_calls_nothing(noting: Noting, served: Server) -> None:
    post(served, of_a_page(CALL))
    post(served, b"\x05\x00page" + b"\x01\x01" + bytes([len(CALL) + 1, 0]) + CALL)
    with Client(Endpoint(served.address), timeout_s=WAIT_S) as client:
        client.call("note", "from a client")
    assert noting.notes == ["from a client"]


def test_without_a_door_it_would(noting: Noting) -> None:
    """So that the test above can fail: the same bytes, at a server that asks nobody who they are."""
    zmq = sockets.zeromq()
    with zmq.Context() as context, context.socket(zmq.ROUTER) as open_to_all:
        open_to_all.linger = 0
        port = open_to_all.bind_to_random_port("tcp://127.0.0.1")
        with socket.create_connection(("127.0.0.1", port)) as page:
            page.sendall(of_a_page(CALL))
            heard = []
            while open_to_all.poll(3000):
                heard.append(open_to_all.recv_multipart()[-1])
                if heard[-1] == CALL:
                    break
    assert heard[-1] == CALL


def test_who_has_the_token_comes_in_and_nobody_else(noting: Noting) -> None:
    place = Endpoint("tcp://127.0.0.1:*", TOKEN)
    with Server(find_served(noting), place) as served:
        for token in (None, "another", TOKEN + "x", TOKEN[:-1]):
            with (
                Client(Endpoint(served.address, token), reached_s=WAIT_S) as client,
                pytest.raises(BusError, match="does not let us in") as error,
            ):
                client.call("note", "without")
            assert TOKEN not in str(error.value)
        with Client(Endpoint(served.address, TOKEN), timeout_s=WAIT_S, reached_s=WAIT_S) as client:
            client.call("note", "with it")
    assert noting.notes == ["with it"]


def test_a_token_where_none_is_asked_for_is_told(served: Server) -> None:
    with (
        Client(Endpoint(served.address, TOKEN), reached_s=WAIT_S) as client,
        pytest.raises(BusError, match="does not let us in with this token"),
    ):
        client.call("note", "with it")


def test_what_is_too_large_is_cut_off_and_others_are_served(noting: Noting, served: Server) -> None:
    with (
        Client(Endpoint(served.address), timeout_s=0.5, reached_s=WAIT_S) as client,
        pytest.raises(CallError),
    ):
        client.call("note", "x" * sockets.MOST_BYTES)
    with Client(Endpoint(served.address), timeout_s=WAIT_S) as client:
        client.call("note", "x" * (sockets.MOST_BYTES - 1000))
    assert [*map(len, noting.notes)] == [sockets.MOST_BYTES - 1000]


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"", b""],
        [b"", b"\xc1"],
        [b"x"] * 1000,
        [b"", b"\x93\x80\xa1a" + b"\x91" * 5000],
        [b"", b"\x93"],
        [CALL],
        [b"x", CALL],
    ],
)
def test_nonsense_is_counted_and_others_are_served(
    noting: Noting, served: Server, frames: list[bytes], wait_for: WaitFor
) -> None:
    zmq = sockets.zeromq()
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.connect(served.address)
        stranger.send_multipart(frames)
        wait_for(lambda: served.stats().ignored == 1, WAIT_S, "it is counted")
    with Client(Endpoint(served.address), timeout_s=WAIT_S) as client:
        client.call("note", "from a client")
    assert noting.notes == ["from a client"]


def test_what_is_sent_faster_than_it_is_read_is_held_back() -> None:
    """At a socket that nobody reads; 60 MiB is what it would take."""
    zmq = sockets.zeromq()
    with (
        zmq.Context() as context,
        context.socket(zmq.DEALER) as stranger,
        sockets.listening(context, Endpoint("tcp://127.0.0.1:*")) as unread,
        sockets.door(context) as door,
    ):
        stranger.linger = unread.linger = 0
        stranger.sndhwm = 1
        stranger.connect(sockets.address_of(unread))
        assert door.poll(round(WAIT_S * 1000))
        door.send_multipart(sockets.admission(door.recv_multipart(), None))
        taken = 0
        while taken < 60 and stranger.poll(1000, zmq.POLLOUT):
            stranger.send_multipart([b"", bytes(sockets.MOST_BYTES)])
            taken += 1
    assert taken < 50


def test_who_connects_and_says_nothing_is_sent_away_and_holds_up_nobody(
    noting: Noting, served: Server
) -> None:
    with (
        socket.create_connection(("127.0.0.1", port_of(served))),
        Client(Endpoint(served.address), timeout_s=WAIT_S) as client,
    ):
        client.call("note", "from a client")
    assert noting.notes == ["from a client"]
