"""`sightline fleet users`: who may ask a fleet's coordinator, with which role, and their tokens.

A password comes from the terminal or from standard input, never from the command line, which all users of a
machine can read.
"""

from __future__ import annotations

import sys
from enum import Enum
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.console import Console

from sightline.cli import fleet_tables
from sightline.cli.fleet_options import AsJson, TokenEnv, Url, coordinator
from sightline.errors import ConfigError

_PATH: Final = "/api/v1/users"
_DAY_S: Final = 86400
users = typer.Typer(
    no_args_is_help=True, help="Who may ask a fleet's coordinator: users, their roles and their tokens."
)


class RoleName(Enum):
    """What somebody may do, the least first."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


User = Annotated[str, typer.Argument(metavar="USER", help="Its name.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]


@users.command("list")
def list_users(url: Url = None, token_env: TokenEnv = None, as_json: AsJson = False) -> None:
    """List the users: what each may, and whether they are logged in.

    Examples:

        sightline fleet users list
    """
    with coordinator(url, token_env) as client:
        rows = list(client.all_of(_PATH))
    if as_json:
        _tell(rows, "", as_json=True)
    else:
        fleet_tables.users(Console(), rows)


@users.command()
def add(
    user: User,
    *,
    role: Annotated[RoleName, typer.Option(help="What they may.")] = RoleName.VIEWER,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="They never log in: a program, which has a token.")
    ] = False,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Add a user, and ask for their password: in the terminal, or as a line of standard input.

    A viewer looks at everything; an operator changes what runs; an admin says who may.

    Examples:

        sightline fleet users add ada --role admin

        sightline fleet users add nightly --no-password
    """
    wish = {"name": user, "role": role.value, "password": None if no_password else _password(user)}
    with coordinator(url, token_env) as client:
        row = client.post(_PATH, wish)
    _tell(row, f"{row['name']} is a user, with role {row['role']}", as_json=as_json)


@users.command()
def role(
    user: User,
    role: Annotated[RoleName, typer.Argument(metavar="ROLE", help="viewer, operator or admin.")],
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Say what a user may from now on; their logins end.

    Examples:

        sightline fleet users role ada operator
    """
    row = _changed(user, {"role": role.value}, url, token_env)
    _tell(row, f"{row['name']} has role {row['role']}", as_json=as_json)


@users.command()
def disable(user: User, url: Url = None, token_env: TokenEnv = None, as_json: AsJson = False) -> None:
    """Let a user do nothing any more: their logins end, and their tokens hold no more.

    Examples:

        sightline fleet users disable ada
    """
    row = _changed(user, {"disabled": True}, url, token_env)
    _tell(row, f"{row['name']} is disabled", as_json=as_json)


@users.command()
def enable(user: User, url: Url = None, token_env: TokenEnv = None, as_json: AsJson = False) -> None:
    """Let a user who was disabled do again what their role has.

    Examples:

        sightline fleet users enable ada
    """
    row = _changed(user, {"disabled": False}, url, token_env)
    _tell(row, f"{row['name']} is enabled", as_json=as_json)


@users.command()
def password(user: User, url: Url = None, token_env: TokenEnv = None) -> None:
    """Give a user another password, asked for in the terminal or read from standard input; their logins end.

    Examples:

        sightline fleet users password ada
    """
    wish = {"password": _password(user)}
    with coordinator(url, token_env) as client:
        client.ask("PUT", f"{_of(user)}/password", json=wish)
    typer.echo(f"{user} has another password")


@users.command()
def remove(user: User, *, yes: Yes = False, url: Url = None, token_env: TokenEnv = None) -> None:
    """Forget a user, their logins and their tokens; what they did stays in the audit.

    Examples:

        sightline fleet users remove ada --yes
    """
    if not yes:
        typer.confirm(f"remove {user}?", abort=True, err=True)
    with coordinator(url, token_env) as client:
        client.ask("DELETE", _of(user))
    typer.echo(f"{user} is removed")


@users.command()
def token(
    user: User,
    *,
    role: Annotated[
        RoleName, typer.Option(help="What it allows at most; never more than its user may.")
    ] = RoleName.ADMIN,
    description: Annotated[
        str, typer.Option(metavar="TEXT", help="What it is for.", show_default=False)
    ] = "",
    days: Annotated[float, typer.Option(min=0.001, max=366, help="How long it holds.")] = 90.0,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Make a token for a program of a user. It is shown this once.

    Whatever asks with it, this command too, may what its user may.

    Examples:

        sightline fleet users token nightly --description "the export at night" --days 30

        SIGHTLINE_FLEET_TOKEN=... sightline fleet status
    """
    wish = {"role": role.value, "description": description, "life_s": days * _DAY_S}
    with coordinator(url, token_env) as client:
        made = client.post(f"{_of(user)}/tokens", wish)
    _tell(made, made["token"], as_json=as_json)


@users.command()
def tokens(user: User, url: Url = None, token_env: TokenEnv = None, as_json: AsJson = False) -> None:
    """List the tokens of a user, without what is secret.

    Examples:

        sightline fleet users tokens ada
    """
    with coordinator(url, token_env) as client:
        rows = list(client.all_of(f"{_of(user)}/tokens"))
    if as_json:
        _tell(rows, "", as_json=True)
    else:
        fleet_tables.user_tokens(Console(), rows)


@users.command()
def revoke(
    user: User,
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Of the token.", show_default=False)],
    url: Url = None,
    token_env: TokenEnv = None,
) -> None:
    """Take a token of a user back: it holds no more, from now on.

    Examples:

        sightline fleet users revoke ada 0a1b2c3d4e5f
    """
    with coordinator(url, token_env) as client:
        client.ask("DELETE", f"{_of(user)}/tokens/{quote(token_id, safe='')}")
    typer.echo(f"{token_id} holds no more")


def _of(user: str) -> str:
    return f"{_PATH}/{quote(user, safe='')}"


def _changed(user: str, values: dict[str, Any], url: str | None, token_env: str | None) -> Any:
    with coordinator(url, token_env) as client:
        return client.ask("PATCH", _of(user), json=values)


def _password(user: str) -> str:
    """A new one: twice in a terminal, as nobody sees what they type; else a line of standard input."""
    from sightline.log import hide_secret

    if sys.stdin.isatty():
        typed = typer.prompt(f"password of {user}", hide_input=True, confirmation_prompt=True, err=True)
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    if not typed:
        raise ConfigError("expected a password in the terminal or as a line of standard input, got none")
    hide_secret(typed)
    return str(typed)


def _tell(told: Any, line: str, *, as_json: bool) -> None:
    import json

    from sightline.cli.terminal import visible, visible_json

    typer.echo(visible_json(json.dumps(told, ensure_ascii=False)) if as_json else visible(line))
