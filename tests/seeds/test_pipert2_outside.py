"""What the document of PipeRT2 does to a pipe from outside works here: over HTTP, by RPC, with its log.

Each listing is a script of its own, and on the other side is what its users have: any client of HTTP, zerorpc
as a command and in Python, a server of socket.io.
"""

import json
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.outside.receiving import Plain
from tests.seeds.outside import Script
from tools.services.zerorpc import COMMAND

WAIT_S = 30.0

API = """
pipe = Pipe()
fill(pipe)

api_wrapper = APIWrapper(host="127.0.0.1", port={port}, pipe=pipe)
api_wrapper.run()
print("it runs", flush=True)
"""

RPC = """
rpc_pipe = Pipe()
fill(rpc_pipe)

rpc_server = RPCPipeWrapper(rpc_pipe)
print("it runs", flush=True)
rpc_server.run_rpc_server(endpoint="tcp://127.0.0.1:{port}")
"""

LOGS = """
example_pipe = Pipe(logger=get_socket_logger("base", logging.INFO))
fill(example_pipe)
example_pipe.notify_event("SHOUT", {"example_flow": ["some_routine"]}, wait=True)
example_pipe.join(to_kill=True)
"""

BY_COMMAND = {
    "start": ["start"],
    "custom": ["CUSTOM_EVENT_NAME", '{"param1": "value"}'],
    "join": ["join", '{"to_kill":true}'],
}
IN_PYTHON = """
import sys
import zerorpc

client = zerorpc.Client()
client.connect(sys.argv[1])
client.execute({})
"""
AS_PYTHON = {
    "start": "'start'",
    "custom": "'CUSTOM_EVENT_NAME', {'param1': 'value'}",
    "join": """'join', '{"to_kill":true}'""",
}

Begin = Callable[..., Script]
Execute = Callable[[str, str], None]


@pytest.fixture
def begin(tmp_path: Path, no_leaks: None) -> Iterator[Begin]:
    """Begins a script in a folder of its own."""
    scripts: list[Script] = []

    def begin(text: str, environ: dict[str, str] | None = None) -> Script:
        scripts.append(Script(tmp_path, text, environ))
        return scripts[-1]

    yield begin
    for script in scripts:
        script.close()


class Client:
    """Of the document's routes."""

    def __init__(self, port: int, method: str) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._method = method

    def __call__(self, route: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        kind = {} if data is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url + route, data, kind, method=self._method)
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            assert answer.status == 200
            return json.load(answer)

    def states(self) -> dict[str, str]:
        with urllib.request.urlopen(f"{self._url}/pipe/stats", timeout=WAIT_S) as answer:
            routines = json.load(answer)["flows"]["example_flow"]["routines"]
        return {name: told["state"] for name, told in routines.items()}


@pytest.mark.parametrize("method", ["GET", "POST"], ids=["as its document has it", "as its package has it"])
def test_a_pipe_is_steered_over_http(
    begin: Begin, free_port: Callable[[], int], wait_for: WaitFor, method: str
) -> None:
    port = free_port()
    script, ask = begin(API.format(port=port)), Client(port, method)

    def becomes(some: str, other: str) -> None:
        states = {"some_routine": some, "other_routine": other}
        wait_for(lambda: ask.states() == states, WAIT_S, f"they are {some} and {other}")

    wait_for(lambda: script.printed("it runs"), WAIT_S, "the script runs")
    ask("/start")
    becomes("running", "running")
    ask("/pause")
    becomes("stopped", "stopped")
    ask("/routines/some_routine/events/start/execute")
    becomes("running", "stopped")
    ask("/routines/some_routine/events/stop/execute")
    becomes("stopped", "stopped")
    ask("/routines/events/CUSTOM_EVENT_NAME/execute", {"extra_args": {"param1": "all"}})
    ask(
        "/routines/some_routine/events/CUSTOM_EVENT_NAME/execute",
        {"extra_args": {"param1": "value", "param2": 7}},
    )
    expected = ("some_routine all none", "other_routine all none", "some_routine value 7")
    wait_for(lambda: script.printed(*expected), WAIT_S, "both events were handled")
    ask("/kill")
    assert script.ended() == 0
    assert len(script.lines) == 4


def test_the_structure_of_a_pipe_is_as_it_was(
    begin: Begin, free_port: Callable[[], int], wait_for: WaitFor
) -> None:
    port = free_port()
    script = begin(API.format(port=port))
    wait_for(lambda: script.printed("it runs"), WAIT_S, "the script runs")
    own = ["CUSTOM_EVENT_NAME", "SHOUT"]
    assert Client(port, "GET")("/pipe/structure") == {
        "Routines": [
            {"flow_name": "example_flow", "routine_name": name, "events": own}
            for name in ("some_routine", "other_routine")
        ],
        "Events": ["start", "stop", "kill"],
    }


@pytest.fixture(params=["by its command", "in Python"])
def execute(request: pytest.FixtureRequest, found_at: Callable[[str], str]) -> Execute:
    """`execute(address, "join")`: as a user of zerorpc has it done."""
    by_command = request.param == "by its command"

    def run(address: str, what: str) -> None:
        code = COMMAND if by_command else IN_PYTHON.format(AS_PYTHON[what])
        words = ["execute", *BY_COMMAND[what]] if by_command else []
        subprocess.run(
            [found_at("zerorpc"), "-W", "ignore", "-c", code, address, *words],
            check=True,
            timeout=WAIT_S,
            capture_output=True,
        )

    return run


@pytest.mark.needs("zerorpc")
def test_a_pipe_is_steered_by_zerorpc(
    begin: Begin, execute: Execute, free_port: Callable[[], int], wait_for: WaitFor
) -> None:
    port = free_port()
    script, address = begin(RPC.format(port=port)), f"tcp://0.0.0.0:{port}"  # as its document has it
    wait_for(lambda: script.printed("it runs"), WAIT_S, "the script runs")
    execute(address, "start")
    execute(address, "custom")
    expected = "some_routine value none", "other_routine value none"
    wait_for(lambda: script.printed(*expected), WAIT_S, "the event was handled")
    execute(address, "join")
    assert script.ended() == 0
    assert len(script.lines) == 3


@pytest.mark.parametrize("where", ["the environment", ".env"])
def test_the_log_of_a_pipe_goes_to_its_receiver(begin: Begin, tmp_path: Path, where: str) -> None:
    with Plain() as cockpit:
        url = f"{cockpit.url}/api/socketio"
        (tmp_path / ".env").write_text(f'SOCKET_LOGGER_URL="{url}"\n' if where == ".env" else "")
        environ = {} if where == ".env" else {"SOCKET_LOGGER_URL": url}
        script = begin(LOGS, environ)
        assert script.ended() == 0
    assert script.lines == []
    told = [(one["source"], one["level"], one["message"]) for one in cockpit.records]
    assert ("base.example_flow.some_routine", "INFO", "shouted") in told
    assert not [message for _, _, message in told if message == "whispered"]
    assert "'routine_name': 'some_routine'" in cockpit.structures[0]["message"]
