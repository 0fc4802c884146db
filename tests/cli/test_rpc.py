"""`sightline rpc`, as it is typed."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cli.conftest import Invoke
from tests.pipe.outside.callee import PASSWORD, Callee, server

from sightline.hub.rpc import rpc
from sightline.pipe.outside.zerorpc.server import Server

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture
def served() -> Iterator[Server]:
    callee = Callee()
    with server(callee) as served:
        yield served
        callee.go_on.set()


def test_it_lists_what_may_be_called(invoke: Invoke, served: Server) -> None:
    listed = invoke("rpc", served.address)
    assert listed.exit_code == 0
    assert "echo(value=None)\n    Give it back.\n" in listed.stdout
    assert "add(one, other=1)\n" in listed.stdout
    assert json.loads(invoke("rpc", served.address, "--json").stdout)["rest()"] == "Wait until it may go on."


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("start", "start"),
        ('{"to_kill": true}', {"to_kill": True}),
        ("[1, 2.5, null]", [1, 2.5, None]),
        ("5", 5),
        ('"5"', "5"),
        ("true", True),
        ("{broken", "{broken"),
        ("", ""),
    ],
)
def test_an_argument_is_json_or_else_text(invoke: Invoke, served: Server, typed: str, value: object) -> None:
    answered = invoke("rpc", served.address, "echo", typed, "--json")
    assert json.loads(answered.stdout) == value


def test_answers_are_for_people_unless_asked_otherwise(invoke: Invoke, served: Server) -> None:
    assert invoke("rpc", served.address, "echo", "plain").stdout == "plain\n"
    assert invoke("rpc", served.address, "echo", '{"a": 1}').stdout == '{\n  "a": 1\n}\n'
    assert invoke("rpc", served.address, "echo").stdout == ""
    assert invoke("rpc", served.address, "echo", "--json").stdout == "null\n"


def test_a_stream_is_a_line_each(invoke: Invoke, served: Server) -> None:
    assert invoke("rpc", served.address, "count", "3", "--json").stdout == "1\n2\n3\n"


class Hostile:
    """What it says would steer a terminal, or is nothing that JSON has."""

    @rpc
    def text(self) -> str:
        """A \x1b]0;title\x07."""
        return "a\x1b[2Jb\nc\x9b"

    @rpc
    def fail(self) -> None:
        raise ValueError("\x1b[2J\x9b")

    @rpc
    def odd(self) -> Any:
        return {b"a": math.nan, 2: b"\xff", "c": "\x9b"}


def test_what_comes_steers_no_terminal_and_is_json_for_programs(invoke: Invoke) -> None:
    with server(Hostile()) as served:
        assert invoke("rpc", served.address, "text").stdout == "a\\x1b[2Jb\nc\\x9b\n"
        assert json.loads(invoke("rpc", served.address, "text", "--json").stdout) == "a\x1b[2Jb\nc\x9b"
        assert "\\x1b[2J\\x9b" in invoke("rpc", served.address, "fail").stderr
        told = invoke("rpc", served.address, "odd", "--json").stdout
        assert json.loads(told) == {"b'a'": None, "2": "b'\\xff'", "c": "\x9b"}
        assert "\x9b" not in told + invoke("rpc", served.address, "odd").stdout
        listed = invoke("rpc", served.address)
        assert "A \\x1b]0;title\\x07." in listed.stdout


def test_an_error_is_a_line_without_secrets_and_exit_code_1(invoke: Invoke, served: Server) -> None:
    failed = invoke("rpc", served.address, "fail")
    assert failed.exit_code == 1
    assert failed.stderr.splitlines()[-1] == "fail: ValueError: password=***"  # above it is the server's log
    assert PASSWORD not in failed.output


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("127.0.0.1:4242", "expected where a pipe is called"),
        ("tcp://user:hunter2@127.0.0.1:1", "expected where a pipe is called"),
        ("hub://127.0.0.1:1?name=street", "hub"),
    ],
)
def test_where_nobody_can_be_is_told(invoke: Invoke, endpoint: str, said: str) -> None:
    failed = invoke("rpc", endpoint, "start")
    assert failed.exit_code == 1
    assert said in failed.stderr
    assert "hunter2" not in failed.output


def test_no_answer_in_time_is_told(invoke: Invoke, served: Server) -> None:
    failed = invoke("rpc", served.address, "rest", "--timeout", "0.3")
    assert failed.exit_code == 1
    assert failed.stderr == "rest: no answer within 0.3 s\n"
