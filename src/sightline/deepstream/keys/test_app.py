"""The YAML of deepstream-test1 to -test4 and of their like (server, demuxers, several GPUs).

Facts from src/utils/nvds_ymlparser/, whose functions set an element's properties from a group, and from the
programs that call them. A key that is not known is told on stderr and passed over; a number that is none ends
the program; `gboolean` is an integer here as well, so that `true` ends it.

Deliberately not here: deepstream-test5, which reads deepstream-app's files.
"""

from __future__ import annotations

from functools import partial

from sightline.deepstream.keys import tao_apps
from sightline.deepstream.keys.app_rows import ONLY_YAML
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type

_PARSERS = "src/utils/nvds_ymlparser/"

_integer = partial(Key, type=Type.INTEGER, outside=Outside.TAKEN, forms=ONLY_YAML)
_unsigned = partial(Key, type=Type.UNSIGNED, outside=Outside.TAKEN, forms=ONLY_YAML)
_long = partial(Key, type=Type.LONG, outside=Outside.TAKEN, forms=ONLY_YAML)
_signed_long = partial(Key, type=Type.SIGNED_LONG, outside=Outside.TAKEN, forms=ONLY_YAML)
_string = partial(Key, type=Type.STRING, forms=ONLY_YAML)
_path = partial(Key, type=Type.PATH, forms=ONLY_YAML)
_ENABLE = _integer(name="enable", default="1", note="0 leaves the element as it is; some programs then end")


def _group(name: str, parser: str, *keys: Key, enable: bool = True) -> GroupTable:
    return GroupTable(
        name=name,
        source=_PARSERS + parser,
        forms=ONLY_YAML,
        keys=(_ENABLE, *keys) if enable else keys,
    )


def _integers(*names: str) -> tuple[Key, ...]:
    return tuple(_integer(name=name) for name in names)


def _unsigneds(*names: str) -> tuple[Key, ...]:
    return tuple(_unsigned(name=name) for name in names)


def _strings(*names: str) -> tuple[Key, ...]:
    return tuple(_string(name=name) for name in names)


_MUX = (
    *_unsigneds(
        "batch-size",
        "width",
        "height",
        "gpu-id",
        "nvbuf-memory-type",
        "num-surfaces-per-frame",
        "buffer-pool-size",
        "compute-hw",
        "interpolation-method",
        "max-latency",
        "failsafe-flush-count",
    ),
    *_integers(
        "batched-push-timeout",
        "enable-padding",
        "live-source",
        "attach-sys-ts",
        "sync-inputs",
        "frame-num-reset-on-eos",
        "async-process",
        "drop-pipeline-eos",
    ),
)

# nvmultiurisrcbin, which the server and the demuxers have as `multiurisrcbin` or `source`
_MULTI = (
    *_strings("ip-address", "port", "uri-list", "proto-lib", "conn-str", "topic"),
    _path(name="config-file-path", note="with USE_NEW_NVSTREAMMUX=yes"),
    *_unsigneds(
        "width",
        "height",
        "max-batch-size",
        "batched-push-timeout",
        "rtsp-reconnect-interval",
        "init-rtsp-reconnect-interval",
        "max-latency",
    ),
    *_integers(
        "live-source",
        "disable-passthrough",
        "rtsp-reconnect-attempts",
        "disable-audio",
        "drop-pipeline-eos",
        "enable-error-propagation",
    ),
)

_GIE = (
    _unsigned(
        name="plugin-type",
        default="0",
        choices={0: "nvinfer", 1: "nvinferserver"},
        outside=Outside.REFUSED,
    ),
    _path(name="config-file-path", default="none: must be set"),
    _path(name="model-engine-file"),
    *_unsigneds("process-mode", "unique-id", "batch-size", "interval", "gpu-id"),
    *_integers(
        "infer-on-gie-id",
        "raw-output-file-write",
        "output-tensor-meta",
        "output-instance-mask",
        "input-tensor-meta",
    ),
    *_strings("operate-on-class-ids", "filter-out-class-ids", "infer-on-class-ids"),
)

_SINK = (
    *_integers(
        "async",
        "create-window",
        "enable-last-sample",
        "force-aspect-ratio",
        "qos",
        "sync",
    ),
    *_unsigneds(
        "columns",
        "gpu-id",
        "profile",
        "rows",
        "window-height",
        "window-width",
        "window-x",
        "window-y",
    ),
    _long(name="max-bitrate"),
    _long(name="processing-deadline", note="nanoseconds"),
    _signed_long(name="max-lateness", note="nanoseconds"),
    _path(name="location", note="of a file"),
)

_ENCODER = (
    _unsigned(name="codec", choices={1: "H.264", 2: "H.265"}),
    *_unsigneds("bitrate", "iframeinterval", "gpu-id"),
    *_integers("force-idr", "force-intra"),
)

