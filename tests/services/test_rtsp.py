"""The RTSP server, seen by two independent clients (ffprobe and libav) and by hand."""

import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import av
import psutil
import pytest
from tools.services import Mount, RtspServer
from tools.services.units import read_units

pytestmark = pytest.mark.needs("rtsp", "ffmpeg")
TRANSPORTS = ["tcp", "udp"]
FAST = 100.0  # frames per second; a clip of 40 takes 0.4 s
Start = Callable[..., RtspServer]
Wire = tuple[bytes, int | None]


def read(url: str, count: int, transport: str = "tcp") -> list[Wire]:
    """Data and RTP time of the first packets of a stream."""
    options = {"rtsp_transport": transport, "probesize": "65536", "analyzeduration": "0"}
    with av.open(url, options=options, timeout=(5.0, 3.0)) as container:
        packets = container.demux(container.streams.video[0])
        return [
            (bytes(packet), packet.pts)
            for packet, _ in zip(packets, range(count), strict=False)
            if packet.size
        ]


def slices(unit: bytes, codec: str) -> list[bytes]:
    """The coded slices of an Annex B access unit (H.264 table 7-1, H.265 table 7-1)."""
    nal_units = [part.rstrip(b"\0") for part in unit.split(b"\0\0\1") if part.rstrip(b"\0")]
    if codec == "h264":
        return [nal for nal in nal_units if nal[0] & 0x1F in (1, 5)]
    return [nal for nal in nal_units if nal[0] >> 1 & 0x3F < 32]


