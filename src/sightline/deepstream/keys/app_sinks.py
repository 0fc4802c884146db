"""What deepstream-app knows of sinks, of messages to the cloud and from it.

Facts from deepstream_config_file_parser.c (`parse_sink`, `parse_msgconv`, `parse_msgconsumer`), their YAML
twins and deepstream_sink_bin.c.

Deliberately not here: which key has an effect on which type of sink (`rules.app_sinks`).
"""

from __future__ import annotations

from sightline.deepstream.keys.app_rows import (
    ONLY_TEXT,
    boolean,
    compute,
    enabled,
    gpu,
    integer,
    long,
    memory,
    path,
    string,
    switch,
    unsigned,
)
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type

_PARSER = "src/apps/common/src/deepstream_config_file_parser.c"

SINK_TYPES = {
    1: "fake",
    2: "window",
    3: "file",
    4: "RTSP",
    5: "DRM, on Jetson",
    6: "message broker",
}
PAYLOADS = {
    0: "full",
    1: "minimal",
    2: "protobuf",
    256: "reserved",
    257: "custom",
}

_CONVERTER_KEYS = (
    path(name="msg-conv-config"),
    unsigned(name="msg-conv-payload-type", default="0", choices=PAYLOADS),
    path(name="msg-conv-msg2p-lib", default="the element's own"),
    unsigned(name="msg-conv-comp-id", default="0", low=0),
    path(name="debug-payload-dir"),
    boolean(name="multiple-payloads", default="0"),
    boolean(name="msg-conv-msg2p-new-api", default="0"),
    unsigned(name="msg-conv-frame-interval", default="30 in a sink; 0 in [message-converter]", low=0),
    boolean(name="msg-conv-dummy-payload", default="0"),
    string(name="msg-conv-embedding-filter", forms=ONLY_TEXT),
)

_SINK_KEYS = (
    enabled("the sink is left out"),
    integer(name="type", default="none: must be set", choices=SINK_TYPES, outside=Outside.REFUSED),
    switch("sync"),
    boolean(name="qos", default="0"),
    unsigned(name="source-id", default="0", low=0, note="which source it shows where nothing is tiled"),
    switch("link-to-demux", note="with tiled-display's enable=2"),
    integer(name="width", default="0: the tiled display's", low=0),
    integer(name="height", default="0: the tiled display's", low=0),
    gpu(),
    memory("of a window's converter"),
    integer(name="container", default="1", choices={1: "MP4", 2: "MKV"}),
    integer(name="codec", default="1", choices={1: "H.264", 2: "H.265", 3: "MPEG-4"}),
    integer(
        name="enc-type",
        default="0",
        choices={0: "hardware, else software", 1: "software"},
        outside=Outside.REPLACED,
        instead="hardware is tried, and its properties are not set",
    ),
    integer(name="bitrate", default="0, which beats the encoder's own", low=0, note="bits a second"),
    unsigned(name="profile", default="0", low=0, note="the hardware encoder's"),
    unsigned(name="iframeinterval", default="0, which beats the encoder's own", low=0),
    integer(name="sw-preset", default="0", low=0, forms=ONLY_TEXT, note="x264enc's and x265enc's"),
    integer(
        name="copy-meta",
        default="0",
        forms=ONLY_TEXT,
        choices={0: "no", 1: "yes"},
        outside=Outside.REPLACED,
        instead="no",
    ),
    integer(
        name="output-io-mode",
        default="2",
        forms=ONLY_TEXT,
        choices={2: "mmap", 5: "dmabuf-import"},
        outside=Outside.REPLACED,
        instead="2, mmap,",
    ),
    string(name="output-file", note="relative to the working directory, not to this file"),
    unsigned(name="rtsp-port", default="8554", low=1, high=65535),
    unsigned(name="udp-port", default="5000", low=1, high=65535),
    long(name="udp-buffer-size", default="524288"),
    compute(in_yaml=Type.INTEGER),
    unsigned(name="color-range", default="-1: the element's own; in YAML 0", note="DRM"),
    unsigned(name="conn-id", default="0", note="DRM"),
    unsigned(name="plane-id", default="0", note="DRM"),
    integer(name="set-mode", default="-1: the element's own; in YAML 0", note="DRM"),
    boolean(name="nvdslogger", default="0"),
    boolean(name="show-fps", default="0", note="with nvdslogger"),
    boolean(name="show-latency", default="0", note="with nvdslogger"),
    *_CONVERTER_KEYS,
    string(name="msg-broker-proto-lib", default="none: must be set for type 6"),
    string(name="msg-broker-conn-str", note="host;port, with ; between them"),
    string(name="topic"),
    path(name="msg-broker-config"),
    unsigned(name="msg-broker-comp-id", default="0: all", low=0),
    switch("disable-msgconv"),
    boolean(name="new-api", default="0"),
    integer(name="sleep-time", default="0", low=0, forms=ONLY_TEXT),
)


def _sink(name: str) -> GroupTable:
    return GroupTable(name=name, source=_PARSER, switched=True, keys=_SINK_KEYS)


CONVERTER = GroupTable(
    name="message-converter",
    source=_PARSER,
    keys=(enabled("no common converter"), *_CONVERTER_KEYS),
)


def _consumer(name: str) -> GroupTable:
    return GroupTable(
        name=name,
        source=_PARSER,
        keys=(
            enabled("nothing is consumed"),
            path(name="config-file", note="in YAML relative to the working directory"),
            string(name="proto-lib"),
            string(name="conn-str"),
            path(name="sensor-list-file"),
            Key(name="subscribe-topic-list", type=Type.STRINGS),
        ),
    )


# Any name that begins so is read: [sink], [sink-file], [sink0].
SINKS = (_sink("sink{N}"), _sink("sink"), _sink("sink{NAME}"))
CONSUMERS = tuple(_consumer(f"message-consumer{end}") for end in ("{N}", "", "{NAME}"))

TABLES = (*SINKS, CONVERTER, *CONSUMERS)
