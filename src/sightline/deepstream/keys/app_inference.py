"""What deepstream-app knows of preparing, inferring, tracking, and of elements that work on whole batches.

Facts from deepstream_config_file_parser.c, the parsers in deepstream-yaml/ and the creators
(deepstream_primary_gie_bin.c, deepstream_secondary_gie_bin.c, deepstream_tracker_bin.c and their like).

Deliberately not here: the files that these groups name (`nvinfer`, `preprocess`, `analytics`, `tracker`).
"""

from __future__ import annotations

from sightline.deepstream.keys.app_rows import (
    ONLY_TEXT,
    boolean,
    color,
    compute,
    enabled,
    gpu,
    integer,
    memory,
    number,
    path,
    string,
    switch,
    unsigned,
)
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type

_PARSER = "src/apps/common/src/deepstream_config_file_parser.c"
_ENCODER = "for plugin-type 3"
_FILES = "the nvinfer file's"

PLUGINS = {
    0: "nvinfer",
    1: "nvinferserver",
    2: "nvdsvideotemplate",
    3: "nvdsvisionencoder",
    4: "nvmodelmux, of the newest DeepStream",
}

_GIE_KEYS = (
    enabled("no inference"),
    path(name="config-file", default="none: must be set"),
    unsigned(name="plugin-type", default="0", choices=PLUGINS, outside=Outside.REFUSED),
    unsigned(name="gie-unique-id", default="0 to the application; the nvinfer file's to the element"),
    unsigned(name="batch-size", default=_FILES, low=1, high=1024, outside=Outside.REPLACED, instead=_FILES),
    unsigned(name="interval", default=_FILES, low=0, outside=Outside.REPLACED, instead=_FILES),
    unsigned(name="gpu-id", default="global-gpu-id, else the nvinfer file's", low=0),
    memory("of the converter in front of a primary GIE"),
    path(name="model-engine-file", default="the nvinfer file's"),
    path(
        name="labelfile-path",
        note="the application reads it when the group is on and refuses a file that is not there; "
        "the element has its labels from the nvinfer file",
    ),
    path(name="infer-raw-output-dir", note="the folder must be there"),
    integer(name="operate-on-gie-id", default="0", note="of a secondary GIE"),
    Key(name="operate-on-class-ids", type=Type.INTEGERS, default="all classes", note="of a secondary GIE"),
    boolean(name="input-tensor-meta", default="0", note="takes what nvdspreprocess prepared"),
    color(name="bbox-border-color", default="1;0;0;1"),
    color(name="bbox-border-color{INDEX}", default="bbox-border-color"),
    color(name="bbox-bg-color", note="read, and without effect: only those of single classes are drawn"),
    color(name="bbox-bg-color{INDEX}", default="none"),
    string(name="audio-transform", note="of the audio application"),
    unsigned(name="audio-framesize", low=0, note="of the audio application"),
    unsigned(name="audio-hopsize", low=0, note="of the audio application"),
    unsigned(name="audio-input-rate", low=0, note="of the audio application"),
    string(name="model-variant", forms=ONLY_TEXT, note=_ENCODER),
    string(name="device", forms=ONLY_TEXT, note=_ENCODER),
    integer(name="min-crop-size", low=0, forms=ONLY_TEXT, note=_ENCODER),
    integer(name="verbose", low=0, forms=ONLY_TEXT, note=_ENCODER),
    string(name="backend", forms=ONLY_TEXT, note=_ENCODER),
    string(name="triton-url", forms=ONLY_TEXT, note=_ENCODER),
    string(name="triton-model", forms=ONLY_TEXT, note=_ENCODER),
)


def _gie(name: str) -> GroupTable:
    return GroupTable(name=name, source=_PARSER, switched=True, keys=_GIE_KEYS)


_PREPARE = (
    enabled("no preparation"),
    path(name="config-file"),
    integer(name="operate-on-gie-id", default="the preprocess file's", forms=ONLY_TEXT),
)

TRACKER = GroupTable(
    name="tracker",
    source=_PARSER,
    keys=(
        enabled("no tracking"),
        integer(name="tracker-width", default="0, which beats the element's own 960", low=0),
        integer(name="tracker-height", default="0, which beats the element's own 544", low=0),
        gpu(),
        path(name="ll-lib-file", default="none: must be set"),
        path(name="ll-config-file", default="the library's own; several with ; are for sub-batches"),
        unsigned(name="tracker-surface-type", low=0, note="read, and handed to no element"),
        unsigned(
            name="tracking-surface-type",
            default="0: all",
            choices={0: "all", 1: "spot", 2: "aisle"},
            outside=Outside.TAKEN,
        ),
        switch("display-tracking-id", "1"),
        unsigned(
            name="tracking-id-reset-mode",
            default="0",
            choices={
                0: "never",
                1: "new ids after a reset of the stream",
                2: "from 0 after its end",
                3: "both",
            },
            outside=Outside.REPLACED,
            instead="0",
        ),
        boolean(name="input-tensor-meta", default="0"),
        unsigned(name="tensor-meta-gie-id", default="0", low=0, note="with input-tensor-meta"),
        compute(),
        unsigned(
            name="user-meta-pool-size",
            default="32",
            low=1,
            outside=Outside.REPLACED,
            instead="the element's own 32",
        ),
        string(name="sub-batches", default="none", note="ids as 0,1;2,3 or sizes as 2:2"),
        integer(
            name="sub-batch-err-recovery-trial-cnt",
            default="0",
            low=-1,
            outside=Outside.REPLACED,
            instead="the element's own 0",
        ),
        string(name="operate-on-class-ids", default="all", note="numbers with ; between them"),
    ),
)

