"""Cameras over RTSP: a real server, with the real clips, and what goes wrong with cameras."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cable import Cable
from tests.capture.conftest import Make, Run
from tests.conftest import StartRtspServer, WaitFor
from tools.services.rtsp import Mount, RtspServer
from tools.services.waiting import halt

from sightline.capture import CameraInput, probe
from sightline.codec import Decoder, coded_slices, has_parameter_sets
from sightline.errors import AccessDenied, SourceSilent, Unreachable
from sightline.frame import Size
from sightline.packet import Packet
from sightline.scene import Scene, read_mark, write_clip

pytestmark = pytest.mark.needs("rtsp")
PASSWORD = "p@ss:w/rd #1%ü"


def slices(packets: list[Packet]) -> list[bytes]:
    return [coded_slices(packet.data, packet.codec) for packet in packets]


def whole(epoch: int, packets: list[Packet]) -> list[Packet]:
    """The packets of an epoch, which count from 0 without a gap."""
    found = [packet for packet in packets if packet.epoch == epoch]
    assert [packet.index for packet in found] == list(range(len(found)))
    return found


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_real_camera_is_captured_without_a_loss(
    run: Run, person_and_car: RtspServer, clips: Path, transport: str
) -> None:
    sent = slices(run(clips / "one-by-one-person-detection.mp4").finished())
    one = run(person_and_car.url("person"), transport=transport)
    packets = one.has(40, 20)
    assert slices(whole(packets[0].epoch, packets)) == sent[: len(packets)]
    assert packets[0].keyframe
    assert (packets[0].pts, packets[0].dts) == (None, None)  # libav does not know: nothing is invented
    assert all(has_parameter_sets(packet.data, "h264") for packet in packets if packet.keyframe)
    status = one.status
    assert (status.state, status.codec, status.size) == ("live", "h264", Size(768, 432))
    assert status.fps == pytest.approx(10, rel=0.2)
    assert status.gop is not None
    assert status.gop.packets == 10
    counts = status.counts
    assert counts.received - counts.delivered in {0, 1}
    assert counts.breaks == counts.failed == counts.damaged == 0


def test_the_camera_s_clock_is_used_and_time_does_not_go_back(
    run: Run, rtsp_server: StartRtspServer, make_clip: Make
) -> None:
    clip = make_clip("plain.mp4", "-c:v", "libx264", "-g", "25", "-bf", "0", "-tune", "zerolatency")
    server = rtsp_server({"plain": clip})
    one = run(server.url("plain"))
    one.has(1)
    one._wait_for(lambda: one.status.clock == "rtcp", 12, "the camera's reports")
    packets = one.has(len(one.packets) + 25)
    times = [packet.captured_at_ns for packet in packets]
    assert times == sorted(times)
    assert len(one.epochs) == 1
    assert abs(time.time_ns() - packets[-1].captured_at_ns) < 10**9
    sources = [packet.captured_at_source for packet in packets]
    assert sources == sorted(sources)  # arrival, then rtcp for good


def test_frames_are_those_that_the_scene_encoded(
    run: Run, rtsp_server: StartRtspServer, tmp_path: Path
) -> None:
    """With B-frames: each packet has the very slices of its unit, and its picture that unit's number."""
    clip = write_clip(Scene(seed=3, camera=5), tmp_path / "street.mp4", 100, gop=25, b_frames=2)
    server = rtsp_server({"street": Mount(clip, loop=False)})
    sent = slices(run(clip).finished())
    one = run(server.url("street"))
    packets = whole(one.has(90, 20)[0].epoch, one.packets)
    assert slices(packets) == sent[: len(packets)]
    decoder = Decoder()
    for packet in packets:
        for frame in decoder.feed(packet):
            mark = read_mark(frame.image)
            assert mark is not None
            assert mark.camera == 5
            shown = [
                p.index for p in packets if p.pts is not None and frame.pts is not None and p.pts < frame.pts
            ]
            if frame.pts is not None:
                assert mark.frame == len(shown) + sum(p.pts is None for p in packets)


@pytest.mark.parametrize("codec", ["mjpeg", "hevc"])
def test_other_codecs_come_as_well(
    run: Run, rtsp_server: StartRtspServer, make_clip: Make, codec: str
) -> None:
    clip = make_clip("hevc.mp4", "-c:v", "libx265", "-g", "10", "-x265-params", "log-level=none:bframes=0")
    server = rtsp_server({"cam": Mount(clip, codec="mjpeg" if codec == "mjpeg" else None)})
    packets = run(server.url("cam")).has(25)
    assert {packet.codec for packet in packets} == {codec}
    decoder = Decoder()
    assert len([frame for packet in packets for frame in decoder.feed(packet)]) >= 20


