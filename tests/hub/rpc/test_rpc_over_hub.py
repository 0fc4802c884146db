"""Calls from client to client over a hub that is a process of its own."""

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.hub.rpc.callee import Callee

from sightline.errors import (
    CallError,
    CallTimedOut,
    HubError,
    NoResponder,
    RemoteError,
    ResponderBusy,
    ResponderLost,
)
from sightline.hub import AsyncStreamClient, Limits, StreamClient, StreamClient_Thread, StreamServer
from sightline.hub.rpc.messages import reply_frame
from sightline.hub.wire.header import Frame

WAIT_S = 10.0


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with StreamServer(port=0) as server:
        with StreamClient("first", port=server.port):  # libuv has a pipe for life from its first loop on
            pass
        yield server.port


@pytest.fixture
def callee(port: int) -> Iterator[Callee]:
    with Callee("ptz", port=port) as client:
        yield client
        client.gate.set()


@pytest.fixture
def caller(port: int) -> Iterator[StreamClient]:
    with StreamClient("display", port=port) as client:
        yield client


@pytest.fixture
def other_process(port: int) -> Iterator[subprocess.Popen[str]]:
    """A callee named `far`."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("callee.py"), str(port), "far"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    yield process
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


def test_the_call_of_the_document_gives_its_tuple(no_leaks: None, port: int) -> None:
    class MyClient(StreamClient_Thread):
        def rpc_my_echo(self, data: Any) -> Any:
            return "MY ECHO", data

    myrpc_client = MyClient("rpc_client", "127.0.0.1", port=port)
    myrpc_client.start()
    myrpc_client.wait_until_alive()
    myclient = StreamClient_Thread("myclient", "127.0.0.1", port=port)
    myclient.start()
    myrpc = myclient.create_rpc_client_service("rpc_client")
    assert myrpc.my_echo("HALLO") == ("MY ECHO", "HALLO")
    assert myrpc.my_echo("HALLO", tto=10) == ("MY ECHO", "HALLO")
    myclient.stop_client()
    myrpc_client.stop_client()


def test_groups_come_with_signatures_and_docstrings(callee: Callee, caller: StreamClient) -> None:
    ptz = caller.create_rpc_client_service("ptz")
    assert ptz.camera.zoom(2, slow=True) == 4
    assert ptz.camera.lens.focus() == "sharp"
    assert str(inspect.signature(ptz.camera.zoom)) == "(factor: float, *, slow: bool = False) -> float"
    assert ptz.camera.zoom.__doc__ == "Make things larger."
    assert {"camera", "my_echo", "later"} <= set(dir(ptz))
    with pytest.raises(AttributeError, match='did you mean "my_echo"'):
        ptz.my_eko(1)


def test_a_wrong_call_sends_nothing(callee: Callee, caller: StreamClient) -> None:
    ptz = caller.create_rpc_client_service("ptz")
    received = _served(callee)
    for wrong in (ptz.my_echo, lambda: ptz.my_echo(1, 2), lambda: ptz.camera.zoom(slow=1)):
        with pytest.raises(TypeError, match=r"^ptz\."):
            wrong()
    with pytest.raises(TypeError, match=r"an argument of my_echo cannot be sent.*\[0\]\[0\]"):
        ptz.my_echo(object())
    assert ptz.my_echo(1) == ("MY ECHO", 1)
    assert _served(callee) == received + 1
    assert callee.calls == 1


def test_values_of_all_kinds_go_and_come(callee: Callee, caller: StreamClient) -> None:
    ptz = caller.create_rpc_client_service("ptz")
    value = {"a": [1, (2, {3, 4}), frozenset({5})], "b": b"bytes", "c": 2**100, "d": None, "e": 1.5}
    assert ptz.later(value) == value
    assert ptz.later(b"bytes") == b"bytes"
    assert type(ptz.later(b"bytes")) is bytes


@pytest.mark.parametrize("shape", [(3,), (480, 640, 3), (1080, 1920, 3)])
def test_arrays_go_and_come(callee: Callee, caller: StreamClient, shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
    ptz = caller.create_rpc_client_service("ptz")
    np.testing.assert_array_equal(ptz.later(picture[::-1]), picture[::-1], strict=True)
    _, back = ptz.my_echo([picture])
    np.testing.assert_array_equal(back[0], picture, strict=True)


def test_what_a_method_raises_comes_with_its_traceback(callee: Callee, caller: StreamClient) -> None:
    ptz = caller.create_rpc_client_service("ptz")
    with pytest.raises(RemoteError) as raised:
        ptz.divide(1, 0)
    error = raised.value
    assert (error.type, error.module, error.message) == ("ZeroDivisionError", "builtins", "division by zero")
    assert str(error) == "ptz.divide: ZeroDivisionError: division by zero"
    assert "return a / b" in error.traceback
    assert error.traceback in error.__notes__[0]
    with pytest.raises(RemoteError, match="SystemExit"):
        ptz.leave()
    assert ptz.divide(6, 3) == 2


def test_tto_ends_one_call_and_reaches_the_other_side(callee: Callee, caller: StreamClient) -> None:
    ptz = caller.create_rpc_client_service("ptz")
    began_s = time.monotonic()
    with pytest.raises(CallTimedOut, match=r"ptz\.wait_for_ever"):
        ptz.wait_for_ever(tto=0.1)
    assert time.monotonic() - began_s < WAIT_S / 2
    assert callee.cancelled.wait(WAIT_S)
    assert ptz.later(1, tto=WAIT_S) == 1


def test_the_default_time_and_the_name_of_tto_are_the_clients(callee: Callee, port: int) -> None:
    with StreamClient("hasty", port=port, tto=0.2, tto_name="within_s") as hasty:
        ptz = hasty.create_rpc_client_service("ptz")
        began_s = time.monotonic()
        with pytest.raises(CallTimedOut):
            ptz.wait_for_ever()
        assert time.monotonic() - began_s < WAIT_S / 2
        assert ptz.later("patience", 0.4, within_s=WAIT_S) == "patience"


def test_a_call_that_is_cancelled_is_cancelled_at_the_other_side(callee: Callee, port: int) -> None:
    async def calling() -> None:
        async with AsyncStreamClient("loop", port=port) as client:
            ptz = await client.create_rpc_client_service("ptz")
            call = asyncio.ensure_future(ptz.wait_for_ever(tto=None))
            await asyncio.to_thread(_until, lambda: callee.calls == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await asyncio.to_thread(callee.cancelled.wait, WAIT_S)
            assert await ptz.later(2) == 2

    asyncio.run(calling())


def test_an_answer_that_comes_as_its_call_is_cancelled_harms_nobody(callee: Callee, port: int) -> None:
    async def calling() -> None:
        async with AsyncStreamClient("loop", port=port) as client:
            ptz = await client.create_rpc_client_service("ptz")
            call = asyncio.ensure_future(ptz.wait_for_gate(tto=None))
            await asyncio.to_thread(_until, lambda: callee.calls == 1)
            (number,) = client._calling._pending
            call.cancel()
            head, _ = reply_frame(number, "open", most_bytes=100)
            client._calling.received(Frame(head, b""))
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(calling())


def test_a_caller_that_is_interrupted_cancels_its_call(callee: Callee, caller: StreamClient) -> None:
    ptz = caller.create_rpc_client_service("ptz")

    def interrupt() -> None:
        _until(lambda: callee.calls == 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            ptz.wait_for_ever(tto=None)
    assert callee.cancelled.wait(WAIT_S)


def test_a_caller_that_leaves_cancels_what_it_waited_for(callee: Callee, port: int) -> None:
    leaving = StreamClient("leaving", port=port)
    leaving.start()
    ptz = leaving.create_rpc_client_service("ptz")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(ptz.wait_for_ever, tto=None)
        _until(lambda: callee.calls == 1)
        leaving.stop_client()
        assert callee.cancelled.wait(WAIT_S)
        with pytest.raises(CallError):
            call.result(WAIT_S)


def test_a_slow_plain_method_blocks_no_quick_one(callee: Callee, caller: StreamClient) -> None:
    ptz = caller.create_rpc_client_service("ptz")
    with ThreadPoolExecutor(20) as pool:
        slow = [pool.submit(ptz.wait_for_gate) for _ in range(20)]
        _until(lambda: callee.calls == 20)
        began_s = time.monotonic()
        assert ptz.my_echo("quick") == ("MY ECHO", "quick")
        assert ptz.later("quick") == "quick"
        assert time.monotonic() - began_s < WAIT_S / 2
        assert not any(call.done() for call in slow)
        callee.gate.set()
        assert {call.result(WAIT_S) for call in slow} == {"open"}


def test_a_thousand_calls_are_in_flight_at_once(port: int) -> None:
    class Meeting:
        """Nobody is answered before all are there."""

        def __init__(self) -> None:
            self.here = 0
            self.all_here = asyncio.Event()

        async def rpc_meet(self, number: int) -> int:
            self.here += 1
            if self.here == 1000:
                self.all_here.set()
            await self.all_here.wait()
            return number

    async def calling() -> None:
        async with (
            AsyncStreamClient("meeting", port=port, service=Meeting()),
            AsyncStreamClient("guests", port=port) as guests,
        ):
            meeting = await guests.create_rpc_client_service("meeting")
            answers = await asyncio.gather(*(meeting.meet(number) for number in range(1000)))
            assert answers == list(range(1000))

    asyncio.run(calling())


def test_nobody_there_is_told_at_once(caller: StreamClient, port: int) -> None:
    with pytest.raises(NoResponder, match="nobody"):
        caller.create_rpc_client_service("nobody")
    with StreamClient("mute", port=port), pytest.raises(NoResponder, match="mute"):
        caller.create_rpc_client_service("mute")


def test_a_busy_callee_is_told_at_once(caller: StreamClient, port: int) -> None:
    with Callee("small", port=port, rpc_most=3) as small, ThreadPoolExecutor(3) as pool:
        proxy = caller.create_rpc_client_service("small")
        slow = [pool.submit(proxy.wait_for_gate) for _ in range(3)]
        _until(lambda: small.calls == 3)
        began_s = time.monotonic()
        with pytest.raises(ResponderBusy):
            proxy.my_echo(1)
        assert time.monotonic() - began_s < WAIT_S / 2
        small.gate.set()
        assert [call.result(WAIT_S) for call in slow] == ["open"] * 3
        assert proxy.my_echo(1) == ("MY ECHO", 1)


def test_a_callee_that_is_killed_is_told_at_once(
    caller: StreamClient, other_process: subprocess.Popen[str]
) -> None:
    far = caller.create_rpc_client_service("far")
    assert far.count() == 0
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(far.wait_for_gate), pool.submit(far.wait_for_ever)]
        _until(lambda: far.count() == 2)
        other_process.kill()
        killed_s = time.monotonic()
        for call in calls:
            with pytest.raises(ResponderLost, match="far"):
                call.result(WAIT_S)
    assert time.monotonic() - killed_s < WAIT_S / 2
    with pytest.raises(NoResponder):
        far.count()


def test_a_callee_that_comes_again_is_called_again(caller: StreamClient, port: int) -> None:
    with Callee("back", port=port):
        back = caller.create_rpc_client_service("back")
        assert back.my_echo(1) == ("MY ECHO", 1)
    with pytest.raises(NoResponder):
        back.my_echo(2)
    with Callee("back", port=port):
        assert back.my_echo(3) == ("MY ECHO", 3)


def test_methods_behind_a_key_are_for_those_who_know_it(caller: StreamClient, port: int) -> None:
    with Callee("private", port=port, rpc_key="marlin-spike"):
        for key in (None, "guess"):
            with pytest.raises(HubError, match="key") as refused:
                caller.create_rpc_client_service("private", key)
            assert refused.value.code == "denied"
        assert caller.create_rpc_client_service("private", "marlin-spike").my_echo(1) == ("MY ECHO", 1)


def test_a_client_may_call_itself_and_call_on(caller: StreamClient, port: int) -> None:
    class Relay(StreamClient):
        def rpc_relay(self, data: Any) -> Any:
            return self.create_rpc_client_service("end").my_echo(data)

        def rpc_own(self) -> Any:
            return self.create_rpc_client_service("relay").relay("own")

    with Callee("end", port=port), Relay("relay", port=port):
        relay = caller.create_rpc_client_service("relay")
        assert relay.relay("on") == ("MY ECHO", "on")
        assert relay.own() == ("MY ECHO", "own")


def test_what_is_too_large_for_the_hub_is_an_error_and_ends_no_connection() -> None:
    class Service:
        def rpc_zeros(self, count: int) -> bytes:
            return bytes(count)

        def rpc_size(self, data: bytes) -> int:
            return len(data)

    limits = Limits(message_bytes=1 << 20)
    with (
        StreamServer(port=0, limits=limits) as server,
        StreamClient("large", port=server.port, service=Service()) as callee,
        StreamClient("asking", port=server.port) as caller,
    ):
        large = caller.create_rpc_client_service("large")
        with pytest.raises(CallError, match="a call of size has 2"):
            large.size(bytes(2 << 20))
        with pytest.raises(RemoteError, match="at most 1048576 bytes"):
            large.zeros(2 << 20)
        assert large.size(bytes(1_000_000)) == 1_000_000
        assert len(large.zeros(1 << 20)) == 1 << 20
        assert callee.statistics().reconnects == caller.statistics().reconnects == 0


def test_calls_go_on_when_the_hub_was_killed_and_is_back(free_port: Callable[[], int]) -> None:
    port = free_port()
    server = StreamServer(port=port)
    server.start()
    with Callee("ptz", port=port) as callee, StreamClient("display", port=port) as caller:
        ptz = caller.create_rpc_client_service("ptz")
        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(ptz.wait_for_ever, tto=None)
            _until(lambda: callee.calls == 1)
            os.kill(_pid(server), signal.SIGKILL)
            with pytest.raises(ResponderLost):
                call.result(WAIT_S)
        server.join(WAIT_S)
        assert callee.cancelled.wait(WAIT_S)
        server.start()
        callee.wait_until_alive(WAIT_S)

        def answered() -> bool:
            try:
                return bool(ptz.my_echo(1, tto=1.0) == ("MY ECHO", 1))
            except CallError:
                return False

        _until(answered)
    server.stop()


def _until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        threading.Event().wait(0.005)


def _pid(server: StreamServer) -> int:
    assert server._process
    assert server._process.pid
    return server._process.pid


def _served(callee: Callee) -> int:
    """Calls that came over the network."""
    dispatcher = callee._client._calling._dispatcher
    assert dispatcher
    return dispatcher.stats().received
