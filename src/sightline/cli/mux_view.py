"""A mux while it runs: as a table, as lines, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from rich.text import Text

from sightline.cli.figures import Figures, Row
from sightline.cli.live import dropped_text
from sightline.cli.showing import View

_COLOURS: Final = {"running": "green", "paused": "dim", "elsewhere": "dim", "failing": "red"}
_NUMBERS: Final = ("packets", "results", "results/s", "seen now", "sent on", "behind", "not asked for")


class CameraFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One camera at one moment.

    Attributes:
        state: running, paused, elsewhere or failing.
        reason: why it fails; empty otherwise.
        packets: that came.
        results: of the model.
        results_per_s: of late.
        detections: things seen in the newest picture.
        sent: messages that went on.
        behind: messages that are not decoded yet, here and at the broker.
        unwanted: packets that the rate did not ask for.
        dropped: what was wanted and came to nothing, by reason.
    """

    state: str
    reason: str
    packets: int
    results: int
    results_per_s: float
    detections: int
    sent: int
    behind: int
    unwanted: int
    dropped: dict[str, int]


def mux_view(figures: Callable[[], Mapping[str, CameraFigures]]) -> View:
    """What `figures` tells, as the terminal, a log and a program are to have it."""
    return View(
        table=lambda: _table(figures()),
        lines=lambda: [_line(name, camera) for name, camera in figures().items()],
        facts=lambda: {"cameras": msgspec.to_builtins(dict(figures()))},
    )


def _table(cameras: Mapping[str, CameraFigures]) -> Figures:
    rows = [
        Row(
            name,
            _numbers(camera),
            dropped_text(camera.dropped),
            Text(camera.state, style=_COLOURS.get(camera.state, "")),
            camera.reason,
        )
        for name, camera in cameras.items()
    ]
    return Figures("camera", _NUMBERS, "dropped", rows)


def _numbers(camera: CameraFigures) -> tuple[str, ...]:
    numbers = (camera.packets, camera.results, camera.results_per_s, camera.detections)
    return tuple(str(number) for number in (*numbers, camera.sent, camera.behind, camera.unwanted))


def _line(name: str, camera: CameraFigures) -> str:
    reason = f" ({camera.reason})" if camera.reason else ""
    figures = ", ".join(f"{number} {of}" for of, number in zip(_NUMBERS, _numbers(camera), strict=True))
    return f"{name}: {camera.state}{reason}, {figures}, dropped {dropped_text(camera.dropped)}"
