"""Cameras, files and buses as sources."""

import logging
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tests.drawn import drawn_packets
from tests.pipe.flowyard import SECONDS, FlowYard
from tests.routines.parts import Holds

from sightline import Frame, Size
from sightline.bus import Bus, open_bus, open_log, publish_end, publish_packet
from sightline.capture import CameraInput
from sightline.errors import ConfigError
from sightline.mux import Comux, MuxCamera
from sightline.overflow import Overflow
from sightline.pipe import DestinationRoutine, Policy, Wire, WireSettings
from sightline.pipe.counts.reports import State
from sightline.pipe.mistakes import mistakes_of_wires
from sightline.pipe.wire import graph_of
from sightline.routines import CameraRoutine, ComuxRoutine, MuxRoutine
from sightline.scene import Scene, write_clip

FRAMES = 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sources") / "street.mp4"
    write_clip(Scene(size=Size(160, 90), fps=10), path, FRAMES, gop=10, b_frames=2)
    return path


def gate(url: object, **more: object) -> CameraInput:
    return CameraInput(camera_id="gate", url=str(url), **more)  # type: ignore[arg-type]


class Slow(DestinationRoutine):
    """Takes its time."""

    def __init__(self, pause_s: float) -> None:
        super().__init__("slow")
        self.got: list[Frame] = []
        self._pause_s = pause_s

    def main_logic(self, data: Frame) -> None:
        time.sleep(self._pause_s)
        self.got.append(data)


def test_a_file_is_given_whole_to_whoever_takes_its_time(yard: FlowYard, clip: Path) -> None:
    slow = Slow(0.005)
    source = CameraRoutine(gate(clip))
    assert (source.name, source.live) == ("gate", False)
    runners = yard.chain(source, slow)
    yard.until(runners[-1], State.DONE)
    assert sorted(frame.index for frame in slow.got) == list(range(FRAMES))
    assert [frame.pts for frame in slow.got] == sorted(frame.pts or 0 for frame in slow.got)
    (told,) = runners[0].stats().own
    assert told.packets.balanced
    assert told.decoder.balanced
    assert (told.decoder.left, told.undecodable, told.capture.state) == (FRAMES, 0, "done")
    assert runners[0].stats().given == FRAMES


def test_both_real_clips_are_given_whole(yard: FlowYard, clips: Path) -> None:
    for path in sorted(clips.glob("*.mp4")):
        holds = Holds(path.stem)
        runners = yard.chain(CameraRoutine(gate(path), f"of {path.stem}", rate=1, size=Size(64, 36)), holds)
        yard.until(runners[-1], State.DONE)
        (told,) = runners[0].stats().own
        assert told.decoder.balanced
        assert told.decoder.entered == told.capture.counts.delivered
        assert len(holds.got) == told.decoder.left > 5
        assert {frame.size for frame in holds.got} == {Size(64, 36)}


def test_a_camera_is_captured_until_it_is_stopped(yard: FlowYard, clip: Path, wait_for: WaitFor) -> None:
    holds = Holds()
    runners = yard.chain(CameraRoutine(gate(clip, loop=True, realtime=True)), holds)
    wait_for(lambda: len(holds.got) >= 5, 20, "frames")
    assert runners[0].stop(SECONDS).error is None
    (told,) = runners[0].stats().own
    assert told.packets.balanced
    assert told.decoder.balanced
    assert runners[0].start(SECONDS).error is None
    epochs = {frame.epoch for frame in holds.got}
    wait_for(lambda: holds.got[-1].epoch not in epochs, 20, "frames of another connection")


def test_what_cannot_be_read_has_given_its_last_and_says_why(
    yard: FlowYard, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "notes.mp4").write_text("these are no pictures")
    with caplog.at_level(logging.ERROR):
        runners = yard.chain(CameraRoutine(gate(tmp_path / "notes.mp4")), Holds())
        yard.until(runners[-1], State.DONE)
    assert "camera cannot be read" in caplog.text
    assert runners[0].stats().given == 0


def test_a_lossless_wire_from_a_camera_has_to_mean_it(clip: Path) -> None:
    for settings, is_wrong in (
        (WireSettings(policy=Policy.LOSSLESS), True),
        (WireSettings(policy=Policy.LOSSLESS, overflow=Overflow.BLOCK), False),
        (WireSettings(), False),
    ):
        source, holds = CameraRoutine(gate(clip, realtime=True)), Holds()
        wires = [Wire(source, holds, settings=settings)]
        graph = graph_of([("flow", [source, holds])], wires, lambda _name: WireSettings())
        mistakes = mistakes_of_wires(graph)
        assert bool(mistakes) is is_wrong
        assert not mistakes or "live" in mistakes[0]


# Off a bus


@pytest.fixture
def bus(yard: FlowYard) -> Iterator[Bus]:
    with open_bus("memory://routines") as opened:
        yield opened


def play(bus: Bus, camera: int, frames: int = FRAMES) -> threading.Thread:
    def run() -> None:
        for packet in drawn_packets(camera, frames, size=Size(160, 90), b_frames=0):
            publish_packet(bus, packet)
        publish_end(bus, f"cam{camera}")

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_batches_have_at_most_one_frame_a_camera_and_files_are_whole(yard: FlowYard, bus: Bus) -> None:
    holds = Holds()
    cameras = [MuxCamera(camera_id=f"cam{number}", live=False) for number in range(3)]
    source = MuxRoutine("memory://routines", cameras, "bus")
    assert not source.live
    runners = yard.chain(source, holds)
    players = [play(bus, number) for number in range(3)]
    yard.until(runners[-1], State.DONE)
    for player in players:
        player.join()
    for batch in holds.got:
        assert len({frame.camera_id for frame in batch}) == len(batch) > 0
    for number in range(3):
        mine = [frame.index for batch in holds.got for frame in batch if frame.camera_id == f"cam{number}"]
        assert mine == list(range(FRAMES))
    (lanes,) = runners[0].stats().own
    assert all(lane.frames.left == FRAMES and lane.heard.over for lane in lanes.values())


def test_a_camera_of_a_bus_is_live_unless_it_is_said_not_to_be(yard: FlowYard, bus: Bus) -> None:
    source = MuxRoutine("memory://routines", ["cam0"], "bus")
    assert source.live
    runner = yard.runner(source)
    assert runner.start(SECONDS).error is None
    assert runner.stop(SECONDS).error is None


def test_a_bus_that_is_wrong_is_said(yard: FlowYard) -> None:
    runner = yard.runner(MuxRoutine("pigeon://roof", ["cam0"], "bus"))
    error = runner.start(SECONDS).error
    assert error is not None
    assert ConfigError.__name__ in error


def test_a_comux_gives_batches_until_its_files_are_over(yard: FlowYard) -> None:
    url = "memory://comux-routine?history=16MiB"
    holds = Holds()
    with open_log(url) as log:
        for number in range(2):
            play(log, number).join()
        make = partial(Comux, ["cam0", "cam1"], bus=url, end=False, max_offset_diff=None)
        runners = yard.chain(ComuxRoutine(make, "comux"), holds)
        yard.until(runners[-1], State.DONE)
    for number in range(2):
        mine = [frame.index for batch in holds.got for frame in batch if frame.camera_id == f"cam{number}"]
        assert mine == list(range(FRAMES))
