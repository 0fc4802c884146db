"""`sightline hub`: the embedded broker, a look at one that runs, and certificates for it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from sightline.cli.options import Seconds
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.hub import StreamServer

app = typer.Typer(rich_markup_mode="markdown", context_settings={"help_option_names": ["-h", "--help"]})

_MIB: Final = 1024 * 1024
_URL: Final = "hub://127.0.0.1:4820"
Address = Annotated[str, typer.Argument(metavar="URL", help="Address of the hub.")]


@app.callback(invoke_without_command=True)
def hub(
    context: typer.Context,
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; wider than this machine needs a token or certificates.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is any that is free.")] = 4820,
    unix: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Listen on this Unix socket as well.", show_default=False),
    ] = None,
    token_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Clients must know the token in this environment variable.",
            show_default=False,
        ),
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The hub's certificate, PEM.", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its key, PEM.", show_default=False)
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Clients must show a certificate that is signed by this one, PEM.",
            show_default=False,
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Serve figures for Prometheus on this machine.", show_default=False
        ),
    ] = None,
    statistics_every: Annotated[
        float,
        typer.Option(min=0.1, metavar="SECONDS", help="How often the statistics channel has a message."),
    ] = 1.0,
    message_mib: Annotated[
        int, typer.Option(min=1, max=1024, metavar="MIB", help="The most that a message may weigh.")
    ] = 32,
    sharing: Annotated[
        bool,
        typer.Option(help="Let clients of this machine hand on large payloads in memory that they share."),
    ] = True,
) -> None:
    """Run a hub until Ctrl-C: channels with many readers, a buffer for each of them, and remote calls.

    Without a command behind it, it serves. Its figures are in the channel `sightline.statistics`, in
    `sightline hub top`, and where `--metrics-port` is given at /metrics.

    Examples:

        sightline hub

        sightline hub --port 0 --unix /run/user/1000/hub.sock

        SIGHTLINE_HUB_TOKEN=... sightline hub --host 0.0.0.0 --token-env SIGHTLINE_HUB_TOKEN

        sightline hub top hub://127.0.0.1:4820
    """
    if context.invoked_subcommand is not None:
        return
    import asyncio

    from sightline.hub import Limits, StreamServer
    from sightline.hub.broker.loops import new_loop

    server = StreamServer(
        host,
        port,
        unix_path=_text(unix),
        token=_token(token_env),
        tls_certificate=_text(tls_certificate),
        tls_key=_text(tls_key),
        tls_client_ca=_text(tls_client_ca),
        metrics_port=metrics_port,
        statistics_every_s=statistics_every,
        sharing=sharing,
        limits=Limits(message_bytes=message_mib * _MIB),
    )
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(server))


async def _serve(server: StreamServer) -> None:
    import asyncio

    over = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, over.set)
    async with server:
        for url in server.urls:
            typer.echo(url)
        if server.metrics_port is not None:
            typer.echo(f"http://127.0.0.1:{server.metrics_port}/metrics")
        await over.wait()


def _token(variable: str | None) -> str | None:
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise ConfigError(
            f"expected a token in the environment variable {variable}, which is not set or empty"
        )
    return os.environ[variable]


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


@app.command()
def top(
    url: Address = _URL,
    *,
    seconds: Seconds = None,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON a second, for a program.")] = False,
) -> None:
    """Watch a hub: channels and readers, rates, what waits, what is dropped and why, how late.

    Examples:

        sightline hub top

        sightline hub top hub://:TOKEN@10.0.0.5 --once
    """
    from sightline.cli.hub_top import watch_hub

    watch_hub(url, Console(), seconds=seconds, once=once, as_json=as_json)


@app.command()
def metrics(url: Address = _URL) -> None:
    """Print a hub's figures as Prometheus reads them.

    Examples:

        sightline hub metrics hub://127.0.0.1:4820
    """
    from sightline.cli.hub_top import hub_figures
    from sightline.hub.broker.metrics import metrics_text

    typer.echo(metrics_text(hub_figures(url)).decode(), nl=False)


@app.command()
def cert(
    *,
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the files are.")] = Path(
        "certificates"
    ),
    host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="How clients know the hub: a name or an address; may be repeated. Left out: this machine's.",
            show_default=False,
        ),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Make what this client shows, instead of the hub's; may be repeated.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=36500, help="How long they are valid.")] = 730,
    renew: Annotated[bool, typer.Option("--renew", help="Make those anew that are there.")] = False,
) -> None:
    """Make certificates for TLS between hosts: an authority of your own, the hub's, and the clients'.

    The authority is made once, for ten years, and signs all others; the hub's is also for localhost. What is
    there is kept. Says which file goes where, and the commands that use it.

    Examples:

        sightline hub cert

        sightline hub cert --host hub.example.org --host 10.0.0.5

        sightline hub cert --client gate --client office --days 365

        sightline hub cert --client office --renew
    """
    from sightline.cli.hub_cert import make_certificates

    make_certificates(folder, host or (), client or (), days=days, renew=renew)
