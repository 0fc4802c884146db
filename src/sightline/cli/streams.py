"""Captures while they run: as a table, as lines, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec
from rich.table import Table
from rich.text import Text

from sightline.cli.live import dropped_text, state_text
from sightline.cli.showing import Runs, View
from sightline.clock import SYSTEM_CLOCK
from sightline.site.capturing import StreamKey, StreamStatus
from sightline.site.status import stream_view


class Captures(Runs, Protocol):
    """`Capturing`, or `CapturingProcesses`."""

    def status(self) -> dict[StreamKey, StreamStatus]: ...


def captures_view(captures: Captures) -> View:
    """Captures as the terminal, a log and a program are to have them."""
    return View(
        table=lambda: _table(captures.status()),
        lines=lambda: list(stream_lines(captures)),
        facts=lambda: {"cameras": _facts(captures.status())},
    )


def stream_lines(captures: Captures) -> Iterator[str]:
    """A line a stream: `gate: live, h264 1280x720, 25.0 fps in, 250 packets, 250 published, dropped none`."""
    for key, status in captures.status().items():
        view = stream_view(status, SYSTEM_CLOCK)
        reason = f" ({view.reason})" if view.reason else ""
        source = f"{view.source}, " if view.source else ""
        yield (
            f"{_name(key)}: {state_text(view).plain}{reason}, {source}{view.fps:.1f} fps in, "
            f"{status.capture.counts.received} packets, {status.sent.published} published, "
            f"{status.sent.waiting} waiting, dropped {dropped_text(view.unsent)}"
        )


def _table(streams: dict[StreamKey, StreamStatus]) -> Table:
    table = Table(expand=True, header_style="bold")
    table.add_column("camera", overflow="fold", max_width=32)
    table.add_column("state", no_wrap=True)
    table.add_column("sends", no_wrap=True)
    for name in ("fps in", "packets", "published", "waiting"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_column("dropped, by reason", overflow="fold", ratio=1)
    for key, status in streams.items():
        view, counts, sent = stream_view(status, SYSTEM_CLOCK), status.capture.counts, status.sent
        numbers = (f"{view.fps:.1f}", str(counts.received), str(sent.published), str(sent.waiting))
        table.add_row(Text(_name(key)), state_text(view), view.source, *numbers, dropped_text(view.unsent))
        if view.reason:
            table.add_row("", *[""] * 6, Text(view.reason, style="dim" if view.state == "waiting" else "red"))
    return table


def _facts(streams: dict[StreamKey, StreamStatus]) -> dict[str, dict[str, Any]]:
    """By camera its main stream, and in `detect` the one beside it."""
    cameras: dict[str, dict[str, Any]] = {}
    for (name, stream), status in streams.items():
        facts = {**msgspec.to_builtins(status.capture), "sent": msgspec.to_builtins(status.sent)}
        if stream == "main":
            cameras[name] = facts
        else:
            cameras[name][stream] = facts
    return cameras


def _name(key: StreamKey) -> str:
    name, stream = key
    return name if stream == "main" else f"{name}, detect_url"