@pytest.mark.waits
@pytest.mark.parametrize(
    ("transport", "away_s"),
    [("tcp", 2), ("udp", 2), pytest.param("tcp", 60, marks=pytest.mark.timeout(180))],
)
def test_a_server_that_is_killed_and_comes_back_is_read_again(
    run: Run, rtsp_server: StartRtspServer, h264_clip: Path, wait_for: WaitFor, transport: str, away_s: int
) -> None:
    server = rtsp_server({"cam": h264_clip})
    one = run(server.url("cam"), transport=transport)
    one.has(20)
    first = one.epochs
    server.kill()
    killed = time.monotonic()
    status = one.until("backing_off")
    assert status.reason
    assert status.next_retry_at_ns is not None
    while time.monotonic() < killed + away_s:
        assert not threading.Event().wait(0.2)
        assert one.status.state in {"backing_off", "connecting"}
    before = len(one.packets)
    server.start()
    back = time.monotonic()
    wait_for(lambda: len(one.packets) > before, 15, "packets after the server's return")
    took = time.monotonic() - back
    print(f"away for {away_s} s: packets {took:.2f} s after its return")
    assert took < 5
    packets = one.has(before + 20)
    assert len(one.epochs) == 2
    assert one.epochs[1] > first[0]
    assert whole(one.epochs[1], packets)[0].keyframe
    assert one.capture.stop()


