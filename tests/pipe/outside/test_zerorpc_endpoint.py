"""Where a pipe is called: what may be said, what is open to whom, and that the token is nowhere shown."""

import pytest

from sightline.errors import ConfigError
from sightline.log import redact
from sightline.pipe.outside.zerorpc.endpoint import TOKEN_VARIABLE, Endpoint


@pytest.mark.parametrize(
    ("text", "address", "token", "private"),
    [
        ("tcp://127.0.0.1:4242", "tcp://127.0.0.1:4242", None, True),
        ("tcp://localhost:*", "tcp://localhost:*", None, True),
        ("tcp://[::1]:4242", "tcp://[::1]:4242", None, True),
        ("tcp://0.0.0.0:1234", "tcp://0.0.0.0:1234", None, False),
        ("tcp://*:1234", "tcp://*:1234", None, False),
        ("tcp://[::]:1234", "tcp://[::]:1234", None, False),
        ("tcp://eth0:1234", "tcp://eth0:1234", None, False),
        ("tcp://:a%40b@10.0.0.5:1234", "tcp://10.0.0.5:1234", "a@b", False),
        ("ipc:///run/pipe.sock", "ipc:///run/pipe.sock", None, True),
        ("ipc://@pipe", "ipc://@pipe", None, True),
    ],
)
def test_an_endpoint_is_read(text: str, address: str, token: str | None, private: bool) -> None:
    endpoint = Endpoint.of(text, environ={})
    assert (endpoint.address, endpoint.token, endpoint.is_private) == (address, token, private)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tcp://",
        "127.0.0.1:4242",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:99999",
        "tcp://127.0.0.1:-1",
        "http://127.0.0.1:80",
        "inproc://a",
        "tcp://user@127.0.0.1:80",
        "tcp://user:hunter2@127.0.0.1:80",
    ],
)
def test_what_is_none_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigError, match="expected where a pipe is called") as error:
        Endpoint.of(text, environ={})
    assert "hunter2" not in str(error.value)


def test_a_token_is_taken_from_whoever_says_it_first() -> None:
    environ = {TOKEN_VARIABLE: "third"}
    assert Endpoint.of("tcp://:second@a:1", "first", environ).token == "first"
    assert Endpoint.of("tcp://:second@a:1", None, environ).token == "second"
    assert Endpoint.of("tcp://a:1", None, environ).token == "third"
    assert redact("first, second, third") == "***, ***, ***"


def test_wide_open_is_refused_with_the_way_to_set_a_token() -> None:
    with pytest.raises(ConfigError, match=rf"RPCPipeWrapper\(pipe, token=\.\.\.\) or {TOKEN_VARIABLE} set"):
        Endpoint.of("tcp://0.0.0.0:1234", environ={}).check_may_listen()
    with pytest.raises(ConfigError, match="at least 8 characters, got 7"):
        Endpoint.of("tcp://0.0.0.0:1234", "a token", {}).check_may_listen()
    Endpoint.of("tcp://0.0.0.0:1234", "longer token", {}).check_may_listen()
    Endpoint.of("tcp://127.0.0.1:1234", environ={}).check_may_listen()
    Endpoint.of("ipc://a.sock", environ={}).check_may_listen()


def test_a_token_that_zeromq_cannot_carry_is_refused() -> None:
    with pytest.raises(ConfigError, match="at most 255 bytes"):
        Endpoint.of("tcp://127.0.0.1:1", "é" * 128, {})
