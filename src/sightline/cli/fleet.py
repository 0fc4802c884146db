"""`sightline fleet`: a fleet by its coordinator: what it runs, what would change, make it so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from sightline.cli import fleet_tables
from sightline.cli.fleet_acts import drain, refresh, restart, retry, revoke, token, undrain
from sightline.cli.fleet_audit import audit, undo
from sightline.cli.fleet_files import apply, export, import_file
from sightline.cli.fleet_looking import look
from sightline.cli.fleet_options import AsJson, Limit, TokenEnv, Url, coordinator, machines
from sightline.cli.fleet_rows import debug, move, start, stop
from sightline.cli.fleet_users import users
from sightline.errors import FleetError

if TYPE_CHECKING:
    from sightline.fleet.api.client import FleetClient

app = typer.Typer(
    no_args_is_help=True,
    help="A fleet by its coordinator: what it runs, what would change, make it so.",
)

Text = Annotated[
    str | None,
    typer.Option("--text", metavar="TEXT", help="Those with this in their name.", show_default=False),
]
State = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="Those in this state.", show_default=False)
]
Label = Annotated[
    str | None,
    typer.Option("--label", metavar="NAME[=VALUE]", help="Those with this label.", show_default=False),
]
OnMachine = Annotated[
    str | None, typer.Option("--agent", metavar="NAME", help="Those on this machine.", show_default=False)
]
Sort = Annotated[
    str, typer.Option("--sort", metavar="[-]NAME", help="By what; with - before it from the end.")
]


@app.command()
def status(url: Url = None, token_env: TokenEnv = None, as_json: AsJson = False) -> None:
    """Say how the fleet is: how many of what, in which state, and whether all instances are as desired.

    A camera that is away is no fault of its instance: see the states of the cameras.

    Examples:

        sightline fleet status

        sightline fleet status --url http://10.0.0.2:8420 --token-env FLEET --json
    """
    with coordinator(url, token_env) as client:
        told = client.get("/api/v1/status")
    if as_json:
        _json(told)
    else:
        fleet_tables.lines(Console(), fleet_tables.status(told))


@app.command()
def plan(
    *,
    lose: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AGENT",
            help="What would change if this machine were lost; may be repeated.",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Say what applying the draft would change, and why; nothing is changed.

    Examples:

        sightline fleet plan

        sightline fleet plan --lose hall
    """
    with coordinator(url, token_env) as client:
        told = client.ask("GET", "/api/v1/plan", query={"lose": lose} if lose else None)
        if as_json:
            _json(told)
        else:
            fleet_tables.plan(Console(), told, machines(client))


