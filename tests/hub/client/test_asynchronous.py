"""The client of a loop, over real sockets."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.hub.client.conftest import Serving

from sightline.errors import BufferFull, BusError, Closed, ConfigError, HubError
from sightline.hub import AsyncStreamClient, Gap, History, Limits, Message, ReaderBuffer, StreamServer
from sightline.hub.client.link import delay_s
from sightline.hub.wire.control import Attached, ChannelChanged, Detached, ListClients, Notice

SOON_S = 10.0
MOMENT_S = 0.05


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110 - of things that ring no bell
            await asyncio.sleep(0.005)


async def one_by_one(work: list[Coroutine[Any, Any, Any]]) -> None:
    try:
        for one in work:
            await one
    finally:
        for one in work:
            one.close()


async def readers_of(client: AsyncStreamClient, name: str) -> int:
    return next(channel.readers for channel in await client.list_channels() if channel.name == name)


async def endlessly(work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    async with asyncio.timeout(SOON_S):
        while True:
            await work()
            await asyncio.sleep(0.005)


def client_of(server: StreamServer, name: str = "", **settings: Any) -> AsyncStreamClient:
    return AsyncStreamClient(name, unix_path=server.unix_path, **settings)


def test_all_kinds_of_values_come_out_as_they_were_put(serving: Serving) -> None:
    async def go() -> None:
        values = [1, "two", (3, {4}), b"five", None, {"a": [1.5]}, bytes(700_000), 2**80]
        array = np.arange(2_000_000, dtype=np.uint16).reshape(1000, 2000)[:, ::2]
        async with serving() as server, client_of(server, "w") as writer, client_of(server, "r") as reader:
            await writer.create_new_channel("a")
            await reader.subscribe_read_channel("a", server_full_behavior="block")
            await writer.wait_for_active("a", SOON_S)
            for value in values:
                assert await writer.put_data("a", value)
            assert await writer.put_data("a", array, "gzip")
            for value in values:
                assert await reader.get_data("a", SOON_S) == value
            got = await reader.get_data("a", SOON_S)
            assert np.array_equal(got, array)
            await writer.flush("a", SOON_S)
            assert writer.statistics().writers["a"].unacknowledged == 0

    asyncio.run(go())


def test_a_message_has_what_was_put_beside_it(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server, "w") as writer, client_of(server) as reader:
            await writer.create_new_channel("a")
            await reader.subscribe_read_from_channel("a")
            await writer.wait_for_active("a", SOON_S)
            await writer.put_data("a", 1, key=b"k", keyframe=True, headers=(("h", b"v"),))
            message = await reader.get_message("a", SOON_S)
            assert (message.value, message.key, message.keyframe, message.writer) == (1, b"k", True, "w")
            assert message.headers == (("h", b"v"),)
            assert message.time_ns > 1_600_000_000_000_000_000
            assert reader.name.startswith("client-")

    asyncio.run(go())


def test_nobody_wants_it_until_somebody_reads(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("a")
            assert not await writer.put_data("a", 1)
            assert await writer.put_many("a", [1, 2]) == 0
            with pytest.raises(TimeoutError, match="a reader of 'a'"):
                await writer.wait_for_active("a", MOMENT_S)
            await reader.subscribe_read_channel("a")
            await writer.wait_for_active("a", SOON_S)
            assert await writer.put_data("a", 2)
            assert await reader.get_data("a", SOON_S) == 2
            assert writer.statistics().writers["a"].unwanted == 3

    asyncio.run(go())


def test_many_go_as_few_frames_and_come_as_many(serving: Serving) -> None:
    async def go() -> None:
        values = [b"%d" % number for number in range(30_000)]
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("a")
            await reader.subscribe_read_channel("a", server_full_behavior="block", server_buffer_size=1000)
            await writer.wait_for_active("a", SOON_S)
            put = asyncio.create_task(writer.put_many("a", values))
            got: list[bytes] = []
            while len(got) < len(values):
                part = await reader.get_many("a", 7000, SOON_S)
                assert 0 < len(part) <= 7000
                got += part
            assert got == values
            assert await put == len(values)
            assert await reader.get_many("a", 10, MOMENT_S) == []
            mixed = [1, b"2", (3,), "4"]
            await writer.put_many("a", mixed)
            assert await reader.get_data("a", SOON_S) == 1
            assert [message.value for message in await reader.get_messages("a", 9, SOON_S)] == mixed[1:]

    asyncio.run(go())


def test_a_patient_reader_makes_the_writer_wait(serving: Serving) -> None:
    async def go() -> None:
        limits = Limits(window_messages=10)
        async with serving(limits=limits) as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("a")
            await reader.subscribe_read_channel(
                "a", server_full_behavior="block", server_buffer_size=5, prefetch=1
            )
            await writer.wait_for_active("a", SOON_S)
            put_all = [writer.put_data("a", number, timeout_s=MOMENT_S) for number in range(100)]
            with pytest.raises(TimeoutError, match="room in 'a'"):
                await one_by_one(put_all)
            put = writer.statistics().writers["a"].put
            assert 10 <= put <= 20
            assert [await reader.get_data("a", SOON_S) for _ in range(put)] == list(range(put))
            assert await writer.put_data("a", "again", timeout_s=SOON_S)

    asyncio.run(go())


def test_a_display_gets_what_is_new_when_it_asks(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("a")
            buffer = await reader.subscribe_read_channel("a", server_buffer_size=1)
            await writer.wait_for_active("a", SOON_S)
            for number in range(50):
                await writer.put_data("a", number)
            await writer.flush("a", SOON_S)
            assert len(buffer) == 0
            found = [await reader.get_message_or_gap("a", SOON_S) for _ in range(2)]
            assert isinstance(found[0], Gap)
            assert (found[0].messages, found[0].reason) == (49, "overflow")
            assert isinstance(found[1], Message)
            assert found[1].value == 49
            stats = (await reader.subscription_stats("a"))["a"]
            assert (stats.entered, stats.dropped) == (50, {"overflow": 49})

    asyncio.run(go())


def test_every_so_many_th_is_taken_in_without_a_gap(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("a")
            buffer = await reader.subscribe_read_channel("a", fill_rate=10)
            await writer.wait_for_active("a", SOON_S)
            await writer.put_many("a", list(range(30)))
            got = [await reader.get_data("a", SOON_S) for _ in range(3)]
            assert [later - earlier for earlier, later in pairwise(got)] == [10, 10]
            assert buffer.gaps == ()

    asyncio.run(go())


def test_a_late_reader_starts_with_what_the_channel_keeps(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("a", history=2)
            await writer.create_new_channel("b", history=History(kind="per_key"))
            for number in range(5):
                assert await writer.put_data("a", number)
                assert await writer.put_data("b", number, key=b"%d" % (number % 2))
            await writer.flush(None, SOON_S)
            for name in "ab":
                await reader.subscribe_read_channel(name, start="history")
                assert [await reader.get_data(name, SOON_S) for _ in range(2)] == [3, 4]

    asyncio.run(go())


def test_private_channels_need_their_key(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("a", public=False, key="secret", many_writers=True)
            assert "a" not in {channel.name for channel in await reader.list_channels()}
            assert "a" in {channel.name for channel in await writer.list_channels()}
            with pytest.raises(HubError) as refused:
                await reader.subscribe_read_channel("a", key="wrong")
            assert refused.value.code == "denied"
            with pytest.raises(HubError):
                await reader.subscribe_write_channel("a")
            await reader.subscribe_read_channel("a", key="secret")
            await reader.subscribe_write_to_channel("a", "secret")
            await reader.put_data("a", 1)
            assert await reader.get_data("a", SOON_S) == 1
            with pytest.raises(ConfigError, match="private"):
                await writer.create_new_channel("b", key="secret")

    asyncio.run(go())


def test_what_is_asked_wrongly_is_said(serving: Serving) -> None:
    async def go() -> None:
        limits = Limits(message_bytes=100_000)
        async with serving(limits=limits) as server, client_of(server) as client, client_of(server) as other:
            with pytest.raises(ConfigError, match="subscribed for writing"):
                await client.put_data("a", 1)
            with pytest.raises(ConfigError, match="subscribed for reading"):
                await client.get_data("a")
            with pytest.raises(HubError) as missing:
                await client.subscribe_read_channel("a")
            assert missing.value.code == "missing"
            with pytest.raises(ConfigError, match="drop_oldest, drop_newest"):
                await client.subscribe_read_channel("a", server_full_behavior="explode")
            await client.create_new_channel("a")
            with pytest.raises(HubError):
                await other.create_new_channel("a")
            with pytest.raises(HubError):
                await other.delete_channel("a")
            await client.subscribe_read_channel("a")
            with pytest.raises(ConfigError, match="one subscription"):
                await client.subscribe_read_channel("a")
            with pytest.raises(TypeError):
                await client.put_data("a", {"deep": [object()]})
            with pytest.raises(BufferFull, match="at most 100000 bytes"):
                await client.put_data("a", bytes(100_001))
            for many in ([1, b"2", bytes(100_001)], [b"1", bytes(100_001)]):
                with pytest.raises(BufferFull, match="at most 100000 bytes"):
                    await client.put_many("a", many)
            assert client.statistics().writers["a"].put == 0
            assert await client.put_data("a", bytes(100_000))
            assert await client.put_many("a", [bytes(4000)] * 100)
            await client.flush("a", SOON_S)
            assert len(await client.get_data("a", SOON_S)) == 100_000
            assert await client.get_many("a", 1000, SOON_S)
            await client.unsubscribe("a")
            await client.subscribe_read_channel("a")
            with pytest.raises(TimeoutError, match="'a': nothing came"):
                await client.get_data("a", MOMENT_S)

    asyncio.run(go())


def test_a_channel_that_is_deleted_and_one_that_is_left_say_so(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as owner, client_of(server) as other:
            await owner.create_new_channel("a", many_writers=True)
            await other.subscribe_write_channel("a")
            await other.subscribe_read_channel("a")
            waiting = asyncio.create_task(other.get_data("a"))
            await asyncio.sleep(0)  # it waits now
            await owner.wait_for_active("a", SOON_S)
            await other.unsubscribe("a")
            with pytest.raises(Closed):
                await waiting
            await other.subscribe_read_channel("a")
            await owner.wait_for_active("a", SOON_S)
            await other.put_data("a", 1)
            assert await other.get_data("a", SOON_S) == 1
            await owner.delete_channel("a")
            with pytest.raises(BusError, match="deleted"):
                await owner.put_data("a", 1)
            with pytest.raises(BusError, match="gone: deleted"):
                await endlessly(lambda: other.put_data("a", 1))
            await owner.create_new_channel("a")
            await owner.wait_for_active("a", SOON_S)
            await owner.put_data("a", 2)
            assert await other.get_data("a", SOON_S) == 2

    asyncio.run(go())


def test_a_channel_that_is_made_again_after_it_was_deleted_loses_nothing(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await reader.subscribe(["a"])
            for round_ in range(3):
                await writer.create_new_channel("a")
                await writer.wait_for_active("a", SOON_S)
                for number in range(5):
                    await writer.put_data("a", (round_, number))
                assert [await reader.get_data("a", SOON_S) for _ in range(5)] == [
                    (round_, number) for number in range(5)
                ]
                assert writer.statistics().writers["a"].put == 5
                await writer.delete_channel("a")
            assert reader.get_read_channel_buffer("a").gaps == ()

    asyncio.run(go())


def test_the_numbers_of_a_writer_that_leaves_and_comes_back_go_on(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as owner, client_of(server) as writer:
            await owner.create_new_channel("a", many_writers=True, history=100)
            for _ in range(2):
                await asyncio.gather(*[writer.subscribe_write_channel("a") for _ in range(8)])
                await writer.put_many("a", [b"1", b"2"])
                await writer.unsubscribe("a")
            await owner.subscribe_read_channel("a", start="history")
            messages = [await owner.get_message("a", SOON_S) for _ in range(4)]
            assert [message.sequence for message in messages] == [0, 1, 2, 3]

    asyncio.run(go())


def test_a_flush_tells_of_messages_that_went_with_their_channel(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("a")
            await reader.subscribe_read_channel(
                "a", server_buffer_size=2, server_full_behavior="block", prefetch=1
            )
            await writer.wait_for_active("a", SOON_S)
            await writer.put_many("a", [1] * 10)
            flushing = asyncio.create_task(writer.flush("a", SOON_S))
            with pytest.raises(TimeoutError):
                await writer.flush("a", MOMENT_S)
            await writer.delete_channel("a")
            with pytest.raises(BusError, match="deleted"):
                await flushing
            await writer.unsubscribe("a")  # nothing is left to wait for
            await writer.flush(timeout_s=SOON_S)
            with pytest.raises(ConfigError, match="1 message or more, got 0"):
                await reader.get_many("a", 0)

    asyncio.run(go())


def test_an_end_that_is_told_many_times_keeps_nothing_of_it(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as client:
            await client.create_new_channel("a")
            await client.delete_channel("a")
            depths = set()
            for _ in range(5):
                with pytest.raises(BusError) as told:
                    await client.put_data("a", 1)
                depths.add(len(told.traceback))
            assert len(depths) == 1

    asyncio.run(go())


def test_bytes_come_as_bytes_however_they_went(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("a")
            await reader.subscribe_read_channel("a")
            await writer.wait_for_active("a", SOON_S)
            for size in (0, 10, 5000, 1_000_000):
                await writer.put_data("a", bytes(size))
                await writer.put_data("a", bytearray(size), key=b"beside")
                await writer.put_many("a", [memoryview(bytes(size))] * 2)
                for _ in range(4):
                    value = await reader.get_data("a", SOON_S)
                    assert (type(value), len(value)) == (bytes, size)

    asyncio.run(go())


def test_what_a_reader_left_while_the_hub_was_away_does_not_come_back(serving: Serving) -> None:
    async def go() -> None:
        async with AsyncExitStack() as stack:
            async with serving() as server:
                client = await stack.enter_async_context(client_of(server))
                await client.create_new_channel("a")
                await client.subscribe_read_channel("a")
            await until(lambda: not client.is_alive)
            await client.unsubscribe("a")
            with pytest.raises(ConfigError):
                await client.get_data("a")
            async with serving():
                await until(lambda: client.is_alive)
                assert await readers_of(client, "a") == 0

    asyncio.run(go())


def test_a_subscription_that_nobody_waited_for_makes_nobody_wait(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("a")
            work = reader.subscribe_read_channel("a", server_full_behavior="block", server_buffer_size=1)
            asking = asyncio.create_task(work)
            await asyncio.sleep(0)  # it was asked
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert await readers_of(reader, "a") == 0
            await reader.subscribe_read_channel("a")

    asyncio.run(go())


def test_what_was_put_while_the_hub_was_away_is_sent_before_a_client_goes(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server:
            writer = client_of(server)
            await writer.connect()
            await writer.create_new_channel("a", keep=True, history=10)
        await until(lambda: not writer.is_alive)
        await writer.put_data("a", 1)
        closing = asyncio.create_task(writer.close(SOON_S))
        async with serving() as server, client_of(server) as reader:
            await closing
            await reader.subscribe_read_channel("a", start="history")
            assert await reader.get_data("a", SOON_S) == 1

    asyncio.run(go())


def test_a_client_is_used_in_one_loop(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as client:

            def elsewhere() -> None:
                for operation in (client.list_channels, client.connect, client.close):
                    with pytest.raises(ConfigError, match="this is another one"):
                        asyncio.run(operation())

            await asyncio.to_thread(elsewhere)
            assert await client.list_clients()

    asyncio.run(go())


def test_a_host_that_cannot_be_one_is_told() -> None:
    async def go() -> None:
        client = AsyncStreamClient(host="a" * 70)
        with pytest.raises(TimeoutError, match="no hub answers at aaa"):
            await client.connect(MOMENT_S)
        await client.close()

    asyncio.run(go())


def test_many_channels_are_read_as_one(serving: Serving) -> None:
    async def go() -> None:
        notices: list[Notice] = []
        async with serving() as server, client_of(server) as writer, client_of(server) as reader:
            await writer.create_new_channel("x.1")
            buffer = await reader.subscribe(glob="x.*", on_notice=notices.append)
            await writer.create_new_channel("x.2")
            await writer.create_new_channel("y.1")
            for name in ("x.1", "x.2"):
                await writer.wait_for_active(name, SOON_S)
                await writer.put_data(name, name)
            got = [await reader.get_message("x.*", SOON_S) for _ in range(2)]
            assert sorted((message.channel, message.value) for message in got) == [
                ("x.1", "x.1"),
                ("x.2", "x.2"),
            ]
            assert sorted(buffer.subscription.feeds.values()) == ["x.1", "x.2"]
            await reader.pause("x.*", ["x.1"])
            await writer.put_data("x.1", "paused")
            await writer.put_data("x.2", "on")
            assert await reader.get_data("x.*", SOON_S) == "on"
            await reader.pause("x.*", ["x.1"], on=False)
            assert await reader.get_data("x.*", SOON_S) == "paused"
            await writer.delete_channel("x.1")
            await until(lambda: any(isinstance(notice, Detached) for notice in notices))
            assert [notice.name for notice in notices if isinstance(notice, Attached)] == ["x.1", "x.2"]

    asyncio.run(go())


def test_who_watches_hears_of_channels(serving: Serving) -> None:
    async def go() -> None:
        changes: list[ChannelChanged] = []
        async with serving() as server, client_of(server) as writer, client_of(server) as watcher:
            assert "a" not in {channel.name for channel in await watcher.watch_channels(changes.append)}
            await writer.create_new_channel("a")
            await writer.delete_channel("a")
            await until(lambda: len(changes) == 2)
            assert [(change.info.name, change.gone) for change in changes] == [("a", False), ("a", True)]
            assert {info.name for info in await watcher.request(ListClients())} == {writer.name, watcher.name}

    asyncio.run(go())


def test_all_goes_on_when_the_hub_is_started_again(serving: Serving) -> None:
    async def go() -> None:
        changes: list[ChannelChanged] = []
        async with serving() as server:
            writer, reader = client_of(server, "w"), client_of(server, "r")
            await writer.connect()
            await reader.connect()
            await reader.watch_channels(changes.append)
            await writer.create_new_channel("a")
            await reader.subscribe_read_channel("a", server_full_behavior="block")
            await writer.wait_for_active("a", SOON_S)
            await writer.put_data("a", 1)
            assert await reader.get_data("a", SOON_S) == 1
        await until(lambda: not writer.is_alive and not reader.is_alive)
        assert await writer.put_data("a", 2)  # kept until there is a hub
        async with serving():
            await until(lambda: writer.is_alive and reader.is_alive)
            await writer.wait_for_active("a", SOON_S)
            # Two may have come to the new hub before its reader.
            while not await writer.put_data("a", 3):  # noqa: ASYNC110
                await asyncio.sleep(MOMENT_S)
            got = await reader.get_message_or_gap("a", SOON_S)
            if isinstance(got, Gap):
                assert (got.reason, got.messages) == ("hub_restart", 1)
            else:
                assert got.value == 2
            assert await reader.get_data("a", SOON_S) == 3
            assert writer.statistics().reconnects == 1
            assert len(changes) >= 2
            await writer.close()
            await reader.close()

    asyncio.run(go())


def test_a_hub_that_is_not_there_yet_is_waited_for(serving: Serving, tmp_path: Any) -> None:
    async def go() -> None:
        client = AsyncStreamClient("a", unix_path=str(tmp_path / "hub"))
        with pytest.raises(TimeoutError, match="no hub answers"):
            await client.connect(MOMENT_S)
        async with serving():
            await client.connect(SOON_S)
            assert client.is_alive
            await client.close()
            with pytest.raises(Closed):
                await client.list_channels()

    asyncio.run(go())


def test_a_name_that_is_taken_and_a_token_that_is_wrong_are_told_at_once(serving: Serving) -> None:
    async def go() -> None:
        async with serving(token="secret") as server, client_of(server, "a", token="secret"):
            for settings, code in (({"name": "a", "token": "secret"}, "taken"), ({"token": "no"}, "denied")):
                with pytest.raises(HubError) as refused:
                    async with client_of(server, **settings):
                        pass
                assert refused.value.code == code

    asyncio.run(go())


def test_what_was_put_is_sent_before_a_client_goes(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as reader:
            writer = client_of(server)
            await writer.connect()
            await writer.create_new_channel("a", keep=True)
            await reader.subscribe_read_channel("a", server_full_behavior="block")
            await writer.wait_for_active("a", SOON_S)
            await writer.put_many("a", [bytes(1000)] * 5000)
            await writer.close()
            got = 0
            while got < 5000:
                got += len(await reader.get_many("a", 5000, SOON_S))

    asyncio.run(go())


def test_what_was_put_is_taken_in_before_a_writer_leaves_its_channel(serving: Serving) -> None:
    async def go() -> None:
        async with serving() as server, client_of(server) as owner, client_of(server) as other:
            await owner.create_new_channel("a", many_writers=True)
            await owner.subscribe_read_channel("a", server_full_behavior="block")
            await other.subscribe_write_channel("a")
            await other.put_data("a", bytes(5_000_000))
            await other.unsubscribe("a")
            assert len(await owner.get_data("a", SOON_S)) == 5_000_000
            with pytest.raises(ConfigError):
                await other.put_data("a", 1)

    asyncio.run(go())


def test_delays_grow_and_are_bounded_and_jittered() -> None:
    delays = [[delay_s(failures) for _ in range(50)] for failures in range(20)]
    assert all(0.05 <= delay <= 10 for some in delays for delay in some)
    assert max(delays[0]) <= 0.1
    assert min(delays[19]) >= 5
    assert len(set(delays[19])) > 40


def test_an_error_of_a_callback_ends_nothing(serving: Serving) -> None:
    def fail(_notice: Notice | Gap) -> None:
        raise ValueError("of the application")

    async def go() -> None:
        async with serving() as server, client_of(server) as client:
            with pytest.raises(ConfigError, match="names or a glob"):
                await client.subscribe()
            await client.create_new_channel("a")
            await client.subscribe(["a"], buffer=ReaderBuffer(messages=1), on_notice=fail, on_gap=fail)
            await client.wait_for_active("a", SOON_S)
            await client.put_data("a", 1)
            await client.put_data("a", 2)
            await client.flush("a", SOON_S)
            assert await client.get_data("a", SOON_S) == 2
            assert client.statistics().reconnects == 0

    asyncio.run(go())
