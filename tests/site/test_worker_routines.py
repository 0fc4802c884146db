"""The routines of a worker: in which order they open what they share."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sightline import Frame, Result
from sightline.bus import Bus, open_bus
from sightline.errors import BusError, ConfigError
from sightline.site import Site
from sightline.site.making import WorkerRoutines, worker_routines
from sightline.site.outlet import Outlet
from sightline.site.worker_routines import WorkerSink

MOMENT_S = 0.5


@pytest.fixture
def bus() -> Iterator[Bus]:
    with open_bus("memory://worker-routines") as bus:
        yield bus


def routines(folder: Path, bus: str = "memory://worker-routines") -> WorkerRoutines:
    sinks = [{"kind": "clip", "path": folder / "clips"}, {"kind": "jsonl", "path": folder / "w.jsonl"}]
    cameras = {"a": {"url": "synthetic://street?frames=9"}}
    return worker_routines(
        "w",
        Site.model_validate(
            {"bus": bus, "cameras": cameras, "workers": {"w": {"model": {"kind": "motion"}, "sinks": sinks}}}
        ),
    )


def test_a_sink_that_reads_the_bus_does_so_once_its_worker_reads(
    no_leaks: None, bus: Bus, tmp_path: Path
) -> None:
    """A file begins as soon as anybody reads it, and the model is to see it whole."""
    source, _, (clip, lines) = routines(tmp_path)
    assert isinstance(clip, WorkerSink)
    assert isinstance(lines, WorkerSink)
    lines.setup()  # it has nothing to wait for
    with ThreadPoolExecutor(1) as threads:
        opening = threads.submit(clip.setup)
        assert not bus.wait_wanted("raw_a", MOMENT_S)
        source.setup()
        opening.result(30)
    assert bus.wait_wanted("raw_a", 10)
    source.cleanup()
    assert bus.wait_wanted("raw_a", MOMENT_S)  # the clip's
    for sink in (clip, lines):
        sink.cleanup()


def test_where_its_worker_cannot_read_neither_does_it(no_leaks: None, tmp_path: Path) -> None:
    source, _, (clip, _) = routines(tmp_path, f"hub://{tmp_path}/no-such-hub?timeout=nonsense")
    with pytest.raises((BusError, ConfigError)):
        source.setup()
    with pytest.raises(BusError, match="cameras"):
        clip.setup()


def test_a_sink_whose_thread_cannot_begin_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sink:
        closed = False

        def write(self, result: Result, frame: Frame) -> None: ...

        def close(self) -> None:
            self.closed = True

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    sink = Sink()
    with pytest.raises(RuntimeError, match="new thread"):
        Outlet("w-a", sink, cameras=1, live=True)
    assert sink.closed
