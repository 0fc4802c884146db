"""The clip sink: files around what was seen, with the truth about them beside; and what goes wrong."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest
from tests.conftest import WaitFor
from tests.drawn import EPOCH, drawn_packets
from tools.services.units import read_units

from sightline import Detection, Frame, Packet, Result
from sightline.bus import Bus, open_bus, publish_end, publish_packet
from sightline.codec import Decoder, coded_slices
from sightline.errors import BusError, Closed, ConfigError, SinkError
from sightline.scene import read_mark
from sightline.sink import open_sink
from sightline.sink.clip import ClipSink
from sightline.testing import ManualClock

FRAME_NS = 40_000_000
BEGIN_NS = EPOCH * 1_000_000
IMAGE = np.zeros((2, 2, 3), np.uint8)


def shown(packet: Packet, *seen: Detection) -> tuple[Result, Frame]:
    frame = Frame(
        camera_id=packet.camera_id,
        epoch=packet.epoch,
        index=packet.index,
        pts=packet.pts,
        time_base=packet.time_base,
        captured_at_ns=packet.captured_at_ns,
        captured_at_source=packet.captured_at_source,
        decoded_at_ns=packet.captured_at_ns,
        image=IMAGE,
    )
    return Result.of(frame, seen, model="m", model_version="1", inferred_at_ns=0), frame


def person(score: float = 0.9, label: str = "person") -> Detection:
    return Detection(label=label, score=score, x1=0, y1=0, x2=1, y2=1, track_id=4)


def numbers_in(path: Path) -> list[int]:
    """The drawn numbers of a file's pictures, in the order of showing, by our own decoder."""
    units, packets = read_units(path), drawn_packets(1, 1)
    decoder = Decoder()
    frames = []
    for index, data in enumerate(units.data):
        one = msgspec.structs.replace(
            packets[0], index=index, data=data, keyframe=index == 0, codec=units.codec, pts=None, dts=None
        )
        frames += decoder.feed(one)
    marks = [read_mark(frame.image) for frame in frames + decoder.flush()]
    return [mark.frame for mark in marks if mark]


@pytest.fixture
def bus() -> Iterator[Bus]:
    with open_bus("memory://clips") as opened:
        yield opened


class Desk:
    """A clip sink, a camera that it reads, and what is seen there."""

    def __init__(self, bus: Bus, folder: Path, wait_for: WaitFor, **options: Any) -> None:
        self.folder = folder
        self.sink = ClipSink(folder, bus=bus, cameras=("cam1",), **options)
        self._bus, self._wait_for = bus, wait_for

    def publish(self, packets: list[Packet]) -> None:
        """Put packets on the bus, and wait until the sink has them."""
        before = self.sink.ring_stats()["cam1"].entered
        for packet in packets:
            publish_packet(self._bus, packet)
        self._wait_for(
            lambda: self.sink.ring_stats()["cam1"].entered == before + len(packets), 20, "packets to be taken"
        )

    def see(self, packets: list[Packet], *numbers: int, **what: Any) -> None:
        """A result of every picture in the order of showing; in those numbered there is a person."""
        for packet in sorted(packets, key=lambda one: one.captured_at_ns):
            number = (packet.captured_at_ns - BEGIN_NS) // FRAME_NS
            self.sink.write(*shown(packet, *([person(**what)] if number in numbers else [])))

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_bytes()) for path in sorted(self.folder.glob("cam1/*.json"))]


@pytest.fixture
def desk(no_leaks: None, bus: Bus, tmp_path: Path, wait_for: WaitFor) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(**options: Any) -> Desk:
        made.append(Desk(bus, tmp_path / "clips", wait_for, **{"pre_s": 1, "post_s": 1, **options}))
        return made[-1]

    yield make
    for one in made:
        one.sink.close()


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("offline", [(), ("cam1",)])
def test_a_clip_has_the_pictures_that_it_says(
    desk: Callable[..., Desk], offline: tuple[str, ...], container: str
) -> None:
    """A person in 83 and 90. Wanted are 58 to 115; keyframes are 50 and 60; 116 is what 115 needs."""
    packets, one = drawn_packets(1, 200), desk(offline=offline, container=container)
    one.publish(packets)
    one.see(packets, 83, 90)

    (report,) = one.reports
    name = "2023-11-14T22-13-23.320Z-person"
    assert sorted(path.name for path in (one.folder / "cam1").iterdir()) == [
        f"{name}.json",
        f"{name}.{container}",
    ]
    file = one.folder / "cam1" / report["files"][0]["file"]
    numbers = numbers_in(file)
    assert numbers == list(range(50, 117))
    expected = packets[50:117]
    assert [coded_slices(data, "h264") for data in read_units(file).data] == [
        coded_slices(packet.data, "h264") for packet in expected
    ]
    assert report == {
        "v": 1,
        "camera_id": "cam1",
        "ended": "whole",
        "wanted_start_ns": BEGIN_NS + 58 * FRAME_NS,
        "wanted_end_ns": BEGIN_NS + 115 * FRAME_NS,
        "start_ns": BEGIN_NS + 50 * FRAME_NS,
        "end_ns": BEGIN_NS + 116 * FRAME_NS,
        "trigger": {
            "label": "person",
            "score": 0.9,
            "track_id": 4,
            "epoch": EPOCH,
            "index": next(p.index for p in packets if p.captured_at_ns == BEGIN_NS + 83 * FRAME_NS),
            "captured_at_ns": BEGIN_NS + 83 * FRAME_NS,
        },
        "results": 2,
        "files": [
            {
                "file": file.name,
                "epoch": EPOCH,
                "first_index": 50,
                "last_index": expected[-1].index,
                "start_ns": BEGIN_NS + 50 * FRAME_NS,
                "end_ns": BEGIN_NS + 116 * FRAME_NS,
                "packets": 67,
                "bytes": file.stat().st_size,
            }
        ],
        "dropped": {},
    }
    assert (one.sink.written, one.sink.failed) == (1, 0)


