"""The client and the command of zerorpc, which share no code with ours, call a pipe."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tests.pipe.outside.callee import Callee, server
from tests.pipe.parts import Collect, Counter, Hello
from tools.services.zerorpc import COMMAND

from sightline.hub.rpc.serving import find_served
from sightline.pipe.outside.rpc import RPCPipeWrapper
from sightline.pipe.outside.zerorpc.client import Client
from sightline.pipe.outside.zerorpc.endpoint import Endpoint
from sightline.pipe.outside.zerorpc.server import Server
from sightline.pipe.pipe import Pipe

pytestmark = [pytest.mark.needs("zerorpc"), pytest.mark.usefixtures("no_leaks")]
WAIT_S = 60.0
TOKEN = "planted-52cd"
Ran = subprocess.CompletedProcess[str]
Run = Callable[..., Ran]


@pytest.fixture
def python(found_at: Callable[[str], str]) -> str:
    """The Python that has zerorpc."""
    return found_at("zerorpc")


@pytest.fixture
def command(python: str) -> Run:
    """`command(address, "execute", "start")`: zerorpc's own, as it is typed."""

    def run(*arguments: str) -> Ran:
        line = [python, "-W", "ignore", "-c", COMMAND, *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=WAIT_S, check=False)

    return run


@pytest.fixture
def script(python: str) -> Run:
    """`script(text, address)`: a program with zerorpc's client."""

    def run(text: str, *arguments: str) -> Ran:
        line = [python, "-W", "ignore", "-c", "import zerorpc, sys\n" + textwrap.dedent(text), *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=WAIT_S, check=False)

    return run


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe() as pipe:
        pipe.create_flow("all", True, Counter("numbers"), Collect("collect"))
        pipe.create_flow("other", True, Hello("hello"), Collect("heard"))
        pipe.build()
        yield pipe


@pytest.fixture
def address(pipe: Pipe) -> Iterator[str]:
    with RPCPipeWrapper(pipe) as wrapper:
        yield wrapper.serve("tcp://127.0.0.1:*").address


def said(ran: Ran) -> str:
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_its_command_starts_pauses_and_ends_the_pipe(
    command: Run, pipe: Pipe, address: str, wait_for: WaitFor
) -> None:
    assert said(command(address, "execute", "start")) == "{'event': 'start'}"
    wait_for(lambda: pipe.stats().routines["collect"].processed, WAIT_S, "it runs")
    assert said(command(address, "execute", "stop")) == "{'event': 'stop'}"
    wait_for(lambda: pipe.stats().routines["numbers"].state == "stopped", WAIT_S, "it is stopped")
    assert said(command(address, "execute", "join", '{"to_kill":true}')) == "{'over': True}"
    assert pipe.wait(0)


def test_its_client_does_what_the_document_of_pipert_shows(script: Run, pipe: Pipe, address: str) -> None:
    ran = script(
        """
        client = zerorpc.Client()
        client.connect(sys.argv[1])
        client.execute('start')
        client.execute('join', '{"to_kill":true}')
        """,
        address,
    )
    assert said(ran) == ""
    assert pipe.wait(WAIT_S)


def test_the_server_ends_with_the_pipe_and_its_answer_arrives(
    command: Run, pipe: Pipe, wait_for: WaitFor, free_port: Callable[[], int]
) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with ThreadPoolExecutor() as others:
        serving = others.submit(RPCPipeWrapper(pipe).run_rpc_server, address)
        try:
            assert said(command(address, "kill")) == "{'event': 'kill'}"
            serving.result(WAIT_S)
        finally:
            pipe.close()
    assert pipe.wait(0)


def test_its_command_lists_the_methods(command: Run, address: str) -> None:
    listed = said(command(address)).splitlines()
    assert listed[0] == "[pipe]"
    assert "execute   Send an event by its name, or do what else there is here." in listed
    assert not [line for line in listed if line.startswith("_")]
    assert "join(to_kill=False, timeout_s=20.0)" in said(command("--inspect", address)).splitlines()
    assert "kill()" not in said(command("--inspect", address, "execute"))


def test_its_command_prints_answers_as_json(command: Run, address: str) -> None:
    stats = json.loads(said(command("--print-json", address, "stats")))
    assert set(stats["flows"]) == {"all", "other"}
    names = json.loads(said(command("--print-json", address, "routines")))
    assert names == ["numbers", "collect", "hello", "heard"]


def test_its_command_follows_a_stream(command: Run, address: str) -> None:
    watched = json.loads(said(command("--print-json", "--json", address, "watch", "0.05", "3")))
    assert [set(each["flows"]) for each in watched] == [{"all", "other"}] * 3


def test_its_command_sends_events_with_parameters(
    command: Run, pipe: Pipe, address: str, wait_for: WaitFor
) -> None:
    said(command(address, "execute", "start"))
    targets, parameters = '{"other": ["hello"]}', '{"to": "you"}'
    sent = command("--print-json", address, "event", "hello", targets, "", parameters, "20")
    assert json.loads(said(sent)) == {"event": "hello", "done": ["hello"], "failed": {}}


def test_its_command_shows_what_was_wrong(command: Run, address: str) -> None:
    ran = command(address, "execute", "strat")
    assert ran.returncode == 1
    assert "Unknown: unknown event 'strat'; did you mean \"start\"?" in ran.stderr
    assert "no method 'excute' is served" in command(address, "excute", "start").stderr


