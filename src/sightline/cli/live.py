"""The site in the terminal while it runs: a table where there is a terminal, else a line now and then."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sightline.site.outlet import OutletStats
from sightline.site.running import RunningSite
from sightline.site.status import CameraView, StreamView

_COLOURS: Final = {
    "live": "green",
    "done": "cyan",
    "connecting": "yellow",
    "stalled": "yellow",
    "idle": "dim",
}
_REFRESH_HZ: Final = 4
_LINE_EVERY_S: Final = 5.0


def camera_table(cameras: dict[str, CameraView], notes: list[str]) -> Table:
    """One row a camera: what it does, how fast, how late, what is seen, what is lost or wrong and why."""
    table = Table(expand=True, header_style="bold", caption="   ".join(notes) or None, caption_justify="left")
    table.add_column("camera", overflow="fold", max_width=24)
    table.add_column("state", no_wrap=True)
    for name in ("fps in", "results/s", "age", "seen now", "results", "not asked for"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_column("dropped, by reason", overflow="fold", ratio=1)
    for camera_id, camera in cameras.items():
        table.add_row(
            Text(camera_id),
            _state(camera),
            f"{camera.fps:.1f}",
            f"{camera.results_per_s:.1f}",
            "-" if camera.age_s is None else f"{camera.age_s:.2f} s",
            str(camera.detections),
            str(camera.results),
            str(camera.unwanted),
            dropped_text(camera.dropped),
        )
        _add_reason(table, camera)
        if camera.detect:
            table.add_row("  detect_url", _state(camera.detect), f"{camera.detect.fps:.1f}")
            _add_reason(table, camera.detect)
    return table


def _add_reason(table: Table, stream: StreamView) -> None:
    if stream.reason:
        # Beside the numbers a reason would push them out of a narrow terminal.
        table.add_row(*[""] * 8, Text(stream.reason, style="red"))


def dropped_text(dropped: dict[str, int]) -> str:
    """`overflow 12, gap 3`, the most first; `none` when nothing was."""
    ordered = sorted(dropped.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason} {count}" for reason, count in ordered) or "none"


def run_shown(running: RunningSite, console: Console, seconds: float | None = None) -> None:
    """Wait for the site to end, at most `seconds`, and show meanwhile how it is doing."""
    if not console.is_terminal:
        _run_in_lines(running, console, seconds)
        return
    with _table(running, console):
        running.wait(seconds)


def sink_losses(sinks: list[OutletStats]) -> list[str]:
    """A line for each sink that did not get or write all: `sink w-jsonl: 3 results dropped, 1 failed`."""
    lost = ((of.sink, sum(of.waiting.dropped.values()) + of.late, of.failed) for of in sinks)
    return [
        f"sink {name}: {dropped} results dropped, {failed} failed"
        for name, dropped, failed in lost
        if dropped or failed
    ]


@contextmanager
def _table(running: RunningSite, console: Console) -> Iterator[None]:
    live = Live(
        get_renderable=lambda: _renderable(running),
        console=console,
        refresh_per_second=_REFRESH_HZ,
        # Logs that were sent to a file stay there; in the terminal they come above the table.
        redirect_stderr=sys.stderr.isatty(),
    )
    with live:
        yield


def _renderable(running: RunningSite) -> Table:
    status = running.status()
    return camera_table(status.cameras, [*running.pages, *sink_losses(status.sinks)])


def _run_in_lines(running: RunningSite, console: Console, seconds: float | None) -> None:
    left_s, over = seconds, False
    while not over and (left_s is None or left_s > 0):
        step_s = _LINE_EVERY_S if left_s is None else min(_LINE_EVERY_S, left_s)
        over = running.wait(step_s)
        left_s = None if left_s is None else left_s - step_s
        for camera_id, camera in running.status().cameras.items():
            console.print(_line(camera_id, camera), highlight=False, markup=False, soft_wrap=True)


def _line(camera_id: str, camera: CameraView) -> str:
    age = "" if camera.age_s is None else f", newest {camera.age_s:.2f} s old"
    detect = f", detect_url {_stream(camera.detect)}" if camera.detect else ""
    return (
        f"{camera_id}: {_stream(camera)}{detect}, "
        f"{camera.results_per_s:.1f} results/s, {camera.results} results{age}, "
        f"{camera.detections} seen now, {camera.unwanted} not asked for, "
        f"dropped {dropped_text(camera.dropped)}"
    )


def _stream(stream: StreamView) -> str:
    reason = f" ({stream.reason})" if stream.reason else ""
    return f"{_state(stream).plain}{reason}, {stream.fps:.1f} fps in"


def _state(stream: StreamView) -> Text:
    words = stream.state.replace("_", " ")
    if stream.retry_in_s is not None:
        words += f", again in {math.ceil(stream.retry_in_s)} s"
    return Text(words, style=_COLOURS.get(stream.state, "red"))
