"""`sightline framequeue`: pictures of cameras now and then, each for one worker of many."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sightline.cli.framequeue_care import dead, serve, stats, sweep
from sightline.cli.framequeue_options import (
    Group,
    MetricsPort,
    Queue,
    SiteFile,
    Store,
)
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

app = typer.Typer(
    no_args_is_help=True,
    help="Pictures of cameras now and then, each for one worker of many: sample, work, look after it.",
)


class PictureFormat(StrEnum):
    """What pictures are stored as."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    RAW = "raw"


class Keyframes(StrEnum):
    """Whether keyframes do."""

    AUTO = "auto"
    ONLY = "only"
    NEVER = "never"


class WhenFull(StrEnum):
    """What happens while store or queue take no more."""

    WAIT = "wait"
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"


class Take(StrEnum):
    """How a worker has a picture."""

    LEASE = "lease"
    GETDEL = "getdel"


@app.command()
def sample(
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
    site: SiteFile = None,
    store: Store = None,
    queue: Queue = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, max=1000, help="Pictures a second; 1 when left out.", show_default=False),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT", help="Of the pictures; their own when left out.", show_default=False
        ),
    ] = None,
    picture_format: Annotated[
        PictureFormat | None,
        typer.Option("--format", help="What they are stored as; jpeg when left out.", show_default=False),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Of jpeg and webp; 90 when left out.", show_default=False),
    ] = None,
    keyframes: Annotated[
        Keyframes | None,
        typer.Option(
            help="Whether keyframes do: where they suffice (auto), nothing else, or never.",
            show_default=False,
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What keys begin with; frames when left out.", show_default=False),
    ] = None,
    budget_mb: Annotated[
        int | None,
        typer.Option(min=1, metavar="MIB", help="Of the pictures in the store, at most.", show_default=False),
    ] = None,
    ttl_s: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="When a picture is of no use any more; 3600 when left out.", show_default=False
        ),
    ] = None,
    when_full: Annotated[
        WhenFull | None,
        typer.Option(
            help="What happens while store or queue take no more; wait when left out.", show_default=False
        ),
    ] = None,
    username: Usernames = None,
    password_env: PasswordEnvs = None,
    transport: RtspTransport = Transport.TCP,
    trust: Trust = False,
    tls_ca_file: TlsCaFile = None,
    loop: Loop = False,
    realtime: Realtime = False,
    metrics_port: MetricsPort = None,
    seconds: Seconds = None,
    as_json: EverySecond = False,
) -> None:
    """Put a picture a second of each camera into a store, and its key into a queue, until you stop it.

    Ends by itself when all were files that are over: with exit code 0, or 1 where one could not be read or
    pictures were not handed over.

    Examples:

        sightline framequeue sample parking.mp4

        sightline framequeue sample rtsp://10.0.0.5/1 --camera gate --store redis://10.0.0.9 --queue amqp://10.0.0.9

        sightline framequeue sample --site site.yaml --metrics-port 9102
    """
    from sightline.cli.framequeue_sample import cameras_of, run_sampling, settings_of

    given = {
        "rate": rate,
        "size": size,
        "format": picture_format and picture_format.value,
        "quality": quality,
        "keyframes": keyframes and keyframes.value,
        "namespace": namespace,
        "budget_mb": budget_mb,
        "ttl_s": ttl_s,
        "when_full": when_full and when_full.value,
        "store": store,
        "queue": queue,
    }
    options = {
        "transport": transport.value,
        "tls": "trust" if trust else "verify",
        "tls_ca_file": tls_ca_file,
        "loop": loop,
        "realtime": realtime or None,
    }
    loaded, settings = settings_of(site, given)
    cameras = cameras_of(loaded, urls or [], camera, username or [], password_env or [], options)
    code = run_sampling(
        cameras, settings, Console(), metrics_port=metrics_port, seconds=seconds, as_json=as_json
    )
    raise typer.Exit(code)


@app.command()
def work(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Which workers of the site; all when left out.", show_default=False
        ),
    ] = None,
    *,
    site: SiteFile = None,
    store: Store = None,
    queue: Queue = None,
    group: Group = None,
    handler: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="What is called with each picture: of a module beside you, or a package's entry point.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="What looks at the pictures: motion, hog, a .onnx file or python:module:Class.",
            show_default=False,
        ),
    ] = None,
    results: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Where the results of --model are added, a line of JSON each."),
    ] = Path("results.jsonl"),
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Pictures in hand at a time; 1 when left out.", show_default=False),
    ] = None,
    lease_s: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="When the picture of a worker that died is another's; 30 when left out.",
            show_default=False,
        ),
    ] = None,
    time_limit_s: Annotated[
        float | None,
        typer.Option(min=0.001, help="How long one picture may take.", show_default=False),
    ] = None,
    hard_limit_s: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="When this process ends, with 75, as a handler cannot be interrupted.",
            show_default=False,
        ),
    ] = None,
    max_attempts: Annotated[
        int | None,
        typer.Option(min=1, help="Then a key is a dead letter; 3 when left out.", show_default=False),
    ] = None,
    take: Annotated[
        Take,
        typer.Option(
            help="Have a picture for a lease, or for good: then it is lost where this process dies."
        ),
    ] = Take.LEASE,
    overdue_s: Annotated[
        float, typer.Option(min=1, help="Send a key again that nobody has claimed for so long.")
    ] = 60.0,
    sweep: Annotated[bool, typer.Option(help="Look after such keys, and leases that ran out.")] = True,
    drain: Annotated[bool, typer.Option("--drain", help="End when nothing is left to do.")] = False,
    metrics_port: MetricsPort = None,
    seconds: Seconds = None,
    as_json: EverySecond = False,
) -> None:
    """Work on pictures as their keys come, beside as many other workers as you like, until you stop it.

    What works is a function of yours, a model, or the models and sinks of the workers of a site. Ctrl-C or
    SIGTERM ends it: what it has in hand is finished first.

    Examples:

        sightline framequeue work --model motion

        sightline framequeue work --handler counting:look --concurrency 4 --time-limit-s 20

        sightline framequeue work --site site.yaml people --group gates --metrics-port 9103

        sightline framequeue work --model motion --results seen.jsonl --drain
    """
    from sightline.cli.framequeue_work import looking_of, run_working, worker_settings

    settings = worker_settings(
        site,
        {
            "concurrency": concurrency,
            "lease_s": lease_s,
            "time_limit_s": time_limit_s,
            "max_attempts": max_attempts,
            "store": store,
            "queue": queue,
        },
        hard_limit_s=hard_limit_s,
        take=take.value,
    )
    looking = looking_of(settings.site, names or [], handler, model, results)
    code = run_working(
        settings,
        looking,
        Console(),
        groups=group,
        overdue_s=overdue_s if sweep else None,
        drain=drain,
        metrics_port=metrics_port,
        seconds=seconds,
        as_json=as_json,
    )
    raise typer.Exit(code)


app.command()(stats)
app.command()(sweep)
app.command()(serve)
app.add_typer(dead, name="dead")
