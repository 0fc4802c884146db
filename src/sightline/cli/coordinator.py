"""`sightline coordinator`: who is in the fleet, and what runs where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sightline.cli.options import Seconds
from sightline.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from sightline.fleet.api.proxied import Proxy
    from sightline.fleet.api.serving import CoordinatorServer
    from sightline.fleet.timing import Timing

_EXTRA = frozenset({"argon2", "fastapi", "httpx", "jinja2", "python_multipart", "starlette"})


def coordinator(
    *,
    bus: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Where its agents are met: kafka://host:9092, or hub://host:4820.",
            show_default=False,
        ),
    ],
    db: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Its database; left out: one in your own data folder.", show_default=False
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address of its page and API: 0.0.0.0 is reached by other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 is any that is free.")] = 8420,
    token_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who asks must know the token in this environment variable; left out: one is made.",
            show_default=False,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Who asks must know the token in this file, which others cannot read.",
            show_default=False,
        ),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="What people type where a proxy with TLS stands before it: https://fleet.example.",
            show_default=False,
        ),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="Where that proxy asks from; may be repeated; left out: this machine.",
            show_default=False,
        ),
    ] = None,
    prefix: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="Before the names of topics: several fleets on a broker.", show_default=False
        ),
    ] = "",
    open_topics: Annotated[
        bool,
        typer.Option(
            "--open-topics",
            help="Obey UpdateConfig and Refresh of whoever can write to the broker, not of the API alone.",
        ),
    ] = False,
    timing: Annotated[
        str | None, typer.Option(hidden=True, help="Seconds of sightline.fleet.timing as JSON, for tests.")
    ] = None,
    seconds: Seconds = None,
) -> None:
    """Run the coordinator of a fleet until Ctrl-C: it keeps what you want, and tells agents what to run.

    It goes on where it was: all that it needs lies in its database and beside it (keys and token, which only
    you can read). `sightline fleet` asks it, and people do with a browser; who comes first is its admin, by a
    link that the terminal shows. A bus that is away is waited for.

    Examples:

        sightline coordinator --bus kafka://127.0.0.1:9092

        sightline coordinator --bus hub://127.0.0.1:4820 --db fleet.db --port 0

        sightline coordinator --bus kafka://broker:9092 --host 0.0.0.0
    """
    from sightline.cli.pages import first_login, fleet_pages
    from sightline.cli.showing import print_lines, stopped_by_signals
    from sightline.fleet.coordinator.places import DATABASE, home
    from sightline.fleet.coordinator.promptness import prompt

    database = (home() / DATABASE if db is None else db).absolute()
    with (
        prompt(),
        _server(
            bus=bus,
            database=database,
            host=host,
            port=port,
            token=_token(token_env, token_file),
            prefix=prefix,
            open_topics=open_topics,
            pages=fleet_pages,
            proxy=_proxy(origin, proxy),
            timing=_timing(timing),
        ) as one,
    ):
        console = Console()
        print_lines(_first_lines(one, token_env, token_file), console)
        print_lines(first_login(one.entrance, origin or one.url, console.file), console)
        with stopped_by_signals(one):
            one.wait(seconds)


def _server(**settings: object) -> CoordinatorServer:
    try:
        from sightline.fleet.api.serving import CoordinatorServer
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise MissingExtra(
            f"{error.name} is not installed; it comes with: pip install 'sightline[fleet]'"
        ) from error
    return CoordinatorServer(**settings)  # type: ignore[arg-type]  # as above


def _first_lines(server: CoordinatorServer, token_env: str | None, token_file: Path | None) -> Iterator[str]:
    yield f"coordinator: {server.url}"
    yield f"token: in {server.token_path or token_file or f'${token_env}'}"
    yield "to let a machine in: sightline fleet token, which says what to type there"


def _proxy(origin: str | None, networks: list[str] | None) -> Proxy | None:
    if origin is None:
        if networks:
            raise ConfigError("expected --origin with --proxy, the address that people use")
        return None
    from sightline.fleet.api.proxied import Proxy

    return Proxy.of(origin, networks or ())


def _timing(text: str | None) -> Timing | None:
    import msgspec

    from sightline.fleet.timing import Timing

    try:
        return None if text is None else msgspec.json.decode(text, type=Timing)
    except msgspec.DecodeError as error:
        raise ConfigError(f'expected --timing such as {{"lease_s": 4}}: {error}') from None


def _token(variable: str | None, file: Path | None) -> str | None:
    if variable is not None and file is not None:
        raise ConfigError("expected --token-env or --token-file, got both")
    if file is not None:
        return _token_in(file)
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise ConfigError(
            f"expected a token in the environment variable {variable}, which is not set or empty"
        )
    return os.environ[variable]


def _token_in(file: Path) -> str:
    from sightline.fleet.coordinator.places import token_in

    token = token_in(file)
    if not token:
        raise ConfigError(
            f"expected a token in {file}, which {'is empty' if file.exists() else 'is not there'}"
        )
    return token
