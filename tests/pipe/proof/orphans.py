"""Kill the parents of pipes, at any moment: `python -m tests.pipe.proof.orphans --kills 10 --seed 7`."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Annotated, Final

import psutil
import typer
from tests.hub.proof.numbers import Numbers
from tests.pipe.proof.crowd import TRACKS, Count
from tests.pipe.proof.remains import Machine
from tools.services.waiting import wait_for

ROOT: Final = Path(__file__).resolve().parents[3]
MOST_BUILD_S: Final = 4.0
WORKS_S: Final = 60.0


def kill_parent(folder: Path, after_s: float | None) -> int:
    """So long after its begin; None: once it works. How many processes went with it."""
    machine = Machine.now()
    environ = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.pipe.proof.doomed", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as parent:
        try:
            if after_s is None:
                _wait_until_it_works(parent, folder)
            else:
                time.sleep(after_s)
            pids = [child.pid for child in psutil.Process(parent.pid).children(recursive=True)]
        finally:
            parent.kill()
    machine.wait_until_back(pids)
    return len(pids)


def _wait_until_it_works(parent: subprocess.Popen[str], folder: Path) -> None:
    assert parent.stdout is not None
    assert json.loads(parent.stdout.readline())
    files = [Numbers(folder / f"{track.looker}.numbers") for track in TRACKS]
    wait_for(lambda: all(file[Count.SEEN] for file in files), WORKS_S, "all to see something")


def main(
    kills: Annotated[int, typer.Option(min=1, help="How many are killed.")] = 10,
    seed: Annotated[int | None, typer.Option(help="When; drawn and printed if not given.")] = None,
) -> None:
    seed = secrets.randbelow(2**32) if seed is None else seed
    typer.echo(f"{kills} kills of parents, --seed {seed}")
    dice = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, kills + 1):
            after_s = None if number % 2 else dice.uniform(0.0, MOST_BUILD_S)
            left = kill_parent(Path(folder), after_s)
            when = "while they worked" if after_s is None else f"after {after_s:.2f} s"
            typer.echo(f"{number} killed, {when}: {left} processes went with it")
    typer.echo("nothing is left")


if __name__ == "__main__":
    typer.run(main)
