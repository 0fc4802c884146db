"""Each fault, as a client sees it."""

import socket
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice, pairwise

import pytest
from tests.conftest import WaitFor
from tests.fakecam.client import Client, Rtp
from tests.fakecam.conftest import SMALL, Serve

from sightline.errors import ConfigError
from sightline.fakecam import (
    FakeCameras,
    HalfOpen,
    Kill,
    LongGop,
    Loss,
    PtsJump,
    Reorder,
    Reset,
    Resize,
    SlowStart,
    Stall,
    WrongClock,
    WrongPassword,
)
from sightline.frame import Size

FRAME = 90_000 // 20
SPS = 7


@pytest.fixture
def server(serve: Serve) -> FakeCameras:
    return serve({"gate": SMALL, "yard": SMALL})


@pytest.fixture
def client(server: FakeCameras) -> Iterator[Client]:
    """One that looks at the gate."""
    with Client(server.url("gate")) as looking:
        looking.play()
        next(looking.rtp())
        yield looking


def pictures(client: Client, count: int) -> list[Rtp]:
    """The last packets of so many pictures."""
    return list(islice((packet for packet in client.rtp() if packet.marker), count))


def steps(packets: list[Rtp]) -> list[int]:
    stamps = [packet.timestamp for packet in packets]
    return [(b - a + 2**31) % 2**32 - 2**31 for a, b in pairwise(stamps)]


def answers(server: FakeCameras) -> bool:
    try:
        with Client(server.url("gate")) as asking:
            return asking.ask("DESCRIBE").status == 200
    except ConnectionRefusedError:
        return False


def is_broken_off(client: Client) -> bool:
    """Reads until the other side ends it. Raises TimeoutError where it does not."""
    try:
        deque(client.media(), maxlen=0)
    except ConnectionResetError:
        return True
    return True


def test_stall(server: FakeCameras, client: Client) -> None:
    server.misbehave("gate", Stall(seconds=1))
    came_s, waited_s, packet = time.monotonic(), 0.0, next(client.rtp())
    while waited_s < 0.5:  # what is on its way comes first
        packet = next(client.rtp())
        came_s, waited_s = time.monotonic(), time.monotonic() - came_s
    assert waited_s < 1.5
    assert packet.payload[0] & 0x1F == SPS
    with Client(server.url("yard")) as other:
        other.play()
        assert len(pictures(other, 5)) == 5


def test_half_open(server: FakeCameras, client: Client) -> None:
    server.misbehave("gate", HalfOpen())
    with Client(server.url("gate"), timeout_s=0.5) as asking, pytest.raises(TimeoutError):
        asking.ask("OPTIONS")
    assert len(pictures(client, 5)) == 5
    server.behave("gate")
    with Client(server.url("gate")) as asking:
        assert asking.ask("OPTIONS").status == 200


def test_loss(server: FakeCameras, client: Client) -> None:
    server.misbehave("gate", Loss(share=0.5))
    numbers = [packet.sequence for packet in islice(client.rtp(), 60)]
    missing = (numbers[-1] - numbers[0]) % 2**16 + 1 - len(numbers)
    assert 20 < missing < 140
    server.behave("gate")
    status = server.status("gate")
    assert status.lost >= missing
    assert status.packets > status.lost


def test_reorder(server: FakeCameras, client: Client) -> None:
    server.misbehave("gate", Reorder(share=0.3))
    numbers = [packet.sequence for packet in islice(client.rtp(), 60)]
    steps = [(b - a + 2**15) % 2**16 - 2**15 for a, b in pairwise(numbers)]
    assert -1 in steps
    assert len(set(numbers)) == 60
    assert server.status("gate").reordered > 5


@pytest.mark.parametrize("by_s", [3.0, -3.0])
def test_pts_jump(server: FakeCameras, client: Client, by_s: float) -> None:
    before = pictures(client, 5)
    server.misbehave("gate", PtsJump(by_s=by_s))
    found = [*before, *pictures(client, 10)]
    (jump_s,) = (step / 90_000 for step in steps(found) if not 0 < step < 90_000)
    assert jump_s == pytest.approx(by_s, abs=0.3)
    with Client(server.url("gate")) as later:  # who comes later is told the same time, and its UTC
        later.play()
        report = next(later.reports())
        first = next(later.rtp())
    assert (first.timestamp - found[-1].timestamp) % 2**32 < 2 * 90_000
    assert abs((report.timestamp - first.timestamp + 2**31) % 2**32 - 2**31) < 90_000
    assert abs(report.utc_s - time.time()) < 0.5


