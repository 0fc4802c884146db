"""A queue that is served over a hub."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.conftest import WaitFor
from tests.framequeue.queue_conformance import CHECKS, NAMES, SERVER_CHECKS
from tests.framequeue.queue_rig import Opener, Rig, take, texts

from sightline.errors import BusError, ConfigError, NoResponder, RemoteError
from sightline.framequeue.queue import Delivery
from sightline.framequeue.queues.host import QueueHost
from sightline.framequeue.queues.hub import HubQueue
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.queues.memory import MemoryQueue
from sightline.hub import HubAddress, StreamClient, StreamServer
from sightline.hub.broker.loops import new_loop

SERVING = Path(__file__).with_name("queue_serving.py")
LEASE_S = 3.0
numbers = count()


@pytest.fixture(scope="module")
def hub() -> Iterator[StreamServer]:
    new_loop().close()  # libuv has a pipe for life from its first loop on
    with StreamServer(port=0) as server:
        yield server


class HubRig:
    """A hub of all, and a process that serves this check's queue on it, begun with the first handle."""

    timeout_s = 30.0
    serves = True
    counts = True

    def __init__(self, hub: StreamServer, path: str, closing: ExitStack) -> None:
        self.url = f"{hub.url}?queue=check{next(numbers)}"
        self.opener: Opener | None = "sightline.framequeue.queues.hub:HubQueue", {"url": self.url}
        self.keeps = bool(path)
        self._path = path
        self._closing = closing
        self._limits: QueueLimits | None = None
        self._server: subprocess.Popen[str] | None = None

    def open(self, limits: QueueLimits | None = None) -> HubQueue:
        if self._limits is None:
            self._limits = limits or QueueLimits()
            self._closing.callback(self.kill_server)
            self.start_server()
        return self._closing.enter_context(HubQueue(self.url, reach_s=2.0))

    def start_server(self) -> None:
        told = msgspec.json.encode(self._limits).decode()
        command = [sys.executable, str(SERVING), self.url, str(LEASE_S), self._path, told]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == "serves\n"

    def kill_server(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.communicate()
            self._server = None


@pytest.fixture
def closing(hub: StreamServer, no_leaks: None) -> Iterator[ExitStack]:
    with ExitStack() as closing:
        yield closing


@pytest.mark.parametrize("check", CHECKS, ids=NAMES)
def test_it_keeps_the_promise(
    check: Callable[[Rig], None], hub: StreamServer, closing: ExitStack, tmp_path: Path
) -> None:
    check(HubRig(hub, str(tmp_path / "served"), closing))


@pytest.mark.parametrize("check", SERVER_CHECKS, ids=lambda check: check.__name__)
def test_one_in_memory_is_lost_with_its_host_and_goes_on(
    check: Callable[[Rig], None], hub: StreamServer, closing: ExitStack
) -> None:
    check(HubRig(hub, "", closing))


def test_a_queue_that_nobody_serves_is_told(hub: StreamServer) -> None:
    with HubQueue(f"{hub.url}?queue=nobodys", reach_s=0.2) as queue:
        with pytest.raises(BusError, match="nobody serves framequeue.nobodys"):
            queue.send(["key"])
        assert queue.receive(1, 0.1) == []
        with MemoryQueue() as served, QueueHost(f"{hub.url}?queue=nobodys", served):
            assert queue.send(["key"])[0].accepted
            assert served.depth().ready == 1


def test_a_queue_is_served_by_one(hub: StreamServer) -> None:
    url = f"{hub.url}?queue=once"
    with MemoryQueue() as served, QueueHost(url, served):
        with pytest.raises(BusError, match="once"):
            QueueHost(url, served)
        with HubQueue(url) as queue:
            assert queue.send(["key"])[0].accepted


def test_wrong_addresses_are_told_and_their_tokens_are_not(silent_port: int) -> None:
    with pytest.raises(ConfigError, match="expected queue"):
        HubQueue("hub://127.0.0.1:1?quue=frames")
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with MemoryQueue() as queue, pytest.raises(ConfigError, match="lease"):
            QueueHost("hub://127.0.0.1:1", queue, lease_s=wrong)
    with pytest.raises(BusError, match="no hub answers") as told:
        HubQueue(f"hub://:hunter2@127.0.0.1:{silent_port}", reach_s=0.3)
    assert "hunter2" not in str(told.value)


def test_a_worker_of_whom_nothing_is_heard_for_a_lease_has_lost_its_keys(
    hub: StreamServer, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{hub.url}?queue=lease"
    with MemoryQueue() as served, QueueHost(url, served, lease_s=0.6), HubQueue(url) as slow:
        slow.send(["key"])
        (held,) = take(_Time(), slow, 1)
        once = slow._once

        def unheard(method: str, *args: object) -> Any:
            if method == "renew":
                raise NoResponder("as if it did not come through")
            return once(method, *args)

        monkeypatch.setattr(slow, "_once", unheard)
        wait_for(lambda: served.depth().ready == 1, 10, "the key to come back")
        with HubQueue(url) as other:
            (again,) = take(_Time(), other, 1)
            assert again.redelivered
            assert not slow.ack(held)
            assert other.ack(again)
        assert served.depth().acked == 1


def test_what_a_client_had_that_closed_is_there_at_once(hub: StreamServer) -> None:
    url = f"{hub.url}?queue=goodbye"
    with MemoryQueue() as served, QueueHost(url, served, lease_s=600):
        with HubQueue(url) as queue:
            queue.send(["key"])
            take(_Time(), queue, 1)
        assert served.depth().ready == 1


class _Time:
    timeout_s = 10.0


def test_a_delivery_that_was_lost_on_its_way_comes_back(hub: StreamServer) -> None:
    url = f"{hub.url}?queue=way"
    with MemoryQueue() as served, QueueHost(url, served, lease_s=0.6), HubQueue(url) as queue:
        queue.send(["key"])
        # As if the answer of this call had not come through: the host has it as handed over.
        assert len(queue._once("receive", queue._session, 1, 1.0)) == 1
        (again,) = take(_Time(), queue, 1)
        assert again.redelivered
        assert queue.ack(again)


def test_what_could_not_be_settled_comes_back(hub: StreamServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{hub.url}?queue=unsettled"
    with MemoryQueue() as served, QueueHost(url, served, lease_s=0.6), HubQueue(url, reach_s=0.2) as queue:
        queue.send(["key"])
        (held,) = take(_Time(), queue, 1)
        asked = queue._asked

        def unheard(method: str, *args: object, tto: float) -> Any:
            if method == "ack":
                raise NoResponder("as if it did not come through")
            return asked(method, *args, tto=tto)

        monkeypatch.setattr(queue, "_asked", unheard)
        with pytest.raises(BusError):
            queue.ack(held)
        monkeypatch.undo()
        (again,) = take(_Time(), queue, 1)
        assert again.redelivered
        assert queue.ack(again)


def test_one_key_that_cannot_go_back_keeps_none_of_the_others(
    hub: StreamServer, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{hub.url}?queue=back"
    with MemoryQueue() as served, QueueHost(url, served, lease_s=0.6), HubQueue(url) as queue:
        queue.send(["stuck", "other", "third"])
        stuck, *_ = take(_Time(), queue, 3)
        retry = served.retry

        def full(delivery: Delivery, delay_s: float = 0.0) -> bool:
            if delivery.tag == stuck.tag:
                raise BusError("a full disk")
            return retry(delivery, delay_s)

        monkeypatch.setattr(served, "retry", full)
        queue.close()
        wait_for(lambda: served.depth().ready == 2, 10, "the others to come back")


def test_a_host_that_was_closed_takes_nothing_any_more(
    hub: StreamServer, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = f"{hub.url}?queue=closed", threading.Event()
    with MemoryQueue() as served, HubQueue(url, reach_s=0.2) as queue, ThreadPoolExecutor() as pool:
        receive = served.receive

        def waiting(most: int, timeout_s: float) -> list[Delivery]:
            asked.set()
            return receive(most, 10)

        with QueueHost(url, served):
            monkeypatch.setattr(served, "receive", waiting)
            came = pool.submit(queue.receive, 1, 1.0)
            assert asked.wait(10)
            monkeypatch.undo()
        served.send(["key"])
        assert came.result(10) == []
        assert texts(take(_Time(), served, 1)) == ["key"]


def test_a_hub_that_begins_anew_costs_nothing(free_port: Callable[[], int], no_leaks: None) -> None:
    port = free_port()
    url = f"hub://127.0.0.1:{port}?queue=anew"
    with ExitStack() as until:
        server = StreamServer(port=port)
        server.start()
        until.callback(server.stop)
        served = until.enter_context(MemoryQueue())
        until.enter_context(QueueHost(url, served))
        queue, other = until.enter_context(HubQueue(url)), until.enter_context(HubQueue(url))
        queue.send(["held", "waits"])
        (held,) = take(_Time(), queue, 1)
        server.stop()
        until.enter_context(StreamServer(port=port))
        assert queue.ack(held)
        assert texts(take(_Time(), other, 1)) == ["waits"]
        assert served.depth().acked == 1


def test_a_stranger_on_the_hub_is_refused_what_is_no_call(hub: StreamServer) -> None:
    url = f"{hub.url}?queue=strange"
    settings = HubAddress.of(hub.url).client_settings()
    with MemoryQueue() as served, QueueHost(url, served), StreamClient(**settings) as client:
        remote = client.create_rpc_client_service("framequeue.strange")
        for method, *arguments in (
            ("send", "text"),
            ("send", [1]),
            ("receive", "", 1, 0.0),
            ("receive", "me", "many", 0.0),
            ("receive", "me", 0, 0.0),
            ("receive", "me", 1, float("nan")),
            ("ack", "me", "tag"),
            ("ack", "x" * 1000, (1, 1)),
            ("retry", "me", (1, 1), -1.0),
        ):
            with pytest.raises(RemoteError, match="ConfigError"):
                getattr(remote, str(method))(*arguments)
        assert remote.ack("me", (1, 1)) is False
        remote.send(["key"])
        assert texts(served.receive(1, 0)) == ["key"]
