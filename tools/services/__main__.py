"""The command `python -m tools.services`: what tests need of this machine, and whether it is there."""

import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NoReturn, Protocol

import typer
from rich.console import Console
from rich.table import Table
from tools.services import SERVICES, KafkaBroker, Mount, RabbitMqBroker, RedisServer, RtspServer, Service
from tools.services.install import CannotInstall
from tools.services.install import install as add

EXAMPLES = """
Examples:

  python -m tools.services list

  python -m tools.services install rtsp ffmpeg

  python -m tools.services install --all

  python -m tools.services start rtsp --clip street.mp4 --clip gate.h264 --fps 25

  python -m tools.services start kafka --port 9092

  python -m tools.services start redis --port 6379

  python -m tools.services start rabbitmq --port 5672
"""

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help=f"Real servers and programs for the tests.\n{EXAMPLES}"
)
start = typer.Typer(no_args_is_help=True, help="Start a server in the foreground; Ctrl-C ends it.")
app.add_typer(start, name="start")


@app.command("list")
def list_services() -> None:
    """Show every service, where it was found, and the command that adds it."""
    table = Table("service", "for", "found", "to add it")
    for service in SERVICES.values():
        table.add_row(service.name, service.purpose, service.find() or "missing", service.how_to_add())
    Console().print(table)


@app.command()
def install(
    names: Annotated[list[str] | None, typer.Argument(help="Services by name.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Add the services that are missing. Needs root; without, says what to type and ends with 1."""
    services = _chosen(list(SERVICES) if everything else names or [])
    try:
        add(services)
    except CannotInstall as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    for service in services:
        typer.echo(f"{service.name}: {service.find()}")


def _chosen(names: list[str]) -> list[Service]:
    unknown = [name for name in names if name not in SERVICES]
    if unknown or not names:
        got = ", ".join(unknown) or "nothing"
        raise typer.BadParameter(f"expected --all or some of {', '.join(SERVICES)}, got {got}")
    return [SERVICES[name] for name in names]


@start.command("rtsp")
def start_rtsp(
    clip: Annotated[list[Path], typer.Option(exists=True, dir_okay=False, help="A clip; may be repeated.")],
    fps: Annotated[float | None, typer.Option(help="Frames per second; else each clip's own.")] = None,
    codec: Annotated[str | None, typer.Option(help="mjpeg: encode the clips as that.")] = None,
    user: Annotated[str | None, typer.Option(help="Ask for this user (digest login).")] = None,
    password: Annotated[str, typer.Option(help="The user's password.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to serve at; 0 for a free one.")] = 0,
) -> None:
    """Play clips as RTSP cameras, over and over, each under its file's name."""
    mounts = {path.stem: Mount(path, codec=codec, user=user, password=password) for path in clip}
    with (
        suppress(KeyboardInterrupt),
        TemporaryDirectory() as folder,
        RtspServer(Path(folder), mounts, fps=fps, port=port) as server,
    ):
        for name in mounts:
            typer.echo(server.url(name))
        _watch(server)


@start.command("kafka")
def start_kafka(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to serve at; 0 for a free one.")] = 0,
) -> None:
    """Run a Kafka broker; its topics go with it."""
    with (
        suppress(KeyboardInterrupt),
        TemporaryDirectory() as folder,
        KafkaBroker(Path(folder), port) as broker,
    ):
        typer.echo(f"kafka://{broker.address}")
        _watch(broker)


@start.command("redis")
def start_redis(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to serve at; 0 for a free one.")] = 0,
) -> None:
    """Run a Redis server; what it holds goes with it."""
    with (
        suppress(KeyboardInterrupt),
        TemporaryDirectory() as folder,
        RedisServer(Path(folder), port) as server,
    ):
        typer.echo(server.url())
        _watch(server)


@start.command("rabbitmq")
def start_rabbitmq(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to serve at; 0 for a free one.")] = 0,
) -> None:
    """Run a RabbitMQ broker with its management page; its queues go with it."""
    with (
        suppress(KeyboardInterrupt),
        TemporaryDirectory() as folder,
        RabbitMqBroker(Path(folder), port) as broker,
    ):
        typer.echo(broker.address.url())
        typer.echo(broker.address.management_url)
        _watch(broker)


class _Runs(Protocol):
    @property
    def pid(self) -> int | None: ...


def _watch(server: _Runs) -> NoReturn:
    """Waits for Ctrl-C; a server that ends by itself is a failure."""
    while server.pid:
        time.sleep(0.2)
    raise typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="python -m tools.services")
