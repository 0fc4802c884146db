"""Kill writers, readers and hubs of shared pictures: `python -m tests.hub.killing --kills 100 --seed 7`."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # none of its threads may be there at a fork

from tests.hub.killing.rounds import killing
from tools.services.ports import free_port

from sightline.log import configure


def main(
    kills: Annotated[int, typer.Option(min=1, help="How many are killed.")] = 10_000,
    seed: Annotated[int | None, typer.Option(help="Who is killed; drawn and printed if not given.")] = None,
) -> None:
    configure("error")  # that the hub is lost is no news
    seed = secrets.randbelow(2**32) if seed is None else seed
    typer.echo(f"{kills} kills, --seed {seed}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        killing(Path(folder), free_port(), kills, seed, typer.echo)
    typer.echo(f"all is whole, and nothing is left; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    typer.run(main)
