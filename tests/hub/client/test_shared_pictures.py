"""Pictures in shared memory between clients of one machine, by a hub that is a process."""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.hub.client.conftest import Serving

from sightline.bus import open_bus
from sightline.hub import AsyncStreamClient, History, ReaderStats, StreamClient, StreamServer, WriterStats
from sightline.hub.settings import MIB
from sightline.overflow import Capacity, Overflow
from sightline.shm.segment import can_share

SOON_S = 10.0
SHAPE = (720, 1280, 3)
_numbers = count()

pytestmark = pytest.mark.skipif(not can_share(), reason="this system shares no memory")


@pytest.fixture
def name() -> str:
    return f"picture {next(_numbers)}"


@pytest.fixture(params=["unix", "tcp"])
def way(request: pytest.FixtureRequest, hub_process: StreamServer) -> dict[str, Any]:
    """How clients come to the hub."""
    unix = request.param == "unix"
    return {"unix_path": hub_process.unix_path} if unix else {"port": hub_process.port}


def until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.002)


def picture(number: int) -> NDArray[np.uint8]:
    return np.full(SHAPE, number % 251, np.uint8)


def wrote(client: StreamClient, name: str) -> WriterStats:
    return client.statistics().writers[name]


def read(client: StreamClient, name: str) -> ReaderStats:
    return client.statistics().readers[name]


def warm_up(writer: StreamClient, reader: StreamClient, name: str) -> None:
    """Until a picture came without a copy: before that both ends and the hub get to know the memory."""

    def shared() -> bool:
        writer.put_data(name, picture(0), timeout_s=SOON_S)
        reader.get_data(name, SOON_S)
        return read(reader, name).shared > 0

    until(shared)


@pytest.fixture
def pair(way: dict[str, Any], name: str) -> Iterator[tuple[StreamClient, StreamClient]]:
    with StreamClient(**way) as writer, StreamClient(**way) as reader:
        writer.create_new_channel(name)
        reader.subscribe_read_channel(name, server_full_behavior="block")
        writer.wait_for_active(name, SOON_S)
        yield writer, reader


def test_pictures_are_looked_at_where_they_were_written(
    pair: tuple[StreamClient, StreamClient], name: str
) -> None:
    writer, reader = pair
    warm_up(writer, reader, name)
    before = wrote(writer, name)
    for number in range(20):
        array = writer.new_array(name, SHAPE)
        hidden = array[:]
        array[:] = picture(number)
        writer.put_data(name, array, timeout_s=SOON_S)
        seen = reader.get_data(name, SOON_S)
        assert np.array_equal(seen, picture(number))
        hidden[0, 0, 0] += 1  # must not be done, and shows that there is one picture
        assert seen[0, 0, 0] == hidden[0, 0, 0]
        assert not seen.flags.writeable
        del array, hidden, seen
    assert (wrote(writer, name).shared - before.shared, wrote(writer, name).not_shared) == (
        20,
        before.not_shared,
    )
    assert (reader.statistics().shares, reader.statistics().leases) == (True, 0)


def test_values_that_are_no_arrays_come_as_they_were_put(
    pair: tuple[StreamClient, StreamClient], name: str
) -> None:
    writer, reader = pair
    warm_up(writer, reader, name)
    values: list[Any] = [bytes(200_000), {"a": bytes(200_000)}, ["b" * 200_000], "small"]
    assert writer.put_many(name, [*values, picture(1)], timeout_s=SOON_S) == 5
    assert [reader.get_data(name, SOON_S) for _ in values] == values
    message = reader.get_message(name, SOON_S)
    assert np.array_equal(message.value, picture(1))
    assert reader.statistics().leases == 1
    message.close()
    assert reader.statistics().leases == 0


