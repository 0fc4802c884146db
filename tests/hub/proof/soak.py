"""`make soak`: many rounds of killing, `python -m tests.hub.proof.soak --rounds 100 --kills 10000 --seed 7`.

First those who send messages and call each other; then those who share pictures (`tests.hub.killing`); then
flows of a pipe and whole pipes, and the processes of a site (`tests.pipe.proof`). What a pipe's processes
grow by is measured behind that.
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
    pipe_kills: Annotated[
        int, typer.Option(min=0, help="How many flows of a pipe are killed, and a tenth as many pipes.")
    ] = 100,
    up_kills: Annotated[
        int, typer.Option(min=0, help="How many processes of a site are killed, and a tenth as many sites.")
    ] = 100,
    pipe_messages: Annotated[
        int, typer.Option(min=0, help="How many messages go through a pipe whose memory is measured.")
    ] = 3_000_000,
    seed: Annotated[int | None, typer.Option(help="Who is killed; drawn and printed if not given.")] = None,
) -> None:
    """Kill hub, writers, readers and callees of a running company in turn, and check all histories.

    Then kill hub, writers and readers of shared pictures at random, and check that nothing is torn or left;
    the same with flows of a pipe, and pipes, and processes of a site. Then send messages through a pipe, and
    check that its memory does not grow.
    """
    seed = secrets.randbelow(2**32) if seed is None else seed
    failed = rounds > 0 and _histories(rounds, seed)
    failed = failed or any(
        count > 0 and _fails(module, *options)
        for count, module, *options in (
            (kills, "tests.hub.killing", f"--kills={kills}", f"--seed={seed}"),
            (pipe_kills, "tests.pipe.proof.kills", f"--kills={pipe_kills}", f"--seed={seed}"),
            (pipe_kills, "tests.pipe.proof.orphans", f"--kills={-(-pipe_kills // 10)}", f"--seed={seed}"),
            (up_kills, "tests.pipe.proof.up_kills", f"--kills={up_kills}", f"--seed={seed}"),
            (pipe_messages, "tests.pipe.proof.memory", f"--messages={pipe_messages}"),
        )
    )
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


def _fails(module: str, *options: str) -> bool:
    """Whether something is wrong. In a process of its own, which has no threads and gives all back."""
    return subprocess.run([sys.executable, "-m", module, *options], check=False).returncode != 0


if __name__ == "__main__":
    typer.run(main)
