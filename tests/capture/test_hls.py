"""HLS over real HTTP, made by ffmpeg: recordings, live lists that grow, and breaks in them."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import pytest
from tests.capture.conftest import Run, Running
from tests.capture.tls import Authority
from tests.capture.web import Web
from tests.conftest import WaitFor

from sightline.capture import CameraInput, probe
from sightline.clock import NS_PER_S
from sightline.codec import Decoder
from sightline.errors import SightlineError
from sightline.packet import Packet

pytestmark = pytest.mark.needs("ffmpeg")
FPS = 25
_ENCODE = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "2", "-x264-params", "scenecut=0")


def command(folder: Path, seconds: float, *options: str) -> list[str]:
    source = ("-f", "lavfi", "-i", f"testsrc2=s=160x90:r={FPS}:d={seconds}")
    live = ("-re",) if "-hls_list_size" in options else ()
    form = ("-f", "hls", "-hls_time", "1", *options)
    return ["ffmpeg", "-v", "error", "-nostdin", *live, *source, *_ENCODE, *form, str(folder / "list.m3u8")]


def record(folder: Path, seconds: float, *options: str) -> None:
    """Adds a recording to the folder's list."""
    kind = ("-hls_playlist_type", "vod") if not options else ("-hls_list_size", "0")
    made = [part for part in command(folder, seconds, *kind, *options) if part != "-re"]
    subprocess.run(made, check=True, timeout=60)


def decodable(packets: list[Packet]) -> int:
    decoder = Decoder()
    return len([frame for packet in packets for frame in decoder.feed(packet)] + decoder.flush())


class Encode(Protocol):
    def __call__(self, folder: Path, seconds: float = 60) -> "subprocess.Popen[bytes]": ...


@pytest.fixture
def encoder(wait_for: WaitFor) -> Iterator[Encode]:
    """`encoder(folder)` keeps a live list of four segments of 1 s in it, as a camera would."""
    with ExitStack() as running:

        def start(folder: Path, seconds: float = 60) -> "subprocess.Popen[bytes]":
            flags = ("-hls_list_size", "4", "-hls_flags", "delete_segments")
            process = running.enter_context(subprocess.Popen(command(folder, seconds, *flags)))
            running.callback(process.kill)
            segments = folder / "list3.ts"
            wait_for(segments.exists, 20, "four segments")
            return process

        yield start


@pytest.mark.parametrize("options", [(), ("-hls_segment_type", "fmp4")], ids=["ts", "fmp4"])
def test_a_recording_is_read_whole_and_once(
    run: Run, tmp_path: Path, web: Callable[[Path], str], options: tuple[str, ...]
) -> None:
    record(tmp_path, 3, *options)
    one = run(f"{web(tmp_path)}/list.m3u8")
    packets = one.finished()
    assert one.status.state == "done"
    assert [packet.index for packet in packets] == list(range(3 * FPS))
    assert len({packet.pts for packet in packets}) == 3 * FPS
    assert {packet.captured_at_source for packet in packets} == {"media"}
    assert decodable(packets) == 3 * FPS


def test_a_break_in_a_list_begins_an_epoch(run: Run, tmp_path: Path, web: Callable[[Path], str]) -> None:
    for seconds in (2, 3):
        record(tmp_path, seconds, "-hls_flags", "append_list")
    assert "#EXT-X-DISCONTINUITY\n#EXTINF" in (tmp_path / "list.m3u8").read_text()
    one = run(f"{web(tmp_path)}/list.m3u8")
    packets = one.finished()
    lengths = [len([packet for packet in packets if packet.epoch == epoch]) for epoch in one.epochs]
    assert lengths == [2 * FPS, 3 * FPS]
    times = [packet.captured_at_ns for packet in packets]
    assert max(times) - min(times) == pytest.approx(5 * NS_PER_S, abs=0.2 * NS_PER_S)
    assert decodable(packets) == 5 * FPS


@pytest.mark.parametrize("prefix", ["file://", "file:", ""])
def test_a_list_that_a_server_sends_opens_no_file(
    tmp_path: Path, web: Callable[[Path], str], prefix: str
) -> None:
    record(tmp_path, 1)
    (tmp_path / "web").mkdir()
    text = (tmp_path / "list.m3u8").read_text()
    (tmp_path / "web" / "list.m3u8").write_text(text.replace("list0.ts", f"{prefix}{tmp_path}/list0.ts"))
    with pytest.raises(SightlineError):
        probe(CameraInput(camera_id="gate", url=f"{web(tmp_path / 'web')}/list.m3u8"), watch_s=1)


@pytest.mark.waits
@pytest.mark.needs("openssl")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_live_list_comes_at_the_pace_of_its_pictures(
    run: Run, tmp_path: Path, encoder: Encode, front: Callable[..., int], authority: Authority, scheme: str
) -> None:
    encoder(tmp_path)
    with Web(tmp_path) as web:
        port = web.port if scheme == "http" else front(web.port)
        one = run(f"{scheme}://127.0.0.1:{port}/list.m3u8", tls_ca_file=authority.file)
        _has_an_even_pace(one)


def _has_an_even_pace(one: Running) -> None:
    packets = one.has(5 * FPS, 15)
    assert one.status.state == "live"
    assert len(one.epochs) == 1
    assert [packet.index for packet in packets] == list(range(len(packets)))
    shown = sorted(packet.media_ns or 0 for packet in packets)[:-3]  # of the last, B-frames are to come
    steps = {round((after - before) / NS_PER_S, 3) for before, after in pairwise(shown)}
    assert steps == {1 / FPS}
    came = [packet.captured_at_ns for packet in packets]
    assert (came[-1] - came[0]) / NS_PER_S == pytest.approx((len(came) - 1) / FPS, abs=0.3)
    assert max(after - before for before, after in pairwise(came)) < 0.4 * NS_PER_S


@pytest.mark.waits
def test_a_live_list_that_stands_still_is_lost_and_found_again(
    run: Run, tmp_path: Path, web: Callable[[Path], str], encoder: Encode
) -> None:
    url = web(tmp_path)
    encoder(tmp_path).kill()
    one = run(f"{url}/list.m3u8", read_timeout_s=1)
    status = one.until("backing_off", 15)
    assert "no new segment for 1 s" in status.reason
    before = len(one.packets)
    encoder(tmp_path)
    one.has(before + 3 * FPS, 20)
    assert one.epochs[-1] > one.epochs[0]


def test_a_server_that_goes_away_and_comes_back_is_read_again(
    run: Run, tmp_path: Path, encoder: Encode
) -> None:
    encoder(tmp_path)
    with Web(tmp_path) as first:
        one = run(f"{first.url}/list.m3u8")
        one.has(FPS)
    assert one.until("backing_off", 15).reason
    with Web(tmp_path, first.port):
        one.has(len(one.packets) + FPS, 20)
    assert len(one.epochs) >= 2


def test_a_list_behind_a_login_is_read_with_it(run: Run, tmp_path: Path, web: Callable[[Path], str]) -> None:
    (tmp_path / "login").mkdir()
    record(tmp_path / "login", 2)
    url = f"{web(tmp_path)}/login/list.m3u8"
    assert "none are set" in run(url).until("backing_off").reason
    assert len(run(url, username="viewer", password="p@ss:w/rd").finished()) == 2 * FPS
