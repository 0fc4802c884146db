"""`sightline topics`: the topics of a Kafka, made as video and fleets need them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sightline.errors import BusError

if TYPE_CHECKING:
    from sightline.bus.kafka_topics import KafkaTopic, KafkaTopics

app = typer.Typer(
    no_args_is_help=True, help="Topics of a Kafka: make them as video and fleets need them, look, delete."
)

_MIB: Final = 1024**2
_GIB: Final = 1024**3
_HOUR_S: Final = 3600.0
_CAMERA_TOPICS: Final = "raw_:camera_id,stream_:camera_id"

Broker = Annotated[
    str,
    typer.Option("--bus", metavar="URL", help="Address of the Kafka, kafka://...", show_default=False),
]
Names = Annotated[list[str] | None, typer.Argument(metavar="[TOPIC]...", help="Topics.", show_default=False)]
Cameras = Annotated[
    str | None,
    typer.Option(
        "--for-cameras", metavar="ID,ID", help="The topics of these cameras too.", show_default=False
    ),
]
Patterns = Annotated[
    str, typer.Option("--patterns", metavar="PATTERN,PATTERN", help="How a camera's topics are called.")
]
OfFleet = Annotated[bool, typer.Option("--fleet", help="The six topics of a fleet too.")]
Prefix = Annotated[
    str | None,
    typer.Option(
        "--prefix",
        metavar="TEXT",
        help="What stands before the names of the fleet's topics, such as north.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command()
def create(
    topics: Names = None,
    *,
    bus: Broker,
    for_cameras: Cameras = None,
    patterns: Patterns = _CAMERA_TOPICS,
    fleet: OfFleet = False,
    prefix: Prefix = None,
    compacted: Annotated[
        bool, typer.Option("--compacted", help="Keep the last message of each key for good, and no more.")
    ] = False,
    hours: Annotated[float, typer.Option(min=0, help="Keep messages so long; 0: no limit.")] = 1.0,
    gib: Annotated[float, typer.Option(min=0, help="Keep so much of a topic; 0: no limit.")] = 1.0,
    message_mib: Annotated[
        float, typer.Option(min=0.001, metavar="MIB", help="The most that a message may weigh.")
    ] = 8.0,
    replicas: Annotated[
        int | None,
        typer.Option(min=1, help="Brokers that keep a copy; else as they are set.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make topics of one partition each. One that is there is left as it is.

    What is older than `--hours` is deleted, and the oldest of what is more than `--gib`. Of a fleet's topics
    the one of configurations is compacted: an agent that comes late finds its last one.

    Examples:

        sightline topics create raw_gate stream_gate --bus kafka://10.0.0.5

        sightline topics create --for-cameras gate,yard --hours 24 --gib 20 --bus kafka://10.0.0.5

        sightline topics create --fleet --prefix north. --bus kafka://10.0.0.5
    """
    of_fleet = _of_fleet(prefix, wanted=fleet)
    wanted = _wanted(topics, for_cameras, patterns, of_fleet)
    broker = _open(bus)
    made = {
        name: broker.create(
            name,
            retention_s=hours * _HOUR_S or None,
            retention_bytes=round(gib * _GIB) or None,
            max_message_bytes=round(message_mib * _MIB),
            replicas=replicas,
            compacted=of_fleet.get(name, compacted),
        )
        for name in wanted
    }
    if as_json:
        typer.echo(json.dumps({"made": [name for name in made if made[name]], "there": _there(made)}))
    else:
        for name, new in made.items():
            typer.echo(f"{name}: {'made' if new else 'there already, left as it is'}")


@app.command("list")
def list_topics(*, bus: Broker, as_json: AsJson = False) -> None:
    """Show all topics but the broker's own: what they keep and how much is in them.

    Examples:

        sightline topics list --bus kafka://10.0.0.5

        SIGHTLINE_KAFKA_PASSWORD=... sightline topics list --bus 'kafka://me@10.0.0.5:9093?sasl=PLAIN&tls_ca=ca.pem'
    """
    broker = _open(bus)
    _show(broker.describe(broker.names()), as_json=as_json)


