"""The client in a thread, against a hub in a process."""

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from sightline.errors import BusError, Closed, ConfigError, HubError, NoResponder
from sightline.hub import Gap, Message, StreamClient, StreamClient_Thread, StreamServer, rpc

SOON_S = 10.0
MOMENT_S = 0.05
_numbers = count()


def client_of(server: StreamServer, name: str = "", **settings: Any) -> StreamClient:
    return StreamClient(name, unix_path=server.unix_path, **settings)


def put_until_it_fails(client: StreamClient, name: str) -> None:
    for _ in range(1000):
        client.put_data(name, 1)
        threading.Event().wait(0.01)


def wait_until_it_is_away(client: StreamClient) -> None:
    while True:
        client.wait_until_alive(MOMENT_S)


@pytest.fixture
def name() -> str:
    return f"channel {next(_numbers)}"


def test_the_example_of_the_document(hub_process: StreamServer, name: str) -> None:
    class MyClient(StreamClient_Thread):
        def rpc_my_echo(self, data: str) -> tuple[str, str]:
            return "MY ECHO", data

    serving = MyClient("rpc_client", "127.0.0.1", port=hub_process.port)
    serving.start()
    serving.wait_until_alive(timeout_s=SOON_S)
    client = StreamClient_Thread("myclient", "127.0.0.1", port=hub_process.port)
    client.start()
    client.wait_until_alive(timeout_s=SOON_S)
    serving.create_new_channel(name)
    client.subscribe_read_channel(name)
    serving.wait_for_active(name, SOON_S)
    serving.put_data(name, "MY data")
    assert client.get_data(name, SOON_S) == "MY data"
    remote = client.create_rpc_client_service("rpc_client")
    assert remote.my_echo("HALLO") == ("MY ECHO", "HALLO")
    assert remote.my_echo("HALLO", tto=10) == ("MY ECHO", "HALLO")
    with pytest.raises(TypeError, match="my_echo"):
        remote.my_echo()
    client.stop_client()
    serving.stop_client()


def test_putting_and_getting_block_and_say_when_their_time_is_over(
    hub_process: StreamServer, name: str
) -> None:
    with client_of(hub_process) as client:
        client.create_new_channel(name)
        assert not client.put_data(name, 1)
        buffer = client.subscribe_read_channel(name, server_full_behavior="block")
        client.wait_for_active(name, SOON_S)
        with pytest.raises(TimeoutError, match="nothing came within 0.05 s"):
            client.get_data(name, MOMENT_S)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.get_message, name, SOON_S)
            assert client.put_data(name, "x")
            message = waiting.result(SOON_S)
        assert isinstance(message, Message)
        assert (message.value, message.sequence) == ("x", 0)
        assert client.put_many(name, [b"1", 2, "3"]) == 3
        client.flush(timeout_s=SOON_S)
        got = client.get_many(name, 10, SOON_S)
        while len(got) < 3:
            got += client.get_many(name, 10, SOON_S)
        assert got == [b"1", 2, "3"]
        assert client.get_many(name, 10, 0) == []
        client.put_data(name, 4)
        assert client.get_messages(name, 5, SOON_S)[0].value == 4
        client.put_data(name, 5)
        assert client.get_message_or_gap(name, SOON_S).value == 5  # type: ignore[union-attr]
        client.put_many(name, [6, 7])
        client.flush(name, SOON_S)
        while len(client.get_read_channel_buffer(name)) < 2:
            assert threading.Event().wait(0.001) is False
        assert list(buffer) == [6, 7]
        assert client.statistics().readers[name].taken == 8
        assert name in {channel.name for channel in client.server_statistics().channels}


