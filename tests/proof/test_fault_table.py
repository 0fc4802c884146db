"""What a camera does wrong, and what its capture makes of it: one row a fault.

Frame N of a fake camera is taken N / fps seconds after the camera began, and N is drawn into the picture. So
each decoded picture proves which one it is, and when it was taken.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from time import monotonic, time_ns
from typing import Any

import pytest
from tests.conftest import WaitFor

from sightline import Frame
from sightline.capture import CameraInput, Capture
from sightline.clock import NS_PER_MS, NS_PER_S
from sightline.codec import Decoder, DropReason
from sightline.errors import AccessDenied, SightlineError, SourceLost, SourceSilent
from sightline.fakecam import (
    FakeCamera,
    FakeCameras,
    Fault,
    HalfOpen,
    LongGop,
    Loss,
    PtsJump,
    Reorder,
    Reset,
    Resize,
    Stall,
    WrongClock,
    WrongPassword,
)
from sightline.frame import Size
from sightline.packet import Packet
from sightline.scene import read_mark

pytestmark = pytest.mark.waits
FPS, CAMERA, USER, PASSWORD = 25, 7, "viewer", "r1ght-Tulip"
STREET = f"synthetic://street?size=320x180&fps={FPS}&gop=10&b_frames=2&camera={CAMERA}"
LARGER = Size(480, 270)
IMPATIENT = {"read_timeout_s": 0.5, "open_timeout_s": 1.5, "stall_after_s": 2.0}
ONE_TIME_NS = 100 * NS_PER_MS


class Watch:
    """A capture of the one camera of a server, and all that it went through."""

    def __init__(self, server: FakeCameras, settings: dict[str, Any]) -> None:
        self.server = server
        self.packets: list[Packet] = []
        self.states: set[str] = set()
        self.faults: set[type[SightlineError]] = set()
        self.longest_gap_s = 0.0
        self.most_ahead_ns = 0  # of a picture's time, to its arrival
        self._came_s: float | None = None
        camera = CameraInput(
            camera_id="gate", url=server.url("gate"), username=USER, password=PASSWORD, **settings
        )
        self.capture = Capture(camera, self._take)

    def _take(self, packet: Packet) -> None:
        now_s = monotonic()
        if self._came_s is not None:
            self.longest_gap_s = max(self.longest_gap_s, now_s - self._came_s)
        self._came_s = now_s
        self.most_ahead_ns = max(self.most_ahead_ns, packet.captured_at_ns - time_ns())
        self.packets.append(packet)

    def look(self) -> bool:
        """Notes the present state; always true."""
        fault, state = self.capture.fault, self.capture.status().state
        self.states.add(state)
        if fault is not None:
            self.faults.add(type(fault))
        return True

    @property
    def epochs(self) -> list[int]:
        return sorted({packet.epoch for packet in self.packets})

    @property
    def since_keyframe(self) -> int:
        """How many packets have come since the last keyframe."""
        behind = [packet.keyframe for packet in reversed(self.packets)]
        return behind.index(True) if True in behind else 0

    def is_well(self, packets: int, clock: str) -> bool:
        status = self.capture.status()
        return status.state == "live" and len(self.packets) >= packets and status.clock == clock


def saw(fault: type[SightlineError]) -> Callable[[Watch], bool]:
    return lambda watch: fault in watch.faults


def epochs(number: int) -> Callable[[Watch], bool]:
    return lambda watch: len(watch.epochs) >= number


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault, and its right outcome.

    Attributes:
        script: what is wrong from the beginning.
        faults: what goes wrong once pictures come.
        until: the fault has shown.
        ends: whether it is ended then; else it is over by itself, or nothing ends it.
        settings: of the capture.
        reached: states beside `connecting` and `live`.
        because: what the capture said was wrong.
        epochs: so many, exactly.
        clock: where times come from at the end.
        implausible: whether times of the camera were refused.
        dropped: why packets may become no picture: for no other reason, and where there is none, none does.
        recovers: whether it is live in the end.
    """

    script: str = ""
    faults: tuple[Fault, ...] = ()
    until: Callable[[Watch], bool]
    ends: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()
    because: frozenset[type[SightlineError]] = frozenset()
    epochs: int = 1
    clock: str = "rtcp"
    implausible: bool = False
    dropped: frozenset[DropReason] = frozenset()
    recovers: bool = True


