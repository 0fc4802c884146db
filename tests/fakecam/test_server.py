"""The server and those who look: a plain client, and our own capture."""

import socket
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tests.fakecam.client import Client
from tests.fakecam.conftest import SMALL, Serve

from sightline.capture import CameraInput, Capture
from sightline.codec import Decoder, coded_slices
from sightline.errors import Closed, ConfigError
from sightline.fakecam import FakeCamera, FakeCameras, Stall
from sightline.fakecam.source import Unit
from sightline.fakecam.street import Street
from sightline.frame import Size
from sightline.packet import Packet
from sightline.scene import Codec, Encoding, Scene, encode, parse_url, read_mark, write_clip

Watch = Callable[..., tuple[Capture, list[Packet]]]


@pytest.fixture
def watch(no_leaks: None) -> Iterator[Watch]:
    """`watch(url, **settings)` captures it; gives the capture and the packets that it has so far."""
    with ExitStack() as running:

        def start(url: str, **settings: object) -> tuple[Capture, list[Packet]]:
            packets: list[Packet] = []
            camera = CameraInput(camera_id="gate", url=url, **settings)  # type: ignore[arg-type]
            capture = Capture(camera, packets.append)
            capture.start()
            running.callback(capture.stop)
            return capture, packets

        yield start


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_every_unit_arrives_byte_for_byte(
    serve: Serve, watch: Watch, wait_for: WaitFor, tmp_path: Path, codec: Codec, transport: str
) -> None:
    scene = Scene(size=Size(320, 180))
    settings = Encoding(codec=codec, gop=10, b_frames=2)
    clip = write_clip(scene, tmp_path / "clip.mp4", 30, **settings)
    sent = [coded_slices(unit.data, codec) for unit in encode(scene, 30, **settings)]
    server = serve({"file": FakeCamera(url=str(clip), loop=False)})
    _, packets = watch(server.url("file"), transport=transport)
    wait_for(lambda: len(packets) >= 30, 15, "all pictures")
    assert [coded_slices(packet.data, codec) for packet in packets[:30]] == sent


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_reports_tell_when_each_picture_was_taken(
    serve: Serve, watch: Watch, wait_for: WaitFor, transport: str
) -> None:
    """The number in a picture says when it was taken, and so does its `rtcp` time: to some milliseconds."""
    fps = 20
    server = serve({"gate": f"{SMALL}&b_frames=2"})
    began_ns = time.time_ns() - (time.monotonic_ns() - server._camera("gate")._began_ns)
    capture, packets = watch(server.url("gate"), transport=transport)
    wait_for(lambda: capture.status().clock == "rtcp", 12, "the camera's time")
    start = len(packets)
    wait_for(lambda: len(packets) > start + 20, 10, "more pictures")
    decoder = Decoder()
    frames = [frame for packet in packets for frame in decoder.feed(packet)]
    timed = [frame for frame in frames if frame.captured_at_source == "rtcp" and frame.pts is not None]
    assert len(timed) > 10
    off_s = []
    for frame in timed[-10:]:  # at the switch time stands still for a moment
        mark = read_mark(frame.image)
        assert mark is not None
        off_s.append((frame.captured_at_ns - began_ns) / 1e9 - mark.frame / fps)
    assert max(off_s) - min(off_s) < 0.002
    assert abs(off_s[0]) < 0.01


def test_twenty_cameras_are_captured_at_once(serve: Serve, watch: Watch, wait_for: WaitFor) -> None:
    streets = {f"cam{n}": f"synthetic://street?size=160x90&fps=5&gop=5&camera={n}" for n in range(20)}
    server = serve(streets)
    watched = {
        name: watch(server.url(name), transport=("tcp", "udp")[n % 2]) for n, name in enumerate(streets)
    }
    wait_for(lambda: min(len(packets) for _, packets in watched.values()) >= 10, 20, "pictures of each")
    for n, (_, packets) in enumerate(watched.values()):
        decoder = Decoder()
        marks = [read_mark(frame.image) for packet in packets[:5] for frame in decoder.feed(packet)]
        assert marks
        assert all(mark is not None and mark.camera == n for mark in marks)


def test_clients_of_one_camera_share_it_and_begin_with_a_keyframe(serve: Serve) -> None:
    server = serve({"gate": "synthetic://street?size=160x90&fps=20&gop=40"})
    with Client(server.url("gate")) as one, Client(server.url("gate")) as two:
        one.play()
        first = next(one.rtp())
        list(islice(one.rtp(), 10))
        two.play()
        later = next(two.rtp())
        assert server.status("gate").viewers == 2
    assert all(packet.payload[0] & 0x1F in {7, 9} for packet in (first, later))
    assert (later.timestamp - first.timestamp) % 2**32 == 2 * 90_000
    assert first.ssrc != later.ssrc


