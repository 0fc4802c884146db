"""Pictures between processes through a hub: in place on one machine, as bytes elsewhere, and never torn."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import WaitFor
from tests.hub.camera import CHANNEL, KEPT, Camera, picture

from sightline.hub import HubStats, StreamClient, StreamServer
from sightline.hub.address import HubAddress
from sightline.hub.broker.statistics import ChannelStats

PATIENCE_S = 10.0
SOME = 12
"""More pictures than a pool has slots."""


@pytest.fixture(params=["tcp", "unix"])
def hub(no_leaks: None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StreamServer]:
    where: dict[str, Any] = {"port": 0} if request.param == "tcp" else {"unix_path": str(tmp_path / "hub")}
    with StreamServer(None if request.param == "unix" else "127.0.0.1", **where) as server:
        yield server


@pytest.fixture
def tcp_hub(no_leaks: None) -> Iterator[StreamServer]:
    with StreamServer(port=0) as server:
        yield server


@pytest.fixture
def camera(hub: StreamServer) -> Iterator[Camera]:
    with Camera(hub.url) as camera:
        yield camera


def client_of(hub: StreamServer, name: str, **settings: Any) -> StreamClient:
    return StreamClient(name, **HubAddress.of(hub.url).client_settings(), **settings)


def looks_in_place(array: NDArray[Any]) -> bool:
    """Whether it lies in memory that this process has mapped to read, and shares with others."""
    address = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, allowed = line.split()[:2]
        begin, end = (int(edge, 16) for edge in span.split("-"))
        if begin <= address < end:
            return allowed == "r--s" and "memfd:sightline" in line
    raise AssertionError("it lies nowhere")


def warm_up(camera: Camera, reader: StreamClient) -> None:
    """Until the camera and the reader have the memory."""
    for _ in range(50):
        camera.show()
        if looks_in_place(seen(reader, camera.put - 1)):
            return
    raise AssertionError("no picture came in place")


def seen(reader: StreamClient, number: int) -> NDArray[Any]:
    """The picture that comes next, which is this one."""
    array: NDArray[Any] = reader.get_data(CHANNEL, PATIENCE_S)
    assert np.array_equal(array, picture(number))
    return array


def stats_of(client: StreamClient) -> tuple[HubStats, ChannelStats]:
    stats = client.server_statistics()
    (channel,) = [channel for channel in stats.channels if channel.name == CHANNEL]
    return stats, channel


def test_a_picture_of_another_process_is_looked_at_where_it_lies(hub: StreamServer, camera: Camera) -> None:
    with client_of(hub, "display") as reader:
        reader.subscribe_read_channel(CHANNEL)
        warm_up(camera, reader)
        _, before = stats_of(reader)
        for number in range(camera.put, camera.put + SOME):
            camera.show()
            array = seen(reader, number)
            assert looks_in_place(array)
            with pytest.raises(ValueError, match="read-only"):
                array[0, 0, 0] = 1
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True
        _, after = stats_of(reader)
        assert after.shared_in - before.shared_in == after.shared_out - before.shared_out == SOME
        assert after.copied == before.copied
        assert after.bytes_in - before.bytes_in > SOME * picture(0).nbytes, "bounds count what is shared"
        received = [of.received_bytes for of in reader.server_statistics().clients if of.name == "camera"]
        assert received[0] < 50 * 2**20, "and sockets do not carry it"


def test_a_picture_that_is_kept_stays_as_it_is(hub: StreamServer, camera: Camera) -> None:
    with client_of(hub, "display") as reader:
        reader.subscribe_read_channel(CHANNEL)
        warm_up(camera, reader)
        camera.show()
        number = camera.put - 1
        kept = reader.get_data(CHANNEL, PATIENCE_S)
        for following in range(number + 1, number + 1 + SOME):
            camera.show()
            assert np.array_equal(seen(reader, following)[::100], picture(following)[::100])
        assert looks_in_place(kept)
        assert np.array_equal(kept, picture(number))


def test_what_waits_for_a_slow_reader_starves_nobody(hub: StreamServer, camera: Camera) -> None:
    with client_of(hub, "display") as reader, client_of(hub, "slow") as slow:
        reader.subscribe_read_channel(CHANNEL)
        slow.subscribe_read_channel(CHANNEL, prefetch=0, server_buffer_bytes=None, server_buffer_size=None)
        warm_up(camera, reader)
        _, before = stats_of(reader)
        for number in range(camera.put, camera.put + SOME):
            camera.show()
            assert looks_in_place(seen(reader, number))
        hub_stats, after = stats_of(reader)
        assert after.shared_out - before.shared_out == SOME
        assert hub_stats.shared is not None
        assert hub_stats.shared.spilled > 0
        for number in range(camera.put):
            seen(slow, number)
        assert stats_of(reader)[1].copied["spilled"] > 0


def test_who_comes_late_gets_the_history(hub: StreamServer, camera: Camera) -> None:
    with client_of(hub, "display") as reader, client_of(hub, "late") as late:
        reader.subscribe_read_channel(CHANNEL)
        warm_up(camera, reader)
        camera.show(SOME)
        late.subscribe_read_channel(CHANNEL, start="history")
        for number in range(camera.put - KEPT, camera.put):
            seen(late, number)


def test_who_is_on_another_machine_gets_the_same_as_bytes(tcp_hub: StreamServer) -> None:
    with (
        Camera(tcp_hub.url) as camera,
        client_of(tcp_hub, "display") as reader,
        client_of(tcp_hub, "far", sharing=None) as far,
    ):
        for client in (reader, far):
            client.subscribe_read_channel(CHANNEL)
        warm_up(camera, reader)
        for number in range(camera.put):
            seen(far, number)
        _, before = stats_of(reader)
        for number in range(camera.put, camera.put + SOME):
            camera.show()
            assert looks_in_place(seen(reader, number))
            assert not looks_in_place(seen(far, number))
        _, after = stats_of(reader)
        assert after.shared_out - before.shared_out == SOME
        assert after.copied["away"] - before.copied.get("away", 0) == SOME


def test_a_hub_that_shares_nothing_copies(no_leaks: None) -> None:
    with (
        StreamServer(port=0, sharing=False) as hub,
        Camera(hub.url) as camera,
        client_of(hub, "display") as reader,
    ):
        reader.subscribe_read_channel(CHANNEL)
        for number in range(3):
            camera.show()
            assert not looks_in_place(seen(reader, number))
        stats, channel = stats_of(reader)
        assert stats.shared is None
        assert (channel.shared_in, channel.shared_out) == (0, 0)


def test_nothing_is_left_when_all_are_gone(hub: StreamServer, wait_for: WaitFor) -> None:
    with client_of(hub, "watcher") as watcher:
        with Camera(hub.url) as camera, client_of(hub, "display") as reader:
            reader.subscribe_read_channel(CHANNEL)
            warm_up(camera, reader)
            camera.show(SOME)  # of which nobody takes any

        def left() -> tuple[int, ...]:
            shared = watcher.server_statistics().shared
            assert shared is not None
            assert shared.leases.balanced
            return shared.peers, shared.pools, shared.pool_bytes, shared.leases.held, shared.leases.open

        wait_for(lambda: left() == (1, 0, 0, 0, 0), PATIENCE_S, "pools and leases to be gone")
