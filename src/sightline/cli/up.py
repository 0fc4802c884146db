"""`sightline up SITE`: run a site file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from sightline.cli.options import EverySecond, Seconds
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.fleet.one.api import ApiWish
    from sightline.fleet.one.up import FleetOfOne
    from sightline.site import Site
    from sightline.site.reading import ReadSite


_LEVELS: Final = ("warning", "info", "debug")


def up(
    context: typer.Context,
    site: Annotated[Path, typer.Argument(metavar="SITE", help="The site file, YAML.", show_default=False)],
    *,
    api: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Serve the fleet's page and API there, to change cameras while it runs; 0 is a free port.",
            show_default=False,
        ),
    ] = None,
    token_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who asks the API must know the token in this environment variable; left out: one is made.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep there what the API changed, for the next time.", show_default=False
        ),
    ] = None,
    fleet: Annotated[
        bool, typer.Option("--fleet", help="Let agents of other machines join, over the site's bus.")
    ] = False,
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

    This machine is a fleet of one: with --api its cameras can be seen with a browser and changed while it
    runs, as those of `sightline coordinator` can, and the site is begun anew with them.

    Examples:

        sightline up site.yaml

        sightline up site.yaml --seconds 60

        sightline up site.yaml --api 8420 --state ./fleet
    """
    from sightline.cli.running import run_site
    from sightline.fleet.one.up import FleetOfOne

    wish = None if api is None else _wish(api, token_env)
    read = _read_with_models(site)
    if read.site.frame_queue is not None:
        command = f"sightline framequeue sample --site {site}"
        typer.echo(f"frame_queue: not run here; begin it with {command}, and work --site {site}", err=True)
    running = FleetOfOne(
        *read,
        name=site.name,
        log_level=_LEVELS[min(context.obj or 0, 2)],
        state=state,
        shared=fleet,
        api=wish,
    )
    raise typer.Exit(
        run_site(
            running,
            Console(),
            seconds=seconds,
            as_json=as_json,
            first_lines=lambda said_on: _first_lines(running, said_on),
        )
    )


def _first_lines(running: FleetOfOne, said_on: IO[str]) -> Iterator[str]:
    from sightline.cli.pages import first_login

    yield from running.first_lines()
    if running.fleet.api is not None:
        yield from first_login(running.fleet.api.entrance, running.fleet.api.url, said_on)


def load_with_models(path: Path) -> Site:
    """The site of a file, and the way to models of the user's own. Raises SiteError."""
    return _read_with_models(path).site


def _read_with_models(path: Path) -> ReadSite:
    from sightline.site.reading import read_site

    read = read_site(path)
    # Where Python itself looks for the modules of a script: they stand beside the file.
    sys.path.insert(0, str(path.absolute().parent))
    return read


def _wish(api: str, token_env: str | None) -> ApiWish:
    from sightline.cli.pages import fleet_pages
    from sightline.fleet.one.api import ApiWish

    if token_env is None:
        return ApiWish.parse(api)._replace(pages=fleet_pages)
    if not os.environ.get(token_env):
        raise ConfigError(
            f"expected a token in the environment variable {token_env}, which is not set or empty"
        )
    return ApiWish.parse(api, os.environ[token_env], f"${token_env}")._replace(pages=fleet_pages)