def ffprobe(url: str, transport: str = "tcp") -> subprocess.CompletedProcess[str]:
    command = ["timeout", "-s", "KILL", "15", "ffprobe", "-v", "error", "-timeout", "5000000"]
    command += ["-analyzeduration", "500000"]
    command += ["-rtsp_transport", transport, "-show_entries", "stream=codec_name,width,height"]
    return subprocess.run([*command, "-of", "csv=p=0", url], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def cameras(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    mounts = {
        "h264": Mount(made / "h264.mp4"),
        "raw": Mount(made / "raw.h264"),
        "hevc": Mount(made / "hevc.mp4"),
        "mjpeg": Mount(made / "h264.mp4", codec="mjpeg"),
        "safe": Mount(made / "h264.mp4", user="viewer", password="a@b:c/d#e%f"),
        "once": Mount(made / "h264.mp4", loop=False),
        "silent": Mount(made / "h264.mp4", frozen=True),
    }
    with RtspServer(tmp_path_factory.mktemp("cameras"), mounts, fps=FAST) as server:
        yield server


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", ["h264", "hevc", "mjpeg"])
def test_ffprobe_sees_codec_and_size(cameras: RtspServer, name: str, transport: str) -> None:
    seen = ffprobe(cameras.url(name), transport)
    assert (seen.stdout.strip(), seen.stderr) == (f"{name},192,112", "")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", ["h264", "raw", "hevc"])
def test_every_unit_comes_unchanged_in_order_and_with_its_time(
    cameras: RtspServer, made: Path, name: str, transport: str
) -> None:
    units = read_units(next(made.glob(f"{name}.*")))
    length = len(units.data)
    got = read(cameras.url(name), 2 * length + 5, transport)
    assert len(got) == 2 * length + 5
    for index, (data, pts) in enumerate(got):
        turn, place = divmod(index, length)
        assert slices(data, units.codec) == slices(units.data[place], units.codec), index
        # libav has no time yet for the first packet of an RTSP stream; 90 kHz (RFC 6184, 8.2.1)
        assert pts == (turn * length + units.shown[place]) * 900 or (pts is None and index == 0), index


def test_mjpeg_pictures_come_at_their_times(cameras: RtspServer) -> None:
    got = read(cameras.url("mjpeg"), 50)
    assert [pts for _, pts in got[1:]] == [index * 900 for index in range(1, 50)]
    assert all(data.startswith(b"\xff\xd8") for data, _ in got)


def test_a_later_client_starts_at_the_first_picture_too(cameras: RtspServer) -> None:
    options = {"rtsp_transport": "tcp", "probesize": "65536", "analyzeduration": "0"}
    with av.open(cameras.url("h264"), options=options, timeout=(5.0, 3.0)) as early:
        ahead = [bytes(packet) for packet in islice(early.demux(), 15)]
        assert [data for data, _ in read(cameras.url("h264"), 15)] == ahead


def test_a_mount_without_loop_ends_with_its_clip(cameras: RtspServer) -> None:
    assert len(read(cameras.url("once"), 1000)) == 40


def test_the_right_password_opens(cameras: RtspServer) -> None:
    url = cameras.url("safe", login=True)
    assert "viewer:a%40b%3Ac%2Fd%23e%25f@" in url
    assert ffprobe(url).stdout.strip() == "h264,192,112"


@pytest.mark.parametrize("who", ["", "viewer:wrong@", "stranger:a%40b%3Ac%2Fd%23e%25f@"])
def test_any_other_login_is_refused_with_401(cameras: RtspServer, who: str) -> None:
    seen = ffprobe(cameras.url("safe").replace("rtsp://", f"rtsp://{who}"))
    assert seen.returncode != 0
    assert "401 Unauthorized" in seen.stderr


def test_an_unknown_mount_is_404(cameras: RtspServer) -> None:
    assert "404 Not Found" in ffprobe(cameras.url("h264") + "x").stderr


def converse(connection: socket.socket, request: str) -> str:
    """One RTSP request (RFC 2326) and the answer's text."""
    connection.sendall(request.encode() + b"\r\n\r\n")
    answer = connection.recv(65536).decode()
    length = re.search(r"Content-Length: (\d+)", answer)
    while length and len(answer.partition("\r\n\r\n")[2]) < int(length[1]):
        answer += connection.recv(65536).decode()
    return answer


def play_by_hand(connection: socket.socket, url: str) -> list[str]:
    """DESCRIBE, SETUP over TCP and PLAY; the three status lines."""
    described = converse(connection, f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp")
    transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    set_up = converse(connection, f"SETUP {url}/stream=0 RTSP/1.0\r\nCSeq: 2\r\n{transport}")
    session = re.findall(r"Session: ([^;\r]+)", set_up)
    playing = converse(connection, f"PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: {''.join(session)}")
    return [answer.partition("\r\n")[0] for answer in (described, set_up, playing)]


def interleaved(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Channel and RTP payload of what comes between the answers (RFC 2326, 10.12; RFC 3550, 5.1)."""
    with connection.makefile("rb") as stream:
        while head := stream.read(4):
            yield head[1], stream.read(int.from_bytes(head[2:]))[12:]


def test_a_silent_mount_answers_everything_and_sends_nothing(cameras: RtspServer) -> None:
    with socket.create_connection(("127.0.0.1", cameras.port), timeout=5.0) as connection:
        assert play_by_hand(connection, cameras.url("silent")) == ["RTSP/1.0 200 OK"] * 3
        connection.settimeout(1.0)  # a hundred pictures' time
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_mount_that_is_not_silent_sends_at_once(cameras: RtspServer) -> None:
    with socket.create_connection(("127.0.0.1", cameras.port), timeout=5.0) as connection:
        assert play_by_hand(connection, cameras.url("h264")) == ["RTSP/1.0 200 OK"] * 3
        assert connection.recv(1) == b"$"


def test_a_silent_port_takes_connections_and_says_nothing(silent_port: int) -> None:
    with socket.create_connection(("127.0.0.1", silent_port), timeout=0.5) as connection:
        connection.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_frozen_mount_sends_nothing_until_it_is_thawed(rtsp_server: Start, made: Path) -> None:
    server = rtsp_server({"gate": made / "h264.mp4", "yard": made / "h264.mp4"}, fps=FAST)
    options = {"rtsp_transport": "tcp", "probesize": "65536", "analyzeduration": "0"}
    with av.open(server.url("gate"), options=options, timeout=(5.0, 0.5)) as container:
        video = container.streams.video[0]
        list(islice(container.demux(video), 5))
        server.freeze("gate")
        with pytest.raises(av.error.ExitError):  # the read timeout: the connection stands, nothing comes
            list(islice(container.demux(video), 500))
        assert len(read(server.url("yard"), 5)) == 5
        server.thaw("gate")
        assert len(list(islice(container.demux(video), 20))) == 20


def test_a_client_that_came_while_frozen_begins_with_the_first_unit(rtsp_server: Start, made: Path) -> None:
    server = rtsp_server({"gate": Mount(made / "h264.mp4", frozen=True)}, fps=FAST)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5.0) as connection:
        assert play_by_hand(connection, server.url("gate")) == ["RTSP/1.0 200 OK"] * 3
        server.thaw("gate")
        first_nal = next(payload for channel, payload in interleaved(connection) if channel == 0)
    assert read_units(made / "h264.mp4").data[0].startswith(b"\0\0\0\1" + first_nal)


def test_a_killed_server_comes_back_on_its_port(no_leaks: None, rtsp_server: Start, made: Path) -> None:
    server = rtsp_server({"gate": made / "h264.mp4"}, fps=FAST)
    url, first = server.url("gate"), server.pid
    server.kill()
    assert first is not None
    assert not psutil.pid_exists(first)
    with pytest.raises(OSError, match="refused"):
        read(url, 1)
    server.start()
    assert server.url("gate") == url
    assert len(read(url, 5)) == 5


def test_many_clients_lose_nothing(cameras: RtspServer, made: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        streams = list(pool.map(lambda transport: read(cameras.url("h264"), 120, transport), TRANSPORTS * 2))
    assert [[data for data, _ in stream] for stream in streams] == [[data for data, _ in streams[0]]] * 4


def test_the_real_clips_are_served(person_and_car: RtspServer) -> None:
    for name in ("person", "car"):
        assert ffprobe(person_and_car.url(name)).stdout.strip() == "h264,768,432"


def test_a_user_has_one_password(made: Path, tmp_path: Path) -> None:
    first, second = (Mount(made / "h264.mp4", user="viewer", password=password) for password in "ab")
    with pytest.raises(ValueError, match="mount yard: user viewer has another password"):
        RtspServer(tmp_path, {"gate": first, "yard": second})


def test_only_mounts_can_be_frozen(cameras: RtspServer) -> None:
    with pytest.raises(KeyError, match="expected one of the mounts h264, raw"):
        cameras.freeze("lobby")
