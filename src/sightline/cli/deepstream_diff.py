"""`sightline deepstream diff`: what two files mean differently."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sightline.cli.deepstream_showing import counted, shown
from sightline.deepstream.comparing.differing import Difference, diff, same
from sightline.deepstream.reading.loading import load
from sightline.log import redact

if TYPE_CHECKING:
    from rich.table import Table


def diff_files(first: Path, second: Path, *, as_json: bool) -> int:
    """The exit code."""
    differences = diff(load(first), load(second))
    if as_json:
        told = {"same": same(differences), "differences": [_plain(each) for each in differences]}
        typer.echo(json.dumps(told, indent=2))
    else:
        _show(differences)
    return 0 if same(differences) else 1


def _plain(difference: Difference) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(difference.to_json())
    return {key: redact(each) if isinstance(each, str) else each for key, each in value.items()}


def _show(differences: tuple[Difference, ...]) -> None:
    from rich.console import Console

    counting = [difference for difference in differences if difference.counts]
    others = [difference for difference in differences if not difference.counts]
    if counting:
        Console().print(_table(counting))
    if others:
        typer.echo("Not the same, and without effect:")
        Console().print(_table(_gathered(others)))
    typer.echo(
        f"{counted(len(counting), 'difference')} in what they mean" if counting else "they mean the same"
    )


def _gathered(differences: list[Difference]) -> list[Difference]:
    """Each once that forty sources have, with how many there are."""
    alike: dict[object, list[Difference]] = {}
    for each in differences:
        group = re.sub(r"\d+$", "", each.group or "")
        alike.setdefault(
            (each.how, group, each.key, each.first, each.second) if each.key else each, []
        ).append(each)
    return [
        replace(first, message=f"{first.message}; {len(others)} more like it") if others else first
        for first, *others in alike.values()
    ]


def _table(differences: list[Difference]) -> Table:
    from rich.table import Column, Table
    from rich.text import Text

    right = {"justify": "right", "no_wrap": True}
    table = Table(Column("A", **right), Column("B", **right), Column("", overflow="fold"))  # type: ignore[arg-type]
    for each in differences:
        lines = (str(line) if line else "-" for line in (each.first_line, each.second_line))
        table.add_row(*lines, Text(shown(each.message)))
    return table
