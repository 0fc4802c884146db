"""`sightline fakecam`: RTSP cameras that are not there, good and bad."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.fakecam import FakeCamera

_DRAWN: Final = "synthetic://street?seed={number}&camera={number}&size=640x360&fps=25&gop=25&b_frames=2"


def fakecam(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=SOURCE]...",
            help="Cameras: a name, and a file or synthetic://street?... that it shows.",
            show_default=False,
        ),
    ] = None,
    *,
    cameras: Annotated[
        int | None,
        typer.Option(min=1, max=500, help="So many drawn cameras, cam1, cam2 ...", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; wider needs a login.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is any that is free.")] = 8554,
    username: Annotated[
        str | None, typer.Option(help="Let in this user alone, by digest login.", show_default=False)
    ] = None,
    password: Annotated[
        str | None,
        typer.Option(help="The password; other users of this machine can read it.", show_default=False),
    ] = None,
    password_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Take the password from this environment variable.", show_default=False
        ),
    ] = None,
    misbehave: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCRIPT", help="What goes wrong when: 'cam1: stall 5s at 10s'.", show_default=False
        ),
    ] = None,
    script: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The same as YAML.", show_default=False)
    ] = None,
) -> None:
    """Serve drawn streets and files as RTSP cameras, for any software to be tested with, until Ctrl-C.

    Without a SOURCE it is one drawn camera, cam1. Cameras do wrong what SCRIPT says, with times from the
    beginning: stall, half_open, loss, reorder, pts_jump, wrong_clock, long_gop, resize, wrong_password,
    slow_start, reset, kill.

    Examples:

        sightline fakecam

        sightline fakecam gate=parking.mp4 yard="synthetic://street?codec=hevc&fps=10"

        sightline fakecam --cameras 20 --misbehave "cam1: stall 5s every 30s; cam2: loss 1%"
    """
    from sightline.fakecam import FakeCameras, load_script, parse_script

    secret = _password(password, password_env)
    entries = [entry for text in misbehave or [] for entry in parse_script(text)]
    entries += load_script(script) if script else []
    served = _cameras(sources or [], cameras, username, secret)
    with FakeCameras(served, host=host, port=port, script=entries) as server, _until_signal() as stopped:
        for name in served:
            typer.echo(server.url(name))
        if username:
            typer.echo(f"user {username}", err=True)
        stopped.wait()


def _cameras(
    sources: list[str], drawn: int | None, username: str | None, password: str | None
) -> dict[str, FakeCamera]:
    from sightline.fakecam import FakeCamera

    count = drawn or (0 if sources else 1)
    named = {f"cam{number}": _DRAWN.format(number=number) for number in range(1, count + 1)}
    for source in sources:
        name, equals, url = source.partition("=")
        if not equals or not name or not url:
            raise ConfigError(f"expected NAME=SOURCE such as gate=parking.mp4, got {source!r}")
        if name in named:
            raise ConfigError(f"expected each camera's name once, got {name!r} again")
        named[name] = url
    return {name: FakeCamera(url=url, username=username, password=password) for name, url in named.items()}


def _password(password: str | None, variable: str | None) -> str | None:
    if variable is None:
        return password
    if variable not in os.environ:
        raise ConfigError(f"expected a password in the environment variable {variable}, which is not set")
    return os.environ[variable]


@contextmanager
def _until_signal() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stopped = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
