"""What nvinfer reads: `[property]`, `[class-attrs-all]` and `[class-attrs-N]`.

Read from gst-nvinfer's property parser (text), its YAML parser and nvdsinfer's defaults. In YAML a switch is
a number: `true` ends the program. Keys that the YAML parser hands on as words (`LEADING`) may have anything
behind their number.
"""

from __future__ import annotations

from typing import Any

from sightline.deepstream.document import Form
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type

_PARSER = "src/gst-plugins/gst-nvinfer/gstnvinfer_property_parser.cpp"
_TEXT_ONLY = (Form.TXT,)
_BEATEN = "a property set on the element (deepstream-app's own group) beats the file"
_UFF = "TensorRT has no UFF and no Caffe any more; only a custom library can make use of it"

NETWORK_MODES = {0: "FP32", 1: "INT8", 2: "FP16", 3: "best"}
NETWORK_TYPES = {0: "detector", 1: "classifier", 2: "segmentation", 3: "instance segmentation", 100: "other"}
COLOR_FORMATS = {0: "RGB", 1: "BGR", 2: "GRAY"}
PROCESS_MODES = {1: "primary, whole frames", 2: "secondary, objects"}
CLUSTER_MODES = {0: "groupRectangles", 1: "DBSCAN", 2: "NMS", 3: "DBSCAN and NMS", 4: "none"}
INPUT_ORDERS = {0: "NCHW", 1: "NHWC"}
UFF_ORDERS = {0: "NCHW", 1: "NHWC", 2: "NC"}
SCALING_FILTERS = {
    0: "nearest",
    1: "bilinear",
    2: "algorithm 1: cubic on a GPU, 5 taps on VIC",
    3: "algorithm 2: super on a GPU, 10 taps on VIC",
    4: "algorithm 3: Lanczos on a GPU, smart on VIC",
    5: "algorithm 4: ignored on a GPU, nicest on VIC",
    6: "the platform's default",
}
SCALING_HARDWARE = {0: "the platform's default", 1: "GPU", 2: "VIC, on Jetson alone"}


def _switch(name: str, *, late: bool = False, **more: Any) -> Key:
    """A boolean; YAML's parser reads the `late` ones as numbers at the beginning of a word."""
    yaml = Type.LEADING if late else None
    return Key(name=name, type=Type.BOOLEAN, in_yaml=yaml, default="0", **more)


def _count(name: str, *, yaml: Type = Type.UNSIGNED, **more: Any) -> Key:
    return Key(name=name, type=Type.INTEGER, in_yaml=yaml, **more)


def _path(name: str, note: str | None = None) -> Key:
    return Key(name=name, type=Type.PATH, note=note)


def _word(name: str, default: str | None = None, note: str | None = None) -> Key:
    return Key(name=name, type=Type.STRING, default=default, note=note)