@app.command()
def show(
    topics: Names = None,
    *,
    bus: Broker,
    for_cameras: Cameras = None,
    patterns: Patterns = _CAMERA_TOPICS,
    fleet: OfFleet = False,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Show topics as `list` does. One that is not there is an error.

    Examples:

        sightline topics show raw_gate --json --bus kafka://10.0.0.5

        sightline topics show --fleet --bus kafka://10.0.0.5
    """
    wanted = _wanted(topics, for_cameras, patterns, _of_fleet(prefix, wanted=fleet))
    found = _open(bus).describe(wanted)
    _show(found, as_json=as_json)
    if missing := sorted(set(wanted) - {topic.name for topic in found}):
        raise BusError(f"not there: {', '.join(missing)}")


@app.command()
def delete(
    topics: Names = None,
    *,
    bus: Broker,
    for_cameras: Cameras = None,
    patterns: Patterns = _CAMERA_TOPICS,
    fleet: OfFleet = False,
    prefix: Prefix = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete topics with all that is in them.

    Examples:

        sightline topics delete raw_gate stream_gate --bus kafka://10.0.0.5

        sightline topics delete --for-cameras gate --yes --bus kafka://10.0.0.5
    """
    wanted = _wanted(topics, for_cameras, patterns, _of_fleet(prefix, wanted=fleet))
    broker = _open(bus)
    found = {topic.name: topic.messages for topic in broker.describe(wanted)}
    if found and not yes:
        listed = ", ".join(f"{name} ({messages} messages)" for name, messages in found.items())
        typer.confirm(f"Delete {listed}?", abort=True, err=True)
    gone = {name: broker.delete(name) for name in wanted}
    if as_json:
        typer.echo(json.dumps({"deleted": [name for name in gone if gone[name]], "missing": _there(gone)}))
    else:
        for name, was_there in gone.items():
            typer.echo(f"{name}: {'deleted' if was_there else 'was not there'}")


def _there(done: dict[str, bool]) -> list[str]:
    return [name for name, was_done in done.items() if not was_done]


def _open(url: str) -> KafkaTopics:
    from sightline.bus.kafka_address import KafkaAddress
    from sightline.bus.kafka_topics import KafkaTopics

    return KafkaTopics(KafkaAddress.of(url))


def _of_fleet(prefix: str | None, *, wanted: bool) -> dict[str, bool]:
    """By name, whether the topic keeps the last message of each key."""
    if not wanted:
        if prefix:
            raise typer.BadParameter("expected --fleet with --prefix, whose topics it is for")
        return {}
    from sightline.fleet.messages.topics import MESSAGES, AgentConfig

    return {f"{prefix or ''}{kind.topic}": kind is AgentConfig for kind in MESSAGES}


def _wanted(
    topics: list[str] | None, cameras: str | None, patterns: str, of_fleet: Iterable[str]
) -> list[str]:
    from sightline.bus import topic_of, topic_pattern

    ids = [camera.strip() for camera in (cameras or "").split(",") if camera.strip()]
    of_cameras = [
        topic_of(topic_pattern(pattern.strip()), camera) for camera in ids for pattern in patterns.split(",")
    ]
    wanted = list(dict.fromkeys([*(topics or []), *of_cameras, *of_fleet]))
    if not wanted:
        raise typer.BadParameter("expected topics, --for-cameras or --fleet")
    return wanted


def _show(topics: tuple[KafkaTopic, ...], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_facts(topic) for topic in topics], indent=2))
        return
    from rich.console import Console
    from rich.table import Column, Table

    # A name is what people copy: the rest gives way.
    name = Column("topic", no_wrap=True, min_width=max((len(topic.name) for topic in topics), default=0))
    table = Table(name, "partitions", "copies", "keeps", "largest message", "messages", "next offset")
    for topic in topics:
        table.add_row(
            topic.name,
            str(len(topic.offsets)),
            str(topic.replicas),
            _kept(topic),
            f"{topic.max_message_bytes / _MIB:.2f} MiB",
            str(topic.messages),
            " ".join(str(end) for _, end in topic.offsets),
        )
    Console().print(table)


def _facts(topic: KafkaTopic) -> dict[str, Any]:
    import msgspec

    facts: dict[str, Any] = msgspec.to_builtins(topic)
    return facts | {"messages": topic.messages}


def _kept(topic: KafkaTopic) -> str:
    if topic.compacted:
        return "last of each key"
    limits = [
        *([f"{topic.retention_s / _HOUR_S:g} h"] if topic.retention_s is not None else []),
        *([f"{topic.retention_bytes / _GIB:g} GiB"] if topic.retention_bytes is not None else []),
    ]
    return " or ".join(limits) or "all"
