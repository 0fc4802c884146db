"""`sightline worker`: workers of a site in a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sightline.cli.options import EverySecond, Seconds
from sightline.cli.up import load_with_models
from sightline.errors import ConfigError


def worker(
    site: Annotated[Path, typer.Argument(metavar="SITE", help="The site file, YAML.", show_default=False)],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Which workers; all when left out.", show_default=False),
    ] = None,
    seconds: Seconds = None,
    as_json: EverySecond = False,
) -> None:
    """Run workers of a site file, of cameras that `sightline capture` captures, until you stop them.

    Ends by itself, with exit code 0, when all its cameras were files that are over. What it says of a camera
    is what it hears of it over the bus.

    Examples:

        sightline worker site.yaml

        sightline worker site.yaml people cars
    """
    from sightline.cli.running import run_site
    from sightline.site import RunningSite
    from sightline.site.capturing import is_within_process

    settings = load_with_models(site)
    if is_within_process(settings.bus):
        raise ConfigError(
            "expected a site whose bus reaches other processes, such as bus: hub://127.0.0.1:4820, "
            "got memory://"
        )
    running = RunningSite(settings, workers=names or None, capture=False)
    raise typer.Exit(run_site(running, Console(), seconds=seconds, as_json=as_json, name=site.name))
