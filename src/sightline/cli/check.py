"""`sightline check SITE`: is a site file right?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sightline.site import Site, SiteError, Worker


def check(
    site: Annotated[
        Path | None, typer.Argument(metavar="SITE", help="The site file, YAML.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of site files.")] = False,
) -> None:
    """Say whether a site file is right, or every mistake in it with its line and column.

    Of the bus it says whether its hub answers. No camera is opened: whether one answers is what
    `sightline probe` tells. Exit code 1 where there is a mistake.

    Examples:

        sightline check site.yaml

        sightline check site.yaml --json

        sightline check --schema > site.schema.json
    """
    if schema:
        _print_schema()
    elif site is None:
        raise typer.BadParameter("name a site file, or ask for --schema", param_hint="SITE")
    else:
        _check(site, as_json=as_json)


def _print_schema() -> None:
    from sightline.site import Site

    typer.echo(json.dumps(Site.model_json_schema(), indent=2))


def _check(path: Path, *, as_json: bool) -> None:
    from sightline.site import SiteError, load_site

    try:
        site = load_site(path)
    except SiteError as error:
        if not as_json:
            raise
        typer.echo(_mistakes_as_json(error))
        raise typer.Exit(1) from None
    typer.echo(_as_json(site) if as_json else f"{path}: ok\n{_bus_in_words(site)}{_summary(site)}")


def _mistakes_as_json(error: SiteError) -> str:
    return json.dumps({"ok": False, "mistakes": [asdict(mistake) for mistake in error.mistakes]}, indent=2)


def _as_json(site: Site) -> str:
    told = {"ok": True, "cameras": list(site.cameras), "workers": list(site.workers)}
    return json.dumps({**told, "bus": _bus(site), "frame_queue": _frame_queue(site)}, indent=2)


def _bus(site: Site) -> dict[str, Any]:
    """Where it is, without what is secret, and whether it answers; None where there is nobody to ask."""
    from sightline.site.own_hub import answers, hub_of

    address = hub_of(site.bus)
    if address is None:
        return {"url": site.bus, "answers": None}
    return {"url": address.shown, "answers": answers(address)}


def _bus_in_words(site: Site) -> str:
    bus = _bus(site)
    if bus["answers"] is None:
        return ""
    return f"  a hub {'answers' if bus['answers'] else 'does not answer'} at {bus['url']}\n"


def _summary(site: Site) -> str:
    enabled = sum(camera.enabled for camera in site.cameras.values())
    off = len(site.cameras) - enabled
    first = f"  {_counted(enabled, 'camera')}" + (f" ({off} more not enabled)" if off else "")
    return "\n".join(
        [
            first,
            *(f"  {name}: {_in_words(site, worker)}" for name, worker in site.workers.items()),
            *_frame_queue_in_words(site),
        ]
    )


def _frame_queue(site: Site) -> dict[str, Any] | None:
    """Where it is, without what is secret, and of which cameras; None where there is none."""
    from sightline.log import redact

    of = site.frame_queue
    if of is None:
        return None
    return {"store": redact(of.store), "queue": redact(of.queue), "cameras": list(site.sampled_cameras())}


def _frame_queue_in_words(site: Site) -> Iterator[str]:
    told = _frame_queue(site)
    if told is not None and site.frame_queue is not None:
        rate, of = site.frame_queue.rate, _counted(len(told["cameras"]), "camera")
        yield f"  frame queue: {rate:g} pictures/s of {of}, to {told['store']} and {told['queue']}"


def _in_words(site: Site, worker: Worker) -> str:
    cameras = list(site.cameras_of(worker))
    shown = ", ".join(cameras[:5]) + (f" and {len(cameras) - 5} more" if len(cameras) > 5 else "")
    rate = "every picture" if worker.rate is None else f"{worker.rate:g} pictures/s"
    size = "" if worker.size is None else f" at {worker.size}"
    sinks = ", ".join(sink.kind for sink in worker.sinks) or "no sink"
    return f"{worker.model.kind} looks at {rate}{size} of {shown or 'no camera'}; results to {sinks}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