@app.command()
def agents(
    *,
    text: Text = None,
    state: State = None,
    label: Label = None,
    sort: Sort = "agent_name",
    limit: Limit = 1000,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """List the machines: whether they are there, and how far each is with what it is to run.

    Examples:

        sightline fleet agents

        sightline fleet agents --state lost --json
    """
    with coordinator(url, token_env) as client:
        rows = _rows(client, "agents", limit, text=text, state=state, label=label, sort=sort)
    _json(rows) if as_json else fleet_tables.agents(Console(), rows)


@app.command()
def instances(
    *,
    text: Text = None,
    state: State = None,
    label: Label = None,
    agent: OnMachine = None,
    sort: Sort = "instance_name",
    limit: Limit = 1000,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """List the instances: how each is, where, and why it is not as it should be.

    Examples:

        sightline fleet instances

        sightline fleet instances --agent hall --state failed
    """
    with coordinator(url, token_env) as client:
        rows = _rows(client, "instances", limit, text=text, state=state, label=label, agent=agent, sort=sort)
        _json(rows) if as_json else fleet_tables.instances(Console(), rows, machines(client))


@app.command()
def cameras(
    *,
    text: Text = None,
    state: State = None,
    label: Label = None,
    agent: OnMachine = None,
    instance: Annotated[
        str | None, typer.Option(metavar="NAME", help="Those on this instance.", show_default=False)
    ] = None,
    sort: Sort = "camera_id",
    limit: Limit = 1000,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """List the cameras: how each is, and on which instance.

    Examples:

        sightline fleet cameras --instance hall-1

        sightline fleet cameras --text gate --json
    """
    wanted = {"text": text, "state": state, "label": label, "agent": agent, "instance": instance}
    with coordinator(url, token_env) as client:
        rows = _rows(client, "cameras", limit, **wanted, sort=sort)
    _json(rows) if as_json else fleet_tables.cameras(Console(), rows)


@app.command()
def logs(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="Its name.", show_default=False)],
    *,
    lines: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the last ones.")] = 200,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Print what an instance wrote last, as its agent sends it.

    Examples:

        sightline fleet logs hall-1 --lines 50
    """
    from sightline.cli.terminal import visible

    with coordinator(url, token_env) as client:
        told = client.get(f"/api/v1/instances/{named(instance)}/logs", lines=lines)
    if as_json:
        _json(told)
    elif told["log"].strip():
        typer.echo(visible(told["log"]), nl=not told["log"].endswith("\n"))
    else:
        typer.echo(f"{instance} has written nothing yet", err=True)


@app.command()
def explain(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A camera, or else an instance.", show_default=False)
    ],
    *,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Say why a camera or an instance is as it is, from what is wanted to what is seen.

    Exit code 1 where something is not as it should be: the first step that says no is where to look.

    Examples:

        sightline fleet explain gate

        sightline fleet explain hall-1 --json
    """
    with coordinator(url, token_env) as client:
        told = _explained(client, name)
    _json(told) if as_json else fleet_tables.explanation(Console(), told)
    if not told["ok"]:
        raise typer.Exit(1)


@app.command()
def events(
    *,
    limit: Limit = 50,
    after: Annotated[
        int | None,
        typer.Option(min=0, metavar="ID", help="Those after this one, the oldest first.", show_default=False),
    ] = None,
    instance: Annotated[
        str | None, typer.Option(metavar="NAME", help="Those of this instance.", show_default=False)
    ] = None,
    camera: Annotated[
        str | None, typer.Option(metavar="NAME", help="Those of this camera.", show_default=False)
    ] = None,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Say what happened last: what was applied and by which way, machines that came and went, what moved, has
    no place any more, failed, was put right and is well again, who was refused.

    Examples:

        sightline fleet events --limit 10

        sightline fleet events --instance hall-1

        sightline fleet events --camera gate
    """
    with coordinator(url, token_env) as client:
        rows = _rows(client, "events", limit, after=after, instance=instance, camera_id=camera)
    shown = rows if after is not None else rows[::-1]
    _json(rows) if as_json else fleet_tables.events(Console(), shown)


for _act in (start, stop, move, debug):
    app.command()(_act)
app.command("test")(look)
for _command in (apply, drain, undrain, restart, retry, refresh, token, revoke, export, audit, undo):
    app.command()(_command)
app.command("import")(import_file)
app.add_typer(users, name="users")


def named(name: str) -> str:
    """As a part of an address."""
    from urllib.parse import quote

    return quote(name, safe="")


def _explained(client: FleetClient, name: str) -> Any:
    from sightline.fleet.api.client import Refused

    try:
        return client.get(f"/api/v1/explain/camera/{named(name)}")
    except Refused as refused:
        if refused.kind != "not-found":
            raise
    try:
        return client.get(f"/api/v1/explain/instance/{named(name)}")
    except Refused as refused:
        if refused.kind != "not-found":
            raise
    raise FleetError(
        f"there is no applied camera or instance {name!r}; `sightline fleet plan` has what is not applied yet"
    )


def _rows(client: FleetClient, what: str, limit: int, **wanted: object) -> list[dict[str, Any]]:
    from itertools import islice

    return list(islice(client.all_of(f"/api/v1/{what}", **wanted), limit))


def _json(told: Any) -> None:
    import json

    from sightline.cli.terminal import visible_json

    typer.echo(visible_json(json.dumps(told, ensure_ascii=False)))