def test_its_bare_command_calls_although_it_may_fail_to_print(
    python: str, pipe: Pipe, address: str, wait_for: WaitFor
) -> None:
    """See `tools.services.zerorpc`: what it was told to do is done."""
    program = Path(python).with_name("zerorpc")
    subprocess.run([program, address, "execute", "start"], capture_output=True, timeout=WAIT_S, check=False)
    wait_for(lambda: pipe.stats().routines["collect"].processed, WAIT_S, "it runs")


def test_its_client_waits_long_where_we_live_and_gives_up_where_we_do_not(script: Run) -> None:
    callee = Callee()
    with server(callee, heartbeat_s=1.0) as served, ThreadPoolExecutor() as others:
        text = """
            client = zerorpc.Client(sys.argv[1], heartbeat=1, timeout=40)
            print(client.rest())
            """
        slow = others.submit(script, text, served.address)
        assert callee.resting.acquire(timeout=WAIT_S)
        with pytest.raises(TimeoutError):
            slow.result(4)
        callee.go_on.set()
        assert said(slow.result(WAIT_S)) == "rested"
        assert served.stats().lost == 0


def test_its_client_with_another_heartbeat_is_answered_too(script: Run) -> None:
    """It is to hear of us every 2 s, and we say a word every 30 s by ourselves."""
    callee = Callee()
    with server(callee, heartbeat_s=30.0) as served, ThreadPoolExecutor() as others:
        text = "print(zerorpc.Client(sys.argv[1], heartbeat=1, timeout=40).rest())"
        slow = others.submit(script, text, served.address)
        assert callee.resting.acquire(timeout=WAIT_S)
        with pytest.raises(TimeoutError):
            slow.result(5)
        callee.go_on.set()
        assert said(slow.result(WAIT_S)) == "rested"


def test_a_client_of_it_that_is_killed_is_noticed(python: str, wait_for: WaitFor) -> None:
    callee = Callee()
    text = "import sys, zerorpc; zerorpc.Client(sys.argv[1], heartbeat=1).rest()"
    with server(callee, heartbeat_s=0.3) as served:
        with subprocess.Popen([python, "-W", "ignore", "-c", text, served.address]) as caller:
            assert callee.resting.acquire(timeout=WAIT_S)
            caller.kill()
        wait_for(lambda: served.stats().lost == 1, WAIT_S, "it is lost")
        callee.go_on.set()


def test_its_client_takes_values_errors_and_parts_of_streams(script: Run) -> None:
    callee = Callee()
    with server(callee) as served:
        ran = script(
            """
            client = zerorpc.Client(sys.argv[1])
            value = {"a": [1, 2.5, None, True, "é"], "b": b"x\\x00"}
            assert client.echo(value) == value
            assert client.add(1, 2) == 3
            assert client.echo("late", **{"async": True}).get() == "late"
            assert client._zerorpc_ping() == ["pong", "pipe"]
            assert client._zerorpc_args("add")[0] == ["one", "other"]
            try:
                client.fail()
            except zerorpc.RemoteError as error:
                print(error.name, error.msg, error)
            stream = client.count(1000)
            assert list(stream) == list(range(1, 1001))
            endless = iter(client.count())
            assert [next(endless) for _ in range(250)] == list(range(1, 251))
            """,
            served.address,
        )
        assert said(ran) == "ValueError password=*** ValueError: password=***"


def test_its_client_comes_in_with_the_token_and_not_without(script: Run) -> None:
    text = """
        import zmq
        client = zerorpc.Client(timeout=int(sys.argv[3]))
        client._events.setsockopt(zmq.PLAIN_USERNAME, b"sightline")
        client._events.setsockopt(zmq.PLAIN_PASSWORD, sys.argv[2].encode())
        client.connect(sys.argv[1])
        print(client.add(1))
        """
    with Server(find_served(Callee()), Endpoint("tcp://127.0.0.1:*", TOKEN)) as served:
        assert said(script(text, served.address, TOKEN, "30")) == "2"
        assert "timeout after 1s" in script(text, served.address, "another", "1").stderr


def test_our_client_calls_its_server(python: str, free_port: Callable[[], int]) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    program = textwrap.dedent(
        """
        import sys, zerorpc

        class Theirs:
            def double(self, number):
                "Twice that."
                return 2 * number

            def fail(self):
                raise ValueError("as asked")

            @zerorpc.stream
            def count(self, most):
                return range(most)

        theirs = zerorpc.Server(Theirs())
        theirs.bind(sys.argv[1])
        theirs.run()
        """
    )
    with subprocess.Popen(
        [python, "-W", "ignore", "-c", program, address], stderr=subprocess.DEVNULL
    ) as process:
        try:
            with Client(Endpoint(address), timeout_s=WAIT_S, reached_s=WAIT_S) as client:
                assert client.call("double", 21) == 42
                assert [*client.call("count", 500)] == [*range(500)]
                with pytest.raises(Exception, match="fail: ValueError: as asked"):
                    client.call("fail")
            listed = subprocess.run(
                [sys.executable, "-m", "sightline", "rpc", address],
                capture_output=True,
                text=True,
                timeout=WAIT_S,
                check=True,
            )
            assert {"double", "fail", "count"} <= {line.partition("(")[0] for line in listed.stdout.split()}
        finally:
            process.kill()