AWAY = frozenset({"stalled", "backing_off"})
BROKEN = frozenset({DropReason.BEFORE_KEYFRAME})
LOST = frozenset({DropReason.CORRUPT, DropReason.AFTER_CORRUPT, DropReason.NO_PICTURE})
UDP = {"transport": "udp"}
TABLE = {
    "a stall shorter than the watchdog": Row(
        faults=(Stall(seconds=1.5),),
        until=lambda watch: watch.longest_gap_s > 1,
        settings={"read_timeout_s": 0.5},
    ),
    "a stall shorter than the watchdog, over UDP": Row(
        faults=(Stall(seconds=1.5),),
        until=lambda watch: watch.longest_gap_s > 1,
        settings={"read_timeout_s": 0.5, **UDP},
    ),
    "a stall longer than the watchdog": Row(
        faults=(Stall(seconds=4),),
        until=saw(SourceSilent),
        settings=IMPATIENT,
        reached=AWAY,
        because=frozenset({SourceSilent}),
        epochs=2,
    ),
    "a stall longer than the watchdog, over UDP": Row(
        faults=(Stall(seconds=4),),
        until=saw(SourceSilent),
        settings={**IMPATIENT, **UDP},
        reached=AWAY,
        because=frozenset({SourceSilent}),
        epochs=2,
    ),
    "connections that are taken and never answered": Row(
        faults=(HalfOpen(), Reset()),
        until=saw(SourceSilent),
        ends=True,
        settings=IMPATIENT,
        reached=AWAY,
        because=frozenset({SourceLost, SourceSilent}),
        epochs=2,
    ),
    "packets lost, over UDP": Row(
        faults=(Loss(share=0.05),),
        until=lambda watch: watch.server.status("gate").lost >= 15,
        ends=True,
        settings=UDP,
        dropped=LOST,
    ),
    "packets lost, over TCP": Row(
        faults=(Loss(share=0.05),),
        until=lambda watch: watch.server.status("gate").lost >= 15,
        ends=True,
        dropped=LOST,
    ),
    "packets in another order, over UDP": Row(
        faults=(Reorder(share=0.1),),
        until=lambda watch: watch.server.status("gate").reordered >= 15,
        settings=UDP,
    ),
    "time stamps that jump ahead": Row(
        faults=(PtsJump(by_s=60),), until=epochs(2), epochs=2, implausible=True, dropped=BROKEN
    ),
    "time stamps that jump ahead by so little that the next report tells of it": Row(
        faults=(PtsJump(by_s=5),), until=epochs(2), epochs=2, implausible=True
    ),
    "time stamps that jump back": Row(
        faults=(PtsJump(by_s=-60),), until=epochs(2), epochs=2, implausible=True, dropped=BROKEN
    ),
    "a clock that is an hour ahead": Row(
        script="gate: wrong_clock 1h",
        until=lambda watch: watch.capture.status().counts.implausible > FPS,
        clock="arrival",
        implausible=True,
    ),
    "a clock that is set wrong": Row(
        faults=(WrongClock(by_s=-3600),), until=epochs(2), epochs=2, clock="arrival", implausible=True
    ),
    "a keyframe every 30 s": Row(
        faults=(LongGop(gop_s=30),),
        until=lambda watch: watch.since_keyframe > 3 * FPS,
        settings={"stall_after_s": 2.0},
    ),
    "pictures of another size": Row(
        faults=(Resize(size=LARGER),), until=lambda watch: watch.capture.status().size == LARGER
    ),
    "a wrong password": Row(
        faults=(WrongPassword(), Reset()),
        until=saw(AccessDenied),
        reached=frozenset({"backing_off"}),
        because=frozenset({SourceLost, AccessDenied}),
        recovers=False,
    ),
    "a slow start": Row(script="gate: slow_start 2s", until=lambda watch: bool(watch.packets)),
    "a start too slow to be waited for": Row(
        script="gate: slow_start 4s",
        until=saw(SourceSilent),
        ends=True,
        settings=IMPATIENT,
        reached=frozenset({"backing_off"}),
        because=frozenset({SourceSilent}),
    ),
    "a connection that is reset every 4 s": Row(
        script="gate: reset every 4s",
        until=epochs(3),
        ends=True,
        reached=frozenset({"backing_off"}),
        because=frozenset({SourceLost}),
        epochs=3,
    ),
}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_each_fault_has_its_right_outcome(no_leaks: None, row: Row, wait_for: WaitFor) -> None:
    camera = FakeCamera(url=STREET, username=USER, password=PASSWORD)
    with FakeCameras({"gate": camera}, script=row.script) as server:
        watch = Watch(server, row.settings)
        watch.capture.start()
        try:
            _go_through(row, watch, wait_for)
            status, retry_at_s = watch.capture.status(), _retry_in_s(watch.capture)
        finally:
            assert watch.capture.stop(5)
    print(status, watch.states, watch.faults)  # shown where it fails
    assert watch.states - {"idle", "connecting", "live"} <= row.reached
    assert ("backing_off" in watch.states) == ("backing_off" in row.reached)
    assert watch.faults == row.because
    assert len(watch.epochs) == row.epochs
    assert (status.counts.implausible > 0) == row.implausible
    assert (status.state == "live") == row.recovers
    if row.clock == "arrival":
        assert {one.captured_at_source for one in watch.packets if one.epoch == watch.epochs[-1]} == {
            "arrival"
        }
    if AccessDenied in row.because:
        assert retry_at_s > 30  # a camera locks an account that is tried too often
    assert watch.most_ahead_ns < NS_PER_S
    _check_counts(watch)
    _check_pictures(row, watch)