def test_many_threads_share_one_client(hub_process: StreamServer, name: str) -> None:
    with client_of(hub_process) as writer, client_of(hub_process) as reader:
        writer.create_new_channel(name)
        reader.subscribe_read_channel(name, server_full_behavior="block", server_buffer_size=100)
        writer.wait_for_active(name, SOON_S)

        def put(which: int) -> None:
            for number in range(1000):
                assert writer.put_data(name, (which, number), timeout_s=SOON_S)

        def get() -> list[tuple[int, int]]:
            return [reader.get_data(name, SOON_S) for _ in range(1000)]

        with ThreadPoolExecutor(8) as pool:
            putting = [pool.submit(put, which) for which in range(4)]
            getting = [pool.submit(get) for _ in range(4)]
            got = [item for one in getting for item in one.result(SOON_S * 3)]
            for one in putting:
                one.result(SOON_S)
        assert sorted(got) == [(which, number) for which in range(4) for number in range(1000)]


def test_each_blocking_method_has_one_for_the_callers_loop(hub_process: StreamServer, name: str) -> None:
    async def go(client: StreamClient) -> None:
        await client.async_create_new_channel(name)
        await client.async_subscribe_read_channel(name, server_full_behavior="block")
        await client.async_wait_for_active(name, SOON_S)
        waiting = asyncio.create_task(client.async_get_data(name, SOON_S))
        await asyncio.sleep(0)
        assert await client.async_put_data(name, 1)
        assert await waiting == 1
        assert await client.async_put_many(name, [2, 3]) == 2
        await client.async_flush(name, SOON_S)
        assert await client.async_get_data(name, SOON_S) == 2
        with pytest.raises(NoResponder):
            await client.async_create_rpc_client_service("nobody")
        await client.async_unsubscribe(name)
        await client.async_delete_channel(name)

    with client_of(hub_process) as client:
        asyncio.run(go(client))
    blocking = {
        attribute
        for attribute in dir(StreamClient)
        if not attribute.startswith(("_", "async_")) and callable(getattr(StreamClient, attribute))
    }
    without = {"start", "wait_until_alive", "stop_client", "statistics", "get_read_channel_buffer"}
    assert {attribute for attribute in blocking if not hasattr(StreamClient, f"async_{attribute}")} == without


def test_a_client_that_does_not_run_says_so(hub_process: StreamServer) -> None:
    client = client_of(hub_process)
    with pytest.raises(Closed, match="start"):
        client.list_channels()
    client.start()
    client.start()
    client.wait_until_alive(SOON_S)
    client.create_new_channel("ends")
    client.subscribe_read_channel("ends")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get_data, "ends")
        client.stop_client()
        with pytest.raises((Closed, ConfigError)):
            waiting.result(SOON_S)
    client.stop_client()
    with pytest.raises(Closed):
        client.put_data("ends", 1)
    with pytest.raises(Closed):
        client.start()


def test_who_cannot_connect_is_told_why(hub_process: StreamServer, tmp_path: Any) -> None:
    nowhere = StreamClient("a", unix_path=str(tmp_path / "none"))
    nowhere.start()
    with pytest.raises(TimeoutError, match=r"within 0\.05 s: no hub answers"):
        nowhere.wait_until_alive(MOMENT_S)
    nowhere.stop_client()
    with client_of(hub_process, "unique"), pytest.raises(HubError, match="another client's"):
        client_of(hub_process, "unique").__enter__()


def test_a_blocking_method_does_not_wait_for_itself(hub_process: StreamServer) -> None:
    class Tangled(StreamClient):
        @rpc
        async def tangle(self) -> str:
            await self.async_create_new_channel("tangle")
            await self.async_subscribe_read_channel(
                "tangle", server_buffer_size=1, server_full_behavior="block", prefetch=1
            )
            for blocking in (
                self.list_channels,
                self.stop_client,
                lambda: self.get_data("tangle"),
                lambda: [self.put_data("tangle", 1) for _ in range(100_000)],
            ):
                with pytest.raises(ConfigError, match="wait for itself"):
                    blocking()
            return f"{len(await self.async_list_channels())} channels"

    with (
        client_of(hub_process) as caller,
        Tangled("tangled", unix_path=hub_process.unix_path),
    ):
        assert caller.create_rpc_client_service("tangled").tangle().endswith("channels")


