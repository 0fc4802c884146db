"""`sightline fleet drain|undrain|restart|retry|refresh|token|revoke`: what is done with one thing at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from sightline.cli import fleet_tables
from sightline.cli.fleet_options import AsJson, TokenEnv, Url, coordinator

if TYPE_CHECKING:
    from sightline.fleet.api.client import FleetClient

Machine = Annotated[
    str, typer.Argument(metavar="AGENT", help="The machine, by name or node_id.", show_default=False)
]
Instance = Annotated[str, typer.Argument(metavar="INSTANCE", help="Its name.", show_default=False)]


def drain(
    agent: Machine,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Have nothing run on a machine: what others can run goes there.

    Examples:

        sightline fleet drain hall

        sightline fleet drain hall --dry-run
    """
    if dry_run:
        _plan_drain(agent, url, token_env, as_json=as_json)
        return
    _act_on_agent(agent, "drain", "is drained", url, token_env, as_json=as_json)


def undrain(agent: Machine, url: Url = None, token_env: TokenEnv = None, as_json: AsJson = False) -> None:
    """Let a machine run something again; nothing goes back by itself.

    Examples:

        sightline fleet undrain hall
    """
    _act_on_agent(agent, "undrain", "may run something again", url, token_env, as_json=as_json)


def revoke(
    agent: Machine,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Listen to a machine no more: it is told to end what it runs, and no token lets it in again.

    To come back it has to be deleted here, and to enrol anew.

    Examples:

        sightline fleet revoke hall --yes
    """
    if not yes:
        typer.confirm(f"revoke {agent}?", abort=True, err=True)
    _act_on_agent(agent, "revoke", "is revoked", url, token_env, as_json=as_json)


def restart(instance: Instance, url: Url = None, token_env: TokenEnv = None, as_json: AsJson = False) -> None:
    """Have an instance begun anew by its agent.

    Examples:

        sightline fleet restart hall-1
    """
    _act_on_instance(instance, "restart", url, token_env, as_json=as_json)


def retry(instance: Instance, url: Url = None, token_env: TokenEnv = None, as_json: AsJson = False) -> None:
    """Have an agent try again at once what failed: by itself it does after a minute, then ever later.

    Examples:

        sightline fleet retry hall-1
    """
    _act_on_instance(instance, "retry", url, token_env, as_json=as_json)


def refresh(url: Url = None, token_env: TokenEnv = None, as_json: AsJson = False) -> None:
    """Ask all agents who and how they are. They are noticed without it.

    Where the bus is away, they are asked once it is back, and it says so.

    Examples:

        sightline fleet refresh
    """
    with coordinator(url, token_env) as client:
        told = client.post("/api/v1/refresh", {"desc": "sightline fleet refresh"})
    _tell(told, told["detail"], as_json=as_json)


def token(
    *,
    description: Annotated[
        str, typer.Option(metavar="TEXT", help="What it is for.", show_default=False)
    ] = "",
    hours: Annotated[float, typer.Option(min=0.01, max=8760, help="How long it holds.")] = 24.0,
    uses: Annotated[int, typer.Option(min=1, max=10_000, help="How many machines it lets in.")] = 1,
    as_list: Annotated[
        bool, typer.Option("--list", help="List those that were made, without what is secret.")
    ] = False,
    take_back: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Let nobody in by this one any more.", show_default=False),
    ] = None,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Make a token that lets a new machine in, and say what to type there. It is shown this once.

    Examples:

        sightline fleet token

        sightline fleet token --description "the hall's machines" --uses 3 --hours 2

        sightline fleet token --list
    """
    with coordinator(url, token_env) as client:
        if take_back is not None:
            client.ask("DELETE", f"/api/v1/enrolment-tokens/{quote(take_back, safe='')}")
            _tell(
                {"token_id": take_back, "revoked": True},
                f"{take_back} lets nobody in any more",
                as_json=as_json,
            )
        elif as_list:
            _list_tokens(client, as_json=as_json)
        else:
            wish = {"description": description, "life_s": hours * 3600, "uses": uses}
            _show_token(client.post("/api/v1/enrolment-tokens", wish), as_json=as_json)


def _list_tokens(client: FleetClient, *, as_json: bool) -> None:
    rows = list(client.all_of("/api/v1/enrolment-tokens"))
    if as_json:
        _tell(rows, "", as_json=True)
    else:
        fleet_tables.tokens(Console(), rows)


def _show_token(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _tell(made, "", as_json=True)
        return
    typer.echo(made["token"])
    typer.echo("on the new machine: SIGHTLINE_AGENT_TOKEN=(this) sightline agent --bus URL", err=True)


def _plan_drain(agent: str, url: str | None, token_env: str | None, *, as_json: bool) -> None:
    with coordinator(url, token_env) as client:
        told = client.ask("GET", "/api/v1/plan", query={"drain": [agent]})
        if as_json:
            _tell(told, "", as_json=True)
            return
        machines = {one["node_id"]: one["agent_name"] for one in client.all_of("/api/v1/agents")}
        fleet_tables.plan(Console(), told, machines)


def _act_on_agent(
    agent: str, act: str, said: str, url: str | None, token_env: str | None, *, as_json: bool
) -> None:
    with coordinator(url, token_env) as client:
        row = client.post(f"/api/v1/agents/{quote(agent, safe='')}/{act}")
    _tell(row, f"{row['agent_name']} {said}", as_json=as_json)


def _act_on_instance(
    instance: str, act: str, url: str | None, token_env: str | None, *, as_json: bool
) -> None:
    with coordinator(url, token_env) as client:
        told = client.post(f"/api/v1/instances/{quote(instance, safe='')}/{act}")
    _tell(told, told["detail"], as_json=as_json)


def _tell(told: Any, line: str, *, as_json: bool) -> None:
    import json

    from sightline.cli.terminal import visible, visible_json

    typer.echo(visible_json(json.dumps(told, ensure_ascii=False)) if as_json else visible(line))