def test_who_keeps_pictures_keeps_them_whole_and_the_others_come_as_bytes(
    pair: tuple[StreamClient, StreamClient], name: str
) -> None:
    writer, reader = pair
    warm_up(writer, reader, name)
    kept = []
    for number in range(30):
        writer.put_data(name, picture(number), timeout_s=SOON_S)
        kept.append(reader.get_data(name, SOON_S))
    assert reader.statistics().leases <= 8
    assert wrote(writer, name).not_shared["no_slot"] >= 20
    assert all(np.array_equal(seen, picture(number)) for number, seen in enumerate(kept))
    kept.clear()
    warm_up(writer, reader, name)


def test_in_the_clients_own_thread_nothing_is_waited_for(
    pair: tuple[StreamClient, StreamClient], name: str
) -> None:
    writer, reader = pair
    warm_up(writer, reader, name)
    kept = [writer.new_array(name, SHAPE) for _ in range(20)]
    put: list[bool] = []
    writer.watch_channels(lambda _change: put.append(writer.put_data(name, picture(5))))
    reader.create_new_channel(f"{name} of another")
    assert np.array_equal(reader.get_data(name, SOON_S), picture(5))
    until(lambda: put)
    assert put == [True]
    assert wrote(writer, name).not_shared["no_slot"] == 1
    del kept


@pytest.mark.parametrize("who", ["writer", "reader"])
def test_who_does_not_share_gets_and_gives_bytes(way: dict[str, Any], name: str, who: str) -> None:
    off: dict[str, Any] = {"sharing": None}
    with (
        StreamClient(**way, **(off if who == "writer" else {})) as writer,
        StreamClient(**way, **(off if who == "reader" else {})) as reader,
    ):
        writer.create_new_channel(name)
        reader.subscribe_read_channel(name)
        writer.wait_for_active(name, SOON_S)
        for number in range(9):
            writer.put_data(name, picture(number), timeout_s=SOON_S)
            assert np.array_equal(reader.get_data(name, SOON_S), picture(number))
        assert read(reader, name).shared == 0
        assert (wrote(writer, name).shared == 0) == (who == "writer")


def test_what_is_looked_at_stays_when_all_else_ends(tmp_path: Path, name: str) -> None:
    with StreamServer(unix_path=str(tmp_path / "hub"), port=0) as server:
        writer, reader = (StreamClient(unix_path=server.unix_path) for _ in range(2))
        with reader:
            with writer:
                writer.create_new_channel(name, keep=True)
                reader.subscribe_read_channel(name)
                writer.wait_for_active(name, SOON_S)
                warm_up(writer, reader, name)
                writer.put_data(name, picture(7), timeout_s=SOON_S)
                seen = reader.get_data(name, SOON_S)
                assert reader.statistics().leases == 1
            assert np.array_equal(seen, picture(7))
    assert np.array_equal(seen, picture(7))


def test_a_side_connection_that_breaks_costs_no_message(
    pair: tuple[StreamClient, StreamClient], name: str
) -> None:
    writer, reader = pair
    warm_up(writer, reader, name)
    guest = writer._core.link.siding.guest
    assert guest is not None
    for number in range(30):
        if number == 10:
            guest._side._break_off()  # type: ignore[union-attr]
        writer.put_data(name, picture(number), timeout_s=SOON_S)
    for number in range(30):
        assert np.array_equal(reader.get_data(name, SOON_S), picture(number)), number


def test_a_hub_that_begins_anew_shares_anew(serving: Serving) -> None:
    async def shared(writer: AsyncStreamClient, reader: AsyncStreamClient, number: int) -> Any:
        before = reader.statistics().readers["a"].shared
        async with asyncio.timeout(SOON_S):
            while True:
                await writer.wait_for_active("a")
                array = await writer.new_array("a", SHAPE)
                array[:] = picture(number)
                await writer.put_data("a", array)
                with contextlib.suppress(TimeoutError):  # it was put before the reader was back
                    seen = await reader.get_data("a", 0.1)
                    assert np.array_equal(seen, picture(number))
                    if reader.statistics().readers["a"].shared > before:
                        return seen

    async def go() -> None:
        async with serving() as server:
            writer, reader = (AsyncStreamClient(unix_path=server.unix_path) for _ in range(2))
            await writer.connect()
            await reader.connect()
            await writer.create_new_channel("a")
            await reader.subscribe_read_channel("a", wait=True)
            kept = [await shared(writer, reader, number) for number in range(3)]
        async with serving():
            await shared(writer, reader, 3)
            assert all(np.array_equal(seen, picture(number)) for number, seen in enumerate(kept))
            await writer.close()
            await reader.close()

    asyncio.run(go())