def test_whoever_waits_is_told_when_the_client_stops(hub_process: StreamServer, name: str) -> None:
    """However the two meet: nobody waits for ever for a thread that has ended."""

    def ask(client: StreamClient) -> str:
        while True:
            try:
                client.list_channels()
                client.flush(timeout_s=SOON_S)
            except (Closed, BusError) as error:
                if isinstance(error, Closed):
                    return "closed"

    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            client = client_of(hub_process)
            client.start()
            client.wait_until_alive(SOON_S)
            client.create_new_channel(name)
            asking = [pool.submit(ask, client) for _ in range(4)]
            client.stop_client()
            assert [one.result(SOON_S) for one in asking] == ["closed"] * 4


def test_the_hub_can_be_killed_and_started_again(tmp_path: Any) -> None:
    path = str(tmp_path / "hub")
    with StreamServer(None, unix_path=path) as server:
        writer, reader = client_of(server, "writer"), client_of(server, "reader")
        for client in (writer, reader):
            client.start()
            client.wait_until_alive(SOON_S)
        writer.create_new_channel("a")
        reader.subscribe_read_channel("a", server_full_behavior="block")
        writer.wait_for_active("a", SOON_S)
        writer.put_data("a", 0)
        assert reader.get_data("a", SOON_S) == 0
        assert server.pid is not None
        subprocess.run(["kill", "-9", str(server.pid)], check=True)
        server.join(SOON_S)
        with pytest.raises(TimeoutError, match="no hub"):
            wait_until_it_is_away(writer)
        with StreamServer(None, unix_path=path):
            writer.wait_until_alive(SOON_S)
            assert writer.is_alive
            number = last = 1
            found: list[Message | Gap] = []
            while not any(isinstance(item, Message) for item in found):
                number += writer.put_data("a", number)
                try:
                    found.append(reader.get_message_or_gap("a", MOMENT_S))
                except TimeoutError:
                    continue
            last = found[-1].sequence  # type: ignore[union-attr]
            missing = sum(item.messages for item in found if isinstance(item, Gap))
            assert last - missing == 1
            assert {item.reason for item in found if isinstance(item, Gap)} <= {"hub_restart"}
            for client in (writer, reader):
                client.stop_client()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_client_says_so_in_a_process_that_was_forked(hub_process: StreamServer) -> None:
    program = (
        "import os, sys; from sightline.hub import StreamClient; from sightline.errors import Closed\n"
        "client = StreamClient(unix_path=sys.argv[1]); client.start(); client.wait_until_alive()\n"
        "name = client.name; client.create_new_channel(name); client.subscribe_read_channel(name)\n"
        "def told():\n"
        "    for call in (lambda: client.put_data(name, 1), lambda: client.get_data(name),\n"
        "                 client.list_channels, client.start, client.wait_until_alive):\n"
        "        try: call()\n"
        "        except Closed as error: print(error.message.split()[0], flush=True)\n"
        "    client.stop_client(); os._exit(0)\n"
        "child = os.fork() or told()\n"
        "os.waitpid(child, 0)\n"
        "client.put_data(name, 2); print(client.get_data(name, 5)); client.stop_client()"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(hub_process.unix_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["this", "this", "expected", "this", "this", "2"]


def test_a_program_ends_though_its_client_runs(hub_process: StreamServer) -> None:
    program = (
        "import sys; from sightline.hub import StreamClient\n"
        "client = StreamClient(unix_path=sys.argv[1]); client.start(); client.wait_until_alive()\n"
        "client.create_new_channel(client.name); print('done')"
    )
    command = [sys.executable, "-c", program, str(hub_process.unix_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


def test_a_channel_that_went_by_itself_is_told(hub_process: StreamServer, name: str) -> None:
    with client_of(hub_process) as client:
        client.create_new_channel(name, lifetime_s=0.2, history=1)
        with pytest.raises(BusError, match="gone: expired"):
            put_until_it_fails(client, name)