def test_rtp_info_tells_of_the_first_packet(serve: Serve) -> None:
    server = serve()
    with Client(server.url("gate")) as client:
        told = client.play().headers["rtp-info"]
        first = next(client.rtp())
    url, sequence, timestamp = told.split(";")
    assert url == f"url={server.url('gate')}/track1"
    assert sequence == f"seq={first.sequence}"
    ahead = (first.timestamp - int(timestamp.removeprefix("rtptime="))) % 2**32
    assert ahead < 90_000


def test_the_first_report_comes_before_the_first_picture(serve: Serve) -> None:
    with Client(serve().url("gate")) as client:
        client.play()
        assert [channel for channel, _ in islice(client.media(), 2)] == [1, 0]


def test_time_goes_on_where_nobody_looks_and_the_encoder_stops(serve: Serve, wait_for: WaitFor) -> None:
    server = serve()
    stamps = []
    for _ in range(2):
        with Client(server.url("gate")) as client:
            client.play()
            stamps.append(next(client.rtp()).timestamp)
            at_s = time.monotonic()
        wait_for(lambda: server.status("gate").viewers == 0, 5, "nobody to look")
        task = server._camera("gate")._task
        assert task is not None
        wait_for(task.done, 5, "the encoder to stop")
        made = server.status("gate").packets
        while time.monotonic() < at_s + 0.5:
            time.sleep(0.05)
        assert server.status("gate").packets == made
    assert 0.4 < (stamps[1] - stamps[0]) % 2**32 / 90_000 < 5


def test_no_picture_is_sent_before_it_was_taken(serve: Serve) -> None:
    with Client(serve({"gate": f"{SMALL}&b_frames=2"}).url("gate")) as client:
        client.play()
        report = next(client.reports())
        for packet in islice(client.rtp(), 40):
            ahead = (packet.timestamp - report.timestamp + 2**31) % 2**32 - 2**31
            assert report.utc_s + ahead / 90_000 < time.time() + 0.005


