"""`make fuzz`: `python -m tests.deepstream.fuzz --oracle glib --files 100000 --seed 7`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import islice
from typing import Annotated

import typer
from tests.deepstream.fuzz.glib_oracle import glib_oracle
from tests.deepstream.fuzz.oracle import Oracle, fuzz
from tests.deepstream.fuzz.yaml_oracle import yaml_cpp_oracle
from tools.services import SERVICES

ORACLES: dict[str, Callable[[], AbstractContextManager[Oracle]]] = {
    "glib": glib_oracle,
    "yaml-cpp": yaml_cpp_oracle,
}
SHOWN = 10


def main(
    oracle: Annotated[list[str] | None, typer.Option(help="Which real readers; all if not given.")] = None,
    files: Annotated[int, typer.Option(min=1, help="How many files each reads.")] = 100_000,
    seed: Annotated[int | None, typer.Option(help="Which files; drawn and printed if not given.")] = None,
) -> None:
    """Hold our readers of DeepStream's files against the real ones, and fail where they differ."""
    seed = secrets.randbelow(2**32) if seed is None else seed
    names = oracle or list(ORACLES)
    if unknown := set(names) - set(ORACLES):
        raise typer.BadParameter(f"expected some of {', '.join(ORACLES)}, got {', '.join(sorted(unknown))}")
    failed = [name for name in names if not _agrees(name, files, seed)]
    raise typer.Exit(1 if failed else 0)


def _agrees(name: str, files: int, seed: int) -> bool:
    typer.echo(f"{name}: {files} files, --seed {seed}")
    if SERVICES[name].find() is None:
        typer.echo(f"  not found; to add it: {SERVICES[name].how_to_add()}", err=True)
        return False
    begun = time.monotonic()
    with ORACLES[name]() as oracle:
        found = list(islice(fuzz(oracle, files, seed), SHOWN))
    for each in found:
        typer.echo(f"  {each}", err=True)
    took = f"{time.monotonic() - begun:.0f} s"
    typer.echo(f"  {'at least ' if len(found) == SHOWN else ''}{len(found)} disagreements, {took}")
    return not found


if __name__ == "__main__":
    typer.run(main)
