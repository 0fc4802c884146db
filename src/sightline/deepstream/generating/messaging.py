"""What goes to Kafka: the broker sinks of a pipeline, and the files they name.

Promises: a sink for each topic, with a file of nvmsgconv for each, in which sensor N is camera N. Payloads
are made of the frames' own metadata (`msg-conv-msg2p-new-api`), of every frame: without that key
deepstream-app sends nothing, because only deepstream-test5 makes the other kind of events. The connection is
written `host;port;topic`, whichever way the document has it; of several brokers librdkafka is told them all.
Converters hang what they make on the frames, which all sinks of a pipeline share, and a broker sends whatever
it finds there: so each pair has a number of its own (`comp-id`), else each topic would have both schemas.

- the topics of results: the minimal schema (1), a message a frame, partitioned by `sensorId`;
- `visual_topic`, where the document's application is VISUAL: the full schema (0), a message an object,
  partitioned by `sensor.id`. deepstream-app puts no pictures into messages; who wants these needs an
  application that encodes them.

NVIDIA's converter writes boxes, tracks and labels. The tensors of the secondary models, which are vectors, it
leaves out whatever the schema: they reach Kafka by a converter of one's own (`Layout.converter_library`).

A connection that is a `kafka://` URL has login and certificates beside it (`broker_login`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sightline.deepstream.document import ConfigFile, Form, Group
from sightline.deepstream.generating.broker_login import hosts_in, proto_settings
from sightline.deepstream.generating.pipelines import Pipeline
from sightline.deepstream.generating.rows import Row, group
from sightline.errors import ConfigError

FULL: Final = 0
MINIMAL: Final = 1

_PORT: Final = re.compile(r"\d{1,5}")
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_DEFAULT_PORT: Final = "9092"


@dataclass(frozen=True, slots=True)
class Stream:
    """What one broker sink sends."""

    word: str
    topic: str
    payload: int

    @property
    def broker_name(self) -> str:
        """Its broker file; that is a key file always, whatever the form of the others."""
        return "cfg_kafka.txt" if self.payload == MINIMAL else "cfg_kafka_objects.txt"


def streams(pipeline: Pipeline) -> tuple[Stream, ...]:
    app = pipeline.config.appconfig
    results = Stream("msgconv", pipeline.topic, MINIMAL)
    visual = (Stream("visual_msgconv", app.visual_topic, FULL),) if app.app_type.debug else ()
    return (results, *visual)


def files(pipeline: Pipeline) -> Iterator[tuple[str, ConfigFile]]:
    for stream in streams(pipeline):
        yield pipeline.name(stream.word), ConfigFile(pipeline.form, tuple(_places(pipeline, stream)))
        yield stream.broker_name, _broker(pipeline, stream)


def sink(pipeline: Pipeline, number: int, stream: Stream) -> Group:
    library = pipeline.layout.converter_library
    rows: list[Row] = [
        ("enable", 1),
        ("type", 6),
        ("msg-conv-config", pipeline.name(stream.word)),
        ("msg-conv-payload-type", stream.payload),
        *([] if library is None else [("msg-conv-msg2p-lib", str(library))]),
        ("msg-conv-comp-id", number),
        ("msg-conv-msg2p-new-api", 1),
        ("msg-conv-frame-interval", 1),
        ("msg-broker-proto-lib", str(pipeline.layout.kafka_library)),
        ("msg-broker-conn-str", connection(pipeline.config.appconfig.kafka_connection_str, stream.topic)),
        ("msg-broker-comp-id", number),
        ("topic", stream.topic),
        ("msg-broker-config", stream.broker_name),
        ("source-id", 0),
    ]
    return group(pipeline.app_form, f"sink{number}", rows)


def connection(text: str, topic: str) -> str:
    """`host;port;topic`, from `host`, `host:port`, `host;port`, `host:port,host:port` or a kafka:// URL."""
    if not _TOPIC.fullmatch(topic):
        raise ConfigError(f"topic: expected 1 to 249 of A-Z a-z 0-9 . _ -, got {topic!r}")
    brokers = [_broker_of(part.strip()) for part in hosts_in(text).split(",") if part.strip()]
    if not brokers:
        raise ConfigError(f"kafka_connection_str: expected host;port, got {text!r}")
    # The adapter puts `host:port` together for librdkafka, which takes several with commas between them.
    *others, (host, port) = brokers
    hosts = ",".join([*(":".join(each) for each in others), host])
    return f"{hosts};{port};{topic}"


def _broker_of(text: str) -> tuple[str, str]:
    """The host and its port; what follows a second `;` is the topic of somebody who wrote all three."""
    if ";" in text:
        host, port = (*text.split(";"), "")[:2]
    elif text.count(":") == 1 or (text.startswith("[") and "]:" in text):
        host, _, port = text.rpartition(":")
    else:
        host, port = text, ""
    port = port or _DEFAULT_PORT
    if not host or "@" in host or not _PORT.fullmatch(port) or re.search(r"\s", host):
        raise ConfigError("kafka_connection_str: expected host;port or host:port, got something else")
    return host, port


def broker_files(pipeline: Pipeline) -> frozenset[str]:
    """Names of those that hold a login."""
    has_login = proto_settings(pipeline.config.appconfig.kafka_connection_str) is not None
    return frozenset(stream.broker_name for stream in streams(pipeline)) if has_login else frozenset()


def _broker(pipeline: Pipeline, stream: Stream) -> ConfigFile:
    key = "sensorId" if stream.payload == MINIMAL else "sensor.id"
    settings = proto_settings(pipeline.config.appconfig.kafka_connection_str)
    login: list[Row] = [] if settings is None else [("proto-cfg", f'"{settings}"')]
    return ConfigFile(Form.TXT, (group(Form.TXT, "message-broker", [*login, ("partition-key", key)]),))


def _places(pipeline: Pipeline, stream: Stream) -> Iterator[Group]:
    """The full schema has a place and a module of analytics in each message, the minimal one a sensor."""
    sources = pipeline.config.sourceconfig.sources
    for number, source in enumerate(sources):
        what = f"{source.type} {source.encode_type.value}"
        yield _part(pipeline, f"sensor{number}", "Camera", source.camera_id, [("description", what)])
    if stream.payload != FULL:
        return
    for number, source in enumerate(sources):
        yield _part(pipeline, f"place{number}", "camera", str(number), [("name", source.camera_id)])
    for number, _ in enumerate(sources):
        word = pipeline.word.upper()
        rows: list[Row] = [("enable", 1), ("id", word), ("description", f"{word} pipeline")]
        yield group(pipeline.form, f"analytics{number}", [*rows, ("source", "Sightline"), ("version", "1.0")])


def _part(pipeline: Pipeline, name: str, kind: str, identity: str, more: list[Row]) -> Group:
    nowhere = "0.0;0.0;0.0"
    rows: list[Row] = [("enable", 1), ("type", kind), ("id", identity), *more]
    return group(pipeline.form, name, [*rows, ("location", nowhere), ("coordinate", nowhere)])
