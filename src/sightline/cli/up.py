"""`sightline up SITE`: run a site file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from sightline.cli.options import EverySecond, Seconds

if TYPE_CHECKING:
    from sightline.site import Site


_LEVELS: Final = ("warning", "info", "debug")


def up(
    context: typer.Context,
    site: Annotated[Path, typer.Argument(metavar="SITE", help="The site file, YAML.", show_default=False)],
    *,
    seconds: Seconds = None,
    as_json: EverySecond = False,
) -> None:
    """Run the cameras and workers of a site file, here, until they are done or you stop them.

    Each worker is a process of its own, and so are captures, one for eight inputs; with bus: memory:// a hub
    that nobody else can reach is between them. One that dies or hangs is begun again, while the others go on;
    --json tells of them too. A frame_queue has commands of its own, sightline framequeue sample and work.

    Ends by itself, with exit code 0, when all its cameras were files that are played once; with 1 when one
    of them could not be read, or a worker or the hub ended too often to be begun again. Ctrl-C or SIGTERM
    stops it, as does the end of its terminal, and what was written stays whole; a second Ctrl-C does not wait
    for that.

    Examples:

        sightline up site.yaml

        sightline up site.yaml --seconds 60
    """
    from sightline.cli.running import run_site
    from sightline.site.supervised_site import SupervisedSite

    level = _LEVELS[min(context.obj or 0, 2)]
    loaded = load_with_models(site)
    if loaded.frame_queue is not None:
        command = f"sightline framequeue sample --site {site}"
        typer.echo(f"frame_queue: not run here; begin it with {command}, and work --site {site}", err=True)
    running = SupervisedSite(loaded, name=site.name, log_level=level)
    raise typer.Exit(run_site(running, Console(), seconds=seconds, as_json=as_json))


def load_with_models(path: Path) -> Site:
    """The site of a file, and the way to models of the user's own. Raises SiteError."""
    from sightline.site import load_site

    site = load_site(path)
    # Where Python itself looks for the modules of a script: they stand beside the file.
    sys.path.insert(0, str(path.absolute().parent))
    return site