def test_live_packets_are_written_as_they_come(desk: Callable[..., Desk], wait_for: WaitFor) -> None:
    packets, one = drawn_packets(1, 200), desk()
    one.publish(packets[:90])
    one.see(packets[:90], 83)
    (file,) = one.folder.glob("cam1/*.mp4")
    assert one.reports == []
    one.publish(packets[90:])
    one.see(packets[90:])
    assert [report["ended"] for report in one.reports] == ["whole"]
    assert numbers_in(file)[:59] == list(range(50, 109))


def test_only_what_is_asked_for_triggers(desk: Callable[..., Desk]) -> None:
    packets, one = drawn_packets(1, 60), desk(labels=("person", "dog"), min_score=0.5)
    one.publish(packets)
    one.see(packets, 10, 20, label="car")
    one.see(packets, 30, score=0.49)
    assert not list(one.folder.iterdir())
    one.sink.write(*shown(packets[40], person(0.6), person(0.7, "dog"), person(0.9, "car")))
    one.sink.close()
    (report,) = one.reports
    assert (report["trigger"]["label"], report["trigger"]["score"], report["ended"]) == ("dog", 0.7, "closed")


def test_the_end_of_a_file_ends_its_clip(desk: Callable[..., Desk], bus: Bus) -> None:
    packets, one = drawn_packets(1, 60), desk(offline=("cam1",))
    one.publish(packets)
    one.see(packets, 55)
    publish_end(bus, "cam1")
    one.sink.close()
    (report,) = one.reports
    assert (report["ended"], report["end_ns"]) == ("source_ended", BEGIN_NS + 59 * FRAME_NS)


def test_all_that_was_published_is_in_a_clip_that_close_ends(
    desk: Callable[..., Desk], bus: Bus, wait_for: WaitFor
) -> None:
    """Also what the reading thread has not taken off the bus: here it is held up until the sink closes."""
    packets, one = drawn_packets(1, 100, b_frames=0), desk(post_s=5, offline=("cam1",))
    one.publish(packets[:30])
    one.see(packets[:30], 25)
    closing = threading.Thread(target=one.sink.close)
    with one.sink._cameras["cam1"]._lock:
        for packet in packets[30:]:
            publish_packet(bus, packet)
            time.sleep(0.001)  # so that they are no one batch
        closing.start()
        wait_for(lambda: one.sink._closed, 5, "the sink to be closing")
        time.sleep(0.1)
    closing.join()
    assert [file["packets"] for report in one.reports for file in report["files"]] == [100]


def test_a_new_epoch_is_another_file_of_the_clip(desk: Callable[..., Desk]) -> None:
    packets, one = drawn_packets(1, 100, b_frames=0), desk()
    packets[60:] = [msgspec.structs.replace(p, epoch=EPOCH + 5, index=p.index - 60) for p in packets[60:]]
    one.publish(packets)
    one.see(packets, 55)
    (report,) = one.reports
    assert [(file["epoch"], file["first_index"], file["last_index"]) for file in report["files"]] == [
        (EPOCH, 30, 59),
        (EPOCH + 5, 0, 20),
    ]
    assert [file["file"].removeprefix("2023-11-14T22-13-22.200Z-") for file in report["files"]] == [
        "person.mp4",
        "person.2.mp4",
    ]


def test_a_silent_camera_leaves_no_clip_open(desk: Callable[..., Desk], wait_for: WaitFor) -> None:
    clock = ManualClock()
    packets, one = drawn_packets(1, 60), desk(clock=clock)
    one.publish(packets)
    one.see(packets, 55)
    clock.move(31)
    wait_for(lambda: one.reports, 5, "the clip to be over")
    assert one.reports[0]["ended"] == "silent"


