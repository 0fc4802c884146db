"""A pipe that others call: what they may ask for, and how the server ends."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.parts import Collect, Counter, Hello

from sightline.errors import BusError, ConfigError, RemoteError
from sightline.hub.rpc import rpc
from sightline.pipe import Pipe, RPCPipeWrapper
from sightline.pipe.outside.remote import remote

pytestmark = pytest.mark.usefixtures("no_leaks")
WAIT_S = 60.0
ANYWHERE = "tcp://127.0.0.1:*"


def made(*, build: bool = False) -> Pipe:
    pipe = Pipe()
    pipe.create_flow("all", True, Counter("numbers"), Collect("collect"))
    pipe.create_flow("other", True, Hello("hello"), Collect("heard"))
    if build:
        pipe.build()
    return pipe


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with made() as pipe:
        yield pipe


@pytest.fixture
def wrapper(pipe: Pipe) -> Iterator[RPCPipeWrapper]:
    with RPCPipeWrapper(pipe) as wrapper:
        yield wrapper


@pytest.fixture
def call(wrapper: RPCPipeWrapper) -> Iterator[Callable[..., Any]]:
    with remote(wrapper.serve(ANYWHERE).address, WAIT_S) as callee:
        yield lambda method, *args: callee.call(method, args)


Call = Callable[..., Any]


def test_it_tells_of_the_pipe(call: Call) -> None:
    assert call("routines") == ["numbers", "collect", "hello", "heard"]
    assert {"start", "stop", "kill", "hello"} <= set(call("events"))
    assert {each["flow_name"] for each in call("structure")["Routines"]} == {"all", "other"}
    assert set(call("stats")["flows"]) == {"all", "other"}
    assert "sightline_pipe_routine_processed_messages_total" in call("metrics")
    assert call("draw").startswith("flow all")
    assert call("draw", "mermaid").startswith("flowchart")
    assert [set(each["flows"]) for each in call("watch", 0.05, 2)] == [{"all", "other"}] * 2
    assert [*call("watch", 0.05, 0)] == []


@pytest.mark.parametrize(
    ("method", "args", "error"),
    [
        ("execute", ("strat",), "unknown event 'strat'; did you mean \"start\"?"),
        ("execute", ("join", '{"to_kil": 1}'), 'unknown option; did you mean "to_kill"?'),
        ("execute", ("join", "{"), "expected arguments as a JSON object"),
        ("execute", ("join", "[1]"), "expected arguments by their names, got list"),
        ("execute", (), "missing a required argument: 'name'"),
        ("execute", (5,), "expected the name of the event"),
        ("event", ("hello", {"al": []}), "unknown flow 'al'; did you mean \"all\"?"),
        ("event", ("hello", '{"al'), "expected JSON"),
        ("event", ("hello", None, "nobody"), "unknown routine 'nobody'"),
        ("event", ("hello", None, None, None, "soon"), "wait_s: input should be a valid number"),
        ("join", ("perhaps",), "to_kill: input should be a valid boolean"),
        ("draw", ("svg",), "kind: input should be 'text' or 'mermaid'"),
        ("watch", (0,), "expected 0.05 to 20 seconds, got 0"),
        ("run_rpc_server", ("tcp://*:1",), "no method 'run_rpc_server' is served"),
        ("close", (), "no method 'close' is served"),
    ],
)
def test_what_is_asked_for_wrongly_is_told(
    call: Call, method: str, args: tuple[Any, ...], error: str
) -> None:
    with pytest.raises(RemoteError) as raised:
        call(method, *args)
    assert error in str(raised.value)


def test_a_text_that_says_false_ends_no_pipe(call: Call, pipe: Pipe) -> None:
    """A command line has nothing but texts."""
    assert call("join", "false", "0")["over"] is True  # it is not built
    pipe.build()
    assert call("join", "false", "0")["over"] is False
    assert pipe.pids


def test_events_reach_routines_with_their_parameters(wait_for: WaitFor) -> None:
    with (
        made(build=True) as pipe,
        RPCPipeWrapper(pipe) as wrapper,
        remote(wrapper.serve(ANYWHERE).address, WAIT_S) as callee,
    ):
        callee.call("start", [])
        wait_for(lambda: pipe.stats().routines["collect"].processed, WAIT_S, "it runs")
        done = callee.call("event", ["hello", {"other": ["hello"]}, None, {"to": "you"}, 20])
        assert done == {"event": "hello", "done": ["hello"], "failed": {}}
        failed = callee.call("event", ["fail", None, "hello", None, 20])
        assert failed["failed"] == {"hello": "fail: ValueError: as asked"}
        callee.call("execute", ["pause"])
        wait_for(lambda: pipe.stats().routines["numbers"].state == "stopped", WAIT_S, "it is stopped")


@pytest.mark.parametrize(
    "ending", [("kill", []), ("execute", ["kill"]), ("execute", ["join", {"to_kill": True}])]
)
def test_who_ends_the_pipe_is_answered_and_ends_the_server(
    ending: tuple[str, list[Any]], free_port: Callable[[], int]
) -> None:
    method, args = ending
    address = f"tcp://127.0.0.1:{free_port()}"
    with made(build=True) as pipe, ThreadPoolExecutor() as others:
        serving = others.submit(RPCPipeWrapper(pipe).run_rpc_server, address)
        with remote(address, WAIT_S) as callee:
            assert callee.call(method, args) in ({"event": "kill"}, {"over": True})
        serving.result(WAIT_S)
        assert pipe.wait(WAIT_S)


def test_ending_the_pipe_ends_streams_and_all_doors(pipe: Pipe, wrapper: RPCPipeWrapper) -> None:
    doors = [wrapper.serve(ANYWHERE), wrapper.serve(ANYWHERE)]
    with remote(doors[0].address, WAIT_S) as one, remote(doors[1].address, WAIT_S) as other:
        watched = one.call("watch", [20])
        next(watched)
        other.call("kill", [])
        assert [*watched] == []
    assert all(door.wait(WAIT_S) for door in doors)
    assert wrapper.serve(ANYWHERE).wait(WAIT_S)


def test_who_waits_for_the_end_of_the_pipe_hears_of_it_from_another_one() -> None:
    with made(build=True) as pipe, RPCPipeWrapper(pipe) as wrapper, ThreadPoolExecutor() as others:
        door = wrapper.serve(ANYWHERE)
        with remote(door.address, WAIT_S) as one, remote(door.address, WAIT_S) as other:
            waiting = others.submit(one.call, "join", [])
            with pytest.raises(TimeoutError):
                waiting.result(0.5)
            other.call("kill", [])
            assert waiting.result(WAIT_S) == {"over": True}


def test_closing_it_keeps_nobody_waiting_for_the_end_of_the_pipe() -> None:
    with (
        made(build=True) as pipe,
        RPCPipeWrapper(pipe) as wrapper,
        ThreadPoolExecutor() as others,
        remote(wrapper.serve(ANYWHERE).address, WAIT_S) as one,
    ):
        waiting = others.submit(one.call, "join", [])
        with pytest.raises(TimeoutError):
            waiting.result(0.5)
        others.submit(wrapper.close).result(10)  # a join takes 20 s
        assert waiting.result(WAIT_S) == {"over": False}


def test_a_subclass_serves_methods_of_its_own(pipe: Pipe) -> None:
    class Mine(RPCPipeWrapper):
        @rpc
        def double(self, number: int) -> int:
            return 2 * number

        @rpc
        async def triple(self, number: int) -> int:
            return 3 * number

        def not_this(self) -> None: ...

    with Mine(pipe) as mine, remote(mine.serve(ANYWHERE).address, WAIT_S) as callee:
        assert callee.call("double", [21]) == 42
        assert callee.call("triple", [14]) == 42
        assert callee.call("routines", [])
        assert "not_this()" not in dict(callee.methods())


def test_wide_open_is_refused(wrapper: RPCPipeWrapper) -> None:
    with pytest.raises(ConfigError, match=r"can be seen by other machines.*SIGHTLINE_RPC_TOKEN"):
        wrapper.run_rpc_server("tcp://0.0.0.0:1234")


def test_with_a_token_it_may_be_wide_open(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    with RPCPipeWrapper(pipe, token="planted-1d2e") as wrapper:
        address = wrapper.serve("tcp://0.0.0.0:*").address
        with remote(address, WAIT_S) as callee, pytest.raises(BusError, match="does not let us in"):
            callee.call("routines", [])
        monkeypatch.setenv("SIGHTLINE_RPC_TOKEN", "planted-1d2e")
        with remote(address, WAIT_S) as callee:
            assert callee.call("routines", [])


def test_ctrl_c_ends_the_server_and_the_script() -> None:
    script = textwrap.dedent(
        """
        from sightline.pipe import Pipe, RPCPipeWrapper
        from tests.pipe.parts import Collect, Counter

        with Pipe() as pipe:
            pipe.create_flow("all", True, Counter("numbers"), Collect("collect"))
            pipe.build()
            wrapper = RPCPipeWrapper(pipe)
            print(wrapper.serve("tcp://127.0.0.1:*").address, flush=True)
            wrapper.run_rpc_server("tcp://127.0.0.1:*")
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        with remote(process.stdout.readline().strip(), WAIT_S) as callee:
            pids = [flow["pid"] for flow in callee.call("stats", [])["flows"].values()]
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) in {1, -signal.SIGINT, 130}
        assert "KeyboardInterrupt" in process.stderr.read()
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_ctrl_c_lets_calls_in_hand_be_answered_and_leaves_no_socket(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys
        from sightline.hub.rpc import rpc
        from sightline.pipe import Pipe, RPCPipeWrapper

        class Resting(RPCPipeWrapper):
            @rpc
            def rest(self):
                print("resting", flush=True)
                sys.stdin.readline()
                return "rested"

        print("here", flush=True)
        Resting(Pipe()).run_rpc_server(sys.argv[1])
        """
    )
    address = f"ipc://{tmp_path}/pipe.sock"
    with (
        subprocess.Popen(
            [sys.executable, "-c", script, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process,
        ThreadPoolExecutor() as others,
        remote(address, WAIT_S) as callee,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        slow = others.submit(callee.call, "rest", [])
        assert process.stdout.readline() == "resting\n"
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.stdin.write("\n")
        process.stdin.flush()
        assert slow.result(WAIT_S) == "rested"
        process.wait(WAIT_S)
    assert not [*tmp_path.iterdir()]


def test_importing_it_does_not_import_pyzmq() -> None:
    code = (
        "import sys; from sightline.pipe import RPCPipeWrapper; "
        "print('zmq' in sys.modules, 'sightline.hub.client' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=WAIT_S
    )
    assert ran.stdout.split() == ["False", "False"]


def test_the_command_calls_it(call: Call, wrapper: RPCPipeWrapper) -> None:
    """See also tests of the command."""
    door = wrapper.serve(ANYWHERE)
    line = [sys.executable, "-m", "sightline", "rpc", door.address, "routines", "--json"]
    ran = subprocess.run(line, capture_output=True, text=True, check=True, timeout=WAIT_S)
    assert json.loads(ran.stdout) == call("routines")


def test_a_server_that_is_closed_twice_is_closed(wrapper: RPCPipeWrapper) -> None:
    wrapper.serve(ANYWHERE)
    before = threading.active_count()
    wrapper.close()
    wrapper.close()
    assert threading.active_count() < before
