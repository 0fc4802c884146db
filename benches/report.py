"""What was measured, as Markdown that can be read as it is, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from benches.bench import Bench, Scale
from benches.machine import Machine
from benches.pairing import Figures, Spread, Verdict, judge


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One bench that ran: the figures of each contender, round by round, and why others were left out."""

    bench: Bench
    taken: Mapping[str, Sequence[Figures]]
    left_out: Mapping[str, str] = {}

    @property
    def rounds(self) -> int:
        return min(map(len, self.taken.values()))

    @property
    def verdicts(self) -> list[Verdict]:
        """Of the aims for which all took part."""
        return [
            judge(aim, self.taken)
            for aim in self.bench.aims
            if {aim.contender, aim.against or aim.contender} <= set(self.taken)
        ]

    def spread(self, contender: str, figure: str) -> Spread | None:
        """None where this contender has no such figure."""
        values = [figures[figure] for figures in self.taken[contender] if figure in figures]
        return Spread.of(values) if values else None


def heading(machine: Machine, scale: Scale) -> str:
    """What stands above the reports of one run."""
    small = "" if scale == Scale() else f"\n\nNot the full work, so not to be compared: {scale}."
    return f"## {machine.at}\n\n{machine}{small}\n"


def markdown(report: Report) -> str:
    """One bench: a table of figures, what came of the aims, and how to read it."""
    bench = report.bench
    rounds = "Once each" if report.rounds == 1 else f"{report.rounds} rounds in turn"
    warm_up = ", after one that is not counted" if bench.warm_up else ""
    how = f"{rounds}{warm_up}; each turn in a process of its own. Median (least to most)."
    parts = [
        f"### {bench.name}: {bench.title}",
        how,
        _table(report),
        "\n".join(f"- {_told(verdict)}" for verdict in report.verdicts),
        "\n".join(f"- {name}: left out for want of {why}" for name, why in report.left_out.items()),
        "\n".join(bench.notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(reports: Sequence[Report], machine: Machine, scale: Scale) -> dict[str, Any]:
    """The same, and every single figure, for a program."""
    return {
        "machine": msgspec.to_builtins(machine),
        "scale": msgspec.to_builtins(scale),
        "benches": {report.bench.name: _plain(report) for report in reports},
    }


def _plain(report: Report) -> dict[str, Any]:
    return {
        "title": report.bench.title,
        "notes": report.bench.notes,
        "left_out": report.left_out,
        "rounds": report.taken,
        "aims": [
            {
                "aim": verdict.aim._asdict(),
                "measured": verdict.spread._asdict(),
                "met": verdict.met,
            }
            for verdict in report.verdicts
        ],
    }


def _table(report: Report) -> str:
    figures = list(dict.fromkeys(name for runs in report.taken.values() for run in runs for name in run))
    rows = [["", *report.taken]]
    rows += [[name, *(_shown(report.spread(one, name)) for one in report.taken)] for name in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )


def _told(verdict: Verdict) -> str:
    aim, told = verdict.aim, f"{verdict.aim}: {_shown(verdict.spread)}"
    wanted = [
        f"at {word} {bound:g}"
        for word, bound in (("least", aim.least), ("most", aim.most))
        if bound is not None
    ]
    if not wanted:
        return told
    why = f"; {aim.limit}" if aim.limit else ""
    return f"{told}, aim {' and '.join(wanted)}: {'met' if verdict.met else f'MISSED{why}'}"


def _shown(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    if spread.least == spread.most:
        return _number(spread.median)
    return f"{_number(spread.median)} ({_number(spread.least)} to {_number(spread.most)})"


def _number(value: float) -> str:
    """Three digits that mean something; whole numbers as they are."""
    if value == round(value):
        return f"{value:.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
