"""`make soak`: many rounds of killing, `python -m tests.hub.proof.soak --rounds 100 --seed 7`."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from tests.hub.proof.company import Company
from tests.hub.proof.rounds import CHANNELS, killing


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How many are killed, one after the other.")] = 100,
    seed: Annotated[int | None, typer.Option(help="Who is killed; drawn and printed if not given.")] = None,
) -> None:
    """Kill hub, writers, readers and callees of a running company in turn, and check all histories."""
    seed = secrets.randbelow(2**32) if seed is None else seed
    typer.echo(f"{rounds} rounds, --seed {seed}")
    with tempfile.TemporaryDirectory() as folder, Company(Path(folder), CHANNELS) as company:
        wrong = killing(company, rounds, seed, typer.echo)
    for line in wrong:
        typer.echo(line, err=True)
    typer.echo("something is wrong" if wrong else "all adds up")
    raise typer.Exit(1 if wrong else 0)


if __name__ == "__main__":
    typer.run(main)
