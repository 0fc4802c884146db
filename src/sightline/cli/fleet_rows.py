"""`sightline fleet start|stop|move|debug`: what is done with one camera or instance, at once and it alone."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from sightline.cli import fleet_tables
from sightline.cli.fleet_options import AsJson, TokenEnv, Url, coordinator
from sightline.errors import FleetError

if TYPE_CHECKING:
    from sightline.fleet.api.client import FleetClient


class Kind(Enum):
    """What a name is of."""

    CAMERA = "camera"
    INSTANCE = "instance"


Name = Annotated[str, typer.Argument(metavar="NAME", help="A camera, or an instance.", show_default=False)]
Of = Annotated[
    Kind | None,
    typer.Option("--kind", help="Which of the two, where both have that name.", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


def start(
    name: Name,
    kind: Of = None,
    dry_run: DryRun = False,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Have a camera or an instance run, at once: what else is in the draft stays there.

    Examples:

        sightline fleet start gate

        sightline fleet start hall-1 --dry-run
    """
    _act(name, kind, "start", None, url, token_env, dry_run=dry_run, as_json=as_json)


def stop(
    name: Name,
    kind: Of = None,
    dry_run: DryRun = False,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Have a camera or an instance end, at once: what else is in the draft stays there, and so does its row.

    Examples:

        sightline fleet stop gate

        sightline fleet stop gate --kind camera --dry-run
    """
    _act(name, kind, "stop", None, url, token_env, dry_run=dry_run, as_json=as_json)


def move(
    name: Name,
    *,
    instance: Annotated[
        str | None,
        typer.Option("--instance", metavar="NAME", help="A camera: to this instance.", show_default=False),
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", metavar="NAME", help="To this machine.", show_default=False)
    ] = None,
    by_itself: Annotated[
        bool, typer.Option("--by-itself", help="To wherever the fleet finds a place.")
    ] = False,
    kind: Of = None,
    dry_run: DryRun = False,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Put a camera or an instance somewhere by hand, at once: what else is in the draft stays there.

    Examples:

        sightline fleet move hall-1 --agent yard

        sightline fleet move gate --instance hall-2 --dry-run

        sightline fleet move gate --by-itself
    """
    if by_itself == (instance is not None or agent is not None):
        raise typer.BadParameter("expected --instance or --agent, or else --by-itself", param_hint="--agent")
    if instance is not None:
        if kind is Kind.INSTANCE:
            raise typer.BadParameter(
                "expected a camera: an instance is on a machine", param_hint="--instance"
            )
        kind = Kind.CAMERA
    where = {"instance_name": instance, "agent_name": agent}
    to = {key: value for key, value in where.items() if value is not None}
    _act(name, kind, "move", to, url, token_env, dry_run=dry_run, as_json=as_json)


def debug(
    name: Name,
    *,
    off: Annotated[bool, typer.Option("--off", help="Not any more.")] = False,
    kind: Of = None,
    dry_run: DryRun = False,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Have the log say all of a camera or an instance; it is begun anew for it, with what is beside it.

    Of an instance of DeepStream it is the debug mode: its pictures can be seen.

    Examples:

        sightline fleet debug gate

        sightline fleet debug hall-1 --off
    """
    _act(name, kind, "debug", {"debug": not off}, url, token_env, dry_run=dry_run, as_json=as_json)


def _act(
    name: str,
    kind: Kind | None,
    act: str,
    body: Any,
    url: str | None,
    token_env: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    from sightline.cli.terminal import visible, visible_json

    with coordinator(url, token_env) as client:
        kind = kind or _kind_of(client, name)
        path = f"/api/v1/{kind.value}s/{quote(name, safe='')}/{act}"
        told = client.ask("POST", path, json=body, query={"dry_run": True} if dry_run else None)
        if as_json:
            typer.echo(visible_json(json.dumps(told, ensure_ascii=False)))
            return
        typer.echo(visible(told["detail"]))
        if told["plan"] is not None:
            machines = {one["node_id"]: one["agent_name"] for one in client.all_of("/api/v1/agents")}
            fleet_tables.plan(Console(), told["plan"], machines)


def _kind_of(client: FleetClient, name: str) -> Kind:
    """Raises FleetError where there is none of that name, or both."""
    from sightline.fleet.api.client import Refused

    found = []
    for kind in Kind:
        try:
            client.get(f"/api/v1/{kind.value}s/{quote(name, safe='')}")
        except Refused as refused:
            if refused.kind != "not-found":
                raise
        else:
            found.append(kind)
    if len(found) == 1:
        return found[0]
    if found:
        raise FleetError(f"there is a camera {name!r} and an instance: say which with --kind")
    raise FleetError(f"there is no camera or instance {name!r}")