def test_wrong_clock(server: FakeCameras) -> None:
    server.misbehave("gate", WrongClock(by_s=-3600))
    with Client(server.url("gate")) as client:
        client.play()
        report = next(client.reports())
    assert abs(report.utc_s - (time.time() - 3600)) < 1


def sps_steps(client: Client, count: int) -> list[int]:
    """Between so many keyframes."""
    sets = (packet for packet in client.rtp() if packet.payload[0] & 0x1F == SPS)
    return steps(list(islice(sets, count)))


def test_long_gop(server: FakeCameras, client: Client) -> None:
    assert sps_steps(client, 3) == [10 * FRAME] * 2
    server.misbehave("gate", LongGop(gop_s=1.5))
    assert sps_steps(client, 4)[-1] == 30 * FRAME


def test_resize(server: FakeCameras, client: Client) -> None:
    before = {packet.payload for packet in islice(client.rtp(), 40) if packet.payload[0] & 0x1F == SPS}
    server.misbehave("gate", Resize(size=Size(320, 180), seconds=1))
    seen = [packet.payload for packet in islice(client.rtp(), 150) if packet.payload[0] & 0x1F == SPS]
    assert len(before) == 1
    assert set(seen) > before
    assert seen[-1] in before


def test_wrong_password(server: FakeCameras, client: Client) -> None:
    server.misbehave("gate", WrongPassword())
    with Client(server.url("gate")) as asking:
        assert asking.ask("DESCRIBE").status == 401
    assert len(pictures(client, 3)) == 3


def test_slow_start(server: FakeCameras) -> None:
    server.misbehave("gate", SlowStart(by_s=0.6))
    with Client(server.url("gate")) as client:
        began_s = time.monotonic()
        assert client.ask("OPTIONS").status == 200
        assert time.monotonic() - began_s < 0.4
        assert client.ask("DESCRIBE").status == 200
        assert time.monotonic() - began_s >= 0.6


def test_reset(server: FakeCameras, client: Client) -> None:
    with Client(server.url("yard")) as other:
        other.play()
        server.misbehave("gate", Reset())
        assert is_broken_off(client)
        assert len(pictures(other, 10)) == 10
        server.misbehave("*", Reset())
        assert is_broken_off(other)


def test_kill_and_return(server: FakeCameras, client: Client, wait_for: WaitFor) -> None:
    server.misbehave("*", Kill(seconds=1))
    with pytest.raises(ConnectionRefusedError):
        Client(server.url("gate"))
    assert is_broken_off(client)

    wait_for(lambda: answers(server), 5, "the port to be open again")


def test_a_port_that_somebody_took_meanwhile_is_had_back_later(
    server: FakeCameras, client: Client, wait_for: WaitFor, caplog: pytest.LogCaptureFixture
) -> None:
    server.misbehave("*", Kill(seconds=0.3))
    assert is_broken_off(client)
    with socket.create_server(("127.0.0.1", server.port)):
        wait_for(lambda: "the port is taken" in caplog.text, 5, "the server to try again")
    wait_for(lambda: answers(server), 5, "the port to be open again")


def test_a_script_runs_from_the_beginning(serve: Serve) -> None:
    server = serve(script="gate: wrong_password 500ms")
    with Client(server.url("gate")) as client:
        assert client.ask("DESCRIBE").status == 401
        while client.ask("DESCRIBE").status == 401:
            time.sleep(0.05)


def test_what_a_camera_cannot_do_is_refused(server: FakeCameras) -> None:
    with pytest.raises(ConfigError, match="a camera of gate, yard"):
        server.misbehave("house", Stall())
    with pytest.raises(ConfigError, match="gate: scene: size"):
        server.misbehave("gate", Resize(size=Size(100, 50)))
    with pytest.raises(ConfigError, match="share one port"):
        server.misbehave("gate", Kill())
