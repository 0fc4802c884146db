"""`sightline capture`: cameras onto a bus, for workers in other processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from sightline.cli.options import (
    EverySecond,
    Loop,
    PasswordEnvs,
    Realtime,
    RtspTransport,
    Seconds,
    TlsCaFile,
    Transport,
    Trust,
    Usernames,
)
from sightline.cli.sources import inputs_of_urls, picked
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.bus import PacketTopics
    from sightline.site.capturing import Capturing, Inputs
    from sightline.site.capturing_processes import CapturingProcesses

_LEVELS: Final = ("warning", "info", "debug")


def capture(
    context: typer.Context,
    urls: Annotated[
        list[str] | None,
        typer.Argument(metavar="[URL]...", help="Cameras' URLs, or files.", show_default=False),
    ] = None,
    *,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="The name of each URL's camera, or which of the site's.", show_default=False
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="BUS", help="The bus, such as hub://127.0.0.1:4820.", show_default=False),
    ] = None,
    site: Annotated[
        Path | None,
        typer.Option(metavar="SITE", help="Take cameras, topics and bus from there.", show_default=False),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN", help="Topic of a camera's packets: raw_:camera_id.", show_default=False
        ),
    ] = None,
    username: Usernames = None,
    password_env: PasswordEnvs = None,
    transport: RtspTransport = Transport.TCP,
    trust: Trust = False,
    tls_ca_file: TlsCaFile = None,
    loop: Loop = False,
    realtime: Realtime = False,
    seconds: Seconds = None,
    as_json: EverySecond = False,
) -> None:
    """Capture cameras onto a bus, for workers in other processes, until they are done or you stop it.

    The packets of the camera gate go to the topic raw_gate. A file that is not played at its own pace waits
    until somebody reads it. With more than eight inputs it starts further processes of itself, and begins one
    again that ends. Ends by itself, with exit code 0, when all were files that are played once; with 1 when
    one of them could not be read.

    Examples:

        sightline capture rtsp://10.0.0.5/stream1 --camera gate --to hub://127.0.0.1

        sightline capture rtsp://10.0.0.5/1 rtsp://10.0.0.6/1 --camera gate --camera yard --to hub://127.0.0.1

        sightline capture rtsp://10.0.0.5/1 --username viewer --password-env GATE_PASSWORD --to hub://127.0.0.1

        sightline capture --site site.yaml
    """
    from sightline.bus import PACKET_TOPICS
    from sightline.site import load_site
    from sightline.site.capturing import inputs_of

    if bool(urls) == (site is not None):
        raise typer.BadParameter("expected cameras' URLs, or --site with a site file", param_hint="URL")
    if site is not None:
        settings = load_site(site)
        inputs, topics, to = inputs_of(settings), settings.topics.of_packets(), to or settings.bus
        inputs = inputs if camera is None else picked(inputs, camera)
    else:
        options = {
            "transport": transport.value,
            "tls": "trust" if trust else "verify",
            "tls_ca_file": tls_ca_file,
            "loop": loop,
            "realtime": realtime or None,
        }
        inputs = inputs_of_urls(urls or [], camera, username or [], password_env or [], options)
        topics = PACKET_TOPICS
    captures = _captures(_reaching(to), inputs, _renamed(topics, topic), context.obj or 0)
    raise typer.Exit(_run(captures, Console(), seconds, as_json=as_json))


def _renamed(topics: PacketTopics, main: str | None) -> PacketTopics:
    import msgspec

    from sightline.bus import topic_pattern

    return topics if main is None else msgspec.structs.replace(topics, main=topic_pattern(main))


def _reaching(url: str | None) -> str:
    from sightline.site.capturing import is_within_process

    if url is None:
        raise typer.BadParameter("expected a bus such as hub://127.0.0.1:4820", param_hint="--to")
    if is_within_process(url):
        raise ConfigError(
            "expected a bus that reaches other processes, such as hub://127.0.0.1:4820, got memory://"
        )
    return url


def _captures(url: str, inputs: Inputs, topics: PacketTopics, verbose: int) -> Capturing | CapturingProcesses:
    from sightline.site.capturing import Capturing
    from sightline.site.capturing_processes import MOST_INPUTS, CapturingProcesses

    if sum(len(streams) for streams in inputs.values()) <= MOST_INPUTS:
        return Capturing(url, inputs, topics=topics, await_readers=True)
    level = _LEVELS[min(verbose, 2)]
    return CapturingProcesses(url, inputs, topics=topics, await_readers=True, log_level=level)


def _run(
    captures: Capturing | CapturingProcesses, console: Console, seconds: float | None, *, as_json: bool
) -> int:
    from sightline.cli.showing import print_json, print_lines, run_shown, stopped_by_signals
    from sightline.cli.streams import captures_view, stream_lines

    view = captures_view(captures)
    with stopped_by_signals(captures), captures:
        run_shown(captures, view, console, seconds, as_json=as_json)
        faults = captures.faults
    if as_json:
        print_json(view)
    else:
        print_lines(stream_lines(captures), console)
    return 1 if faults else 0
