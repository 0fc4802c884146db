"""Our server and our client of zerorpc's protocol, over real sockets."""

import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tests.pipe.outside.callee import HERE, PASSWORD, Callee, server

from sightline.errors import (
    BusError,
    CallTimedOut,
    ConfigError,
    MissingExtra,
    RemoteError,
    ResponderLost,
)
from sightline.hub.rpc.serving import find_served
from sightline.pipe.outside.zerorpc import sockets
from sightline.pipe.outside.zerorpc.answering import Do
from sightline.pipe.outside.zerorpc.client import Client
from sightline.pipe.outside.zerorpc.endpoint import Endpoint
from sightline.pipe.outside.zerorpc.event import Event
from sightline.pipe.outside.zerorpc.server import Server

pytestmark = pytest.mark.usefixtures("no_leaks")
WAIT_S = 30.0


@pytest.fixture
def callee() -> Iterator[Callee]:
    callee = Callee()
    yield callee
    callee.go_on.set()


@pytest.fixture
def served(callee: Callee) -> Iterator[Server]:
    with server(callee) as served:
        yield served
        callee.go_on.set()


@pytest.fixture
def client(served: Server) -> Iterator[Client]:
    with Client(Endpoint(served.address), timeout_s=WAIT_S, reached_s=WAIT_S) as client:
        yield client


def test_a_value_goes_there_and_back(client: Client) -> None:
    value = {"a": [1, 2.5, None, True, "é"], "b": b"\x00\xff", "": {}}
    assert client.call("echo", value) == value
    assert client.call("echo") is None
    assert client.call("add", 1) == 2
    assert client.call("add", 1, 5) == 6


def test_what_is_raised_comes_here_without_secrets(client: Client) -> None:
    with pytest.raises(RemoteError, match=r"^fail: ValueError: password=\*\*\*$") as raised:
        client.call("fail")
    assert PASSWORD not in repr(vars(raised.value))


def test_an_error_that_no_message_can_carry_ends_no_server(client: Client) -> None:
    with pytest.raises(RemoteError, match=r"no file \\udcff"):
        client.call("fail_strangely")
    assert client.call("echo", 1) == 1


@pytest.mark.parametrize(
    ("method", "args", "error"),
    [
        ("add", (), "add(one: int, other: int = 1) -> int: missing a required argument: 'one'"),
        ("add", (1, 2, 3), "add(one: int, other: int = 1) -> int: too many positional arguments"),
        ("close", (), "no method 'close' is served (known: "),
        ("__init__", (), "no method '__init__' is served (known: "),
        ("unsendable", (), "unsendable gave what cannot be sent: "),
    ],
)
def test_what_does_not_fit_is_told(client: Client, method: str, args: tuple[int, ...], error: str) -> None:
    with pytest.raises(RemoteError) as raised:
        client.call(method, *args)
    assert error in str(raised.value)


def test_arguments_that_cannot_be_sent_are_told_here(client: Client) -> None:
    with pytest.raises(ConfigError, match="expected arguments that can be sent"):
        client.call("echo", object())


def test_a_slow_method_holds_up_nobody(callee: Callee, served: Server, client: Client) -> None:
    with ThreadPoolExecutor() as others, Client(Endpoint(served.address), timeout_s=WAIT_S) as other:
        slow = others.submit(other.call, "rest")
        assert callee.resting.acquire(timeout=WAIT_S)
        assert client.call("echo", "quick") == "quick"
        callee.go_on.set()
        assert slow.result(WAIT_S) == "rested"


def test_many_callers_at_a_time_are_each_answered(served: Server) -> None:
    def call(number: int) -> int:
        with Client(Endpoint(served.address), timeout_s=WAIT_S, reached_s=WAIT_S) as client:
            return sum(client.call("add", number, each) for each in range(20))

    with ThreadPoolExecutor(16) as callers:
        assert [*callers.map(call, range(32))] == [20 * number + 190 for number in range(32)]
    assert served.stats().done == 640


def test_a_stream_comes_whole_and_no_faster_than_it_is_taken(callee: Callee, client: Client) -> None:
    assert [*client.call("count", 1000)] == [*range(1, 1001)]
    stream = client.call("count")
    assert [*islice(stream, 3)] == [1, 2, 3]
    assert callee.given < 300


