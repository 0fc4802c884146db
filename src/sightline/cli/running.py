"""Running a site from the command: the pages' addresses, what became of it, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import IO

import typer
from rich.console import Console

from sightline.cli.live import sink_losses, site_view
from sightline.cli.showing import print_json, print_lines, run_shown, stopped_by_signals
from sightline.site.any_site import AnySite


def run_site(
    running: AnySite,
    console: Console,
    *,
    seconds: float | None = None,
    as_json: bool = False,
    name: str | None = None,
    first_lines: Callable[[IO[str]], Iterable[str]] = lambda _said_on: (),
) -> int:
    """Run until the site ends, `seconds` have passed, or SIGINT or SIGTERM came. Gives the exit code.

    `name` is what `sightline top` calls it; None: it has a window of its own. `first_lines` are told once it
    runs, and asked for by where that is: standard error where standard output is for programs.
    1 where a camera cannot be read or a worker broke, else 0: being asked to stop is no failure.
    Raises SightlineError where the site cannot be started.
    """
    view = site_view(running)
    with stopped_by_signals(running), ExitStack() as opened, running:
        if name is not None:
            _open_window(running, name, opened)
        if not as_json:
            print_lines(_hub_lines(running), console)
            print_lines((f"pictures: {page}" for page in running.pages), console)
            print_lines(first_lines(console.file), console)
        else:
            for line in first_lines(sys.stderr):
                typer.echo(line, err=True)
        run_shown(running, view, console, seconds, as_json=as_json)
        faults = running.faults
    if as_json:
        print_json(view)
    else:
        print_lines([*faults, *sink_losses(running.status().sinks)], console)
    return 1 if faults else 0


def _open_window(running: AnySite, name: str, opened: ExitStack) -> None:
    from sightline.site.visit import PipesVisit
    from sightline.site.window import open_window

    open_window(lambda: PipesVisit(name, dict, status=running.status), opened)


def _hub_lines(running: AnySite) -> Iterator[str]:
    if running.hub is not None:
        yield f"hub: nobody answered at {running.hub.shown}, so it runs here, as process {running.hub.pid}"
