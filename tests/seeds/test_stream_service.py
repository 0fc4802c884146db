"""What the document of stream_service shows a user typing works here, with the import line changed.

Each test calls what it names, as it stands in the document or is exported by the package.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sightline.errors import HubError
from sightline.hub import StreamClient_Thread, StreamServer, rpc


@pytest.fixture(scope="module")
def server() -> Iterator[StreamServer]:
    with StreamServer("127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def clients(no_leaks: None, server: StreamServer) -> Iterator[Any]:
    """Makes clients that are started and alive; all are stopped."""
    made: list[StreamClient_Thread] = []

    def make(name: str, kind: type[StreamClient_Thread] = StreamClient_Thread, **how: Any) -> Any:
        client = kind(name, "127.0.0.1", port=server.port, **how)
        made.append(client)
        client.start()
        client.wait_until_alive()
        return client

    yield make
    for client in made:
        client.stop_client()


class MyClient(StreamClient_Thread):
    def rpc_my_echo(self, data: object) -> tuple[str, object]:
        return "MY ECHO", data


def test_data_goes_from_one_client_over_a_channel_to_others(clients: Any) -> None:
    client1, client2, client3 = clients("1"), clients("2"), clients("3")
    client1.create_new_channel("ABC")
    client2.subscribe_read_channel("ABC")
    client3.subscribe_read_from_channel("ABC")
    client1.wait_for_active("ABC", 10)
    client1.put_data("ABC", "MY data")
    assert [client2.get_data("ABC", 10), client3.get_data("ABC", 10)] == ["MY data", "MY data"]


def test_a_call_is_made_as_if_the_other_client_were_here(clients: Any) -> None:
    clients("rpc_client", MyClient)
    myrpc = clients("myclient").create_rpc_client_service("rpc_client")
    assert myrpc.my_echo("HALLO") == ("MY ECHO", "HALLO")
    assert myrpc.my_echo("HALLO", tto=10) == ("MY ECHO", "HALLO")


def test_the_name_of_the_time_limit_can_be_set(clients: Any) -> None:
    clients("rpc_client", MyClient)
    myrpc = clients("myclient", tto_name="patience").create_rpc_client_service("rpc_client")
    assert myrpc.my_echo("HALLO", patience=10) == ("MY ECHO", "HALLO")


def test_wrong_parameters_are_told_and_no_call_is_sent(clients: Any) -> None:
    called = []

    class Counting(StreamClient_Thread):
        def rpc_add(self, first: int, second: int) -> int:
            called.append(first)
            return first + second

    clients("rpc_client", Counting)
    myrpc = clients("myclient").create_rpc_client_service("rpc_client")
    with pytest.raises(TypeError, match="add"):
        myrpc.add(1)
    assert myrpc.add(1, second=2) == 3
    assert called == [1]


def test_methods_may_be_grouped_in_subclasses(clients: Any) -> None:
    class Camera:
        @rpc
        def zoom(self, factor: float) -> float:
            return factor

    class Grouped(StreamClient_Thread):
        camera = Camera()

    clients("rpc_client", Grouped)
    assert clients("myclient").create_rpc_client_service("rpc_client").camera.zoom(2) == 2


def test_channels_are_public_private_or_temporary(clients: Any, wait_for: Any) -> None:
    owner, other = clients("owner"), clients("other")
    owner.create_new_channel("public")
    owner.create_new_channel("private", public=False, key="geheim")
    owner.create_new_channel("temporary", lifetime_s=0.2)
    listed = {channel.name for channel in other.list_channels()}
    assert "public" in listed
    assert "private" not in listed
    with pytest.raises(HubError, match="key"):
        other.subscribe_read_channel("private")
    other.subscribe_read_channel("private", key="geheim")
    wait_for(
        lambda: "temporary" not in {channel.name for channel in other.list_channels()}, 10, "a channel's end"
    )


def test_only_its_owner_deletes_a_channel(clients: Any) -> None:
    owner, other = clients("owner"), clients("other")
    owner.create_new_channel("ABC")
    with pytest.raises(HubError):
        other.delete_channel("ABC")
    owner.delete_channel("ABC")


def test_others_may_write_where_they_are_allowed_to(clients: Any) -> None:
    owner, other = clients("owner"), clients("other")
    owner.create_new_channel("ABC", many_writers=True)
    other.subscribe_write_to_channel("ABC")
    other.subscribe_write_channel("ABC")
    owner.subscribe_read_channel("ABC")
    other.wait_for_active("ABC", 10)
    other.put_data("ABC", 1)
    assert owner.get_message("ABC", 10).writer == "other"


def test_the_buffer_of_a_reader_has_a_size_a_behaviour_and_a_rate(clients: Any) -> None:
    writer, ring, tenth = clients("writer"), clients("ring"), clients("tenth")
    writer.create_new_channel("ABC")
    ring.subscribe_read_from_channel(
        "ABC", server_buffer_size=2, server_full_behavior="drop_oldest", prefetch=0
    )
    tenth.subscribe_read_from_channel("ABC", fill_rate=10)
    writer.wait_for_active("ABC", 10)
    for number in range(20):
        writer.put_data("ABC", number)
    writer.flush("ABC", 10)
    assert ring.get_many("ABC", 10, 10) == [18, 19]
    first = tenth.get_data("ABC", 10)
    assert tenth.get_data("ABC", 10) == first + 10
    assert len(tenth.get_read_channel_buffer("ABC")) == 0


def test_a_writer_sends_only_while_somebody_reads(clients: Any) -> None:
    writer = clients("writer")
    writer.create_new_channel("ABC")
    assert writer.put_data("ABC", "nobody reads") is False


def test_arrays_come_back_as_they_were(clients: Any) -> None:
    writer, reader = clients("writer"), clients("reader")
    writer.create_new_channel("ABC")
    reader.subscribe_read_channel("ABC")
    writer.wait_for_active("ABC", 10)
    picture = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    writer.put_data("ABC", picture, compress="gzip")
    assert np.array_equal(reader.get_data("ABC", 10), picture)
    reader.unsubscribe("ABC")


def test_reading_and_writing_can_be_awaited(clients: Any) -> None:
    writer, reader = clients("writer"), clients("reader")

    async def both() -> object:
        await writer.async_create_new_channel("ABC")
        await reader.async_subscribe_read_channel("ABC")
        await writer.async_wait_for_active("ABC", 10)
        await writer.async_put_data("ABC", "awaited")
        return await reader.async_get_data("ABC", 10)

    assert asyncio.run(both()) == "awaited"


def test_the_server_tells_of_channels_clients_and_load(clients: Any) -> None:
    client = clients("myclient")
    client.create_new_channel("ABC")
    stats = client.server_statistics()
    assert "ABC" in {channel.name for channel in stats.channels}
    assert "myclient" in {of.name for of in client.list_clients()}
    assert stats.uptime_s > 0


def test_the_server_is_a_process_of_its_own(no_leaks: None) -> None:
    server = StreamServer("127.0.0.1", 0)
    server.start()
    assert server.is_alive()
    server.stop()
    server.join(10)
    assert not server.is_alive()
