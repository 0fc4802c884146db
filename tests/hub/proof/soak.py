"""`make soak`: many rounds of killing, `python -m tests.hub.proof.soak --rounds 100 --kills 10000 --seed 7`.

First those who send messages and call each other; then those who share pictures (`tests.hub.killing`).
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from tests.hub.proof.company import Company
from tests.hub.proof.rounds import CHANNELS, killing


def main(
    rounds: Annotated[int, typer.Option(min=0, help="How many are killed, one after the other.")] = 100,
    kills: Annotated[int, typer.Option(min=0, help="How many are killed that share pictures.")] = 10_000,
    seed: Annotated[int | None, typer.Option(help="Who is killed; drawn and printed if not given.")] = None,
) -> None:
    """Kill hub, writers, readers and callees of a running company in turn, and check all histories.

    Then kill hub, writers and readers of shared pictures at random, and check that nothing is torn or left.
    """
    seed = secrets.randbelow(2**32) if seed is None else seed
    failed = (rounds > 0 and _histories(rounds, seed)) or (kills > 0 and _pictures(kills, seed))
    raise typer.Exit(1 if failed else 0)


def _histories(rounds: int, seed: int) -> bool:
    """Whether something is wrong."""
    typer.echo(f"{rounds} rounds, --seed {seed}")
    with tempfile.TemporaryDirectory() as folder, Company(Path(folder), CHANNELS) as company:
        wrong = killing(company, rounds, seed, typer.echo)
    for line in wrong:
        typer.echo(line, err=True)
    typer.echo("something is wrong" if wrong else "all adds up")
    return bool(wrong)


def _pictures(kills: int, seed: int) -> bool:
    """Whether something is wrong. In a process of its own, which has no threads."""
    command = [sys.executable, "-m", "tests.hub.killing", f"--kills={kills}", f"--seed={seed}"]
    return subprocess.run(command, check=False).returncode != 0


if __name__ == "__main__":
    typer.run(main)
