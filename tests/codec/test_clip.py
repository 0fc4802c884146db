"""Clips: the same access units with their own times, in files that play whatever happens."""

import io
import resource
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.drawn import drawn_packets
from tools.services.units import read_units

from sightline import Packet, Size
from sightline.codec import ClipPart, ClipWriter, coded_slices
from sightline.codec.container import Container
from sightline.codec.stamps import Stamps
from sightline.errors import Closed, CodecError, ConfigError
from sightline.frame import Image
from sightline.scene import read_mark

Replaced = Callable[..., Packet]

CODECS = {"h264": 2, "hevc": 2, "mjpeg": 0}
WRITER = """
import sys
from itertools import count
from pathlib import Path
import msgspec
from tests.drawn import drawn_packets
from sightline.codec import ClipWriter
packets = drawn_packets(1, 50)
writer = ClipWriter(Path(sys.argv[1]))
for lap in count():
    for at, one in enumerate(packets):
        writer.write(msgspec.structs.replace(
            one, index=lap * 50 + at, pts=one.pts + lap * 180_000, dts=one.dts + lap * 180_000))
"""


def written(path: Path, packets: list[Packet]) -> tuple[ClipPart, ...]:
    with ClipWriter(path) as clip:
        for packet in packets:
            clip.write(packet)
        assert clip.stats().balanced
    assert clip.stats().balanced
    assert clip.stats().held == 0
    return clip.parts


def slices(path: Path, codec: str) -> list[bytes]:
    return [coded_slices(data, codec) for data in read_units(path).data]


def bgr(frame: av.VideoFrame) -> Image:
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def played(path: Path | io.BytesIO) -> tuple[list[int], list[float]]:
    """Numbers of the drawn pictures as they are shown, and their times in seconds."""
    with av.open(path, "r") as container:
        frames = list(container.decode(video=0))
    marks = [read_mark(bgr(frame)) for frame in frames]
    return [mark.frame for mark in marks if mark], [frame.time for frame in frames]


