"""`sightline cameras`: what a running mux looks at, changed from outside through its control topic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from sightline.errors import CallTimedOut, ConfigError, WireError

if TYPE_CHECKING:
    from sightline.mux import CameraState, Reply

app = typer.Typer(no_args_is_help=True, help="Add, change, list and remove the cameras of a running mux.")

# Who answers at all does so at once; another instance may be half a second behind.
_SETTLE_S: Final = 0.5
# Whoever is missing in a list is taken for gone, so here the wait is longer.
_LISTED_S: Final = 2.0
_HEADS: Final = ("camera", "instance", "state", "topic", "rate", "packets", "delivered", "results", "behind")

Camera = Annotated[str, typer.Argument(metavar="CAMERA", help="Its name.", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SETTING=VALUE]...",
        help="topic, out_topic, rate, size, codec, framing, pictures, max_offset_diff, forward, max_wait_s, "
        "extradata.",
        show_default=False,
    ),
]
Bus = Annotated[str, typer.Option("--bus", metavar="URL", help="Where the control topic is.")]
Topic = Annotated[str, typer.Option("--control-topic", metavar="TOPIC", help="What the mux listens to.")]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="NAME", help="The one mux that is meant; else all that listen.", show_default=False
    ),
]
Wait = Annotated[float, typer.Option("--wait-s", min=0.1, max=3600, help="Seconds to wait for answers.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command()
def add(
    camera: Camera,
    settings: Settings = None,
    *,
    bus: Bus,
    control_topic: Topic = "control",
    to: To = None,
    wait_s: Wait = 5.0,
    as_json: AsJson = False,
) -> None:
    """Have a mux look at one more camera; settings left out are as its others have them.

    Examples:

        sightline cameras add gate --bus kafka://10.0.0.5

        sightline cameras add yard topic=raw_yard rate=5 size=640x360 --bus kafka://10.0.0.5 --to east
    """
    value = {"camera_id": camera, **_read(settings)}
    _tell(_asked(bus, control_topic, "create", value, to, wait_s, _SETTLE_S), as_json=as_json)


@app.command()
def update(
    camera: Camera,
    settings: Settings = None,
    *,
    bus: Bus,
    control_topic: Topic = "control",
    to: To = None,
    wait_s: Wait = 5.0,
    as_json: AsJson = False,
) -> None:
    """Change settings of a camera that runs. `none` is no value: all pictures, no output topic, never jump.

    Examples:

        sightline cameras update gate rate=2 size=none --bus kafka://10.0.0.5
    """
    value = {"camera_id": camera, **_read(settings)}
    _tell(_asked(bus, control_topic, "update", value, to, wait_s, _SETTLE_S), as_json=as_json)


@app.command()
def remove(
    camera: Camera,
    *,
    bus: Bus,
    control_topic: Topic = "control",
    to: To = None,
    wait_s: Wait = 5.0,
    as_json: AsJson = False,
) -> None:
    """Have a mux look at a camera no more.

    Examples:

        sightline cameras remove gate --bus kafka://10.0.0.5
    """
    value = {"camera_id": camera}
    _tell(_asked(bus, control_topic, "delete", value, to, wait_s, _SETTLE_S), as_json=as_json)


@app.command()
def pause(
    camera: Camera,
    *,
    bus: Bus,
    control_topic: Topic = "control",
    to: To = None,
    wait_s: Wait = 5.0,
    as_json: AsJson = False,
) -> None:
    """Have a mux read a camera's packets no further, until `resume`; the broker keeps them meanwhile.

    Examples:

        sightline cameras pause gate --bus kafka://10.0.0.5
    """
    value = {"camera_id": camera}
    _tell(_asked(bus, control_topic, "pause", value, to, wait_s, _SETTLE_S), as_json=as_json)


@app.command()
def resume(
    camera: Camera,
    *,
    bus: Bus,
    control_topic: Topic = "control",
    to: To = None,
    wait_s: Wait = 5.0,
    as_json: AsJson = False,
) -> None:
    """Go on with a camera that was paused.

    Examples:

        sightline cameras resume gate --bus kafka://10.0.0.5
    """
    value = {"camera_id": camera}
    _tell(_asked(bus, control_topic, "resume", value, to, wait_s, _SETTLE_S), as_json=as_json)


@app.command("list")
def list_cameras(
    *,
    bus: Bus,
    control_topic: Topic = "control",
    to: To = None,
    wait_s: Wait = 5.0,
    as_json: AsJson = False,
) -> None:
    """List the cameras of all instances that answer, and how they are doing.

    Others have two seconds after the first answer.

    Examples:

        sightline cameras list --bus kafka://10.0.0.5

        sightline cameras list --bus "hub://10.0.0.5?history=8MiB" --to east --json
    """
    replies = _asked(bus, control_topic, "status", {}, to, wait_s, _LISTED_S)
    if as_json or not all(reply.ok for reply in replies):
        _tell(replies, as_json=as_json)
    else:
        _print_table(replies)


def _read(settings: list[str] | None) -> dict[str, Any]:
    from sightline.mux.acts import read_settings

    pairs = [setting.partition("=") for setting in settings or ()]
    for name, equals, _ in pairs:
        if not equals:
            _refuse(f"expected SETTING=VALUE, such as rate=5, got {name!r}")
    named = {name: None if value == "none" else value for name, _, value in pairs}
    if len(named) < len(pairs):
        _refuse("expected each setting once")
    try:
        return read_settings(named, strict=False)
    except ConfigError as error:
        _refuse(str(error))


def _refuse(why: str) -> NoReturn:
    raise typer.BadParameter(why, param_hint="SETTING=VALUE")


def _asked(
    bus: str,
    topic: str,
    action: str,
    value: Mapping[str, Any],
    to: str | None,
    wait_s: float,
    settle_s: float,
) -> list[Reply]:
    """The answers, by instance. Raises CallTimedOut where there is none."""
    from sightline.bus import open_log
    from sightline.mux import ask

    with open_log(bus) as log:
        replies = ask(log, topic, action, value, to=to, timeout_s=wait_s, settle_s=settle_s)
    if not replies:
        who = "mux" if to is None else f"mux named {to}"
        raise CallTimedOut(
            f"expected an answer within {wait_s:g} s, got none: perhaps no {who} listens to {topic} there"
        )
    return sorted(replies, key=lambda reply: reply.by)


def _tell(replies: list[Reply], *, as_json: bool) -> None:
    """What each instance said; ends the command with 1 where one could not do it."""
    if as_json:
        facts = [{"by": one.by, "ok": one.ok, "result": one.result, "error": one.error} for one in replies]
        typer.echo(json.dumps(facts, ensure_ascii=False))
    else:
        for one in replies:
            typer.echo(f"{one.by}: {one.result if one.ok else one.error}", err=not one.ok)
    if not all(one.ok for one in replies):
        raise typer.Exit(1)


def _print_table(replies: list[Reply]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    for name in _HEADS:
        table.add_column(name, justify="left" if name in _HEADS[:4] else "right", overflow="fold")
    for reply in replies:
        for camera, state in _states(reply).items():
            table.add_row(*map(Text, _row(camera, reply.by, state)))
    Console().print(table)


def _states(reply: Reply) -> dict[str, CameraState]:
    import msgspec

    from sightline.mux import CameraState

    try:
        return msgspec.convert(reply.result, dict[str, CameraState])
    except msgspec.ValidationError as error:
        raise WireError(f"{reply.by}: expected the states of its cameras: {error}") from None


def _row(camera: str, by: str, state: CameraState) -> tuple[str, ...]:
    return (
        camera,
        by,
        f"{state.state}: {state.reason}" if state.reason else state.state,
        state.topic,
        "all" if state.rate is None else f"{state.rate:g}",
        str(state.packets),
        str(state.delivered),
        str(state.answered),
        "?" if state.behind is None else str(state.behind),
    )
