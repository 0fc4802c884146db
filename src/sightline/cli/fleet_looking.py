"""`sightline fleet test`: what a camera sends, as the machine sees it that is to use it."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.console import Console

from sightline.cli import fleet_tables
from sightline.cli.fleet_options import AsJson, TokenEnv, Url, coordinator
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.fleet.api.client import FleetClient

_SHOWN: Final = (
    "codec",
    "profile",
    "width",
    "height",
    "fps",
    "gop_packets",
    "bit_rate",
    "clock",
    "transport",
)


def look(
    camera: Annotated[
        str,
        typer.Argument(
            metavar="CAMERA", help="Its name, or an address that is not saved.", show_default=False
        ),
    ],
    *,
    agent: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The machine that is to look, or coordinator; that on which the camera is when left out.",
            show_default=False,
        ),
    ] = None,
    username: Annotated[
        str | None, typer.Option(help="Of an address: log in as this user.", show_default=False)
    ] = None,
    password_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of an address: take the password from this environment variable.",
            show_default=False,
        ),
    ] = None,
    still: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save the small picture there, .jpg.", show_default=False),
    ] = None,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Look at a camera once, from the machine that is to use it: what it sends, or what is wrong with it.

    Exit code 1 where no pictures come.

    Examples:

        sightline fleet test gate

        sightline fleet test gate --agent yard --still gate.jpg

        sightline fleet test rtsp://10.0.0.5/main --username viewer --password-env GATE_PASSWORD
    """
    from sightline.cli.terminal import visible_json

    query = {"agent": agent} if agent is not None else None
    with coordinator(url, token_env) as client:
        told = _asked(client, camera, username, password_env, query)
    if still is not None and told["jpeg"]:
        _save(base64.b64decode(told["jpeg"]), still)
    if as_json:
        typer.echo(visible_json(json.dumps(told, ensure_ascii=False)))
    else:
        _show(told)
    if not told["ok"]:
        raise typer.Exit(1)


def _asked(
    client: FleetClient, camera: str, username: str | None, password_env: str | None, query: Any
) -> Any:
    if "://" not in camera:
        if username is not None or password_env is not None:
            raise typer.BadParameter(
                "expected an address: a camera that is saved has its login", param_hint="CAMERA"
            )
        return client.ask("POST", f"/api/v1/cameras/{quote(camera, safe='')}/test", query=query)
    wish = {"address": camera, "username": username, "password": _password(password_env)}
    body = {key: value for key, value in wish.items() if value is not None}
    return client.ask("POST", "/api/v1/camera-test", json=body, query=query)


def _password(variable: str | None) -> str | None:
    if variable is None:
        return None
    if variable not in os.environ:
        raise typer.BadParameter(f"the variable {variable} is not set", param_hint="--password-env")
    return os.environ[variable]


def _show(told: dict[str, Any]) -> None:
    console = Console()
    fleet_tables.lines(console, [f"{told['camera_id']}, seen by {told['on']}: {told['fault'] or 'ok'}"])
    report = told["report"]
    rows = [(name.replace("_", " "), report[name]) for name in _SHOWN if report.get(name) is not None]
    if rows:
        fleet_tables.show(console, ("what", "how"), rows)


def _save(jpeg: bytes, path: Path) -> None:
    try:
        path.write_bytes(jpeg)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None
