"""What the document of PipeRT2 does to a pipe from outside works here: over HTTP, by RPC, with its log.

Each listing is a script of its own, and on the other side is what its users have: any client of HTTP, zerorpc
as a command and in Python, a server of socket.io.
"""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.seeds.outside import Script

WAIT_S = 30.0

API = """
pipe = Pipe()
fill(pipe)

api_wrapper = APIWrapper(host="127.0.0.1", port={port}, pipe=pipe)
api_wrapper.run()
print("it runs", flush=True)
"""

Begin = Callable[..., Script]


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
    ask("/routines/events/CUSTOM_EVENT_NAME/execute")
    ask(
        "/routines/some_routine/events/CUSTOM_EVENT_NAME/execute",
        {"extra_args": {"param1": "value", "param2": 7}},
    )
    expected = ("some_routine none none", "other_routine none none", "some_routine value 7")
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
