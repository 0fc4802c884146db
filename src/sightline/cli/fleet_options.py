"""What the commands of a fleet have in common: where its coordinator is, its token, and how one is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sightline.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from sightline.fleet.api.client import FleetClient

URL: Final = "SIGHTLINE_FLEET_URL"
TOKEN: Final = "SIGHTLINE_FLEET_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE: Final = "SIGHTLINE_FLEET_TOKEN_FILE"  # noqa: S105 - likewise
_HERE: Final = "http://127.0.0.1:8420"

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help=f"Where the coordinator is; else {URL}, else {_HERE}.",
        show_default=False,
    ),
]
TokenEnv = Annotated[
    str | None,
    typer.Option(
        "--token-env",
        metavar="NAME",
        help=f"Take its token from this environment variable; else {TOKEN}, else the file that {TOKEN_FILE} "
        "names, else the one that a coordinator of yours made here.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")]


@contextmanager
def coordinator(url: str | None, token_env: str | None, timeout_s: float = 60.0) -> Iterator[FleetClient]:
    """Somebody to ask it. Raises ConfigError, MissingExtra."""
    try:
        from sightline.fleet.api.client import FleetClient
    except ModuleNotFoundError as error:
        if error.name != "httpx":
            raise
        raise MissingExtra("httpx is not installed; it comes with: pip install 'sightline[fleet]'") from error
    where = url or os.environ.get(URL) or _HERE
    with FleetClient(where, _token(token_env), timeout_s=timeout_s) as client:
        yield client


def machines(client: FleetClient) -> dict[str, str]:
    """Their names, by node_id."""
    return {one["node_id"]: one["agent_name"] for one in client.all_of("/api/v1/agents")}


def _token(variable: str | None) -> str:
    from sightline.fleet.coordinator.places import DATABASE, home, token_file, token_in

    name = TOKEN if variable is None else variable
    if os.environ.get(name):
        return os.environ[name]
    if variable is not None:
        raise ConfigError(
            f"expected a token in the environment variable {variable}, which is not set or empty"
        )
    path = Path(os.environ.get(TOKEN_FILE) or token_file(home() / DATABASE))
    token = token_in(path)
    if token is None:
        raise ConfigError(
            f"expected the coordinator's token in the environment variable {TOKEN}, or in {path}, where a "
            "coordinator of yours on this machine keeps it; one begun with --db has it beside that file"
        )
    return token
