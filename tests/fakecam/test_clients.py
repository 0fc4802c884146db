"""Other people's clients: ffmpeg, ffprobe and GStreamer, over TCP and UDP."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import require
from tests.fakecam.conftest import Serve

from sightline.fakecam import FakeCamera, FakeCameras
from sightline.fakecam.auth import Scheme
from sightline.frame import Size
from sightline.scene import Codec, Scene, write_clip

PASSWORD = "p@ss:w/rd 1%"
IN_URL = "p%40ss%3Aw%2Frd%201%25"
DEPAYLOAD = {
    "h264": "rtph264depay ! h264parse ! avdec_h264",
    "hevc": "rtph265depay ! h265parse ! avdec_h265",
    "mjpeg": "rtpjpegdepay ! avdec_mjpeg",
}


def run(*command: str, timeout_s: int = 20) -> "subprocess.CompletedProcess[str]":
    words = ["timeout", "-s", "KILL", str(timeout_s), *command]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=timeout_s + 5)


def pictures(*source: str) -> list[str]:
    """The MD5 of each decoded picture, by ffmpeg."""
    done = run("ffmpeg", "-v", "error", *source, "-vsync", "passthrough", "-f", "framemd5", "-")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    return [line.split(",")[-1].strip() for line in lines]


@pytest.fixture(scope="module")
def ffmpeg() -> None:
    require("ffmpeg")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A second of street in the codec asked for."""
    codec: Codec = request.param
    path = tmp_path_factory.mktemp("recorded") / f"{codec}.mkv"
    b_frames = 0 if codec == "mjpeg" else 2
    return write_clip(Scene(size=Size(320, 176)), path, 30, codec=codec, gop=10, b_frames=b_frames)


@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize("recorded", ["h264", "hevc", "mjpeg"], indirect=True, ids=str)
def test_ffmpeg_gets_every_picture_of_a_file(serve: Serve, recorded: Path) -> None:
    server = serve({"file": FakeCamera(url=str(recorded), loop=False)})
    sent = pictures("-i", str(recorded))
    assert len(sent) == 30
    for transport in ("tcp", "udp"):
        assert pictures("-rtsp_transport", transport, "-i", server.url("file")) == sent, transport


@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
def test_ffprobe_learns_from_the_sdp_and_the_first_pictures(serve: Serve, codec: str) -> None:
    server = serve({"gate": f"synthetic://street?codec={codec}&size=320x176&fps=10"})
    done = run("ffprobe", "-v", "error", "-show_streams", "-of", "json", server.url("gate"))
    assert done.returncode == 0, done.stderr
    (stream,) = json.loads(done.stdout)["streams"]
    found = (stream["codec_name"], stream["width"], stream["height"], stream["avg_frame_rate"])
    assert found == (codec, 320, 176, "10/1")


@pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="service gst-launch-1.0: not found")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
def test_gstreamer_decodes_a_street(serve: Serve, codec: str, transport: str) -> None:
    camera = FakeCamera(
        url=f"synthetic://street?codec={codec}&size=320x176&fps=20", username="viewer", password=PASSWORD
    )
    server = serve({"gate": camera})
    login = f"user-id=viewer user-pw='{PASSWORD}'"
    source = f"rtspsrc location={server.url('gate')} protocols={transport} latency=100 {login}"
    end = "identity eos-after=20 silent=false ! fakesink"
    done = run("sh", "-c", f"gst-launch-1.0 -v {source} ! {DEPAYLOAD[codec]} ! {end}")
    assert done.stdout.count("chain   ***") >= 19, done.stdout[-500:] + done.stderr


def _as_user(server: FakeCameras, password: str) -> str:
    return server.url("gate").replace("rtsp://", f"rtsp://viewer:{password}@")


@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize("scheme", ["digest", "basic"])
def test_ffprobe_logs_in_with_the_right_password_alone(serve: Serve, scheme: Scheme) -> None:
    url = "synthetic://street?size=160x90&fps=10"
    server = serve({"gate": FakeCamera(url=url, username="viewer", password=PASSWORD, scheme=scheme)})
    asked = [run("ffprobe", "-v", "error", _as_user(server, password)) for password in (IN_URL, "wrong")]
    asked.append(run("ffprobe", "-v", "error", server.url("gate")))
    assert [done.returncode for done in asked] == [0, 1, 1]
    assert all("401 Unauthorized" in done.stderr for done in asked[1:])
    assert server.refused >= 3


@pytest.mark.usefixtures("ffmpeg")
def test_ffprobe_is_told_that_there_is_no_such_camera(serve: Serve) -> None:
    done = run("ffprobe", "-v", "error", serve().url("gate") + "2")
    assert done.returncode == 1
    assert "404 Not Found" in done.stderr
