"""Recordings: read whole, in order, as fast as they are taken, and faults in words."""

import os
import random
import shutil
import struct
import subprocess
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from tests.capture.conftest import Make, Run
from tests.conftest import WaitFor

from sightline.capture import CameraInput, probe
from sightline.capture.libav import LibavSource
from sightline.codec import Decoder, has_parameter_sets
from sightline.errors import Unreachable
from sightline.frame import Size
from sightline.packet import Packet


def rows(path: Path) -> list[tuple[str, str, bool]]:
    """pts, dts and keyframe of a clip's packets as ffprobe sees them."""
    wanted = ["-select_streams", "v", "-show_entries", "packet=pts,dts,flags", "-of", "csv=p=0"]
    made = subprocess.run(
        ["ffprobe", "-v", "error", *wanted, str(path)], check=True, capture_output=True, text=True
    )
    return [(pts, dts, "K" in flags) for pts, dts, flags in (line.split(",") for line in made.stdout.split())]


def annex_b(path: Path) -> bytes:
    """A clip's H.264 as ffmpeg writes it."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-an", "-c:v", "copy"]
    return subprocess.run([*command, "-f", "h264", "-"], check=True, capture_output=True).stdout


def pictures(packets: list[Packet]) -> int:
    """How many whole pictures libav finds in them."""
    decoder = av.CodecContext.create(packets[0].codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    frames = []
    for packet in packets:
        padded = av.Packet(len(packet.data))  # libav reads a little past the end
        padded.update(packet.data)
        frames += decoder.decode(cast("av.Packet[VideoStream]", padded))
    return sum(not frame.is_corrupt for frame in [*frames, *decoder.decode(None)])


@pytest.mark.parametrize("name", ["car-detection.mp4", "one-by-one-person-detection.mp4"])
def test_a_real_clip_is_read_whole_and_byte_for_byte(run: Run, clips: Path, name: str) -> None:
    one = run(clips / name)
    packets = one.finished()
    assert one.status.state == "done"
    assert [packet.index for packet in packets] == list(range(len(packets)))
    assert len(one.epochs) == 1
    assert [(str(packet.pts), str(packet.dts), packet.keyframe) for packet in packets] == rows(clips / name)
    assert b"".join(packet.data for packet in packets) == annex_b(clips / name)
    assert pictures(packets) == len(packets)


@pytest.mark.parametrize(
    ("name", "options", "codec"),
    [
        ("h264.mp4", ("-c:v", "libx264", "-g", "10", "-bf", "2"), "h264"),
        ("h264.mkv", ("-c:v", "libx264", "-g", "10"), "h264"),
        ("h264.ts", ("-c:v", "libx264", "-g", "10"), "h264"),
        ("hevc.mp4", ("-c:v", "libx265", "-g", "10", "-x265-params", "log-level=none"), "hevc"),
        ("mjpeg.avi", ("-c:v", "mjpeg"), "mjpeg"),
        ("mpeg4.mp4", ("-c:v", "mpeg4", "-g", "10"), "mpeg4"),
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime"), "vp9"),
    ],
)
def test_any_keyframe_is_a_place_to_begin(
    run: Run, make_clip: Make, name: str, options: tuple[str, ...], codec: str
) -> None:
    packets = run(make_clip(name, *options)).finished()
    assert {packet.codec for packet in packets} == {codec}
    assert len(packets) == 50
    last = max(packet.index for packet in packets if packet.keyframe)
    assert pictures(packets[last:]) == 50 - last
    if codec in {"h264", "hevc"}:
        assert all(has_parameter_sets(packet.data, codec) for packet in packets if packet.keyframe)
        assert all(packet.data.startswith(b"\0\0") for packet in packets)


def test_parameter_sets_are_not_doubled(run: Run, make_clip: Make) -> None:
    """A transport stream has them in band."""
    path = make_clip("in-band.ts", "-c:v", "libx264", "-g", "10")
    assert [packet.data for packet in run(path).finished()][10].count(b"\0\0\1\x67") == 1


def test_nothing_is_decoded(h264_clip: Path) -> None:
    source = LibavSource(CameraInput(camera_id="c", url=str(h264_clip)))
    assert sum(1 for _ in source.units()) == 50
    assert not source.is_decoding
    source.close()


def test_a_recording_has_its_own_time(run: Run, clips: Path) -> None:
    packets = run(clips / "one-by-one-person-detection.mp4").finished()
    created = datetime(2017, 9, 26, 16, 57, 49, tzinfo=UTC).timestamp()
    assert {packet.captured_at_source for packet in packets} == {"media"}
    assert all(packet.captured_at_ns == created * 10**9 + (packet.media_ns or 0) for packet in packets)


def test_a_recording_that_does_not_say_when_is_dated_by_its_opening(run: Run, h264_clip: Path) -> None:
    before_ns = time.time_ns()
    first = run(h264_clip).finished()[0]
    assert before_ns <= first.captured_at_ns <= time.time_ns()


def test_a_reader_that_takes_its_time_loses_nothing_of_a_recording(run: Run, h264_clip: Path) -> None:
    gate = threading.Semaphore(0)

    def take_one(_: Packet) -> None:
        gate.acquire()

    one = run(h264_clip, deliver=take_one)
    one.has(1)
    assert len(one.packets) == 1
    gate.release(1000)
    assert len(one.finished()) == 50
    counts = one.status.counts
    assert (counts.received, counts.delivered, counts.failed, counts.slow) == (50, 50, 0, 0)


def test_a_recording_in_a_loop_begins_again_in_a_new_epoch(run: Run, h264_clip: Path) -> None:
    one = run(h264_clip, loop=True, deliver=lambda _: time.sleep(0.001))
    packets = one.has(170)
    epochs = one.epochs
    assert len(epochs) >= 4
    turn = [packet for packet in packets if packet.epoch == epochs[1]]
    assert [packet.index for packet in turn] == list(range(50))
    assert one.status.state == "live"
    assert one.status.counts.connections == 1


def test_realtime_plays_a_recording_like_a_camera(run: Run, h264_clip: Path) -> None:
    came: list[float] = []
    one = run(h264_clip, realtime=True, deliver=lambda _: came.append(time.monotonic()))
    packets = one.finished()
    assert 1.9 < came[-1] - came[0] < 3
    assert {packet.captured_at_source for packet in packets} == {"arrival"}
    off = [abs((t - came[0]) - n * 0.04) for n, t in enumerate(came)]
    assert sorted(off)[25] < 0.04


def test_stop_does_not_wait_for_a_paced_recording(run: Run, make_clip: Make) -> None:
    path = make_clip("slow.mp4", "-vf", "setpts=30*PTS", "-r", "1", "-c:v", "libx264", "-preset", "ultrafast")
    one = run(path, realtime=True)
    one.has(2)
    began = time.monotonic()
    assert one.capture.stop()
    assert time.monotonic() - began < 0.5


def test_a_picture_size_that_changes_is_seen(run: Run, make_clip: Make, tmp_path: Path) -> None:
    small = make_clip("small.ts", "-c:v", "libx264", "-g", "10")
    large = make_clip("large.ts", "-c:v", "libx264", "-g", "10", "-s", "640x360")
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    sizes: list[Size | None] = []
    one = run(both, deliver=lambda packet: sizes.append(one.status.size) if packet.keyframe else None)
    packets = one.finished()
    assert one.status.size == Size(640, 360)
    assert len(one.epochs) == 2  # time begins anew, too
    decoder = Decoder()
    seen = {frame.size for packet in packets for frame in decoder.feed(packet)}
    assert seen == {Size(320, 240), Size(640, 360)}


def reason(run: Run, path: Path) -> str:
    one = run(path)
    one.finished(5)
    assert one.status.state == "disabled"
    assert one.status.next_retry_at_ns is None
    return one.status.reason


@pytest.mark.parametrize("content", [b"", b"hello world\n" * 500, random.Random(7).randbytes(100_000)])
@pytest.mark.parametrize("name", ["a.mp4", "a.txt", "a.ts"])
def test_a_file_that_is_no_video_says_so(run: Run, tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert "expected video" in reason(run, path)


def test_sound_alone_is_no_video(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=1", str(path)], check=True)
    assert "sound alone" in reason(run, path)


def test_a_missing_file_and_a_folder_say_so(run: Run, tmp_path: Path) -> None:
    assert "no such file" in reason(run, tmp_path / "none.mp4")
    assert "folder" in reason(run, tmp_path)


def test_a_device_that_is_not_there_says_so() -> None:
    with pytest.raises(Unreachable, match="no such file: /dev/video99"):
        probe(CameraInput(camera_id="desk", url="/dev/video99"))


def test_a_device_needs_a_libav_that_has_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("av.formats_available", {"mov,mp4", "rtsp"})
    assert "PyAV has no V4L2" in reason(run, Path("/dev/video0"))


def test_an_unknown_codec_says_so(run: Run, h264_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "strange.mp4"
    path.write_bytes(h264_clip.read_bytes().replace(b"avc1", b"zq7x"))
    assert "codec" in reason(run, path)


def test_a_missing_file_in_a_loop_may_come_later(run: Run, tmp_path: Path, h264_clip: Path) -> None:
    path = tmp_path / "later.mp4"
    one = run(path, loop=True, deliver=lambda _: time.sleep(0.001))
    status = one.until("backing_off")
    assert "no such file" in status.reason
    assert status.next_retry_at_ns is not None
    assert 0 < status.next_retry_at_ns - time.time_ns() < 6 * 10**9
    shutil.copy(h264_clip, path)
    one.has(60)


def test_what_is_left_of_a_truncated_file_is_delivered(run: Run, clips: Path, tmp_path: Path) -> None:
    whole = (clips / "car-detection.mp4").read_bytes()
    path = tmp_path / "half.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    one = run(path)
    packets = one.finished()
    assert one.status.state == "done"
    assert 100 < len(packets) < 377


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["mp4", "ts"])
def test_flipped_bits_never_hang_and_are_counted(
    run: Run, make_clip: Make, tmp_path: Path, kind: str, seed: int
) -> None:
    data = bytearray(make_clip(f"bits.{kind}", "-c:v", "libx264", "-g", "10").read_bytes())
    for place in range(1000 + 37 * seed, len(data), 997):
        data[place] ^= 1 << seed
    path = tmp_path / f"bits.{kind}"
    path.write_bytes(data)
    one = run(path)
    packets = one.finished()
    status = one.status
    assert status.state == "done" or (status.state == "disabled" and status.reason)
    assert status.counts.received == status.counts.delivered == len(packets)


def test_a_header_that_lies_about_a_length_is_no_harm(run: Run, h264_clip: Path, tmp_path: Path) -> None:
    data = bytearray(h264_clip.read_bytes())
    at = data.index(b"mdat") + 4
    struct.pack_into(">I", data, at, 0x7FFFFFFF)  # length prefix of the first NAL unit
    path = tmp_path / "lie.mp4"
    path.write_bytes(data)
    one = run(path)
    one.finished()
    assert one.status.counts.unreadable >= 1


@pytest.mark.waits
def test_a_read_that_hangs_is_left_behind(run: Run, tmp_path: Path, wait_for: WaitFor) -> None:
    """A named pipe without a writer: an open that no timeout of libav interrupts."""
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    one = run(path, loop=True, open_timeout_s=0.2)
    status = one.until("backing_off", 5)
    assert "not come back" in status.reason
    assert status.counts.hanging == 1
    wait_for(lambda: one.status.counts.hanging == 2, 15, "a second attempt")
    assert not one.capture.stop()
    os.close(os.open(path, os.O_WRONLY))  # both opens come back, to find an empty file
    wait_for(lambda: one.status.counts.hanging == 0, 5, "those that hung to end")
    assert one.packets == []
