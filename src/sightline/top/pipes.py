"""Routines and wires of pipes, as rows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from sightline.pipe.counts.reports import DurationStats, RoutineStats
from sightline.pipe.counts.stats import FlowStats, PipeStats, WireStats
from sightline.supervise.watched import State
from sightline.top.feed import Target
from sightline.top.looks import Looks, since
from sightline.top.sheet import Column, Row, Sheet, printable, reasons

ROUTINES: Final = (
    Column("routine", "routine"),
    Column("flow", "flow"),
    Column("state", "state"),
    Column("fps", "fps", 1),
    Column("mean_ms", "ms", 1),
    Column("p99_ms", "99% ms", 1),
    Column("waiting", "held", 0),
    Column("lost_per_s", "lost/s", 1),
    Column("lost", "lost", 0),
    Column("why", "why"),
)
WIRES: Final = (
    Column("wire", "wire"),
    Column("flow", "flow"),
    Column("policy", "policy"),
    Column("messages_per_s", "msg/s", 1),
    Column("mb_per_s", "MB/s", 1),
    Column("waiting", "held", 0),
    Column("capacity", "of", 0),
    Column("lost_per_s", "lost/s", 1),
    Column("lost", "lost", 0),
    Column("why", "why"),
)


def routines(looks: Looks) -> Sheet:
    """Each of each pipe; times are of the calls since the look before."""
    return Sheet("Routines", ROUTINES, tuple(_each(looks)))


def wires(looks: Looks) -> Sheet:
    """Each that there is, and those that lost something while they were there."""
    rows = tuple(
        _wire(looks, pipe, stats, one)
        for pipe, stats in looks.now.pipes.items()
        for one in stats.wires
        if one.linked or one.dropped
    )
    return Sheet("Wires", WIRES, rows)


def _each(looks: Looks) -> Iterator[Row]:
    for pipe, stats in looks.now.pipes.items():
        for flow in stats.flows.values():
            for one in flow.routines.values():
                yield _routine(looks, pipe, flow, one)


def _routine(looks: Looks, pipe: str, flow: FlowStats, one: RoutineStats) -> Row:
    before = looks.routines_before.get((pipe, one.routine))
    calls = _since(one.main_logic, before.main_logic if before else None)
    lost, lost_before = _lost(one), _lost(before) if before else None
    alive = flow.state is State.RUNNING
    state = one.state if alive else flow.state
    reason = one.reason if alive else flow.reason
    values = (
        printable(one.routine),
        printable(flow.flow),
        state.value,
        one.fps if alive else 0.0,
        1e3 * calls.mean_s if calls.count else None,
        1e3 * calls.quantile_s(0.99) if calls.count else None,
        one.waiting,
        looks.rate(lost.total(), lost_before.total() if lost_before is not None else None),
        lost.total(),
        printable(reason) or reasons(lost),
    )
    note = (
        f"{one.routine} in flow {flow.flow}: {reason or state.value}; processed {one.processed}, lost "
        f"{reasons(lost) or 'none'}, held {one.held}, not taken by wires {reasons(one.lost) or 'none'}, "
        f"longest {one.main_logic.max_ns / 1e6:,.1f} ms"
    )
    return Row(
        (looks.feed, pipe, one.routine),
        values,
        printable(note),
        looks.feed,
        Target(pipe, flow.flow, one.routine),
    )


def _lost(one: RoutineStats) -> Counter[str]:
    return Counter(one.dropped) + Counter(failed=one.failed)


def _since(now: DurationStats, before: DurationStats | None) -> DurationStats:
    """Those of the calls between; the longest of them is not known, so that of all bounds them."""
    if before is None or now.total_ns < before.total_ns or now.count < before.count:
        return now
    return DurationStats(
        total_ns=now.total_ns - before.total_ns, max_ns=now.max_ns, buckets=since(now.buckets, before.buckets)
    )


def _wire(looks: Looks, pipe: str, stats: PipeStats, one: WireStats) -> Row:
    before = looks.wires_before.get((pipe, one.source, one.destination))
    dropped = sum(one.dropped.values())
    sent = looks.rate(one.sent_bytes, before.sent_bytes if before else None)
    is_within = one.source_flow == one.destination_flow
    values = (
        printable(f"{one.source} > {one.destination}"),
        printable(one.source_flow if is_within else f"{one.source_flow} > {one.destination_flow}"),
        one.policy.value if one.linked else "unlinked",
        looks.rate(one.left, before.left if before else None),
        None if sent is None else sent / 1e6,
        one.waiting,
        one.capacity,
        looks.rate(dropped, sum(before.dropped.values()) if before else None),
        dropped,
        reasons(one.dropped),
    )
    note = (
        f"{one.source} in flow {one.source_flow} > {one.destination} in flow {one.destination_flow}: took "
        f"{one.entered}, gave {one.left}, lost {reasons(one.dropped) or 'none'}, waiting {one.waiting} of "
        f"{one.capacity}, at most {one.peak}; {one.sent_bytes / 1e6:,.1f} MB between processes, "
        f"{one.copied_bytes / 1e6:,.1f} MB of it copied"
    )
    target = (
        Target(pipe, one.destination_flow, one.destination) if one.destination in stats.routines else None
    )
    return Row((looks.feed, pipe, one.source, one.destination), values, printable(note), looks.feed, target)