def test_a_stream_that_was_left_ends_with_its_caller(callee: Callee, wait_for: WaitFor) -> None:
    with server(callee, heartbeat_s=0.2) as served:
        with Client(Endpoint(served.address), timeout_s=WAIT_S, reached_s=WAIT_S) as client:
            assert next(client.call("count")) == 1
        wait_for(callee.left.is_set, WAIT_S, "the stream is left")
        assert served.stats().lost == 1


def test_who_waits_long_is_kept_by_heartbeats(callee: Callee, wait_for: WaitFor) -> None:
    with (
        server(callee, heartbeat_s=0.1) as served,
        Client(Endpoint(served.address), timeout_s=WAIT_S, reached_s=WAIT_S, heartbeat_s=0.1) as client,
        ThreadPoolExecutor() as others,
    ):
        slow = others.submit(client.call, "rest")
        assert callee.resting.acquire(timeout=WAIT_S)
        with pytest.raises(TimeoutError):
            slow.result(1.5)
        callee.go_on.set()
        assert slow.result(WAIT_S) == "rested"


def test_no_answer_in_time_is_told(served: Server) -> None:
    with (
        Client(Endpoint(served.address), timeout_s=0.2, reached_s=WAIT_S) as client,
        pytest.raises(CallTimedOut, match="rest: no answer within"),
    ):
        client.call("rest")


def test_an_answer_that_came_too_late_is_not_that_of_the_next_call(callee: Callee, served: Server) -> None:
    with Client(Endpoint(served.address), timeout_s=0.5, reached_s=WAIT_S) as client:
        with pytest.raises(CallTimedOut):
            client.call("rest")
        callee.go_on.set()
        client._timeout_s = WAIT_S
        assert client.call("echo", "mine") == "mine"


def test_who_takes_calls_and_says_nothing_is_lost() -> None:
    """A socket of ZeroMQ that nobody reads."""
    zmq = sockets.zeromq()
    with zmq.Context() as context, context.socket(zmq.ROUTER) as mute:
        mute.linger = 0
        port = mute.bind_to_random_port("tcp://127.0.0.1")
        with (
            Client(Endpoint(f"tcp://127.0.0.1:{port}"), reached_s=WAIT_S, heartbeat_s=0.1) as client,
            pytest.raises(ResponderLost, match="not a word"),
        ):
            client.call("echo")


def test_where_nobody_is_is_told() -> None:
    with (
        Client(Endpoint("tcp://127.0.0.1:1"), reached_s=0.3) as client,
        pytest.raises(BusError, match="nobody answers at tcp://127.0.0.1:1"),
    ):
        client.call("echo")


def test_too_many_calls_are_told_so(callee: Callee) -> None:
    with server(callee, most=2) as served, ThreadPoolExecutor() as others:
        clients = [Client(Endpoint(served.address), timeout_s=WAIT_S, reached_s=WAIT_S) for _ in range(3)]
        slow = [others.submit(client.call, "rest") for client in clients[:2]]
        assert all(callee.resting.acquire(timeout=WAIT_S) for _ in slow)
        with pytest.raises(RemoteError, match="ResponderBusy: 2 calls are in hand"):
            clients[2].call("echo")
        callee.go_on.set()
        assert [each.result(WAIT_S) for each in slow] == ["rested"] * 2
        for client in clients:
            client.close()


def test_a_server_that_stops_answers_first(callee: Callee, served: Server, client: Client) -> None:
    with ThreadPoolExecutor() as others:
        slow = others.submit(client.call, "rest")
        assert callee.resting.acquire(timeout=WAIT_S)
        served.request_stop()
        assert not served.wait(0.2)
        callee.go_on.set()
        assert slow.result(WAIT_S) == "rested"
        assert served.wait(WAIT_S)


