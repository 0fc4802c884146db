"""A site while it runs: as a table, as lines, as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from rich.console import Group
from rich.text import Text

from sightline.cli.figures import Figures, Row
from sightline.cli.showing import View
from sightline.site.any_site import AnySite
from sightline.site.outlet import OutletStats
from sightline.site.status import CameraView, ProcessView, SiteStatus, StreamView

COLOURS: Final = {
    "live": "green",
    "done": "cyan",
    "connecting": "yellow",
    "stalled": "yellow",
    "idle": "dim",
    "waiting": "dim",
}
_HEADS: Final = ("fps in", "results/s", "age", "seen now", "results", "not asked for")


def camera_table(cameras: dict[str, CameraView], notes: list[str]) -> Group:
    """One row a camera: what it does, how fast, how late, what is seen, what is lost or wrong and why."""
    rows = [row for name, camera in cameras.items() for row in _rows(name, camera)]
    return Group(Figures("camera", _HEADS, "dropped", rows), *(Text(note) for note in notes))


def _rows(camera_id: str, camera: CameraView) -> Iterator[Row]:
    """Of a camera, and of the stream beside it."""
    figures = (
        f"{camera.fps:.1f}",
        f"{camera.results_per_s:.1f}",
        "-" if camera.age_s is None else f"{camera.age_s:.2f} s",
        str(camera.detections),
        str(camera.results),
        str(camera.unwanted),
    )
    yield stream_row(camera_id, camera, figures, dropped_text(_all_dropped(camera)))
    if camera.detect:
        rates = (f"{camera.detect.fps:.1f}", *[""] * (len(figures) - 1))
        yield stream_row("  detect_url", camera.detect, rates, "")


def stream_row(name: str, stream: StreamView, figures: Sequence[str], last: str) -> Row:
    """`reason` says when it is tried again, too: as a state that would push figures out of the table."""
    again = "" if stream.retry_in_s is None else f"again in {math.ceil(stream.retry_in_s)} s"
    reason = ": ".join(filter(None, (again, stream.reason)))
    style = "dim" if stream.state == "waiting" else "red"  # for somebody who reads it: nothing is wrong
    return Row(name, figures, last, _state(stream, stream.state), reason, style)


def _all_dropped(camera: CameraView) -> dict[str, int]:
    """On the way onto the bus, and behind it."""
    streams = (camera, camera.detect) if camera.detect else (camera,)
    return dict(sum((Counter(of.unsent) for of in streams), Counter(camera.dropped)))


def dropped_text(dropped: dict[str, int]) -> str:
    """`overflow 12, gap 3`, the most first; `none` when nothing was."""
    ordered = sorted(dropped.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason} {count}" for reason, count in ordered) or "none"


def sink_losses(sinks: list[OutletStats]) -> list[str]:
    """A line for each sink that did not get or write all: `sink w-jsonl: 3 results dropped, 1 failed`."""
    lost = ((of.sink, sum(of.waiting.dropped.values()) + of.late, of.failed) for of in sinks)
    return [
        f"sink {name}: {dropped} results dropped, {failed} failed"
        for name, dropped, failed in lost
        if dropped or failed
    ]


def _process_notes(processes: Mapping[str, ProcessView]) -> list[str]:
    """A line for each process that does not run as it should: `capture-1: waiting, again in 3 s (...)`."""
    return [
        f"{name}: {_process(of, of.state)}"
        for name, of in processes.items()
        if of.state not in {"running", "ended"} or (of.state == "running" and of.reason)
    ]


def _process(of: ProcessView, is_what: str) -> str:
    again = "" if of.retry_in_s is None else f", again in {math.ceil(of.retry_in_s)} s"
    reason = f" ({of.reason})" if of.reason else ""
    ended = f", ended {of.ends} {'time' if of.ends == 1 else 'times'}" if of.ends else ""
    return f"{is_what}{again}{reason}{ended}"


def _processes(processes: Mapping[str, ProcessView]) -> list[str]:
    """One line: `processes: hub 4711; capture-1 4712; worker-people 4713, ended 2 times`."""
    told = [
        f"{name} {_process(of, str(of.pid) if of.state == 'running' else of.state)}"
        for name, of in processes.items()
    ]
    return [f"processes: {'; '.join(told)}"] if told else []


def site_view(running: AnySite) -> View:
    """A site as the terminal, a log and a program are to have it."""
    return View(
        table=lambda: _table(running),
        lines=lambda: _lines(running.status()),
        facts=lambda: {**msgspec.to_builtins(running.status()), "pages": running.pages},
    )


def _table(running: AnySite) -> Group:
    status = running.status()
    notes = [*running.pages, *_processes(status.processes), *sink_losses(status.sinks)]
    return camera_table(status.cameras, notes)


def _lines(status: SiteStatus) -> list[str]:
    cameras = [_line(name, camera) for name, camera in status.cameras.items()]
    return [*cameras, *_process_notes(status.processes)]


def _line(camera_id: str, camera: CameraView) -> str:
    age = "" if camera.age_s is None else f", newest {camera.age_s:.2f} s old"
    detect = f", detect_url {_stream(camera.detect)}" if camera.detect else ""
    return (
        f"{camera_id}: {_stream(camera)}{detect}, "
        f"{camera.results_per_s:.1f} results/s, {camera.results} results{age}, "
        f"{camera.detections} seen now, {camera.unwanted} not asked for, "
        f"dropped {dropped_text(_all_dropped(camera))}"
    )


def _stream(stream: StreamView) -> str:
    reason = f" ({stream.reason})" if stream.reason else ""
    return f"{state_text(stream).plain}{reason}, {stream.fps:.1f} fps in"


def state_text(stream: StreamView) -> Text:
    """`backing off, again in 3 s`, in its colour."""
    again = "" if stream.retry_in_s is None else f", again in {math.ceil(stream.retry_in_s)} s"
    return _state(stream, f"{stream.state}{again}")


def _state(stream: StreamView, words: str) -> Text:
    return Text(words.replace("_", " "), style=COLOURS.get(stream.state, "red"))