def test_a_bus_shares_large_messages(hub_process: StreamServer, name: str) -> None:
    topic = name.replace(" ", "-")
    bounds: Any = {"capacity": Capacity(count=100), "overflow": Overflow.BLOCK}
    with (
        open_bus(hub_process.url) as writer,
        open_bus(hub_process.url) as reader,
        reader.subscribe(topic, **bounds) as subscription,
    ):
        assert writer.wait_wanted(topic, SOON_S)
        for number in range(20):
            writer.publish(topic, bytes([number]) * MIB)
            (message,) = subscription.poll(1, SOON_S)
            assert message.value == bytes([number]) * MIB
        with StreamClient(unix_path=hub_process.unix_path) as client:
            channels = {channel.name: channel for channel in client.server_statistics().channels}
        assert channels[topic].shared_in >= 10
        assert channels[topic].shared_out >= 10


def test_a_child_that_was_forked_ends_no_lease(hub_process: StreamServer) -> None:
    program = (
        "import os, sys, numpy; from sightline.hub import StreamClient\n"
        "client = StreamClient(unix_path=sys.argv[1]); client.start(); client.wait_until_alive()\n"
        "name = client.name; client.create_new_channel(name); client.subscribe_read_channel(name)\n"
        "shared = lambda: client.statistics().readers[name].shared\n"
        "client.wait_for_active(name)\n"
        "while not shared():\n"
        "    client.put_data(name, numpy.full(200_000, 3, numpy.uint8)); seen = client.get_data(name, 10)\n"
        "def look():\n"
        "    global seen\n"
        "    assert (seen == 3).all(); del seen; os._exit(0)\n"
        "child = os.fork() or look()\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "print(client.statistics().leases, client.server_statistics().shared.leases.open >= 1)\n"
        "for number in range(40):\n"
        "    client.put_data(name, numpy.full(200_000, number, numpy.uint8))\n"
        "    assert (client.get_data(name, 10) == number).all()\n"
        "assert (seen == 3).all(); client.stop_client()"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(hub_process.unix_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", "1 True\n")


def test_clients_leave_no_descriptors_behind(way: dict[str, Any], name: str) -> None:
    def used() -> None:
        with StreamClient(**way) as writer, StreamClient(**way) as reader:
            writer.create_new_channel(name)
            reader.subscribe_read_channel(name)
            writer.wait_for_active(name, SOON_S)
            warm_up(writer, reader, name)

    used()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        used()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_hub_that_ends_looks_at_no_memory_that_it_gave_up() -> None:
    failures: list[dict[str, Any]] = []

    async def keep(writer: AsyncStreamClient) -> None:
        await writer.create_new_channel("kept", history=History(messages=5))
        while writer.statistics().writers["kept"].shared < 5:
            await writer.put_data("kept", picture(0), timeout_s=SOON_S)
            await writer.flush("kept", SOON_S)
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)  # what lies in memory for a while is copied out first

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, failure: failures.append(failure))
        async with contextlib.AsyncExitStack() as clients:
            async with StreamServer(port=0) as server:
                writer = AsyncStreamClient("writer", port=server.port)
                await keep(await clients.enter_async_context(writer))
            await asyncio.sleep(0.1)

    asyncio.run(main())
    assert failures == []
