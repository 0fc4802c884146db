"""A pipe's counts as Prometheus reads them.

Names begin with `sightline_pipe_`; counters end in `_total`, and each has its unit in its name. Labels are
the names of flows and routines, which are known at the build, and states, policies and reasons, of which
there are a few: so there are no more series however long a pipe runs. Source: prometheus.io, "Metric and
label naming".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import accumulate
from typing import Any, Final, TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sightline.clock import NS_PER_S
from sightline.overflow import Reason
from sightline.pipe.counts.reports import DurationStats, State, upper_s
from sightline.pipe.counts.stats import PipeState, PipeStats, WireStats
from sightline.pipe.settings import Policy
from sightline.supervise.watched import State as ProcessState

_PREFIX: Final = "sightline_pipe_"
_FLOW: Final = ("flow",)
_ROUTINE: Final = ("flow", "routine")
_WIRE: Final = ("source", "destination")
_BUCKETS: Final = range(4, 27, 2)
"""Of `DURATION_BUCKETS`, those that are told: each bound is four times the one before, from 16 µs to 67 s."""

_Rows: TypeAlias = list[tuple[tuple[str, ...], Any]]
"""What there is of a kind, each with its labels."""
_Figures: TypeAlias = tuple[tuple[str, str, Callable[[Any], float]], ...]
"""Names, what they mean, and where they come from. Those that end in `_total` are counters."""

_FLOWS: Final[_Figures] = (
    ("flow_pid", "The id of the flow's process; 0: it has none.", lambda one: one.pid or 0),
    (
        "flow_restarts_total",
        "How often its process ended by itself, or had to be ended.",
        lambda one: one.restarts,
    ),
    (
        "flow_resident_memory_bytes",
        "Memory that its process has, shared memory included.",
        lambda one: one.rss_bytes,
    ),
    ("flow_cpu_seconds_total", "Time of processors, of all processes that it had.", lambda one: one.cpu_s),
)
_ROUTINES: Final[_Figures] = (
    (
        "routine_processed_messages_total",
        "Messages on which `main_logic` returned.",
        lambda one: one.processed,
    ),
    ("routine_failed_messages_total", "Messages on which `main_logic` raised.", lambda one: one.failed),
    ("routine_dead_letters_total", "Messages given to its dead-letter hook.", lambda one: one.dead_letters),
    (
        "routine_given_messages_total",
        "Messages that it made, however many wires lead on.",
        lambda one: one.given,
    ),
    ("routine_restarts_total", "How often it was set up again by itself.", lambda one: one.restarts),
    ("routine_held_messages", "Messages that wait for it, or that it has in hand.", lambda one: one.held),
    ("routine_waiting_messages", "Messages that wait in its wires.", lambda one: one.waiting),
    (
        "routine_peak_waiting_messages",
        "The most messages that ever waited in one of its wires.",
        lambda one: one.peak,
    ),
    (
        "routine_unsent_messages",
        "Messages that it gave, and that wait for room in a wire.",
        lambda one: one.unsent,
    ),
    (
        "routine_messages_per_second",
        "Messages processed in a second, over the last one or two.",
        lambda one: one.fps,
    ),
    (
        "routine_main_logic_max_seconds",
        "The longest call of `main_logic`.",
        lambda one: _max_s(one.main_logic),
    ),
    ("routine_setup_max_seconds", "The longest call of `setup`.", lambda one: _max_s(one.setup)),
)
_WIRES: Final[_Figures] = (
    ("wire_in_messages_total", "Messages that it took.", lambda one: one.entered),
    ("wire_out_messages_total", "Messages that the routine at its end has taken.", lambda one: one.left),
    ("wire_waiting_messages", "Messages at its ends, and on their way.", lambda one: one.waiting),
    ("wire_peak_messages", "The most messages that ever waited at one of its ends.", lambda one: one.peak),
    ("wire_capacity_messages", "Messages that may wait in it.", lambda one: one.capacity),
    ("wire_sent_bytes_total", "Of the data that went to another process.", lambda one: one.sent_bytes),
    (
        "wire_copied_bytes_total",
        "Of what found no place in shared memory, and went through a socket.",
        lambda one: one.copied_bytes,
    ),
)
_PIPE: Final[_Figures] = (
    (
        "shared_slots_held",
        "Places in shared memory with data that somebody looks at.",
        lambda one: one.shared.held,
    ),
    ("shared_pools", "Pools of such places.", lambda one: one.shared.pools),
)


class PipeCollector(Collector):
    """The counts of one pipe, read anew for each scrape; for a registry that has no other pipe.

    Args:
        read: gives them: `pipe.stats`.
    """

    def __init__(self, read: Callable[[], PipeStats]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        return metrics_of(self._read())


def registry_of(read: Callable[[], PipeStats]) -> CollectorRegistry:
    """A registry of this pipe alone."""
    registry = CollectorRegistry()
    registry.register(PipeCollector(read))
    return registry


def metrics_of(stats: PipeStats) -> Iterator[Metric]:
    """All metrics of one moment."""
    flows: _Rows = [((name,), flow) for name, flow in stats.flows.items()]
    routines: _Rows = [((*row, name), one) for row, flow in flows for name, one in flow.routines.items()]
    wires: _Rows = [((wire.source, wire.destination), wire) for wire in stats.wires]
    yield _state("state", "How far the pipe is: 1 for that.", (), [((), stats)], PipeState)
    yield from _figures(_PIPE, (), [((), stats)])
    yield _state("flow_state", "How the flow's process is: 1 for that.", _FLOW, flows, ProcessState)
    yield from _figures(_FLOWS, _FLOW, flows)
    yield _state("routine_state", "What the routine does: 1 for that.", _ROUTINE, routines, State)
    yield from _figures(_ROUTINES, _ROUTINE, routines)
    yield from _of_routines(routines, stats.wires)
    yield _wire_info(wires)
    yield from _figures(_WIRES, _WIRE, wires)
    dropped = ((row, _from_zero(_may_drop(wire), wire.dropped)) for row, wire in wires)
    yield _by_reason(
        "wire_dropped_messages_total", "Messages that it took, and dropped or lost.", _WIRE, dropped
    )


def _may_drop(wire: WireStats) -> set[str]:
    """Reasons that it may have at any time. A counter that began above 0 has no increase for Prometheus."""
    record = wire.policy is Policy.RECORD
    reasons = {"incomplete" if record else "died"}
    if wire.policy is Policy.LIVE:
        reasons.add(Reason.OVERFLOW.value)
    if wire.source_flow != wire.destination_flow:
        reasons |= {"unsendable", "unreadable", "incomplete" if record else "lost"}
    return reasons


def _from_zero(reasons: Iterable[str], counts: Mapping[str, int]) -> dict[str, int]:
    return {**dict.fromkeys(sorted(reasons), 0), **counts}


def _of_routines(routines: _Rows, wires: Iterable[WireStats]) -> Iterator[Metric]:
    reasons: defaultdict[str, set[str]] = defaultdict(lambda: {"died"})  # it may die with what is in hand
    for wire in wires:
        reasons[wire.destination] |= _may_drop(wire) - {"unsendable"}
    dropped = ((row, _from_zero(reasons[one.routine], one.dropped)) for row, one in routines)
    yield _by_reason(
        "routine_dropped_messages_total", "Messages that never reached `main_logic`.", _ROUTINE, dropped
    )
    lost = ((row, _from_zero(("died",), one.lost)) for row, one in routines)
    yield _by_reason(
        "routine_lost_messages_total", "Messages that it gave, and a wire did not take.", _ROUTINE, lost
    )
    logic = ((row, one.main_logic) for row, one in routines)
    yield _histogram("routine_main_logic_seconds", "Calls of `main_logic`; a batch is one.", logic)
    setup = ((row, one.setup) for row, one in routines)
    yield _histogram("routine_setup_seconds", "Calls of `setup`.", setup)


def _figures(figures: _Figures, labels: tuple[str, ...], rows: _Rows) -> Iterator[Metric]:
    for name, meaning, read in figures:
        kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        family = kind(_PREFIX + name, meaning, labels=labels)
        for row, one in rows:
            family.add_metric(row, read(one))
        yield family


def _state(
    name: str, meaning: str, labels: tuple[str, ...], rows: _Rows, states: Iterable[StrEnum]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(_PREFIX + name, meaning, labels=(*labels, "state"))
    states = tuple(states)
    for row, one in rows:
        for state in states:
            family.add_metric((*row, state.value), float(one.state is state))
    return family


def _wire_info(wires: _Rows) -> GaugeMetricFamily:
    labels = (*_WIRE, "source_flow", "destination_flow", "policy")
    family = GaugeMetricFamily(f"{_PREFIX}wire_info", "1; of one that was unlinked 0.", labels=labels)
    for row, wire in wires:
        more = (wire.source_flow, wire.destination_flow, wire.policy.value)
        family.add_metric((*row, *more), float(wire.linked))
    return family


def _by_reason(
    name: str,
    meaning: str,
    labels: tuple[str, ...],
    rows: Iterable[tuple[tuple[str, ...], Mapping[str, int]]],
) -> CounterMetricFamily:
    family = CounterMetricFamily(_PREFIX + name, meaning, labels=(*labels, "reason"))
    for row, counts in rows:
        for reason, count in counts.items():
            family.add_metric((*row, reason), count)
    return family


def _histogram(
    name: str, meaning: str, rows: Iterable[tuple[tuple[str, ...], DurationStats]]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(_PREFIX + name, meaning, labels=_ROUTINE)
    for row, durations in rows:
        below = list(accumulate(durations.buckets))
        buckets = [(str(upper_s(bucket)), float(below[bucket])) for bucket in _BUCKETS]
        family.add_metric(row, [*buckets, ("+Inf", float(below[-1]))], durations.total_ns / NS_PER_S)
    return family


def _max_s(durations: DurationStats) -> float:
    return durations.max_ns / NS_PER_S