def test_a_wrong_password_is_named_and_retried_slowly(
    run: Run, rtsp_server: StartRtspServer, h264_clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = rtsp_server({"gate": Mount(h264_clip, user="viewer", password=PASSWORD)})
    wrong = "Wr0ng@:/#%"
    one = run(server.url("gate"), username="viewer", password=wrong, camera_id="gate")
    status = one.until("backing_off")
    assert "viewer" in status.reason
    assert status.next_retry_at_ns is not None
    assert 55 < (status.next_retry_at_ns - time.time_ns()) / 1e9 < 80
    with pytest.raises(AccessDenied, match="gate") as raised:
        probe(CameraInput(camera_id="gate", url=server.url("gate"), username="viewer", password=wrong))
    one.capture.stop()
    out, err = capfd.readouterr()
    for text in (str(raised.value), repr(raised.value), repr(status), repr(one.capture.camera), out, err):
        assert "Wr0ng" not in text
        assert PASSWORD not in text


def test_missing_credentials_are_named(rtsp_server: StartRtspServer, h264_clip: Path) -> None:
    server = rtsp_server({"gate": Mount(h264_clip, user="viewer", password=PASSWORD)})
    with pytest.raises(AccessDenied, match="none are set"):
        probe(CameraInput(camera_id="gate", url=server.url("gate")))


@pytest.mark.parametrize("where", ["fields", "url, encoded", "url, as it is"])
def test_any_password_opens_the_door(
    run: Run, rtsp_server: StartRtspServer, h264_clip: Path, where: str
) -> None:
    server = rtsp_server({"gate": Mount(h264_clip, user="viewer", password=PASSWORD)})
    url = server.url("gate", login=where == "url, encoded")
    if where == "fields":
        one = run(url, username="viewer", password=PASSWORD)
    else:
        one = run(url if "encoded" in where else url.replace("//", f"//viewer:{PASSWORD}@"))
    one.has(5)
    assert PASSWORD not in repr(one.capture.camera)


def test_a_stream_that_does_not_exist_is_named(rtsp_server: StartRtspServer, h264_clip: Path) -> None:
    server = rtsp_server({"cam": h264_clip})
    with pytest.raises(Unreachable, match="no such stream"):
        probe(CameraInput(camera_id="gate", url=server.url("cam") + "-not"))


@pytest.mark.waits
def test_a_camera_that_falls_silent_stalls_and_is_asked_again(
    run: Run, rtsp_server: StartRtspServer, h264_clip: Path
) -> None:
    server = rtsp_server({"cam": h264_clip})
    one = run(server.url("cam"), stall_after_s=1.5, read_timeout_s=1, open_timeout_s=2)
    one.has(20)
    server.freeze("cam")
    status = one.until("stalled")
    assert "nothing came for" in status.reason
    one.until("backing_off")
    server.thaw("cam")
    one.until("live", 15)
    assert len(one.has(len(one.packets) + 20)) > 40
    assert len(one.epochs) >= 2


def test_a_short_silence_loses_nothing_and_begins_no_epoch(
    run: Run, rtsp_server: StartRtspServer, h264_clip: Path
) -> None:
    server = rtsp_server({"cam": h264_clip})
    one = run(server.url("cam"), read_timeout_s=0.5)
    one.has(20)
    server.freeze("cam")
    assert not threading.Event().wait(1.6)
    server.thaw("cam")
    packets = one.has(len(one.packets) + 20)
    assert len(one.epochs) == 1
    whole(one.epochs[0], packets)


def test_a_server_that_takes_the_connection_and_sends_nothing_is_silent(
    rtsp_server: StartRtspServer, h264_clip: Path
) -> None:
    server = rtsp_server({"cam": Mount(h264_clip, frozen=True)})
    with pytest.raises(SourceSilent):
        probe(
            CameraInput(
                camera_id="gate",
                url=server.url("cam"),
                open_timeout_s=1.5,
                read_timeout_s=0.5,
                stall_after_s=1.5,
            )
        )


@pytest.mark.waits
def test_a_machine_that_stops_dead_is_noticed_and_found_again(
    run: Run, rtsp_server: StartRtspServer, h264_clip: Path
) -> None:
    """Half open: the connection stands, and nobody is there (SIGSTOP)."""
    server = rtsp_server({"cam": h264_clip})
    one = run(server.url("cam"), stall_after_s=1.5, read_timeout_s=1, open_timeout_s=1)
    one.has(20)
    assert server.pid is not None
    halt(server.pid)
    try:
        one.until("backing_off")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    one.until("live", 15)
    assert len(one.epochs) == 2


def test_a_codec_and_size_that_change_with_a_restart_are_taken_over(
    run: Run, rtsp_server: StartRtspServer, make_clip: Make, free_port: Callable[[], int]
) -> None:
    small = make_clip("small.mp4", "-c:v", "libx264", "-g", "10")
    large = make_clip(
        "large.mp4", "-c:v", "libx265", "-g", "10", "-s", "640x360", "-x265-params", "log-level=none"
    )
    before, after = rtsp_server({"cam": small}), rtsp_server({"cam": large})
    with Cable(before.port) as cable:
        one = run(f"rtsp://127.0.0.1:{cable.port}/cam")
        one.has(10)
        cable.pull()
        cable.plug(after.port)
        one._wait_for(lambda: one.packets[-1].codec == "hevc", 15, "the other codec")
        assert (one.status.codec, one.status.size) == ("hevc", Size(640, 360))
        assert len(one.epochs) == 2
        assert {packet.codec for packet in one.packets if packet.epoch == one.epochs[0]} == {"h264"}


def test_a_slow_link_does_not_make_libav_forget_pictures(
    run: Run, rtsp_server: StartRtspServer, clips: Path
) -> None:
    """Packets come in pieces here: what interrupts libav while it has half of one loses it, silently."""
    server = rtsp_server({"person": clips / "one-by-one-person-detection.mp4"})
    sent = slices(run(clips / "one-by-one-person-detection.mp4").finished())
    with Cable(server.port, bytes_per_s=40_000) as cable:
        packets = run(f"rtsp://127.0.0.1:{cable.port}/person").has(40, 30)
        assert slices(packets) == sent[: len(packets)]


def test_stop_is_quick_and_leaves_nothing(run: Run, rtsp_server: StartRtspServer, h264_clip: Path) -> None:
    server = rtsp_server({"cam": h264_clip})
    one = run(server.url("cam"))
    one.has(5)
    began = time.monotonic()
    assert one.capture.stop()
    assert time.monotonic() - began < 1
    taken = len(one.packets)
    assert one.status.state == "idle"
    assert not any(
        f"capture {one.capture.camera.camera_id}" in thread.name for thread in threading.enumerate()
    )
    assert len(one.packets) == taken


def test_one_dead_camera_of_four_costs_the_others_nothing(
    run: Run, rtsp_server: StartRtspServer, h264_clip: Path, free_port: Callable[[], int]
) -> None:
    server = rtsp_server({"cam": h264_clip})
    dead = run(f"rtsp://127.0.0.1:{free_port()}/cam")
    others = [run(server.url("cam")) for _ in range(3)]
    for one in others:
        one.has(10)
    before, began = [len(one.packets) for one in others], time.monotonic()
    assert not threading.Event().wait(4)
    for one, count in zip(others, before, strict=True):
        fps = (len(one.packets) - count) / (time.monotonic() - began)
        assert fps > 0.97 * 25
    assert dead.status.state in {"backing_off", "connecting"}
    assert dead.status.counts.connections >= 2


def test_a_probe_tells_all_about_a_camera(no_leaks: None, person_and_car: RtspServer) -> None:
    report = probe(CameraInput(camera_id="gate", url=person_and_car.url("person")), watch_s=4)
    assert (report.codec, report.profile, report.size) == ("h264", "Main", Size(768, 432))
    assert (report.transport, report.gop_packets) == ("tcp", 10)
    assert report.fps == pytest.approx(10, rel=0.2)
    assert report.gop_s == pytest.approx(1, rel=0.2)
    assert report.bit_rate is not None
    assert 50_000 < report.bit_rate < 1_000_000
    assert report.clock in {"arrival", "rtcp"}
    assert report.still is not None
    assert report.still.shape == (432, 768, 3)
