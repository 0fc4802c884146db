"""`sightline fleet apply|import|export`: a site into the fleet and out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from sightline.cli import fleet_tables
from sightline.cli.fleet_options import AsJson, TokenEnv, Url, coordinator
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.fleet.api.client import FleetClient

TABLES: Final = ("cameras", "instances", "agents")
Prune = Annotated[
    bool, typer.Option("--prune", help="Remove what came from this file before and is not in it any more.")
]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Take over what has one of its names and came from elsewhere.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


def apply(
    site: Annotated[Path, typer.Argument(metavar="SITE", help="A site file, YAML.", show_default=False)],
    *,
    prune: Prune = False,
    adopt: Adopt = False,
    dry_run: DryRun = False,
    wait: Annotated[bool, typer.Option(help="Wait until all is as desired.")] = True,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Wait so long at most.")] = 300.0,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Make the fleet run a site: its cameras, and an instance for workers that share cameras.

    It shows what that changes, has it applied with whatever else is in the draft, and waits until every
    machine runs it. The same again changes nothing. Variables of the file are taken from the environment
    here. Exit code 1 where an instance failed or has no place, with the reasons, and where time was up.

    Examples:

        sightline fleet apply site.yaml

        sightline fleet apply site.yaml --dry-run

        sightline fleet apply site.yaml --prune --timeout 60
    """
    from sightline.cli.fleet_applying import Applying

    rows = _rows_of(site)
    rows |= {"prune": prune, "adopt": adopt, "dry_run": dry_run}
    with coordinator(url, token_env) as client:
        applying = Applying(client, Console(stderr=as_json), as_json=as_json)
        code = applying.plan(rows) if dry_run else applying.apply(rows, timeout if wait else None)
    raise typer.Exit(code)


def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A site file, or a CSV file.", show_default=False)
    ],
    *,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="Of a CSV file: cameras, instances or agents; left out: as its name says.",
            show_default=False,
        ),
    ] = None,
    prune: Prune = False,
    adopt: Adopt = False,
    dry_run: DryRun = False,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Bring a file into the draft: nothing runs otherwise until that is applied.

    With --dry-run it says what of each row would change, and what applying the draft would change then.

    Examples:

        sightline fleet import site.yaml

        sightline fleet import cameras.csv

        sightline fleet import new.csv --table cameras --dry-run
    """
    with coordinator(url, token_env) as client:
        if table is not None or file.suffix.lower() == ".csv":
            told = _import_table(client, file, table or file.stem.lower(), prune=prune, dry_run=dry_run)
        else:
            rows = {**_rows_of(file), "prune": prune, "adopt": adopt, "dry_run": dry_run}
            told = client.post("/api/v1/import", rows)
        _tell(told, as_json=as_json)
        if told["plan"] is not None and not as_json:
            machines = {one["node_id"]: one["agent_name"] for one in client.all_of("/api/v1/agents")}
            typer.echo("applying the draft would change then:")
            fleet_tables.plan(Console(), told["plan"], machines)


def export(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="site, cameras, instances or agents.")] = "site",
    *,
    instance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Of a site: these instances alone; may be repeated.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to; left out: standard output.", show_default=False),
    ] = None,
    url: Url = None,
    token_env: TokenEnv = None,
) -> None:
    """Write the fleet's workers and cameras as a site file, or a table as CSV. No password is in either.

    Examples:

        sightline fleet export > site.yaml

        sightline fleet export cameras --out cameras.csv
    """
    if what not in {"site", *TABLES}:
        raise typer.BadParameter(f"expected site, {', '.join(TABLES)}, got {what!r}", param_hint="WHAT")
    with coordinator(url, token_env) as client:
        text = _site_text(client, instance) if what == "site" else client.get(f"/api/v1/export/{what}.csv")
    if out is None:
        typer.echo(text, nl=False)
    else:
        _write(out, text)


def _rows_of(site: Path) -> dict[str, Any]:
    """What a site file comes to. Raises SiteError."""
    from sightline.fleet.store.site_rows import read_site_rows

    rows = read_site_rows(site)
    return {"origin": f"site:{site.name}", "instances": rows.instances, "cameras": rows.cameras}


def _import_table(client: FleetClient, file: Path, table: str, *, prune: bool, dry_run: bool) -> Any:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from None
    if table not in TABLES:
        told = f"expected one of {', '.join(TABLES)}, or a file of that name; got {table!r}"
        raise typer.BadParameter(told, param_hint="--table")
    query = {"origin": f"csv:{file.name}", "prune": prune, "dry_run": dry_run}
    return client.ask("POST", f"/api/v1/import/{table}.csv", content=content, query=query)


def _site_text(client: FleetClient, instances: list[str] | None) -> str:
    made = client.ask("GET", "/api/v1/export/site", query={"instance": instances} if instances else None)
    for line in made["left_out"]:
        typer.echo(f"left out: {line}", err=True)
    for name, what in made["variables"].items():
        typer.echo(f"to be set in the environment: {name}, {what}", err=True)
    return str(made["text"])


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None


def _tell(told: Any, *, as_json: bool) -> None:
    import json

    from sightline.cli.terminal import visible_json

    if as_json:
        typer.echo(visible_json(json.dumps(told, ensure_ascii=False)))
        return
    lines = [*fleet_tables.imported(told)] or ["the draft has all of it already"]
    fleet_tables.lines(Console(), [*lines, *fleet_tables.changed_rows(told["rows"])])
