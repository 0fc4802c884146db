"""The counts of a pipe as text for a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sightline.pipe.counts.reports import RoutineStats
from sightline.pipe.counts.stats import FlowStats, PipeStats, WireStats

WIDTH: Final = 120


def table_of(stats: PipeStats) -> str:
    """Three tables: flows, routines, wires."""
    file = io.StringIO()
    console = Console(file=file, width=WIDTH, color_system=None)
    for table in (
        _flows(stats.flows.values()),
        _routines(stats.flows.values()),
        _wires(stats.wires),
    ):
        console.print(table)
    return file.getvalue()


def _flows(flows: Iterable[FlowStats]) -> Table:
    table = _table(("flow", "state"), ("pid", "restarts", "MB", "CPU s"), "reason")
    for flow in flows:
        numbers = (
            str(flow.pid or "-"),
            str(flow.restarts),
            f"{flow.rss_bytes / 1e6:.0f}",
            f"{flow.cpu_s:.1f}",
        )
        table.add_row(Text(flow.flow), flow.state.value, *numbers, Text(flow.reason))
    return table


def _routines(flows: Iterable[FlowStats]) -> Table:
    numbers = ("fps", "processed", "failed", "held", "mean ms", "99% ms", "max ms")
    table = _table(("routine", "state"), numbers, "dropped, by reason")
    for flow in flows:
        for name, one in flow.routines.items():
            table.add_row(
                Text(f"{flow.flow}.{name}"), one.state.value, *_numbers(one), _by_reason(one.dropped)
            )
    return table


def _numbers(one: RoutineStats) -> tuple[str, ...]:
    logic = one.main_logic
    times = logic.mean_s, logic.quantile_s(0.99), logic.max_ns / 1e9
    counts = (str(count) for count in (one.processed, one.failed, one.held))
    return (f"{one.fps:.1f}", *counts, *(f"{1e3 * time_s:.2f}" for time_s in times))


def _wires(wires: Iterable[WireStats]) -> Table:
    table = _table(
        ("wire", "policy"), ("in", "out", "waiting", "peak", "of", "MB", "copied MB"), "dropped, by reason"
    )
    for wire in wires:
        counts = (wire.entered, wire.left, wire.waiting, wire.peak, wire.capacity)
        table.add_row(
            Text(f"{wire.source} > {wire.destination}"),
            wire.policy.value if wire.linked else "unlinked",
            *map(str, counts),
            f"{wire.sent_bytes / 1e6:.1f}",
            f"{wire.copied_bytes / 1e6:.1f}",
            _by_reason(wire.dropped),
        )
    return table


def _table(names: Iterable[str], numbers: Iterable[str], last: str) -> Table:
    table = Table(expand=True, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_column(last, overflow="fold", ratio=1)
    return table


def _by_reason(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in dropped.items())