def test_a_server_that_stops_does_not_wait_for_ever_and_says_so(
    callee: Callee, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.pipe.outside.zerorpc.server.GRACE_S", 0.3)
    beat_s = 60.0  # nothing else wakes it up
    with ThreadPoolExecutor() as others, server(callee, heartbeat_s=beat_s) as served:
        with Client(Endpoint(served.address), timeout_s=WAIT_S, heartbeat_s=beat_s) as client:
            slow = others.submit(client.call, "rest")
            assert callee.resting.acquire(timeout=WAIT_S)
            served.request_stop()
            with pytest.raises(RemoteError, match="Closed: this server ended before it was done"):
                slow.result(WAIT_S)
        assert served.wait(WAIT_S)
        callee.go_on.set()


def test_answers_that_wait_for_a_slow_caller_arrive_after_the_end(callee: Callee, wait_for: WaitFor) -> None:
    """So many of them that they do not all fit into what the system holds for a connection."""
    zmq, many, value = sockets.zeromq(), 24, "x" * 1_000_000
    with zmq.Context() as context, context.socket(zmq.DEALER) as slow, server(callee) as served:
        slow.linger, slow.rcvhwm = 0, 1
        slow.connect(served.address)
        for number in range(many):
            slow.send_multipart([b"", Event("echo", (value,), message_id=b"%d" % number).to_bytes()])
        wait_for(lambda: served.stats().done == many, WAIT_S, "all are done")
        served.request_stop()
        wait_for(lambda: served._socket.closed, WAIT_S, "it is over")
        heard = 0
        while heard < many and slow.poll(WAIT_S * 1000):
            assert Event.from_bytes(slow.recv_multipart()[-1]).args == [value]
            heard += 1
    assert heard == many


def test_words_without_end_hold_up_nobody(served: Server, client: Client) -> None:
    """As of streams whose callers said that they have any room."""
    enough = threading.Event()

    def word() -> list[Do]:
        if not enough.is_set():
            served._say(word)
        return []

    served._say(word)
    try:
        assert client.call("echo", 1) == 1
    finally:
        enough.set()


def test_a_client_is_closed_twice(client: Client) -> None:
    client.close()
    client.close()


def test_a_socket_of_the_file_system_will_do_and_is_not_left_there(callee: Callee, tmp_path: Path) -> None:
    place = Endpoint(f"ipc://{tmp_path}/pipe.sock")
    with Server(find_served(callee), place), Client(place, timeout_s=WAIT_S) as client:
        assert client.call("add", 1) == 2
    assert not [*tmp_path.iterdir()]


def test_a_socket_of_the_file_system_that_is_in_use_is_left_to_whom_it_is(
    callee: Callee, tmp_path: Path
) -> None:
    place = Endpoint(f"ipc://{tmp_path}/pipe.sock")
    with Server(find_served(callee), place), Client(place, timeout_s=WAIT_S) as client:
        with pytest.raises(ConfigError, match=r"cannot listen on ipc:.*: Address already in use"):
            Server({}, place)
        assert client.call("add", 1) == 2


def test_a_file_is_no_place_to_listen(tmp_path: Path) -> None:
    """ZeroMQ would put its socket there."""
    program = tmp_path / "street.py"
    program.write_text("pipe = Pipe()")
    with pytest.raises(ConfigError, match=r"street\.py: a file is there that is no socket"):
        Server({}, Endpoint(f"ipc://{program}"))
    assert program.read_text() == "pipe = Pipe()"


def test_what_a_killed_server_left_is_no_hindrance(callee: Callee, tmp_path: Path) -> None:
    path = f"{tmp_path}/pipe.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    place = Endpoint(f"ipc://{path}")
    with Server(find_served(callee), place), Client(place, timeout_s=WAIT_S) as client:
        assert client.call("add", 1) == 2


def test_a_port_in_use_is_told(served: Server) -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on tcp://127.0.0.1:\d+: Address already in use"):
        Server({}, Endpoint(served.address))


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="this system has no IPv6")
def test_it_runs_on_ipv6(callee: Callee) -> None:
    with (
        Server(find_served(callee), Endpoint("tcp://[::1]:*")) as served,
        Client(Endpoint(served.address), timeout_s=WAIT_S) as client,
    ):
        assert client.call("add", 1) == 2


def test_without_pyzmq_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zmq", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[rpc\]'"):
        Server({}, HERE)