def _go_through(row: Row, watch: Watch, wait_for: WaitFor) -> None:
    if not row.script:
        wait_for(lambda: watch.look() and watch.is_well(FPS, "rtcp"), 20, "pictures with the camera's time")
    for fault in row.faults:
        watch.server.misbehave("gate", fault)
    wait_for(lambda: watch.look() and row.until(watch), 30, "the fault to show")
    if row.ends:
        watch.server.behave("gate")
    if row.recovers:
        more = len(watch.packets) + 2 * FPS
        wait_for(lambda: watch.look() and watch.is_well(more, row.clock), 30, "all to be well again")


def _retry_in_s(capture: Capture) -> float:
    at_ns = capture.status().next_retry_at_ns
    return 0.0 if at_ns is None else (at_ns - time_ns()) / NS_PER_S


def _check_counts(watch: Watch) -> None:
    """All that was received was delivered, and in each epoch it is numbered without a gap."""
    counts = watch.capture.status().counts
    assert counts.received == counts.delivered == len(watch.packets)
    assert counts.failed == 0
    assert [packet.epoch for packet in watch.packets] == sorted(packet.epoch for packet in watch.packets)
    for epoch in watch.epochs:
        mine = [packet.index for packet in watch.packets if packet.epoch == epoch]
        assert mine == list(range(len(mine)))


def _check_pictures(row: Row, watch: Watch) -> None:
    """Every picture is whole, is the one after the last, and was taken when its packet says."""
    decoder = Decoder()
    frames = [frame for packet in watch.packets for frame in decoder.feed(packet)] + decoder.flush()
    stats = decoder.stats()
    decoder.close()
    print(stats)
    assert stats.balanced
    assert stats.entered == len(watch.packets)
    assert stats.held == 0
    marks = [read_mark(frame.image) for frame in frames]
    print(sum(mark is None for mark in marks), "unreadable of", len(marks))
    assert stats.dropped.keys() <= row.dropped
    if row.dropped == LOST:  # libav does not see all damage; once nothing is lost there is none
        assert marks.count(None) < 0.5 * len(marks)
        assert None not in marks[-FPS:]
    else:
        assert None not in marks
    numbers = [mark.frame for mark in marks if mark]
    assert {mark.camera for mark in marks if mark} == {CAMERA}
    assert all(a < b for a, b in pairwise(numbers))
    _check_times([(frame, mark.frame) for frame, mark in zip(frames, marks, strict=True) if mark])


def _check_times(numbered: list[tuple[Frame, int]]) -> None:
    """By the camera's own clock, all pictures tell of the same moment at which the camera began."""
    began = [
        start
        for _, mine in groupby(numbered, key=lambda one: one[0].epoch)
        for start in _settled([one for one in mine if one[0].captured_at_source == "rtcp"])
    ]
    if began:
        print((max(began) - min(began)) / NS_PER_MS, "ms")
        assert max(began) - min(began) < ONE_TIME_NS


def _settled(mine: list[tuple[Frame, int]]) -> list[int]:
    """When the camera began, by each of its frames; those apart at which stamps stand still for a moment."""
    return [
        frame.captured_at_ns - number * NS_PER_S // FPS
        for frame, number in mine
        if number >= mine[0][1] + FPS
    ]