def test_a_clip_that_cannot_be_written_is_told_and_the_next_one_is(desk: Callable[..., Desk]) -> None:
    packets, one = drawn_packets(1, 300), desk()
    (one.folder / "cam1").write_text("in the way")
    one.publish(packets)
    with pytest.raises(SinkError, match="cannot write a clip of camera cam1: File exists"):
        one.see(packets[:100], 60)
    one.see(packets[100:150])
    (one.folder / "cam1").unlink()
    one.see(packets[150:], 200)
    assert [report["ended"] for report in one.reports] == ["whole"]
    assert (one.sink.written, one.sink.failed) == (1, 1)


def test_a_disk_that_fills_up_is_told_on_the_next_result(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written by the reading thread fails where nobody can be told: so whoever comes next is."""
    packets, one = drawn_packets(1, 200), desk(pre_s=0, post_s=4)
    one.publish(packets[:60])
    one.see(packets[:60], 55)
    with monkeypatch.context() as broken:
        broken.setattr(
            "sightline.codec.clip.os.write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
        )
        one.publish(packets[60:120])
    with pytest.raises(SinkError, match=r"person\.mp4: No space left"):
        one.see(packets[60:61])
    one.publish(packets[120:])
    one.see(packets[61:])
    (report,) = one.reports
    assert report["ended"] == "failed"
    assert (one.sink.written, one.sink.failed) == (0, 1)


def test_a_codec_that_no_file_holds_costs_a_clip_and_no_more(desk: Callable[..., Desk]) -> None:
    packets, one = [msgspec.structs.replace(p, codec="vp8") for p in drawn_packets(1, 60)], desk()
    one.publish(packets)
    with pytest.raises(SinkError, match="in a codec of h264, hevc, mjpeg, got vp8"):
        one.see(packets, 30)
    assert not list((one.folder / "cam1").iterdir())


def test_a_broker_that_breaks_off_is_told(
    desk: Callable[..., Desk], wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = desk()

    def poll(*_arguments: object) -> None:
        raise BusError("gone")

    monkeypatch.setattr("sightline.bus.inbox.Inbox.poll", poll)
    wait_for(lambda: one.sink._taps[0].broken, 5, "the bus to break")
    with pytest.raises(SinkError, match="packets can no longer be read from the bus: gone"):
        one.sink.write(*shown(drawn_packets(1, 1)[0]))


def test_nothing_is_overwritten_and_names_stay_within_the_folder(
    no_leaks: None, bus: Bus, tmp_path: Path, wait_for: WaitFor
) -> None:
    packets = drawn_packets(1, 60)
    for lap in range(3):
        one = Desk(bus, tmp_path / "clips", wait_for)
        one.publish(packets)
        one.see(packets, 30, label="../../etc/a.b c")
        one.sink.close()
        if lap == 0:  # a clip whose writer was killed
            (report,) = (tmp_path / "clips" / "cam1").glob("*.json")
            report.unlink()
    names = sorted(path.name for path in (tmp_path / "clips" / "cam1").iterdir())
    stem = "2023-11-14T22-13-21.200Z-______etc_a_b_c"
    assert names == [f"{stem}{end}" for end in ("-2.json", "-2.mp4", "-3.json", "-3.mp4", ".mp4")]


def test_results_of_other_cameras_and_none_leave_nothing(desk: Callable[..., Desk]) -> None:
    one = desk()
    one.sink.write(*shown(drawn_packets(2, 1)[0], person()))
    one.sink.close()
    one.sink.close()
    with pytest.raises(Closed):
        one.sink.write(*shown(drawn_packets(1, 1)[0]))
    assert not list(one.folder.iterdir())


def test_a_thousand_events_leave_memory_as_it_is(desk: Callable[..., Desk]) -> None:
    packets, one = drawn_packets(1, 50, b_frames=0), desk(pre_s=0.1, post_s=0.1)
    process, rss = psutil.Process(), []
    for lap in range(1000):
        shift = lap * 50
        now = [
            msgspec.structs.replace(
                packet,
                index=packet.index + shift,
                pts=(packet.pts or 0) + shift * 3600,
                dts=(packet.dts or 0) + shift * 3600,
                captured_at_ns=packet.captured_at_ns + shift * FRAME_NS,
            )
            for packet in packets
        ]
        for packet in now:
            one.sink._cameras["cam1"].take(packet)
        one.sink.write(*shown(now[20], person()))
        one.sink.write(*shown(now[40]))
        if one.sink.written % 50 == 0:
            rss.append(process.memory_info().rss)
            shutil.rmtree(one.folder / "cam1")
    assert one.sink.written == 1000
    assert rss[-1] - rss[4] < 2_000_000, rss
    stats = one.sink.ring_stats()["cam1"]
    assert stats.balanced
    assert stats.held < 100


def test_it_opens_only_where_it_can_write(no_leaks: None, bus: Bus, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot write clips to"):
        open_sink("clip", path=tmp_path / "file" / "clips", bus=bus, cameras=("cam1",))
    with pytest.raises(ConfigError, match=r"max_s of at least pre_s \+ post_s, 10, got 9"):
        open_sink("clip", path=tmp_path, max_s=9, bus=bus, cameras=("cam1",))
