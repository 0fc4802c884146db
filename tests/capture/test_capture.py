"""The shell: threads, the shared timer, what is told and what is logged."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction

import msgspec
import pytest
from tests.capture.conftest import Run
from tests.conftest import WaitFor

from sightline.capture import CameraInput, Capture, reader
from sightline.capture.source import Info, Unit
from sightline.capture.status import Record
from sightline.capture.watcher import WATCHER, Watcher
from sightline.errors import Closed, SourceLost
from sightline.frame import Size
from sightline.packet import Packet
from sightline.testing import ManualClock

STREET = "synthetic://street?size=160x90&fps=50"


def watchers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "watcher" in thread.name]


def test_one_timer_serves_all_captures_and_ends_with_the_last(run: Run) -> None:
    two = [run(STREET), run(STREET)]
    for one in two:
        one.has(3)
    assert len(watchers()) == 1
    two[0].capture.stop()
    assert len(watchers()) == 1
    two[1].capture.stop()
    assert not watchers()


def test_a_camera_has_one_thread(run: Run) -> None:
    one = run(STREET, camera_id="gate")
    one.has(3)
    assert [t.name for t in threading.enumerate() if t.name.startswith("capture gate")] == ["capture gate 1"]


def test_a_camera_that_backs_off_has_none(run: Run, free_port: Callable[[], int], wait_for: WaitFor) -> None:
    one = run(f"rtsp://127.0.0.1:{free_port()}/s", camera_id="gate", username="v", password="x-y-z")
    one.until("backing_off")
    wait_for(
        lambda: not any("capture gate" in t.name for t in threading.enumerate()),
        2,
        "the reader's thread to end",
    )


def test_a_street_without_end_is_paced_like_a_camera(run: Run) -> None:
    came: list[float] = []
    one = run(STREET, deliver=lambda _: came.append(time.monotonic()))
    packets = one.has(50)
    assert 0.9 < came[49] - came[0] < 2
    assert {packet.captured_at_source for packet in packets} == {"arrival"}
    assert one.status.size == Size(160, 90)
    assert one.status.fps == pytest.approx(50)


def test_what_deliver_raises_is_counted_and_said_once_a_second(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(packet: Packet) -> None:
        raise ValueError(f"no room for {packet.index}")

    one = run(STREET, deliver=refuse)
    one.has(110)
    counts = one.status.counts
    assert counts.failed >= 100
    assert counts.delivered == 0
    one.capture.stop()
    said = [line for line in caplog.text.splitlines() if "packets not taken" in line]
    assert 1 <= len(said) <= 4
    assert "no room for" in said[0]


def test_a_reader_that_holds_up_a_camera_is_counted_and_looks_like_no_bad_camera(run: Run) -> None:
    def dawdle(_: Packet) -> None:
        time.sleep(0.25)

    one = run(STREET, deliver=dawdle, stall_after_s=0.2)
    one.has(5)
    assert one.status.state == "live"
    assert one.status.counts.slow >= 3
    assert one.status.counts.connections == 1


def test_a_status_is_a_value_that_travels(run: Run) -> None:
    one = run(STREET)
    one.has(60)
    told = msgspec.json.decode(msgspec.json.encode(one.status))
    assert told["state"] == "live"
    assert told["codec"] == "h264"
    assert told["counts"]["connections"] == 1
    assert told["gop"]["packets"] == 25


def test_a_capture_starts_once(run: Run) -> None:
    one = run(STREET)
    with pytest.raises(Closed):
        one.capture.start()


def test_a_stop_in_the_middle_of_a_start_leaves_no_timer(
    no_leaks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(watched: Capture) -> None:
        watched.stop()
        Watcher.add(WATCHER, watched)

    monkeypatch.setattr(WATCHER, "add", add)
    capture = Capture(CameraInput(camera_id="gate", url=STREET), lambda _: None)
    with suppress(Closed):
        capture.start()
    assert not watchers()


def test_one_that_was_stopped_before_leaves_no_timer(no_leaks: None) -> None:
    capture = Capture(CameraInput(camera_id="gate", url=STREET), lambda _: None)
    capture.stop()
    with pytest.raises(Closed):
        capture.start()
    assert not watchers()


def test_what_fails_because_it_is_stopped_is_counted_and_is_no_warning(
    no_leaks: None, caplog: pytest.LogCaptureFixture
) -> None:
    capture: Capture

    def take(packet: Packet) -> None:
        capture.stop(timeout_s=0)
        raise Closed("the bus is closed")

    capture = Capture(CameraInput(camera_id="gate", url=STREET), take)
    capture.start()
    assert capture.wait_done(10)
    assert capture.stop(5)
    capture.tick()  # one that was under way at the stop
    assert capture.status().counts.failed == 1
    assert "packets not taken" not in caplog.text


def test_no_snapshot_has_more_handed_over_than_received() -> None:
    record = Record()
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            record.count(received=1)
            record.count(delivered=1)

    writer = threading.Thread(target=write)
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    writer.start()
    try:
        for _ in range(3000):
            counts = record.counts(1, 0)
            assert counts.received - counts.delivered in {0, 1}
    finally:
        over.set()
        writer.join()
        sys.setswitchinterval(interval_s)


class Broken:
    """A source that refused some packets and then broke off, before a keyframe came to count at."""

    info = Info("h264", recorded=True)

    def __init__(self, camera: CameraInput) -> None:
        self.unreadable = 3

    def units(self) -> Iterator[Unit]:
        yield Unit(b"\0\0\1\x41", "h264", False, 0, 0, Fraction(1, 25))
        raise SourceLost("cut off")

    def take_unreadable(self) -> int:
        taken, self.unreadable = self.unreadable, 0
        return taken

    def close(self) -> None: ...


def test_what_was_unreadable_is_counted_where_the_source_breaks(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "open_source", Broken)
    one = run("clip.mp4")
    one.finished()
    assert (one.status.state, one.status.counts.unreadable) == ("disabled", 3)


def test_it_may_be_stopped_by_its_own_reader(no_leaks: None, wait_for: WaitFor) -> None:
    taken: list[Packet] = []

    def take(packet: Packet) -> None:
        taken.append(packet)
        if len(taken) == 5:
            capture.stop()

    capture = Capture(CameraInput(camera_id="gate", url=STREET), take)
    capture.start()
    assert capture.wait_done(10)
    wait_for(lambda: not watchers(), 2, "the timer to end")
    assert len(taken) == 5


def test_packets_are_stamped_by_the_clock_that_was_given(no_leaks: None) -> None:
    taken: list[Packet] = []
    clock = ManualClock(utc_s=1_800_000_000)
    capture = Capture(
        CameraInput(camera_id="gate", url="synthetic://street?frames=5"), taken.append, clock=clock
    )
    capture.start()
    assert capture.wait_done(10)
    capture.stop()
    assert taken[0].captured_at_ns == 1_800_000_000 * 10**9
    assert taken[0].epoch == 1_800_000_000_000


def test_a_wrong_street_is_refused_in_words(run: Run) -> None:
    one = run("synthetic://street?sise=1")
    one.finished(5)
    assert (one.status.state, 'did you mean "size"' in one.status.reason) == ("disabled", True)


class Bell:
    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.rang: list[float] = []

    def tick(self) -> float:
        self.rang.append(time.monotonic())
        return self.every_s


def test_the_timer_comes_when_the_first_of_all_wants_it(no_leaks: None, wait_for: WaitFor) -> None:
    watcher, often, seldom = Watcher(), Bell(0.02), Bell(10)
    watcher.add(seldom)
    watcher.add(often)
    wait_for(lambda: len(often.rang) >= 10, 5, "ten ticks")
    watcher.remove(often)
    count = len(seldom.rang)
    watcher.wake()
    wait_for(lambda: len(seldom.rang) > count, 2, "a tick after waking it")
    watcher.remove(seldom)
    assert not watchers()


def test_the_timer_may_be_given_work_while_its_last_is_taken_away(no_leaks: None) -> None:
    watcher = Watcher()
    for _ in range(200):
        one, other = Bell(0.001), Bell(0.001)
        watcher.add(one)
        thread = threading.Thread(target=watcher.add, args=(other,))
        thread.start()
        watcher.remove(one)
        thread.join()
        watcher.remove(other)
    assert not watchers()


def test_libav_is_mute(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], run: Run) -> None:
    """Its own lines would hold full URLs."""
    caplog.set_level(logging.DEBUG)
    one = run("rtsp://127.0.0.1:1/s", username="viewer", password="Tulip/7@x")
    one.until("backing_off")
    one.capture.stop()
    out, err = capfd.readouterr()
    assert not [record for record in caplog.records if record.name.startswith("libav")]
    assert "Tulip" not in out + err + caplog.text
    assert not err
