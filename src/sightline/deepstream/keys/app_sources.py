"""What deepstream-app knows of itself and of its sources: application, source lists, sources, dewarpers.

Facts from deepstream_app_config_parser.c, deepstream_config_file_parser.c (`parse_source`),
deepstream_source_yaml.cpp (the columns of the CSV file) and, for defaults, deepstream_source_bin.c.

Deliberately not here: which key has an effect on which type of source (`rules.app_sources`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sightline.deepstream.keys.app_rows import (
    ONLY_TEXT,
    ONLY_YAML,
    boolean,
    enabled,
    gpu,
    integer,
    memory,
    path,
    string,
    switch,
    unsigned,
)
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type

_APP = "src/apps/sample_apps/deepstream-app/deepstream_app_config_parser.c"
_PARSER = "src/apps/common/src/deepstream_config_file_parser.c"
_YAML_APP = "src/apps/sample_apps/deepstream-app/deepstream_app_config_parser_yaml.cpp"

MAX_SOURCES = 1024  # MAX_SOURCE_BINS

APPLICATION = GroupTable(
    name="application",
    source=_APP,
    keys=(
        switch("enable-perf-measurement"),
        unsigned(name="perf-measurement-interval-sec", default="0"),
        path(name="gie-kitti-output-dir", note="the folder must be there, or nothing is written"),
        path(name="kitti-track-output-dir", note="the folder must be there, or nothing is written"),
        path(name="reid-track-output-dir", note="the tracker must put out its features"),
        path(name="terminated-track-output-dir", note="the tracker must put out terminated tracks"),
        path(name="shadow-track-output-dir", note="the tracker must put out shadow tracks"),
        unsigned(
            name="global-gpu-id",
            default="-1: each group's own",
            note="for every group that does not set gpu-id",
        ),
    ),
)

TESTS = GroupTable(
    name="tests",
    source=_APP,
    keys=(
        switch("file-loop", note="files begin anew at their end"),
        integer(name="pipeline-recreate-sec", default="0: never", forms=ONLY_TEXT),
    ),
)

SOURCE_LIST = GroupTable(
    name="source-list",
    source=_APP,
    forms=ONLY_TEXT,
    keys=(
        integer(
            name="num-source-bins",
            default="the number of URIs",
            low=0,
            high=MAX_SOURCES,
            outside=Outside.REFUSED,
            note="with a list beside it, the sensor ids and names must be as many",
        ),
        Key(name="list", type=Type.STRINGS, note="file://, rtsp://, csi:N and usb:N; nothing else is taken"),
        Key(name="sensor-id-list", type=Type.STRINGS),
        Key(name="sensor-name-list", type=Type.STRINGS),
        boolean(name="use-nvmultiurisrcbin", default="0"),
        boolean(name="dummy-payload", default="0"),
        boolean(name="custom-ts-to-rfc", default="0"),
        string(name="batched-sensor-name"),
        boolean(name="stream-name-display", default="0"),
        string(name="http-ip", note="nvmultiurisrcbin's REST server"),
        string(name="http-port", note="nvmultiurisrcbin's REST server; 0 turns it off"),
        integer(name="max-batch-size", default="0", low=0, note="nvmultiurisrcbin's; it beats batch-size"),
        integer(name="sgie-batch-size", default="0", low=0, note="beats batch-size of every secondary GIE"),
        integer(name="extract-sei-type5-data", default="0"),
        integer(name="low-latency-mode", default="0"),
        string(name="sei-uuid"),
        boolean(name="enable-error-propagation", default="0"),
        string(name="proto-lib"),
        string(name="conn-str"),
        string(name="topic"),
    ),
)

SOURCE_TYPES = {
    1: "V4L2 camera",
    2: "URI",
    3: "several URIs, one for each %d",
    4: "RTSP",
    5: "CSI camera",
    6: "WAV file",
    7: "audio of a URI",
    8: "ALSA device",
}

# The numbers of a source are read in a CSV file with std::stoi: what follows the digits does not matter.
_int = partial(Key, type=Type.INTEGER, in_yaml=Type.LEADING, outside=Outside.TAKEN)
_text_int = partial(Key, type=Type.INTEGER, outside=Outside.TAKEN, forms=ONLY_TEXT)
_MULTI = "only nvmultiurisrcbin has it"

_SOURCE_KEYS = (
    _int(name="enable", default="0: the group is left out"),
    _int(name="type", default="none: must be set", choices=SOURCE_TYPES, outside=Outside.REFUSED),
    string(name="uri", note="a path after file:// is relative to the folder of this file"),
    _int(name="num-sources", default="1", low=0, outside=Outside.REFUSED, note="for type 3; 0 is 1"),
    _int(name="gpu-id", default="global-gpu-id, else 0", low=0),
    _int(
        name="nvbuf-memory-type",
        default="0",
        choices=memory().choices,
        outside=Outside.REPLACED,
        instead="0",
    ),
    _int(
        name="cudadec-memtype",
        default="0",
        choices={0: "device", 1: "pinned", 2: "unified"},
        outside=Outside.REPLACED,
        instead="0",
    ),
    _int(name="camera-width", default="0", low=0),
    _int(name="camera-height", default="0", low=0),
    _int(name="camera-fps-n", default="0", low=0),
    _int(name="camera-fps-d", default="0", low=0),
    _int(name="camera-csi-sensor-id", default="0", low=0),
    _int(name="camera-v4l2-dev-node", default="0", low=0),
    _int(name="camera-id", default="N of [sourceN]; in a CSV file 0", low=0),
    _int(name="source-id", default="0", low=0),
    _int(name="latency", default="100", low=0, note="milliseconds"),
    _int(name="udp-buffer-size", default="0: the element's own", low=0),
    _int(
        name="drop-frame-interval",
        default="0",
        low=0,
        high=30,
        outside=Outside.REPLACED,
        instead="the decoder's 0",
    ),
    _int(name="num-decode-surfaces", default="16", low=0, note="only the old nvcuvid decoder has it"),
    _int(name="num-extra-surfaces", default="1", low=0),
    _int(name="intra-decode-enable", default="0"),
    _text_int(name="low-latency-decode", default="0"),
    _text_int(
        name="extract-sei-type5-data",
        default="0",
        note="the parser looks for it in a group [source], which there cannot be: it refuses the file",
    ),
    _int(
        name="select-rtp-protocol",
        default="0: UDP, then TCP",
        choices={0: "UDP, then TCP", 4: "TCP", 7: "UDP, multicast or TCP"},
        outside=Outside.REPLACED,
        instead="rtspsrc's own",
    ),
    _text_int(name="set-rtp-protocol", default="0", heir="select-rtp-protocol"),
    _int(name="rtsp-reconnect-interval-sec", default="0: never", low=0),
    _int(
        name="rtsp-reconnect-attempts",
        default="-1, for ever; in [source-attr-all] and in a CSV file 0: at the first failure it is given up",
    ),
    _text_int(name="init-rtsp-reconnect-interval-sec", default="0", low=0, note=_MULTI),
    _text_int(name="drop-on-latency", default="0", note=_MULTI + "; rtspsrc is always told to drop"),
    _text_int(name="leaky", default="0", low=0, note=_MULTI),
    _text_int(name="max-size-buffers", default="0", low=0, note=_MULTI),
    _text_int(name="buffer-mode", default="0", low=0, note=_MULTI),
    _text_int(name="simulate-fps-interval-ms", default="0", low=0, note=_MULTI),
    boolean(name="sensorID-padID-mapping", default="0", forms=ONLY_TEXT, note=_MULTI),
    _int(
        name="smart-record",
        default="0",
        choices={0: "off", 1: "by messages from the cloud", 2: "by messages and by itself"},
        outside=Outside.TAKEN,
    ),
    string(
        name="smart-rec-dir-path",
        default="the working directory",
        note="must be a folder that can be written when the file is read, or the file is refused; "
        "relative to the working directory",
    ),
    string(name="smart-rec-file-prefix", default="Smart_Record"),
    _int(name="smart-rec-video-cache", heir="smart-rec-cache", low=0),
    _int(name="smart-rec-cache", default="0", low=0, note="seconds"),
    _int(
        name="smart-rec-container",
        default="0",
        choices={0: "MP4", 1: "MKV"},
        outside=Outside.TAKEN,
    ),
    _int(name="smart-rec-start-time", default="0", low=0, note="seconds before the event"),
    _int(name="smart-rec-default-duration", default="0", low=0, note="seconds"),
    _int(name="smart-rec-duration", default="0", low=0, note="seconds"),
    _int(name="smart-rec-interval", default="0: every ten seconds", low=0, note="for smart-record 2"),
    string(name="alsa-device"),
    string(name="video-format", default="NV12 of a camera; else the decoder's"),
    _int(name="copy-hw", default="0", low=0, note="Jetson's build alone knows it; others pass over it"),
)

SOURCE = GroupTable(name="source{N}", source=_PARSER, forms=ONLY_TEXT, switched=True, keys=_SOURCE_KEYS)
# Each URI of the list brings its own type.
SOURCE_ATTR_ALL = GroupTable(
    name="source-attr-all",
    source=_PARSER,
    forms=ONLY_TEXT,
    keys=tuple(
        replace(key, outside=Outside.TAKEN) if key.name in {"type", "num-sources"} else key
        for key in _SOURCE_KEYS
    ),
)
CSV_COLUMNS = tuple(key for key in _SOURCE_KEYS if key.forms != ONLY_TEXT)

SOURCE_CSV = GroupTable(
    name="source",
    source=_YAML_APP,
    forms=ONLY_YAML,
    keys=(path(name="csv-file-path", note="a table with a source in each line"),),
)

DEWARPER = GroupTable(
    name="dewarper{N}",
    source=_PARSER,
    keys=(
        enabled("no dewarper"),
        gpu(),
        path(name="config-file"),
        memory(),
        unsigned(name="num-surfaces-per-frame", default="0", low=0),
        unsigned(name="source-id", default="0", low=0),
        unsigned(name="num-output-buffers", default="0", low=0),
        unsigned(name="num-batch-buffers", default="0", low=0, forms=ONLY_YAML),
    ),
)

TABLES = (APPLICATION, SOURCE_LIST, SOURCE_ATTR_ALL, SOURCE, SOURCE_CSV, DEWARPER, TESTS)
