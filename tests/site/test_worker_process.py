"""A worker in a process of its own: all that a worker promises, and that it may be killed or hang."""

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from tests.conftest import WaitFor

from sightline import Size
from sightline.errors import BusError, ConfigError, ModelError, SightlineError, SinkError
from sightline.hub.address import HubAddress
from sightline.scene import Scene, write_clip
from sightline.site import Site, worker_process
from sightline.site.any_worker import AnyWorker
from sightline.site.capturing import Capturing, inputs_of
from sightline.site.lives import InVain
from sightline.site.own_hub import PRIVATE_LIMITS, await_hub, hub_child, hub_talk
from sightline.site.talk import supervised
from sightline.site.worker_process import STOP_S, WorkerProcess, raised_by
from sightline.supervise import Restart, State

FRAMES = 40
SOON = Restart(delay_s=0.05, most_delay_s=0.1)
MakeSite = Callable[..., Site]
MakeWorker = Callable[..., WorkerProcess]
Capture = Callable[[Site], Capturing]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("worker") / "street.mp4"
    write_clip(Scene(size=Size(320, 180), fps=10), path, FRAMES, gop=10, b_frames=2)
    return path


@pytest.fixture
def hub(no_leaks: None, tmp_path: Path) -> Iterator[str]:
    """As `sightline up` begins one: a file stands still at once where nobody reads it any more."""
    url = f"hub://{tmp_path}/hub"
    talk = hub_talk(HubAddress.of(url), PRIVATE_LIMITS)
    with supervised({talk: hub_child(talk)}) as supervisor:
        await_hub(supervisor)
        yield url
    talk.join(10)


@pytest.fixture
def make(hub: str, tmp_path: Path) -> MakeSite:
    def made(cameras: dict[str, Any], **worker: Any) -> Site:
        sinks = [{"kind": "jsonl", "path": tmp_path / "results.jsonl"}]
        settings = {"model": {"kind": "motion"}, "sinks": sinks} | worker
        return Site.model_validate({"bus": hub, "cameras": cameras, "workers": {"w": settings}})

    return made


@pytest.fixture
def running(hub: str) -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def begin(running: ExitStack) -> MakeWorker:
    def begun(site: Site, **settings: Any) -> WorkerProcess:
        worker = WorkerProcess("w", site, restart=SOON, **settings)
        running.callback(worker.stop)
        worker.start()
        return worker

    return begun


@pytest.fixture
def capture(running: ExitStack) -> Capture:
    def captured(site: Site) -> Capturing:
        topics = site.topics.of_packets()
        return running.enter_context(
            Capturing(site.bus, inputs_of(site), topics=topics, await_readers=True, hold=True)
        )

    return captured


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def played(clip: Path) -> dict[str, Any]:
    return {"url": str(clip), "loop": True, "realtime": True}


def test_files_are_seen_whole_and_then_it_has_ended(
    make: MakeSite, begin: MakeWorker, capture: Capture, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    site = make({"a": {"url": str(clip)}, "b": {"url": str(clip)}})
    worker: AnyWorker = begin(site)
    assert not worker.ended
    capturing = capture(site)
    assert capturing.wait(30)
    wait_for(lambda: worker.ended, 30, "the worker to have seen all")
    for name, counts in worker.counts().items():
        mine = [line["index"] for line in lines(tmp_path) if line["camera_id"] == name]
        assert sorted(mine) == list(range(FRAMES))
        assert counts.balanced
        assert (counts.results, counts.failed, counts.dropped) == (FRAMES, 0, {})
        assert counts.newest is not None
        assert counts.newest.pts == max(line["pts"] for line in lines(tmp_path))
        assert counts.lane.heard.over
    (sink,) = worker.outlets()
    assert (sink.sink, sink.written, sink.failed, sink.late) == ("w-jsonl", 2 * FRAMES, 0, 0)
    assert sink.waiting.balanced
    assert not worker.broken
    worker.stop()
    assert worker.ended


def test_real_clips_are_seen_whole(
    make: MakeSite, begin: MakeWorker, capture: Capture, clips: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    files = sorted(clips.glob("*.mp4"))
    site = make({path.stem: {"url": str(path)} for path in files}, rate=2, size="320x180")
    worker = begin(site)
    assert capture(site).wait(90)
    wait_for(lambda: worker.ended, 60, "the worker to have seen all")
    assert {line["camera_id"] for line in lines(tmp_path)} == {path.stem for path in files}
    for counts in worker.counts().values():
        assert counts.balanced
        assert counts.dropped == {}
        assert counts.results + counts.unwanted == counts.lane.heard.packets > 0
    assert sum(sink.written for sink in worker.outlets()) == len(lines(tmp_path))


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"model": {"kind": "python", "class": "tests.site.broken_model:Broken"}}, ModelError, "no weights"),
        ({"model": {"kind": "python", "class": "tests.site.broken_model:Brokn"}}, ConfigError, "Brokn"),
        ({"sinks": [{"kind": "jsonl", "path": "/dev/null/results"}]}, SinkError, "/dev/null/results"),
    ],
)
def test_what_cannot_be_opened_is_said_at_the_start(
    make: MakeSite,
    begin: MakeWorker,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    error: type[SightlineError],
    text: str,
) -> None:
    site = make({"a": {"url": "synthetic://street"}}, **settings)
    with caplog.at_level(logging.WARNING), pytest.raises(error, match=text) as raised:
        begin(site)
    assert "setup:" not in str(raised.value)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ("setup: ModelError: no weights", ModelError("no weights")),
        ("setup: HubError: too many names", BusError("too many names")),
        ("setup: ValueError: no", SightlineError("setup: ValueError: no")),
    ],
)
def test_what_a_process_could_not_open_is_raised_in_its_own_words(told: str, error: SightlineError) -> None:
    raised = raised_by(told)
    assert (type(raised), str(raised)) == (type(error), str(error))


