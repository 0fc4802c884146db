"""A pipe that is called through a hub: the same methods, under the name of a client there."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.parts import Collect, Counter

from sightline.errors import BusError, ConfigError, HubError, RemoteError
from sightline.hub import StreamClient, StreamServer
from sightline.hub.rpc import rpc
from sightline.pipe import Pipe, RPCPipeWrapper
from sightline.pipe.outside.remote import remote

WAIT_S = 60.0


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with StreamServer(port=0) as server:
        with StreamClient("first", port=server.port):  # libuv has a pipe for life from its first loop on
            pass
        yield server.port


@pytest.fixture
def url(port: int) -> str:
    return f"hub://127.0.0.1:{port}?name=street"


@pytest.fixture
def pipe(port: int, no_leaks: None) -> Iterator[Pipe]:
    with Pipe() as pipe:
        pipe.create_flow("all", True, Counter("numbers"), Collect("collect"))
        yield pipe


def test_it_is_called_as_over_a_socket(pipe: Pipe, url: str, wait_for: WaitFor) -> None:
    pipe.build()
    with RPCPipeWrapper(pipe) as wrapper:
        assert wrapper.serve(url).address == url
        with remote(url, WAIT_S) as callee:
            assert callee.call("execute", ["start"]) == {"event": "start"}
            wait_for(lambda: pipe.stats().routines["collect"].processed, WAIT_S, "it runs")
            assert callee.call("routines", []) == ["numbers", "collect"]
            assert dict(callee.methods())["kill() -> Any"].startswith("Have all routines end")
            with pytest.raises(RemoteError, match=r"execute: Unknown: unknown event 'strat'"):
                callee.call("execute", ["strat"])
            with pytest.raises(ConfigError, match="serves no 'excute'; did you mean \"execute\""):
                callee.call("excute", ["start"])
            with pytest.raises(ConfigError, match="missing a required argument: 'name'"):
                callee.call("execute", [])


def test_any_client_of_the_hub_calls_it(pipe: Pipe, url: str, port: int) -> None:
    with RPCPipeWrapper(pipe) as wrapper:
        wrapper.serve(url)
        with StreamClient("display", port=port) as client:
            street = client.create_rpc_client_service("street")
            assert street.execute("join", '{"to_kill": false}') == {"over": True}


@pytest.mark.parametrize("method", ["kill", "execute"])
def test_who_ends_the_pipe_is_answered_and_ends_the_server(pipe: Pipe, url: str, method: str) -> None:
    pipe.build()
    wrapper = RPCPipeWrapper(pipe)
    with ThreadPoolExecutor() as others:
        serving = others.submit(wrapper.run_rpc_server, url)
        while True:  # until it is there
            try:
                with remote(url, WAIT_S) as callee:
                    args: list[Any] = ["join", {"to_kill": True}] if method == "execute" else []
                    assert callee.call(method, args) in ({"event": "kill"}, {"over": True})
                    break
            except BusError:
                assert not serving.done()
        serving.result(WAIT_S)
    assert pipe.wait(WAIT_S)


def test_an_answer_in_hand_arrives_before_the_end(pipe: Pipe, url: str, wait_for: WaitFor) -> None:
    class Slow(RPCPipeWrapper):
        @rpc
        def wait(self) -> str:
            self._ending.wait(WAIT_S)
            wait_for(lambda: ended, WAIT_S, "the end was asked for")
            return "waited"

    ended: list[bool] = []
    with Slow(pipe) as wrapper, ThreadPoolExecutor() as others, remote_when_served(wrapper, url) as callee:
        slow = others.submit(callee.call, "wait", [])
        with remote(url, WAIT_S) as another:
            another.call("kill", [])
        ended.append(True)
        assert slow.result(WAIT_S) == "waited"


def remote_when_served(wrapper: RPCPipeWrapper, url: str) -> Any:
    wrapper.serve(url)
    return remote(url, WAIT_S)


def test_a_key_is_asked_for(pipe: Pipe, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RPCPipeWrapper(pipe, token="planted-88aa") as wrapper:
        wrapper.serve(url)
        with pytest.raises(HubError), remote(url, WAIT_S):
            pass
        monkeypatch.setenv("SIGHTLINE_RPC_TOKEN", "planted-88aa")
        with remote(url, WAIT_S) as callee:
            assert callee.call("routines", []) == ["numbers", "collect"]


def test_a_name_that_is_taken_is_told(pipe: Pipe, url: str) -> None:
    with RPCPipeWrapper(pipe) as wrapper, RPCPipeWrapper(pipe) as second:
        wrapper.serve(url)
        with pytest.raises(HubError, match="street"):
            second.serve(url)


def test_nobody_of_that_name_is_told(url: str) -> None:
    with pytest.raises(BusError, match="nobody|street"), remote(url, WAIT_S):
        pass


def test_an_option_that_there_is_not_is_told(pipe: Pipe, url: str) -> None:
    with pytest.raises(ConfigError, match="unknown option nmae"), remote(url.replace("name", "nmae")):
        pass
    with pytest.raises(ConfigError, match="unknown option nmae"):
        RPCPipeWrapper(pipe).serve(url.replace("name", "nmae"))