REPLAY = GroupTable(
    name="replay",
    source=_PARSER,
    keys=(
        enabled("nothing is replayed"),
        path(name="label-dir"),
        string(name="file-names"),
        string(name="max-frame-nums"),
        unsigned(name="label-width", default="1920 in text; in YAML 0", low=0),
        unsigned(name="label-height", default="1080 in text; in YAML 0", low=0),
        unsigned(name="interval", default="0", low=0),
    ),
)

VISION_ENCODER = GroupTable(
    name="visionencoder",
    source=_PARSER,
    forms=ONLY_TEXT,
    keys=(
        enabled("no embedding"),
        string(name="model-variant", default="so400m-384"),
        integer(name="batch-size", default="16", low=0),
        string(name="device", default="cuda"),
        integer(name="min-crop-size", default="32", low=0),
        boolean(name="verbose", default="0"),
        integer(name="gpu-id", default="0: global-gpu-id does not reach it", low=0),
        string(name="backend", default="transformers"),
        string(name="triton-url", default="localhost:8001"),
        string(name="triton-model", default="cradio_trt"),
        integer(name="skip-interval", default="0", low=0),
        string(name="embedding-classes", default="all"),
        path(name="onnx-model"),
        path(name="tensorrt-engine"),
        boolean(name="smart-infer", default="0"),
        integer(name="cache-refresh-interval", default="0", low=0),
        integer(name="cache-max-size", default="1000", low=0),
        boolean(name="ofa-predict", default="0"),
        number(name="ofa-motion-threshold", default="8"),
        number(name="ofa-high-motion-threshold", default="25"),
        switch("query-only"),
    ),
)

TEXT_EMBEDDER = GroupTable(
    name="text-embedder",
    source=_PARSER,
    forms=ONLY_TEXT,
    keys=(
        enabled("no embedding"),
        string(name="model-name", default="siglip2-giant"),
        path(name="onnx-model-path"),
        path(name="tokenizer-dir"),
    ),
)

SEGVISUAL = GroupTable(
    name="segvisual",
    source=_PARSER,
    keys=(
        enabled("segments are not drawn"),
        unsigned(name="width", default="1280", low=0),
        unsigned(name="height", default="720", low=0),
        unsigned(name="batch-size", default="1", low=0),
        memory(),
        unsigned(name="gpu-id", default="0: global-gpu-id does not reach it", low=0),
    ),
)

ANALYTICS = GroupTable(
    name="nvds-analytics",
    source=_PARSER,
    keys=(enabled("no analytics"), path(name="config-file")),
)

EXAMPLE = GroupTable(
    name="ds-example",
    source=_PARSER,
    keys=(
        enabled("no example element"),
        switch("full-frame"),
        integer(name="processing-width", default="0", low=0),
        integer(name="processing-height", default="0", low=0),
        boolean(name="blur-objects", default="0"),
        unsigned(name="unique-id", default="0", low=0),
        gpu(),
        memory(),
        integer(name="batch-size", default="0", low=0, forms=ONLY_TEXT),
    ),
)

PREPROCESS = GroupTable(name="pre-process", source=_PARSER, keys=_PREPARE)
PRIMARY = _gie("primary-gie")
# Any name that begins so is read: [secondary-gie], [secondary-gie-1], [secondary-gie0].
SECONDARY = (_gie("secondary-gie{N}"), _gie("secondary-gie"), _gie("secondary-gie{NAME}"))
SECONDARY_PREPROCESS = tuple(
    GroupTable(name=f"secondary-pre-process{end}", source=_PARSER, forms=ONLY_TEXT, keys=_PREPARE)
    for end in ("{N}", "", "{NAME}")
)

TABLES = (
    PREPROCESS,
    PRIMARY,
    TRACKER,
    REPLAY,
    VISION_ENCODER,
    TEXT_EMBEDDER,
    *SECONDARY,
    *SECONDARY_PREPROCESS,
    SEGVISUAL,
    ANALYTICS,
    EXAMPLE,
)