def test_a_file_goes_round_and_its_time_goes_on(serve: Serve, tmp_path: Path) -> None:
    clip = write_clip(Scene(size=Size(160, 90), fps=20), tmp_path / "clip.mp4", 8, gop=8)
    server = serve({"file": str(clip)})
    for _ in range(2):
        with Client(server.url("file")) as client:
            told = int(client.play().headers["rtp-info"].partition("rtptime=")[2])
            shown = [p.timestamp for p in islice((p for p in client.rtp() if p.marker), 20)]
        assert {(b - a) % 2**32 for a, b in pairwise(shown)} == {90_000 // 20}
        assert (shown[0] - told) % 2**32 < 90_000


@dataclass(frozen=True)
class Slow(Street):
    """Takes 2.5 s over its fifth picture."""

    def units(self, start: int) -> Generator[Unit, None, None]:
        for number, unit in enumerate(super().units(start)):
            if number == 4:
                time.sleep(2.5)
            yield unit


def test_a_camera_that_cannot_keep_up_goes_on_with_the_picture_of_now(serve: Serve) -> None:
    server = serve()
    wanted = parse_url(SMALL)
    camera = server._camera("gate")
    camera._source = Slow(wanted.scene, wanted.encoding)
    with Client(server.url("gate")) as client:
        client.play()
        shown = [packet.timestamp for packet in islice((p for p in client.rtp() if p.marker), 8)]
    steps = [(b - a) % 2**32 for a, b in pairwise(shown)]
    assert 2 * 90_000 < max(steps) < 4 * 90_000
    assert steps.count(90_000 // 20) == len(steps) - 1


def test_pause_and_play_again(serve: Serve) -> None:
    with Client(serve().url("gate")) as client:
        session = client.play().headers["session"]
        before = next(client.rtp())
        assert client.ask("PAUSE", Session=session).status == 200
        paused = [packet for packet in client._media if packet[0] == 0]
        assert client.ask("GET_PARAMETER", Session=session).status == 200
        assert [packet for packet in client._media if packet[0] == 0] == paused
        client._media.clear()
        assert client.ask("PLAY", Session=session).status == 200
        after = next(client.rtp())
        assert after.ssrc == before.ssrc
        assert after.payload[0] & 0x1F in {7, 9}
        assert client.ask("TEARDOWN", Session=session).status == 200


def test_who_says_nothing_is_sent_away(serve: Serve) -> None:
    server = serve(session_timeout_s=1)
    with Client(server.url("gate")) as silent, Client(server.url("gate")) as stranger:
        assert "timeout=1" in silent.ask("SETUP", Transport="RTP/AVP/TCP;interleaved=0-1").headers["session"]
        began_s = time.monotonic()
        assert list(stranger.media()) == []
        assert list(silent.media()) == []
        assert 0.5 < time.monotonic() - began_s < 4


def test_reports_of_a_client_over_udp_are_a_sign_of_life(serve: Serve, wait_for: WaitFor) -> None:
    server = serve(session_timeout_s=1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ears, Client(server.url("gate")) as client:
        ears.bind(("127.0.0.1", 0))
        port = ears.getsockname()[1]
        told = client.ask("SETUP", Transport=f"RTP/AVP;unicast;client_port={port}-{port % 65535 + 1}").headers
        client.ask("PLAY", Session=told["session"].partition(";")[0])
        server_port = int(told["transport"].partition("server_port=")[2].partition("-")[0])
        until_s = time.monotonic() + 2.5
        while time.monotonic() < until_s:
            assert ears.recv(2000)
            ears.sendto(b"\x80\xc9\0\1abcd", ("127.0.0.1", server_port))
        assert server.connections == 1
        assert list(client.media()) == []
        wait_for(lambda: server.connections == 0, 5, "the connection to be forgotten")
        assert server._server.station.datagrams._heard == {}


def test_a_client_that_does_not_read_is_given_up_and_slows_nobody(serve: Serve, wait_for: WaitFor) -> None:
    """It takes what the system holds, then what we do, then it is gone; another one sees every picture."""
    server = serve({"gate": "synthetic://street?size=1280x720&fps=10&codec=mjpeg"})
    with Client(server.url("gate"), timeout_s=20) as slow, Client(server.url("gate")) as quick:
        slow.play()
        quick.play()
        packets = quick.rtp()
        last = next(packets)
        gaps = 0
        until_s = time.monotonic() + 60
        while not server.status("gate").slow and time.monotonic() < until_s:
            packet = next(packets)
            gaps += (packet.sequence - last.sequence) % 2**16 != 1
            last = packet
        assert server.status("gate").slow == 1
        assert gaps == 0
        assert server.status("gate").viewers == 1


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"a" * 9000, b"OPTIONS * RTSP/1.0\r\nContent-Length: 5000\r\n\r\n"]
)
def test_who_speaks_no_rtsp_is_told_so_and_sent_away(serve: Serve, data: bytes) -> None:
    with Client(serve().url("gate")) as client:
        client.say(data)
        assert client.reply().status == 400
        assert list(client.media()) == []


def test_a_login_is_asked_for_at_each_request(serve: Serve) -> None:
    server = serve({"gate": FakeCamera(url=SMALL, username="viewer", password="secret", scheme="basic")})
    with Client(server.url("gate")) as client:
        asked = client.ask("DESCRIBE")
        assert (asked.status, asked.headers["www-authenticate"]) == (401, 'Basic realm="fakecam"')
        right = "Basic dmlld2VyOnNlY3JldA=="
        assert client.ask("DESCRIBE", Authorization=right).status == 200
        assert client.ask("SETUP", Transport="RTP/AVP/TCP").status == 401
        assert client.ask("DESCRIBE", Authorization=right[:-4]).status == 401
    assert server.refused == 3


@pytest.mark.parametrize(
    ("cameras", "settings", "said"),
    [
        ({}, {}, "1 to 1000 cameras"),
        ({"a/b": SMALL}, {}, "camera's name"),
        ({"gate": "synthetic://house"}, {}, "gate: synthetic URL"),
        ({"gate": f"{SMALL}&frames=5"}, {}, "without end"),
        ({"gate": "synthetic://street?codec=mjpeg&size=160x90"}, {}, "whole 8 pixels"),
        ({"gate": "nowhere.mp4"}, {}, "cannot read nowhere.mp4"),
        ({"gate": SMALL}, {"host": "0.0.0.0"}, "a username and a password for gate"),
        ({"gate": SMALL}, {"port": 70000}, "a port of 0"),
        ({"gate": SMALL}, {"script": "yard: reset"}, "a camera of gate"),
        ({"gate": SMALL}, {"script": "gate: resize 321x181"}, "even sides"),
        ({"gate": FakeCamera(url=SMALL, password="p")}, {}, "expected a username"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(
    serve: Serve, cameras: dict[str, FakeCamera | str], settings: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said), FakeCameras(cameras, **settings):  # type: ignore[arg-type]
        pass


def test_a_port_that_is_taken_is_named(serve: Serve) -> None:
    with pytest.raises(ConfigError, match="cannot listen on 127.0.0.1"):
        serve(port=serve().port)


def test_after_the_end_nothing_can_be_asked(serve: Serve) -> None:
    server = serve()
    server.close()
    with pytest.raises(Closed):
        server.misbehave("gate", Stall())
    with pytest.raises(ConnectionRefusedError):
        Client(server.url("gate"))
    server.close()


def test_a_password_is_in_no_url_and_no_repr(serve: Serve) -> None:
    camera = FakeCamera(url=SMALL, username="viewer", password="hunter2")
    assert "hunter2" not in repr(camera) + serve({"gate": camera}).url("gate")