SOURCE = _group(
    "source",
    "nvds_source_parse.cpp",
    _string(name="location", note="of a file; not relative to this one"),
    *_MULTI,
)
SOURCE_LIST = _group(
    "source-list",
    "nvds_source_list_parse.cpp",
    _string(name="list", note="URIs with ; between them; a last ; is no further one"),
)
MULTI = _group("multiurisrcbin", "nvds_multiurisrcbin_parse.cpp", *_MULTI)
STREAMMUX = _group("streammux", "nvds_streammux_parse.cpp", *_MUX, enable=False)
GIES = tuple(
    _group(name, "nvds_gie_parse.cpp", *_GIE)
    for name in ("primary-gie", "secondary-gie", "secondary-gie{N}", "secondary-gie-{N}")
)
PREPROCESS = _group("pre-process", "nvds_common_parser.cpp", _path(name="config-file"))
TRACKER = _group(
    "tracker",
    "nvds_tracker_parse.cpp",
    _unsigned(name="tracker-width", default="960"),
    _unsigned(name="tracker-height", default="544"),
    _string(name="ll-lib-file"),
    _path(name="ll-config-file", note="not relative to this file"),
    *_unsigneds(
        "gpu-id",
        "tracking-surface-type",
        "compute-hw",
        "tracking-id-reset-mode",
        "tensor-meta-gie-id",
    ),
    *_integers("display-tracking-id", "input-tensor-meta"),
)
OSD = _group(
    "osd",
    "nvds_osd_parse.cpp",
    *_unsigneds(
        "gpu-id", "clock-font-size", "x-clock-offset", "y-clock-offset", "clock-color", "process-mode"
    ),
    *_integers("display-clock", "display-text", "display-bbox", "display-mask", "blur-bbox"),
    *_strings("clock-font", "hw-blend-color-attr", "blur-on-gie-class-ids"),
)
TILER = _group(
    "tiler",
    "nvds_tiler_parse.cpp",
    *_unsigneds(
        "rows",
        "columns",
        "width",
        "height",
        "gpu-id",
        "nvbuf-memory-type",
        "compute-hw",
        "interpolation-method",
    ),
    _integer(name="show-source"),
)
SINK = _group("sink", "nvds_sink_parse.cpp", *_SINK)
WINDOW_SINK = _group("eglsink", "nvds_sink_parse.cpp", *_SINK)
ENCODER = _group("encoder", "nvds_encoder_parse.cpp", *_ENCODER)
CONVERTER = _group(
    "msgconv",
    "nvds_msgconv_parse.cpp",
    _path(name="config"),
    _path(name="msg2p-lib"),
    _path(name="debug-payload-dir"),
    *_unsigneds("payload-type", "comp-id", "frame-interval"),
    *_integers("multiple-payloads", "msg2p-newapi"),
)
BROKER = _group(
    "msgbroker",
    "nvds_msgbroker_parse.cpp",
    _path(name="config"),
    *_strings("conn-str", "proto-lib", "topic", "subscribe-topic-list"),
    _unsigned(name="comp-id"),
    *_integers("new-api", "sync", "async"),
)
TRANSFER = _group(
    "nvxfer",
    "nvds_nvxfer_parse.cpp",
    *_unsigneds("gpu-id", "position"),
    _integer(name="p2p-gpu-id", note="the parser takes no -1, though NVIDIA's file offers it"),
    enable=False,
)
ANALYTICS = _group("analytics", "nvds_nvdsanalytics_parse.cpp", _path(name="config-file"))
REST = _group(
    "rest-server",
    "nvds_server_appctx_parse.cpp",
    _integer(name="within_multiurisrcbin"),
)
SERVER = _group(
    "server-app-ctx",
    "nvds_server_appctx_parse.cpp",
    *_strings("httpIp", "httpPort", "uri_list", "config_file_path"),
    *_integers(
        "pipeline_width",
        "pipeline_height",
        "batched_push_timeout",
        "batch_size",
        "buffer_pool_size",
        "compute_hw",
        "num_surfaces_per_frame",
        "interpolation_method",
        "gpu_id",
        "live_source",
        "enable_padding",
        "attach_sys_ts_as_ntp",
        "frame_num_reset_on_eos",
        "frame_num_reset_on_stream_reset",
        "async_process",
        "drop_pipeline_eos",
    ),
    _integer(name="sync_inputs", note="the parser sets attach_sys_ts_as_ntp with it"),
    *_unsigneds("nvbuf_memory_type", "max_latency", "frame_duration", "maxBatchSize"),
)

TABLES = (
    SOURCE,
    SOURCE_LIST,
    MULTI,
    STREAMMUX,
    *GIES,
    PREPROCESS,
    TRACKER,
    OSD,
    TILER,
    SINK,
    ENCODER,
    CONVERTER,
    BROKER,
    TRANSFER,
    ANALYTICS,
    REST,
    SERVER,
    WINDOW_SINK,
    *tao_apps.TABLES,
)
