"""The same routines, in one process or in several: frames go to other processes without a copy."""

import json
import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.routines.parts import Sees, frame

from sightline import Packet, Result, Size
from sightline.capture import CameraInput
from sightline.detect import open_model
from sightline.pipe import DestinationRoutine, Pipe, Policy, Routine, Wire, WireSettings
from sightline.pipe.counts.stats import PipeStats
from sightline.routines import CameraRoutine, ModelRoutine, Seen, SinkRoutine
from sightline.scene import Scene, write_clip
from sightline.sink import open_sink

FRAMES = 40
LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=4)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flows") / "street.mp4"
    write_clip(Scene(size=Size(640, 360), fps=10), path, FRAMES, gop=10, b_frames=2)
    return path


@pytest.fixture
def pipe(no_leaks: None) -> Iterator[Pipe]:
    with Pipe() as made:
        yield made


class Memory(DestinationRoutine):
    """Tells of each picture whether it may be written to: one in memory that others see may not."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.writable: list[bool] = []

    def main_logic(self, data: Seen) -> None:
        assert data.frame.image.shape == (360, 640, 3)
        self.writable.append(bool(data.frame.image.flags.writeable))

    def own_stats(self) -> list[bool]:
        return list(self.writable)


def run(pipe: Pipe, clip: Path, out: Path, flows: int) -> PipeStats:
    """A file through a model to a sink, in so many flows."""
    camera = CameraRoutine(CameraInput(camera_id="gate", url=str(clip)))
    model = ModelRoutine(partial(open_model, "motion"), "model")
    sink = SinkRoutine(partial(open_sink, "jsonl", path=out), "sink")
    memory = Memory("memory")
    groups: dict[int, list[list[Routine]]] = {
        1: [[camera, model, sink, memory]],
        3: [[camera], [model], [sink, memory]],
    }
    for number, routines in enumerate(groups[flows]):
        pipe.create_flow(f"flow{number}", False, *routines)
    pipe.link(Wire(camera, model, settings=LOSSLESS), Wire(model, [sink, memory], settings=LOSSLESS))
    pipe.build()
    pipe.notify_event("start", wait=True)
    assert pipe.wait(60)
    return pipe.stats()


@pytest.mark.parametrize("flows", [1, 3])
def test_a_file_is_seen_whole(pipe: Pipe, clip: Path, tmp_path: Path, flows: int) -> None:
    stats = run(pipe, clip, tmp_path / "seen.jsonl", flows)
    lines = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert [line["pts"] for line in lines] == [frame * 9000 for frame in range(FRAMES)]
    assert sorted(line["index"] for line in lines) == list(range(FRAMES))
    assert any(line["detections"] for line in lines)
    assert stats.routines["sink"].own[0].written == FRAMES
    assert stats.routines["model"].own[0]["gate"].results == FRAMES
    assert stats.routines["memory"].own == ([flows == 1] * FRAMES,)
    assert stats.balanced
    if flows == 3:
        frame_bytes = 640 * 360 * 3
        sent = stats.wire("model", "memory").sent_bytes
        assert frame_bytes * FRAMES <= sent < (frame_bytes + 4096) * FRAMES
        # One slot a frame, for all who see it: handed on, and never copied again.
        assert stats.shared.freed == FRAMES


def aside(data: Any) -> tuple[int, list[int]]:
    """Bytes of a pickle, and of what goes beside it."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(data, 5, buffer_callback=buffers.append)
    assert pickle.loads(pickled, buffers=buffers) == data
    return len(pickled), [buffer.raw().nbytes for buffer in buffers]


def test_only_what_says_what_a_picture_is_stands_in_its_pickle() -> None:
    picture = frame(height=512)
    result = Result.of(picture, Sees().predict([picture])[0], model="m", model_version="1", inferred_at_ns=3)
    size = picture.image.nbytes
    for data in (picture, Seen(result, picture)):
        pickled, beside = aside(data)
        assert beside == [size]
        assert pickled < 2048
    assert aside(result)[1] == []
    packet = Packet(
        **{name: getattr(picture, name) for name in ("camera_id", "epoch", "index", "pts", "time_base")},
        data=bytes(1000),
        codec="h264",
        keyframe=True,
        dts=None,
        captured_at_ns=1,
        captured_at_source="media",
    )
    assert aside(packet)[1] == []


def test_a_live_pipe_over_flows_goes_on_with_the_newest(pipe: Pipe, clip: Path, wait_for: WaitFor) -> None:
    url = str(clip)
    camera = CameraRoutine(CameraInput(camera_id="gate", url=url, loop=True, realtime=True))
    model, memory = ModelRoutine(Sees, "model"), Memory("memory")
    pipe.create_flow("camera", True, camera)
    pipe.create_flow("model", True, model, memory)
    pipe.link(Wire(camera, model))
    pipe.build()
    pipe.notify_event("start", wait=True)
    wait_for(lambda: len((pipe.stats().routines["memory"].own or [[]])[0]) >= 20, 60, "frames")
    pipe.notify_event("stop", wait=True)
    assert pipe.stats().routines["model"].failed == 0
