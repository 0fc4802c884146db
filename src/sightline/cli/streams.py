"""Captures while they run: as a table, as lines, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

import msgspec

from sightline.cli.figures import Figures, Row
from sightline.cli.live import dropped_text, state_text, stream_row
from sightline.cli.showing import Runs, View
from sightline.clock import SYSTEM_CLOCK
from sightline.site.capturing import StreamKey, StreamStatus
from sightline.site.status import stream_view

_HEADS: Final = ("fps in", "packets", "published", "waiting", "sends")


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


def _table(streams: dict[StreamKey, StreamStatus]) -> Figures:
    return Figures("camera", _HEADS, "dropped", [_row(key, status) for key, status in streams.items()])


def _row(key: StreamKey, status: StreamStatus) -> Row:
    view, counts, sent = stream_view(status, SYSTEM_CLOCK), status.capture.counts, status.sent
    numbers = (f"{view.fps:.1f}", str(counts.received), str(sent.published), str(sent.waiting), view.source)
    return stream_row(_name(key), view, numbers, dropped_text(view.unsent))


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