def test_what_its_process_prints_is_said_on_standard_error_with_its_name_and_without_secrets(
    make: MakeSite, begin: MakeWorker, clip: Path, capfd: pytest.CaptureFixture[str], wait_for: WaitFor
) -> None:
    model = {"kind": "python", "class": "tests.site.slow_model:Talkative"}
    said = {"out": "", "err": ""}

    def all_is_said() -> bool:
        for name, text in capfd.readouterr()._asdict().items():
            said[name] += text
        return "Petunia" in said["out"] + said["err"] or "***" in said["err"]

    begin(make({"a": played(clip)}, model=model))
    wait_for(all_is_said, 30, "what it prints")
    assert said["out"] == ""
    assert "worker-w | loading\n" in said["err"]
    assert "worker-w | with password=***\n" in said["err"]


def test_what_its_process_logs_has_its_name(
    make: MakeSite, begin: MakeWorker, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = {"kind": "python", "class": "tests.site.slow_model:Talkative"}
    begin(make({"a": played(clip)}, model=model))
    (record,) = (record for record in caplog.records if record.name == "a.library")
    assert (record.processName, record.getMessage()) == ("worker-w", "of old weights")


def test_a_killed_worker_is_begun_again_and_its_counts_go_on(
    make: MakeSite, begin: MakeWorker, capture: Capture, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    site = make({"a": played(clip)})
    worker = begin(site)
    capture(site)
    wait_for(lambda: worker.counts()["a"].results >= 10, 30, "results")
    first, before = worker.process.pid, worker.counts()["a"].results
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: worker.process.ends == 1, 10, "its end to be noticed")
    wait_for(lambda: worker.counts()["a"].rate == 0.0, 10, "no rate")
    wait_for(lambda: worker.process.pid not in {None, first}, 10, "another process")
    wait_for(lambda: worker.counts()["a"].results >= before + 10, 30, "more results")
    assert not worker.ended
    assert not worker.broken
    worker.stop()
    counts = worker.counts()["a"]
    assert counts.balanced
    (sink,) = worker.outlets()
    assert sink.waiting.balanced
    # One may have been written that its process did not come to count.
    assert sink.written <= len(lines(tmp_path)) <= sink.written + 1
    assert counts.results >= len(lines(tmp_path))
    assert worker.process.pid is None


def test_what_cannot_be_opened_again_is_told_and_tried_again(
    make: MakeSite, begin: MakeWorker, capture: Capture, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    folder = tmp_path / "out"
    site = make({"a": played(clip)}, sinks=[{"kind": "jsonl", "path": folder / "results.jsonl"}])
    worker = begin(site)
    capture(site)
    wait_for(lambda: worker.outlets()[0].written, 30, "results")
    assert worker.process.reason == ""
    folder.rename(tmp_path / "before")
    folder.write_text("no folder")
    assert worker.process.pid is not None
    os.kill(worker.process.pid, signal.SIGKILL)
    wait_for(lambda: "w-jsonl: setup: SinkError" in worker.process.reason, 30, "the reason")
    assert not worker.broken
    folder.unlink()
    wait_for((folder / "results.jsonl").exists, 30, "it to be tried again")
    wait_for(lambda: not worker.process.reason, 30, "all to be well")


def test_a_file_goes_on_behind_a_worker_that_was_killed(
    make: MakeSite, begin: MakeWorker, capture: Capture, tmp_path: Path, wait_for: WaitFor
) -> None:
    steady = {"kind": "python", "class": "tests.site.steady_model:Steady"}  # the file waits for it
    site = make({"a": {"url": "synthetic://street?frames=3000&size=160x90"}}, model=steady, rate=2)
    worker = begin(site)
    capturing = capture(site)
    wait_for(lambda: worker.counts()["a"].results >= 20, 30, "results")
    assert worker.process.pid is not None
    os.kill(worker.process.pid, signal.SIGKILL)
    assert capturing.wait(60)
    wait_for(lambda: worker.ended, 60, "the worker to have seen the rest")
    seen = [line["index"] for line in lines(tmp_path)]
    assert seen == sorted(set(seen))
    assert seen[-1] > 2900
    counts = worker.counts()["a"]
    assert counts.balanced
    assert counts.results <= len(seen)


def test_a_model_that_hangs_is_told_with_its_stack_and_begun_again(
    make: MakeSite,
    begin: MakeWorker,
    capture: Capture,
    clip: Path,
    caplog: pytest.LogCaptureFixture,
    wait_for: WaitFor,
) -> None:
    site = make({"a": played(clip)}, model={"kind": "python", "class": "tests.site.slow_model:Stuck"})
    with caplog.at_level(logging.INFO):
        worker = begin(site, hung_s=2.0)
        first = worker.process.pid
        capture(site)
        wait_for(lambda: worker.process.ends >= 1, 60, "it to be taken for hung")
    wait_for(lambda: worker.process.pid not in {None, first}, 30, "another process")
    assert "slow_model.py" in caplog.text
    assert "predict" in caplog.text


def test_a_worker_that_dies_at_once_each_time_is_given_up(
    make: MakeSite, begin: MakeWorker, clip: Path, wait_for: WaitFor
) -> None:
    worker = begin(make({"a": played(clip)}))
    killed: set[int | None] = {None}

    def kill() -> bool:
        pid = worker.process.pid
        if pid not in killed:
            killed.add(pid)
            os.kill(pid or 0, signal.SIGKILL)
        return bool(worker.broken)

    wait_for(kill, 60, "it to be given up")
    assert "SIGKILL" in worker.broken
    assert not worker.ended
    assert worker.process.pid is None


def test_a_worker_that_never_comes_to_a_result_is_given_up(
    make: MakeSite, begin: MakeWorker, clip: Path, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    """Although none of its processes ended so soon that its supervisor gives up."""
    monkeypatch.setattr(worker_process, "InVain", partial(InVain, most=2))
    worker = begin(make({"a": played(clip)}))
    for ends in (1, 2):
        os.kill(worker.process.pid or 0, signal.SIGKILL)
        wait_for(lambda: worker.process.ends == ends, 20, "its end to be noticed")  # noqa: B023
        wait_for(lambda: worker.broken or worker.process.state is State.RUNNING, 20, "the next")
    wait_for(lambda: worker.broken, 10, "it to be given up")
    assert worker.broken.startswith("ended 2 times, lately before any result")
    wait_for(lambda: worker.process.pid is None, 10, "no process")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A pipe that nobody reads, and that has no room for another byte: who writes there is stuck."""
    path = tmp_path / "full"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(descriptor, bytes(4096))
    yield path
    os.close(descriptor)


def test_a_stuck_sink_of_live_cameras_holds_up_nobody(
    make: MakeSite,
    begin: MakeWorker,
    capture: Capture,
    clip: Path,
    full: Path,
    tmp_path: Path,
    wait_for: WaitFor,
) -> None:
    sinks = [{"kind": "jsonl", "path": full}, {"kind": "jsonl", "path": tmp_path / "results.jsonl"}]
    site = make({"a": played(clip)}, sinks=sinks)
    worker = begin(site, hung_s=1.0)
    capture(site)
    wait_for(lambda: worker.outlets()[0].waiting.dropped, 60, "the stuck one to drop results")
    stuck, good = worker.outlets()
    assert (stuck.sink, stuck.written, stuck.waiting.balanced) == ("w-jsonl", 0, True)
    assert (good.sink, good.waiting.dropped) == ("w-jsonl-2", {})
    assert len(lines(tmp_path)) >= good.written > 16
    assert worker.process.ends == 0
    worker.stop()
    stuck, good = worker.outlets()
    assert good.written == len(lines(tmp_path))
    assert stuck.waiting.balanced
    assert stuck.waiting.dropped["killed"] <= 17


def test_a_file_waits_for_a_stuck_sink_and_goes_on_with_it(
    make: MakeSite,
    begin: MakeWorker,
    capture: Capture,
    clip: Path,
    full: Path,
    wait_for: WaitFor,
) -> None:
    worker = begin(make({"a": {"url": str(clip)}}, sinks=[{"kind": "jsonl", "path": full}]), hung_s=1.5)
    assert capture(make({"a": {"url": str(clip)}})).wait(30)
    wait_for(lambda: worker.outlets()[0].waiting.held == 16, 30, "all room to be taken")
    patience_s = time.monotonic() + 4
    wait_for(lambda: worker.process.ends or time.monotonic() > patience_s, 30, "time for it to seem hung")
    assert worker.process.ends == 0
    assert not worker.ended
    reader = os.open(full, os.O_RDONLY | os.O_NONBLOCK)

    def read_all() -> bool:
        with suppress(BlockingIOError):
            while os.read(reader, 65536):
                pass
        return worker.ended

    wait_for(read_all, 30, "the rest to be written")
    os.close(reader)
    assert worker.outlets()[0].written == FRAMES
    assert worker.counts()["a"].dropped == {}


def test_what_the_model_has_in_hand_at_the_stop_is_written(
    make: MakeSite, begin: MakeWorker, capture: Capture, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    site = make({"a": played(clip)}, model={"kind": "python", "class": "tests.site.slow_model:Slow"})
    worker = begin(site)
    capture(site)
    wait_for(lambda: worker.counts()["a"].results, 30, "a result")
    worker.stop()
    counts = worker.counts()["a"]
    assert counts.balanced
    assert counts.lane.frames.left == counts.results == len(lines(tmp_path))
    (sink,) = worker.outlets()
    assert (sink.written, sink.late) == (counts.results, 0)


def test_its_page_shows_what_it_is_told(
    make: MakeSite, begin: MakeWorker, capture: Capture, clip: Path, wait_for: WaitFor
) -> None:
    site = make({"a": played(clip)}, sinks=[{"kind": "preview", "port": 0}])
    worker = begin(site, status=lambda: {"cameras": {"a": {"state": "told"}}})
    capture(site)
    (page,) = worker.pages

    def shown() -> bool:
        with urlopen(f"{page}status.json", timeout=5) as answer:
            told = json.load(answer)["cameras"]
        return bool(told) and told["a"].get("state") == "told"

    wait_for(shown, 20, "the page to show it")


def test_it_stops_within_seconds_while_its_model_is_stuck(
    make: MakeSite, begin: MakeWorker, capture: Capture, clip: Path, wait_for: WaitFor
) -> None:
    site = make({"a": played(clip)}, model={"kind": "python", "class": "tests.site.slow_model:Stuck"})
    worker = begin(site)
    capture(site)
    wait_for(lambda: worker.counts()["a"].lane.frames.left, 30, "the model to have something in hand")
    begun_s = time.monotonic()
    worker.stop()
    worker.stop()
    assert time.monotonic() - begun_s < 30
    assert worker.process.pid is None
    assert worker.counts()["a"].balanced


def test_one_that_waits_to_be_begun_again_stops_at_once(
    make: MakeSite, running: ExitStack, clip: Path, wait_for: WaitFor
) -> None:
    worker = WorkerProcess("w", make({"a": played(clip)}), restart=Restart(delay_s=600.0, most_delay_s=600.0))
    running.callback(worker.stop)
    worker.start()
    assert worker.process.pid is not None
    os.kill(worker.process.pid, signal.SIGKILL)
    wait_for(lambda: worker.process.state is State.WAITING, 30, "its end")
    begun_s = time.monotonic()
    worker.stop()
    assert time.monotonic() - begun_s < STOP_S
    assert worker.process.ends == 1
    assert worker.counts()["a"].balanced


def test_a_sink_that_cannot_be_opened_again_does_not_hold_up_the_stop(
    make: MakeSite, begin: MakeWorker, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    folder = tmp_path / "out"
    worker = begin(make({"a": played(clip)}, sinks=[{"kind": "jsonl", "path": folder / "results.jsonl"}]))
    folder.rename(tmp_path / "before")
    folder.write_text("no folder")
    assert worker.process.pid is not None
    os.kill(worker.process.pid, signal.SIGKILL)
    wait_for(lambda: "w-jsonl: setup: SinkError" in worker.process.reason, 30, "the reason")
    begun_s = time.monotonic()
    worker.stop()
    assert time.monotonic() - begun_s < STOP_S


def test_it_can_be_stopped_while_its_model_is_loaded(
    make: MakeSite, running: ExitStack, clip: Path, wait_for: WaitFor
) -> None:
    site = make({"a": played(clip)}, model={"kind": "python", "class": "tests.site.slow_model:SlowToLoad"})
    worker = WorkerProcess("w", site)
    running.callback(worker.stop)
    with ThreadPoolExecutor(1) as threads:
        starting = threads.submit(worker.start)
        wait_for(lambda: worker.process.pid, 30, "its process")
        worker.stop()
        assert isinstance(starting.exception(30), SightlineError)
    assert worker.process.pid is None
    assert not worker.ended


def test_stop_before_start_and_without_one_is_harmless(make: MakeSite, clip: Path) -> None:
    worker = WorkerProcess("w", make({"a": played(clip)}))
    assert (worker.counts(), worker.outlets(), worker.pages, worker.ended) == ({}, [], [], False)
    worker.stop()
    with pytest.raises(SightlineError, match="stopped"):
        worker.start()