_ELEMENT = (
    _count("gie-unique-id", note=f"must not be 0; {_BEATEN}"),
    _count("process-mode", yaml=Type.LEADING, choices=PROCESS_MODES, default="1", note=_BEATEN),
    _count("interval", yaml=Type.LEADING, low=0, default="0", note=_BEATEN),
    _count("gpu-id", default="0", note=_BEATEN),
    _count("batch-size", low=1, high=1024, default="1", note=_BEATEN),
    _count("secondary-reinfer-interval", yaml=Type.LEADING, default="2147483647"),
    _switch("output-tensor-meta", late=True),
    _count("disable-output-host-copy", default="0"),
    _count("auto-inc-mem", yaml=Type.INTEGER, default="1"),
    Key(
        name="max-gpu-mem-per",
        type=Type.INTEGER,
        in_yaml=Type.NUMBER,
        low=1e-9,
        high=100,
        default="99",
        outside=Outside.REPLACED,
        instead="99 for 0 and less, 100 for more than 100",
    ),
    _count("tensor-meta-pool-size", default="2", note="never less than 2, and 6 with output-tensor-meta"),
    _switch("enable-dla"),
    _count("use-dla-core", yaml=Type.INTEGER, default="0"),
    _count("dump-input-tensor", yaml=Type.INTEGER, default="0"),
    _count("dump-output-tensor", yaml=Type.INTEGER, default="0"),
    _count("overwrite-input-tensor", yaml=Type.INTEGER, default="0"),
    _count("overwrite-output-tensor", yaml=Type.INTEGER, default="0"),
    _path("ip-tensor-file"),
    Key(
        name="op-tensor-files", type=Type.STRINGS, note="in YAML a path must be short: it goes into 64 bytes"
    ),
    _switch("raw-output-file-write"),
    _switch("warmup-engine"),
    _count("stabilize-buffer-count", default="0", note="so many buffers at the beginning are thrown away"),
    _word("dynamic-properties"),
)
_MODEL = (
    _count("network-mode", choices=NETWORK_MODES, default="0"),
    _path("model-engine-file", _BEATEN),
    _path("int8-calib-file"),
    _count("workspace-size", default="0", note="read, and given to nobody: TensorRT takes what it wants"),
    Key(name="output-blob-names", type=Type.STRINGS, note="in YAML only 63 letters of each name are kept"),
    _count("network-type", choices=NETWORK_TYPES, default="0"),
    _switch("force-implicit-batch-dim"),
    Key(name="infer-dims", type=Type.INTEGERS, count=3, default="the model's own", note="c;h;w, always so"),
    Key(name="output-io-formats", type=Type.STRINGS, note="layer:type:format"),
    Key(name="layer-device-precision", type=Type.STRINGS, note="layer:precision:device"),
    _switch("strongly-typed"),
    _path("onnx-file"),
    _path("tlt-encoded-model"),
    _word("tlt-model-key"),
    _path("custom-lib-path"),
    _word("custom-network-config"),
    _word("engine-create-func-name"),
    _path("model-file", _UFF),
    _path("proto-file", _UFF),
    _path("uff-file", _UFF),
    _count("uff-input-order", yaml=Type.INTEGER, choices=UFF_ORDERS, default="0", note=_UFF),
    _word("uff-input-blob-name", note=_UFF),
    Key(
        name="input-dims",
        type=Type.INTEGERS,
        count=4,
        heir="infer-dims",
        yields_to="infer-dims",
        forms=_TEXT_ONLY,
    ),
    Key(
        name="uff-input-dims",
        type=Type.INTEGERS,
        count=4,
        heir="infer-dims",
        yields_to="infer-dims",
        forms=_TEXT_ONLY,
    ),
    Key(
        name="is-classifier",
        type=Type.BOOLEAN,
        heir="network-type",
        yields_to="network-type",
        forms=_TEXT_ONLY,
    ),
    _path("labelfile-path"),
)
_INPUT = (
    _count("model-color-format", choices=COLOR_FORMATS, default="0"),
    Key(name="net-scale-factor", type=Type.NUMBER, default="1.0"),
    Key(name="offsets", type=Type.NUMBERS, note="one for each channel, at most 4"),
    _path("mean-file", "beats offsets"),
    _switch("maintain-aspect-ratio", late=True),
    _switch("symmetric-padding", late=True),
    _count("scaling-filter", yaml=Type.LEADING, choices=SCALING_FILTERS, default="6"),
    _count("scaling-compute-hw", yaml=Type.LEADING, choices=SCALING_HARDWARE, default="0"),
    _count("network-input-order", yaml=Type.INTEGER, choices=INPUT_ORDERS, default="0"),
    _switch("input-tensor-from-meta", note=_BEATEN),
    _switch("crop-objects-to-roi-boundary", late=True),
)
_OUTPUT = (
    _count("num-detected-classes", default="0"),
    _count("cluster-mode", choices=CLUSTER_MODES, default="0, which most builds take for NMS"),
    Key(
        name="enable-dbscan",
        type=Type.BOOLEAN,
        heir="cluster-mode",
        yields_to="cluster-mode",
        forms=_TEXT_ONLY,
    ),
    _word("parse-bbox-func-name"),
    _word("parse-bbox-instance-mask-func-name"),
    _word("parse-segmentation-func-name"),
    _word("parse-classifier-func-name"),
    Key(name="classifier-threshold", type=Type.NUMBER, low=0, default="0"),
    _switch("classifier-async-mode", late=True),
    _word("classifier-type"),
    Key(name="segmentation-threshold", type=Type.NUMBER, low=0, default="0"),
    _count("segmentation-output-order", yaml=Type.INTEGER, choices=INPUT_ORDERS, default="0"),
    _switch("output-instance-mask", late=True),
)
_OBJECTS = (
    _count("input-object-min-width", yaml=Type.LEADING, low=0, default="1; 16 where VIC scales"),
    _count("input-object-min-height", yaml=Type.LEADING, low=0, default="1; 16 where VIC scales"),
    _count("input-object-max-width", yaml=Type.LEADING, low=0, default="0, any"),
    _count("input-object-max-height", yaml=Type.LEADING, low=0, default="0, any"),
    _count("operate-on-gie-id", yaml=Type.LEADING, default="-1, all", note=_BEATEN),
    Key(name="operate-on-class-ids", type=Type.INTEGERS, low=0, default="all", note=_BEATEN),
    Key(name="filter-out-class-ids", type=Type.INTEGERS, default="none"),
)

_CLASS = (
    Key(
        name="threshold",
        type=Type.NUMBER,
        low=0,
        heir="pre-cluster-threshold",
        forms=_TEXT_ONLY,
    ),
    Key(name="pre-cluster-threshold", type=Type.NUMBER, low=0, default="0.2"),
    Key(name="post-cluster-threshold", type=Type.NUMBER, low=0, default="0"),
    Key(name="eps", type=Type.NUMBER, low=0, default="0"),
    Key(name="group-threshold", type=Type.INTEGER, low=0, default="0"),
    Key(name="minBoxes", type=Type.INTEGER, low=0, default="0, which turns DBSCAN off"),
    Key(name="dbscan-min-score", type=Type.NUMBER, low=0, default="0"),
    Key(name="nms-iou-threshold", type=Type.NUMBER, low=0, high=1, default="0.3"),
    Key(name="topk", type=Type.INTEGER, low=0, default="-1, all"),
    Key(name="roi-top-offset", type=Type.INTEGER, low=0, default="0"),
    Key(name="roi-bottom-offset", type=Type.INTEGER, low=0, default="0"),
    Key(name="detected-min-w", type=Type.INTEGER, low=0, default="0"),
    Key(name="detected-min-h", type=Type.INTEGER, low=0, default="0"),
    Key(name="detected-max-w", type=Type.INTEGER, low=0, default="0, any"),
    Key(name="detected-max-h", type=Type.INTEGER, low=0, default="0, any"),
    Key(name="border-color", type=Type.NUMBERS, count=4, default="1;0;0;1"),
    Key(name="bg-color", type=Type.NUMBERS, count=4, default="none"),
)

TABLES: tuple[GroupTable, ...] = (
    GroupTable(
        name="property",
        keys=_ELEMENT + _MODEL + _INPUT + _OUTPUT + _OBJECTS,
        required=True,
        source=_PARSER,
    ),
    GroupTable(name="class-attrs-all", keys=_CLASS, source=_PARSER),
    GroupTable(name="class-attrs-{NAME}", keys=_CLASS, source=_PARSER),
)
