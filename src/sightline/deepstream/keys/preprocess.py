"""What nvdspreprocess reads: `[property]`, `[user-configs]` and the groups of sources.

Read from gst-nvdspreprocess's property parser (text) and its YAML parser. They differ in form as well: text
has `[group-0]`, `[group-1]`..., YAML one `group` with a list. Text passes over what it does not know; YAML
passes over it in `property` and refuses it everywhere else.
"""

from __future__ import annotations

from typing import Any

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Severity
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type
from sightline.deepstream.keys.nvinfer import COLOR_FORMATS, SCALING_FILTERS, SCALING_HARDWARE

_PARSER = "src/gst-plugins/gst-nvdspreprocess/nvdspreprocess_property_parser.cpp"
_YAML_PARSER = "src/gst-plugins/gst-nvdspreprocess/nvdspreprocess_yaml_parser.cpp"

INPUT_ORDERS = {0: "NCHW", 1: "NHWC", 2: "custom"}
DATA_TYPES = {
    0: "FP32",
    1: "UINT8",
    2: "INT8",
    3: "UINT32",
    4: "INT32",
    5: "INT64",
    6: "UINT64",
    7: "FP16",
}
MEMORY_TYPES = {
    0: "the platform's default",
    1: "CUDA pinned",
    2: "CUDA device",
    3: "CUDA unified",
    4: "surface array, on Jetson alone",
}
REQUIRED = (
    "processing-width",
    "processing-height",
    "network-input-order",
    "network-input-shape",
    "network-color-format",
    "tensor-data-type",
    "tensor-name",
    "custom-lib-path",
    "custom-tensor-preparation-function",
    "scaling-filter",
    "scaling-pool-memory-type",
)


def _switch(name: str, default: str) -> Key:
    return Key(name=name, type=Type.BOOLEAN, default=default)


def _count(name: str, *, yaml: Type = Type.UNSIGNED, **more: Any) -> Key:
    return Key(name=name, type=Type.INTEGER, in_yaml=yaml, **more)


_PROPERTY = (
    _switch("enable", "1"),
    _count("unique-id", default="15"),
    _count("gpu-id", default="0"),
    _switch("process-on-frame", "1"),
    _switch("maintain-aspect-ratio", "0"),
    _switch("symmetric-padding", "0"),
    _count("processing-width"),
    _count("processing-height"),
    _count("scaling-buf-pool-size", default="6"),
    _count("tensor-buf-pool-size", default="6"),
    Key(name="target-unique-ids", type=Type.INTEGERS, default="none"),
    _count("operate-on-gie-id", default="-1, all", note="YAML has no way to write -1"),
    _count("network-input-order", choices=INPUT_ORDERS),
    Key(name="network-input-shape", type=Type.INTEGERS, note="its first number is the batch"),
    _count("network-color-format", choices=COLOR_FORMATS),
    _count("scaling-filter", choices=SCALING_FILTERS),
    _count("tensor-data-type", yaml=Type.INTEGER, choices=DATA_TYPES),
    _count("scaling-pool-memory-type", yaml=Type.INTEGER, choices=MEMORY_TYPES),
    _count("scaling-pool-compute-hw", yaml=Type.INTEGER, choices=SCALING_HARDWARE, default="0"),
    Key(name="tensor-name", type=Type.STRING),
    Key(name="custom-lib-path", type=Type.PATH),
    Key(name="custom-tensor-preparation-function", type=Type.STRING),
)
_USER = (
    Key(name="pixel-normalization-factor", type=Type.STRING, note="NVIDIA's own library reads it"),
    Key(name="mean-file", type=Type.PATH, note="NVIDIA's own library reads it"),
    Key(name="offsets", type=Type.STRING, note="NVIDIA's own library reads it"),
    Key(name="{NAME}", type=Type.STRING, note="goes to the custom library as it is"),
)


def _size(name: str) -> tuple[Key, Key]:
    text = Key(name=name, type=Type.INTEGER, low=0, default="0, any", forms=(Form.TXT,))
    yaml = Key(
        name=name,
        type=Type.INTEGER,
        low=0,
        default="0, any",
        forms=(Form.YML,),
        outside=Outside.TAKEN,
        note="YAML takes a negative one, as a very large number",
    )
    return text, yaml


_GROUP = (
    Key(name="src-ids", type=Type.INTEGERS, note="-1 alone is every source"),
    Key(name="custom-input-transformation-function", type=Type.STRING),
    Key(name="operate-on-class-ids", type=Type.INTEGERS, default="all"),
    *_size("input-object-min-width"),
    *_size("input-object-min-height"),
    *_size("input-object-max-width"),
    *_size("input-object-max-height"),
    _count("interval", low=0, default="0"),
    Key(name="roi-color", type=Type.NUMBERS, count=4, default="0;1;0;1 on frames, 0;1;1;1 on objects"),
    _switch("draw-roi", "1"),
    _switch("process-on-roi", "0"),
    _switch("process-on-all-objects", "0"),
    Key(name="roi-params-src-{N}", type=Type.INTEGERS, note="left;top;width;height, as often as wanted"),
)

TABLES: tuple[GroupTable, ...] = (
    GroupTable(name="property", keys=_PROPERTY, required=True, source=_PARSER),
    GroupTable(name="user-configs", keys=_USER, source=_PARSER),
    GroupTable(name="group-{NAME}", keys=_GROUP, source=_PARSER, forms=(Form.TXT,)),
    GroupTable(
        name="group",
        keys=_GROUP,
        source=_YAML_PARSER,
        forms=(Form.YML,),
        listed=True,
        unknown=Severity.REFUSED,
    ),
)