def first_numbers(packets: list[Packet], count: int) -> list[int]:
    """Those in the first packets, in the order of showing."""
    return sorted((packet.pts or 0) // 3600 for packet in packets[:count])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", CODECS)
def test_access_units_and_times_are_those_that_came(tmp_path: Path, codec: str, suffix: str) -> None:
    packets = drawn_packets(1, 60, codec=codec, b_frames=CODECS[codec])  # type: ignore[arg-type]
    (part,) = written(tmp_path / f"a{suffix}", packets)

    assert slices(part.path, codec) == [coded_slices(packet.data, codec) for packet in packets]
    numbers, times = played(part.path)
    assert numbers == list(range(60))
    assert all(b - a == pytest.approx(0.04, abs=0.0006) for a, b in pairwise(times))
    assert times[0] == pytest.approx(0.04 * CODECS[codec], abs=0.0006)
    assert (part.first, part.last) == (packets[0].identity, packets[-1].identity)
    assert (part.start_ns, part.end_ns) == (
        packets[0].captured_at_ns,
        packets[0].captured_at_ns + 59 * 40_000_000,
    )
    assert (part.packets, part.bytes, part.guessed) == (60, part.path.stat().st_size, 0)
    with av.open(part.path) as container:
        assert container.metadata["creation_time"].startswith("2023-11-14T22:13:20.000000Z")
        assert container.streams.video[0].codec_context.format is not None
        assert (container.streams.video[0].width, container.streams.video[0].height) == (320, 180)


def test_a_finished_mp4_has_an_index_and_a_growing_one_has_fragments(tmp_path: Path) -> None:
    packets, path = drawn_packets(1, 60), tmp_path / "a.mp4"
    with ClipWriter(path) as clip:
        for packet in packets:
            clip.write(packet)
        assert b"moof" in top_level_boxes(path.read_bytes())
    assert top_level_boxes(path.read_bytes()) == [b"ftyp", b"free", b"mdat", b"moov"]


def top_level_boxes(data: bytes) -> list[bytes]:
    kinds, at = [], 0
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        size = int.from_bytes(data[at : at + 4], "big")
        at += int.from_bytes(data[at + 8 : at + 16], "big") if size == 1 else size
    return kinds


@pytest.mark.parametrize("name", ["car-detection", "one-by-one-person-detection"])
def test_a_real_camera_comes_back_bit_by_bit(
    tmp_path: Path, clip: Callable[[str], list[Packet]], name: str
) -> None:
    packets = clip(name)[:300]
    (part,) = written(tmp_path / "a.mp4", packets)
    assert slices(part.path, "h264") == [coded_slices(packet.data, "h264") for packet in packets]
    _, times = played(part.path)
    shown = sorted(packet.pts * packet.time_base for packet in packets if packet.pts is not None)
    assert times == pytest.approx([float(one - shown[0]) + times[0] for one in shown], abs=0.0001)


def test_what_ffprobe_finds_is_whole(
    tmp_path: Path, found_at: Callable[[str], str], clip: Callable[[str], list[Packet]]
) -> None:
    (part,) = written(tmp_path / "a.mp4", clip("one-by-one-person-detection")[:100])
    decode = [found_at("ffmpeg"), "-v", "error", "-xerror", "-i", str(part.path), "-f", "null", "-"]
    done = subprocess.run(decode, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_camera_that_leaves_out_stamps_is_written_whole(tmp_path: Path, replaced: Replaced) -> None:
    """As RTSP gives it: the first keyframe without stamps, no dts of the next two."""
    packets = drawn_packets(1, 30)
    lacking = [replaced(packets[0], pts=None, dts=None)]
    lacking += [replaced(one, dts=None) for one in packets[1:3]] + packets[3:]
    (part,) = written(tmp_path / "a.mp4", lacking)
    assert part.guessed == 1
    numbers, times = played(part.path)
    assert numbers == list(range(30))
    assert all(b - a == pytest.approx(0.04, abs=0.0001) for a, b in pairwise(times))


def test_what_cannot_go_on_begins_another_file(tmp_path: Path, replaced: Replaced) -> None:
    packets = drawn_packets(1, 100, b_frames=0)
    larger = drawn_packets(1, 40, size=Size(640, 360))
    hevc = drawn_packets(1, 5, codec="hevc", b_frames=0)  # type: ignore[arg-type]
    came = [
        *packets[3:25],  # three were lost, and the rest of that GOP is useless
        *packets[26:55],  # a hole: the next keyframe is 30
        *(replaced(one, epoch=one.epoch + 1, index=at) for at, one in enumerate(packets[60:80])),
        *(replaced(one, epoch=one.epoch + 1, index=20 + at) for at, one in enumerate(larger[:20])),
        *(replaced(one, epoch=one.epoch + 2, index=at) for at, one in enumerate(hevc)),
    ]
    parts = written(tmp_path / "gate.mp4", came)

    assert [part.path.name for part in parts] == ["gate.mp4", *(f"gate.{n}.mp4" for n in (2, 3, 4, 5))]
    assert [played(part.path)[0] for part in parts] == [
        list(range(10, 25)),
        list(range(30, 55)),
        list(range(60, 80)),
        list(range(20)),
        list(range(5)),
    ]
    assert [read_units(part.path).width for part in parts] == [320, 320, 320, 640, 320]
    assert [part.first.index for part in parts] == [10, 30, 0, 20, 0]


def test_drops_are_counted(tmp_path: Path, replaced: Replaced) -> None:
    packets = drawn_packets(1, 40)
    with ClipWriter(tmp_path / "a.mkv") as clip:
        for packet in [
            *packets[5:15],
            packets[14],
            *packets[16:20],
            replaced(packets[20], data=b"?"),
            packets[21],
        ]:
            clip.write(packet)
            assert clip.stats().balanced
    assert clip.stats().dropped == {
        "before_keyframe": 5, "repeated": 1, "gap": 4, "corrupt": 1, "after_corrupt": 1
    }  # fmt: skip
    assert clip.stats().written == 5


def test_a_codec_that_no_file_can_hold_is_told(tmp_path: Path, replaced: Replaced) -> None:
    clip = ClipWriter(tmp_path / "a.mp4")
    packet = drawn_packets(1, 1)[0]
    with pytest.raises(CodecError, match="in a codec of h264, hevc, mjpeg, got vp8"):
        clip.write(replaced(packet, codec="vp8"))
    clip.write(packet)
    with pytest.raises(CodecError, match="expected packets of camera 'cam1'"):
        clip.write(drawn_packets(2, 1)[0])
    clip.close()
    assert clip.stats().entered == 1
    with pytest.raises(ConfigError, match=r"a\.avi: expected a file name that ends in \.mp4 or \.mkv"):
        ClipWriter(tmp_path / "a.avi")


class Log:
    """Remembers every write and where it went."""

    def __init__(self) -> None:
        self.at = 0
        self.writes: list[tuple[int, bytes]] = []

    def write(self, data: bytes) -> int:
        self.writes.append((self.at, bytes(data)))
        self.at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int) -> int:
        assert whence == 0
        self.at = offset
        return offset

    def tell(self) -> int:
        return self.at


@pytest.mark.parametrize("form", ["mp4", "mkv"])
def test_it_plays_after_each_single_write_and_within_it(form: Any) -> None:
    """Whenever the process is killed: what the kernel has is some first writes, and a part of the next."""
    packets, log, due = drawn_packets(1, 80, gop=15), Log(), [0]
    container, stamps = Container(log, form, packets[0], Size(320, 180)), Stamps()
    for packet in packets:
        for one in stamps.add(packet):
            container.mux(one)
        due += [packet.index - 30] * (len(log.writes) - len(due) + 1)
    container.close()
    due += [80 - 30] * (len(log.writes) - len(due) + 1)

    file = bytearray()
    for number, (at, data) in enumerate(log.writes):
        for part in (len(data) // 2, len(data)):
            file[at : at + part] = data[:part]
            if due[number] > 0:
                numbers = _playable(bytes(file))
                assert numbers == first_numbers(packets, len(numbers))
                assert len(numbers) >= due[number], (number, part)
    assert _playable(bytes(file)) == list(range(80))


def _playable(file: bytes) -> list[int]:
    """Numbers of the pictures that a player shows; an access unit that was cut short is not one."""
    marks = []
    with av.open(io.BytesIO(file), "r") as container:
        for packet in container.demux(video=0):
            with suppress(av.error.InvalidDataError):
                marks += [read_mark(bgr(frame)) for frame in packet.decode()]
    return [mark.frame for mark in marks if mark]


@pytest.mark.alone
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_killed_process_leaves_a_file_that_plays(
    tmp_path: Path, wait_for: Callable[[Callable[[], object], float, str], object], suffix: str
) -> None:
    path = tmp_path / f"killed{suffix}"
    process = subprocess.Popen([sys.executable, "-c", WRITER, path])
    try:
        wait_for(lambda: path.exists() and path.stat().st_size > 2_000_000, 60, "a clip to grow")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    frames = len(_playable(path.read_bytes()))
    assert frames > 0.9 * path.stat().st_size / (sum(len(one.data) for one in drawn_packets(1, 50)) / 50)


def test_a_full_disk_is_told_and_what_was_written_plays(no_leaks: None, tmp_path: Path) -> None:
    """The limit on a file's size stands for the disk: the kernel takes a part of a fragment, then none."""
    path, packets = tmp_path / "a.mp4", drawn_packets(1, 100)
    clip = ClipWriter(path)
    old, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
        with pytest.raises(OSError, match="File too large"):
            deque(map(clip.write, packets), 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert clip.stats().balanced
    with pytest.raises(Closed):
        clip.write(packets[0])
    clip.close()
    numbers = _playable(path.read_bytes())
    assert numbers == first_numbers(packets, len(numbers))
    assert len(numbers) >= 30


def test_an_existing_file_is_never_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("mine")
    clip = ClipWriter(path)
    with pytest.raises(FileExistsError):
        clip.write(drawn_packets(1, 1)[0])
    assert clip.stats().dropped == {"closed": 1}
    assert path.read_text() == "mine"


def test_no_packet_no_file(tmp_path: Path) -> None:
    ClipWriter(tmp_path / "a.mp4").close()
    assert list(tmp_path.iterdir()) == []
