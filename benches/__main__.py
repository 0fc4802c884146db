"""The command `python -m benches`: measures, prints, and keeps what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from benches.bench import QUICK, Bench, Missing, Scale
from benches.machine import this_machine
from benches.pairing import Turn
from benches.report import Report, heading, markdown, plain
from benches.turns import BENCHES, Failed, run

RESULTS: Final = Path(__file__).with_name("RESULTS.md")

app = typer.Typer(add_completion=False)


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(help="Benches, or how their names begin; all.")] = None,
    runs: Annotated[int | None, typer.Option(min=1, help="Rounds; else each bench's own number.")] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Little work: shows that all runs, measures little.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
    record: Annotated[bool, typer.Option("--record", help=f"Append to benches/{RESULTS.name}.")] = False,
    only_list: Annotated[bool, typer.Option("--list", help="Show what there is.")] = False,
) -> None:
    """Measure Sightline beside what one would use instead: contenders take turns, ratios are of one round.

    Examples:

      python -m benches decode --runs 3

      python -m benches passing many --json
    """
    chosen = _chosen(names or [])
    if only_list:
        for bench in chosen:
            typer.echo(f"{bench.name:12} {bench.title}")
        return
    scale, machine = QUICK if quick else Scale(), this_machine()
    reports: list[Report] = []
    texts = [heading(machine, scale)]
    if not as_json:
        typer.echo(texts[0])
    for report in filter(None, (_measured(bench, scale, runs) for bench in chosen)):
        reports.append(report)
        texts.append(markdown(report))
        if not as_json:
            typer.echo(texts[-1])
    if as_json:
        typer.echo(json.dumps(plain(reports, machine, scale), indent=2))
    if record and reports:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write("\n" + "\n".join(texts))


def _chosen(names: list[str]) -> list[Bench]:
    """Raises BadParameter for a name that nothing begins with."""
    for name in names:
        if not any(known.startswith(name) for known in BENCHES):
            raise typer.BadParameter(f"no bench begins with {name!r}; there are {', '.join(BENCHES)}")
    return [bench for known, bench in BENCHES.items() if not names or known.startswith(tuple(names))]


def _measured(bench: Bench, scale: Scale, runs: int | None) -> Report | None:
    """None where it is skipped, which it says."""
    try:
        return run(bench, scale, runs or bench.rounds, say=_say(bench))
    except Missing as missing:
        typer.echo(f"{bench.name}: skipped for want of {missing}", err=True)
        return None
    except Failed as failure:
        typer.echo(str(failure), err=True)
        raise typer.Exit(1) from None


def _say(bench: Bench) -> Callable[[Turn], None]:
    def say(turn: Turn) -> None:
        which = f"round {turn.round}" if turn.round else "warm-up"
        typer.echo(f"{bench.name}: {which}, {turn.contender}", err=True)

    return say


if __name__ == "__main__":
    app()
