"""What the counts of a pipe have to say at any moment, and what more once it has come to rest. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from tests.pipe.proof.plans import Plan, Way

from sightline.pipe.counts.reports import RoutineStats


def unbalanced(stats: Mapping[str, RoutineStats]) -> Iterator[str]:
    """Counts that do not add up, at any moment."""
    for name, one in stats.items():
        if not one.balanced or one.held < 0:
            yield f"{name} does not add up: {one}"
        for other, wire in (*one.wires_in.items(), *one.wires_out.items()):
            if not wire.balanced or wire.held < 0:
                yield f"the wire between {name} and {other} does not add up: {wire}"


def unfinished(stats: Mapping[str, RoutineStats]) -> Iterator[str]:
    """What is still on its way when all routines are done."""
    for name, one in stats.items():
        held = one.held, one.unsent, *(wire.held for wire in one.wires_out.values())
        if any(held):
            yield f"{name} is done and holds {held}"


def misled(
    plan: Plan, stats: Mapping[str, RoutineStats], harmed: Collection[tuple[str, str]] = ()
) -> Iterator[str]:
    """Where the two ends of a wire do not agree, or a lossless one lost something, once all are done.

    Of wires that were `harmed`, by a change or a death, nothing is known here.
    """
    for way in plan.ways:
        if way.ends not in harmed:
            yield from _misled(way, stats, crosses=plan.crosses(way))
    for name in {way.source for way in plan.ways} - {source for source, _ in harmed}:
        one = stats[name]
        sent = sum(wire.entered for wire in one.wires_out.values()) + sum(one.lost.values())
        if one.given * len(plan.out_of(name)) != sent + one.unsent:
            yield f"{name} gave {one.given} along {len(plan.out_of(name))} wires: {one}"


def _misled(way: Way, stats: Mapping[str, RoutineStats], *, crosses: bool) -> Iterator[str]:
    sent, came = stats[way.source].wires_out[way.destination], stats[way.destination].wires_in[way.source]
    if came.entered != (sent.left if crosses else sent.entered):
        yield f"{way} sent {sent}, of which came {came}"
    if way.lossless and (sent.dropped or came.dropped):
        yield f"{way} is lossless, and dropped: {sent}, {came}"
