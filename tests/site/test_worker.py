"""A worker reads packets, asks its model, and gives every result to every sink, whoever fails."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import pytest
from tests.drawn import drawn_packets

from sightline import Detection, Frame, Result, Size
from sightline.bus import Bus, open_bus, publish_end, publish_packet
from sightline.errors import ModelError, SinkError
from sightline.site.worker import RunningWorker

FRAMES = 50


class Counting:
    """A model that finds one thing in every picture; it may be told to fail or to wait."""

    name, version = "counting", "1"

    def __init__(self, before: Callable[[Sequence[Frame]], None] = lambda _frames: None) -> None:
        self.batches: list[list[str]] = []
        self.calls: list[str] = []
        self._before = before

    def load(self) -> None:
        self.calls.append("load")

    def warm_up(self) -> None:
        self.calls.append("warm_up")

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        self._before(frames)
        self.batches.append([frame.camera_id for frame in frames])
        return [(Detection(label="thing", score=1, x1=0, y1=0, x2=1, y2=1),) for _ in frames]

    def close(self) -> None:
        self.calls.append("close")


class Keeping:
    """A sink that keeps results; it may be told to fail or to wait."""

    def __init__(self, before: Callable[[Result], object] = lambda _result: None) -> None:
        self.results: list[Result] = []
        self.closed = 0
        self._before = before

    def write(self, result: Result, frame: Frame) -> None:
        self._before(result)
        assert result.identity == frame.identity
        self.results.append(result)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def bus() -> Iterator[Bus]:
    with open_bus("memory://test-worker") as opened:
        yield opened


def play(bus: Bus, camera: int = 0, frames: int = FRAMES) -> threading.Thread:
    packets = drawn_packets(camera, frames, size=Size(160, 90), b_frames=0)

    def run() -> None:
        for packet in packets:
            publish_packet(bus, packet)
        publish_end(bus, f"cam{camera}")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def opening(sinks: Mapping[str, Keeping]) -> dict[str, Callable[[], Keeping]]:
    return {name: partial(_same, sink) for name, sink in sinks.items()}


def _same(sink: Keeping) -> Keeping:
    return sink


def run_to_end(worker: RunningWorker, wait_for: Callable[..., object]) -> None:
    wait_for(lambda: worker.ended, 30, "the worker to have seen all")
    worker.stop()


def test_every_result_goes_to_every_sink_in_order(
    bus: Bus, wait_for: Callable[..., object], no_leaks: None
) -> None:
    model, sinks = Counting(), {"a": Keeping(), "b": Keeping()}
    worker = RunningWorker("w", bus, {"cam0": False, "cam1": False}, model, opening(sinks))
    worker.start()
    play(bus, 0)
    play(bus, 1)
    run_to_end(worker, wait_for)
    for sink in sinks.values():
        for camera_id in ("cam0", "cam1"):
            mine = [result for result in sink.results if result.camera_id == camera_id]
            assert [result.index for result in mine] == list(range(FRAMES))
            assert all(
                r.published_at_ns and r.decoded_at_ns <= r.inferred_at_ns <= r.published_at_ns for r in mine
            )
        assert sink.closed == 1
    assert model.calls == ["load", "warm_up", "close"]
    assert all(len(set(batch)) == len(batch) for batch in model.batches)
    for counts in worker.counts().values():
        assert counts.balanced
        assert (counts.results, counts.detections, counts.dropped) == (FRAMES, FRAMES, {})
        assert counts.newest is not None
        assert counts.newest.index == FRAMES - 1


def test_a_failing_model_is_counted_and_goes_on(bus: Bus, wait_for: Callable[..., object]) -> None:
    def fail_on_odd(frames: Sequence[Frame]) -> None:
        if frames[0].index % 2:
            raise ValueError("odd")

    sink = Keeping()
    worker = RunningWorker("w", bus, {"cam0": False}, Counting(fail_on_odd), opening({"a": sink}))
    worker.start()
    play(bus)
    run_to_end(worker, wait_for)
    counts = worker.counts()["cam0"]
    assert counts.balanced
    assert (counts.results, counts.failed) == (FRAMES // 2, FRAMES // 2)
    assert counts.dropped == {"model_failed": FRAMES // 2}
    assert [result.index for result in sink.results] == list(range(0, FRAMES, 2))


def test_a_failing_sink_is_counted_and_the_other_gets_all(bus: Bus, wait_for: Callable[..., object]) -> None:
    def fail(_result: Result) -> None:
        raise SinkError("the disk is full")

    def break_(_result: Result) -> None:
        raise RuntimeError("a bug of the user's")

    good = Keeping()
    sinks = {"full": Keeping(fail), "broken": Keeping(break_), "good": good}
    worker = RunningWorker("w", bus, {"cam0": False}, Counting(), opening(sinks))
    worker.start()
    play(bus)
    run_to_end(worker, wait_for)
    assert len(good.results) == FRAMES
    assert {stats.sink: stats.failed for stats in worker.outlets()} == {
        "w-full": FRAMES,
        "w-broken": FRAMES,
        "w-good": 0,
    }


def test_it_reads_before_a_sink_may(bus: Bus) -> None:
    """A file begins as soon as anybody reads it, and a sink may read the bus as well."""
    read: list[bool] = []

    def make() -> Keeping:
        read.append(bus.wait_wanted("raw_cam0", 0))
        return Keeping()

    worker = RunningWorker("w", bus, {"cam0": False}, Counting(), {"a": make})
    worker.start()
    worker.stop()
    assert read == [True]


def test_a_sink_that_cannot_be_opened_leaves_nothing_behind(no_leaks: None, bus: Bus) -> None:
    def make() -> Keeping:
        raise SinkError("no folder")

    model, first = Counting(), Keeping()
    worker = RunningWorker("w", bus, {"cam0": False}, model, opening({"a": first}) | {"b": make})
    with pytest.raises(SinkError, match="no folder"):
        worker.start()
    assert (first.closed, model.calls[-1]) == (1, "close")
    assert not bus.wait_wanted("raw_cam0", 0)


def test_of_files_a_slow_sink_gets_every_result(bus: Bus, wait_for: Callable[..., object]) -> None:
    pause = threading.Event()
    slow = Keeping(lambda _result: pause.wait(0.005))
    worker = RunningWorker("w", bus, {"cam0": False}, Counting(), opening({"slow": slow}))
    worker.start()
    play(bus)
    run_to_end(worker, wait_for)
    assert [result.index for result in slow.results] == list(range(FRAMES))


def test_many_cameras_at_once_fill_no_sink(bus: Bus, wait_for: Callable[..., object]) -> None:
    """A batch gives a result of each camera at one moment."""
    cameras = {f"cam{number}": True for number in range(40)}
    sink = Keeping()
    worker = RunningWorker("w", bus, cameras, Counting(), opening({"a": sink}))
    worker.start()
    for number in range(40):
        play(bus, number, frames=1)
    wait_for(lambda: len(sink.results) == 40, 30, "a result of each camera")
    assert worker.outlets()[0].waiting.dropped == {}
    worker.stop()


def test_a_file_has_ended_when_its_last_result_is_written(bus: Bus, wait_for: Callable[..., object]) -> None:
    pause = threading.Event()
    slow = Keeping(lambda _result: pause.wait(0.2))
    worker = RunningWorker("w", bus, {"cam0": False}, Counting(), opening({"slow": slow}))
    worker.start()
    play(bus, frames=8)
    wait_for(lambda: worker.ended, 30, "the worker to have seen all")
    assert len(slow.results) == 8
    worker.stop()


def test_a_sink_or_a_model_that_never_returns_does_not_hold_up_the_stop(
    bus: Bus, wait_for: Callable[..., object]
) -> None:
    never = threading.Event()
    stuck, waiting = Keeping(lambda _result: never.wait(60)), threading.Event()

    def wait(_frames: Sequence[Frame]) -> None:
        waiting.set()
        never.wait(60)

    for model, sink in ((Counting(), stuck), (Counting(wait), Keeping())):
        worker = RunningWorker("w", bus, {"cam0": False}, model, opening({"a": sink}))
        worker.start()
        play(bus)
        wait_for(lambda: worker.counts()["cam0"].results or waiting.is_set(), 20, "work")  # noqa: B023
        stopping = threading.Thread(target=worker.stop)
        stopping.start()
        stopping.join(10)
        assert not stopping.is_alive()
    never.set()


def test_a_model_that_calls_exit_is_counted_as_any_that_fails(
    bus: Bus, wait_for: Callable[..., object]
) -> None:
    def leave(_frames: Sequence[Frame]) -> None:
        raise SystemExit(3)

    worker = RunningWorker("w", bus, {"cam0": False}, Counting(leave), opening({"a": Keeping()}))
    worker.start()
    play(bus)
    run_to_end(worker, wait_for)
    assert worker.counts()["cam0"].failed == FRAMES
    assert not worker.broken


def test_a_stuck_sink_of_live_cameras_holds_up_nobody(bus: Bus, wait_for: Callable[..., object]) -> None:
    stuck = threading.Event()
    good = Keeping()
    sinks = {"stuck": Keeping(lambda _result: stuck.wait(30)), "good": good}
    worker = RunningWorker("w", bus, {"cam0": True}, Counting(), opening(sinks))
    worker.start()
    play(bus)
    wait_for(lambda: worker.ended, 30, "all to be seen although a sink is stuck")
    counts = worker.counts()["cam0"]
    wait_for(lambda: len(good.results) == counts.results, 10, "the good sink to have all results")
    waiting = next(stats.waiting for stats in worker.outlets() if stats.sink == "w-stuck")
    assert waiting.balanced
    stuck.set()
    worker.stop()


def test_a_model_that_does_not_load_says_so_and_nothing_runs(bus: Bus, no_leaks: None) -> None:
    class Broken(Counting):
        def load(self) -> None:
            raise ModelError("no weights")

    made: list[Keeping] = []

    def make() -> Keeping:
        made.append(Keeping())
        return made[-1]

    worker = RunningWorker("w", bus, {"cam0": True}, Broken(), {"a": make})
    with pytest.raises(ModelError, match="no weights"):
        worker.start()
    assert worker.counts() == {}
    assert not worker.ended
    worker.stop()
    assert made == []


def test_stopping_while_a_file_is_read_leaves_nothing(
    bus: Bus, wait_for: Callable[..., object], no_leaks: None
) -> None:
    sink = Keeping()
    worker = RunningWorker("w", bus, {"cam0": False}, Counting(), opening({"a": sink}))
    worker.start()
    reader = play(bus, frames=1000)
    wait_for(lambda: sink.results, 20, "the first result")
    worker.stop()
    worker.stop()
    reader.join(20)
    assert not reader.is_alive()
    assert sink.closed == 1
