"""`sightline agent`: one machine of a fleet, which runs what the coordinator says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.cli.options import Seconds
from sightline.cli.terminal import visible, visible_json
from sightline.errors import FleetError

if TYPE_CHECKING:
    from sightline.fleet.agent.service import AgentService
    from sightline.fleet.agent.settings import AgentSettings
    from sightline.fleet.deciding.agent.desired import Told


def agent(
    *,
    bus: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where the coordinator is met: kafka://host:9092, or hub://host:4820.",
            show_default=False,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="What lets this machine in, the first time; others see it in the list of processes, so "
            "better in SIGHTLINE_AGENT_TOKEN.",
            show_default=False,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The file that has it, which others cannot read.", show_default=False
        ),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Its settings; settings.toml of this folder if there.", show_default=False
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where it keeps who it is and what it runs.", show_default=False),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Its name, for people; left out: the host's.", show_default=False)
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="What instances may ask for; may be repeated.", show_default=False
        ),
    ] = None,
    capacity: Annotated[
        int | None, typer.Option(min=0, help="The most cameras that it takes.", show_default=False)
    ] = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option(help="docker or process; may be repeated; left out: what is here.", show_default=False),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(help="Image of instances that name none (IMAGE_NAME).", show_default=False),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Before the names of topics: several fleets on a broker.", show_default=False
        ),
    ] = None,
    seconds: Seconds = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each thing it tells.")] = False,
) -> None:
    """Run the agent of this machine until Ctrl-C: it makes what runs here equal to what the fleet wants.

    It begins with what it ran last, also without any network. Containers go on when it ends, and the next
    agent takes them over; processes end with it. Every setting may also stand in `settings.toml` (IMAGE_NAME
    = "...") or in the environment (SIGHTLINE_AGENT_IMAGE_NAME); an option goes before both.

    Examples:

        SIGHTLINE_AGENT_TOKEN=slt1... sightline agent --bus kafka://broker:9092

        sightline agent --bus hub://10.0.0.5:4820 --label room=a --capacity 16

        sightline agent --settings /etc/sightline/settings.toml --state /var/lib/sightline
    """
    from sightline.cli.showing import stopped_by_signals
    from sightline.fleet.agent.service import AgentService
    from sightline.fleet.agent.settings import AgentSettings, forget_token

    options = {
        "bus": bus,
        "token": token,
        "token_file": token_file,
        "state": state,
        "name": name,
        "labels": _labels(label) if label else None,
        "capacity": capacity,
        "runtimes": tuple(runtime) if runtime else None,
        "image_name": image,
        "prefix": prefix,
    }
    read = AgentSettings.read(options, file=settings)
    forget_token()
    telling = _Telling(as_json=as_json)
    service = AgentService(read, on_told=telling.told)
    telling.begun(service, read)
    with stopped_by_signals(service), service:
        service.wait(seconds)
    if service.fault:
        raise FleetError(f"the agent failed: {service.fault}")


def _labels(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for each, (name, equals, _) in zip(given, pairs, strict=True):
        if not (name and equals):
            raise typer.BadParameter(
                f"expected NAME=VALUE such as room=a, got {each!r}", param_hint="--label"
            )
    return {name: value for name, _, value in pairs}


class _Telling:
    """What happens, a line each: for people, or for programs."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def begun(self, service: AgentService, settings: AgentSettings) -> None:
        facts = _facts(service, settings)
        if self._as_json:
            self._say({"event": "begun", **facts}, "")
            return
        for name, value in facts.items():
            self._say({}, f"{name}: {value}")

    def told(self, told: Told) -> None:
        """In a thread of the agent's."""
        import datetime as dt

        from sightline.log import redact

        now = dt.datetime.now(dt.UTC).astimezone()
        what = redact(told.what)
        facts = {"event": "told", "time": now.isoformat(timespec="milliseconds"), "level": told.level}
        about = f"{told.instance}: " if told.instance else ""
        level = "" if told.level == "info" else f"{told.level}: "
        self._say({**facts, "instance": told.instance, "what": what}, f"{now:%H:%M:%S} {level}{about}{what}")

    def _say(self, facts: dict[str, Any], line: str) -> None:
        typer.echo(visible_json(json.dumps(facts, ensure_ascii=False)) if self._as_json else visible(line))


def _facts(service: AgentService, settings: AgentSettings) -> dict[str, Any]:
    from sightline.log import redact

    def pairs() -> Iterator[tuple[str, Any]]:
        yield "agent", about["hostname"]
        yield "node", str(service.node_id)
        yield "bus", redact(settings.bus)
        yield "state", str(settings.state)
        yield "runtimes", ", ".join(about["runtimes"])
        if about["gpulist"]:
            yield "cards", ", ".join(about["gpulist"])

    about = service.about
    return dict(pairs())
