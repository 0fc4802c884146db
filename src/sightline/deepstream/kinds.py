"""Which of DeepStream's files a file is, told by its groups and, where several share `property`, by its keys.

Promises: an answer for every file, `UNKNOWN` rather than a guess. Files that look alike and are read by other
plugins (nvdspostprocess, nvdewarper, the mux) are not taken for nvinfer's.

Deliberately not here: whether the file is right. A kind is told from what no other kind has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum

from sightline.deepstream.document import ConfigFile, Form


class Kind(StrEnum):
    """A kind of file, named after what reads it."""

    APP = "deepstream-app"
    NVINFER = "nvinfer"
    PREPROCESS = "nvdspreprocess"
    ANALYTICS = "nvdsanalytics"
    MSGCONV = "nvmsgconv"
    BROKER = "message broker"
    TRACKER = "tracker"  # the low-level library's YAML, and text with [tracker] alone, as deepstream-test2's
    TEST_APP = "deepstream-test"  # the YAML of deepstream-test1 and its like
    NVINFERSERVER = "nvinferserver"  # protobuf's text; never judged here
    UNKNOWN = "unknown"


def kind_of(file: ConfigFile) -> Kind:
    """The kind, or UNKNOWN."""
    return next((kind for kind, tells in _TELLS if tells(file)), Kind.UNKNOWN)


def _any(pattern: str) -> Callable[[ConfigFile], bool]:
    compiled = re.compile(pattern)
    return lambda file: any(map(compiled.fullmatch, file.names))


def _keys(file: ConfigFile) -> frozenset[str]:
    return frozenset(entry.key for group in file.named("property") for entry in group.entries)


def _shares(words: Iterable[str]) -> Callable[[ConfigFile], bool]:
    known = frozenset(words)
    return lambda file: bool(known & _keys(file))


def _is_app(file: ConfigFile) -> bool:
    return not _is_test_app(file) and _any(_APP_GROUPS)(file)


def _is_test_app(file: ConfigFile) -> bool:
    """The test programs read YAML alone, and their groups have no numbers where deepstream-app's have."""
    if file.form is not Form.YML or _any(r"application|(sink|source)\d+")(file):
        return False
    if file.names == ("tracker",):  # a file of its own, read as the group of a larger one is
        return True
    return _any("source|source-list|tiler|sink")(file) and file.entry("source", "csv-file-path") is None


def _is_postprocess(file: ConfigFile) -> bool:
    """The library of nvdspostprocess reads YAML with nvinfer's names, but has no model and no input."""
    keys = _keys(file)
    if any(text.startswith("NvDsPostProcess") for text in _texts(file)):
        return True
    return (
        file.form is Form.YML and {"output-blob-names", "network-type"} <= keys and not keys & _NVINFER_KEYS
    )


def _texts(file: ConfigFile) -> Iterable[str]:
    return (entry.text or "" for group in file.named("property") for entry in group.entries)


def _is_nvinfer(file: ConfigFile) -> bool:
    """Classes' attributes, or a key of `property` that nvinfer knows, or nothing at all in it."""
    from sightline.deepstream.keys.nvinfer import TABLES  # noqa: PLC0415 - tables need kinds, and only this one them

    if _is_a_whole_application(file):
        return False
    if _any("class-attrs-.*")(file):
        return True
    keys = _keys(file)
    return bool(file.named("property")) and (not keys or any(TABLES[0].find(key) for key in keys))


def _is_a_whole_application(file: ConfigFile) -> bool:
    """An application into which another file's group was pasted: it has what no pipeline does without."""
    return sum(map(bool, (_any(group)(file) for group in _OF_EVERY_APP))) >= _WHOLE


def looks_like_protobuf(data: bytes) -> bool:
    """Whether this is nvinferserver's file, by a word and a brace that no key file has."""
    return bool(_PROTOBUF.search(data[:65536]))


_APP_GROUPS = (
    r"application|source-list|source-attr-all|source\d+|sink\d+|streammux|primary-gie|secondary-gie\d+"
    r"|pre-process|secondary-pre-process\d+|tiled-display|message-consumer\d+|message-converter|nvds-analytics"
    r"|source|sink|osd|tests|img-save|segvisual|ds-example|replay|visionencoder|text-embedder"
)
_OF_EVERY_APP = ("application", r"source\d+|source-list|source", "streammux", r"sink\d+", "primary-gie")
_WHOLE = 3
_ANALYTICS_GROUPS = r"(roi-filtering|overcrowding|line-crossing|direction-detection)-stream-\d+"
_ANALYTICS_KEYS = ("config-width", "config-height", "osd-mode", "display-obj-cnt", "obj-cnt-win-in-ms")
_PREPROCESS_KEYS = (
    "target-unique-ids",
    "network-input-shape",
    "process-on-frame",
    "tensor-data-type",
    "tensor-name",
    "custom-tensor-preparation-function",
    "scaling-buf-pool-size",
    "tensor-buf-pool-size",
)
# What only readers have that are not judged here: the new mux, nvdewarper, nvdsmetamux, nvinferaudio.
_FOREIGN_KEYS = (
    "algorithm-type",
    "adaptive-batching",
    "max-fps-control",
    "overall-max-fps-n",
    "overall-min-fps-n",
    "projection-type",
    "num-batch-buffers",
    "active-pad",
    "pts-tolerance",
    "audio-transform",
)
_FOREIGN_GROUPS = r"surface\d+|source-config-\d+|multimodel|eval"
# Programs of NVIDIA's whose files have groups of an application and others beside them: deepstream-nmos, the
# parallel inference app, Service Maker, deepstream-can-orientation.
_FOREIGN_PROGRAMS = r"(receiver|sender|branch)\d+|meta-mux|source-config|video_template"
_NVINFER_KEYS = frozenset(
    {
        "batch-size",
        "custom-network-config",
        "engine-create-func-name",
        "infer-dims",
        "interval",
        "maintain-aspect-ratio",
        "model-color-format",
        "model-engine-file",
        "model-file",
        "net-scale-factor",
        "network-mode",
        "onnx-file",
        "output-tensor-meta",
        "tlt-encoded-model",
        "uff-file",
    }
)
_TRACKER_GROUPS = (
    "tracker|BaseConfig|TargetManagement|TrajectoryManagement|DataAssociator|StateEstimator|VisualTracker"
)
_PROTOBUF = re.compile(rb"^[ \t]*(infer_config|input_control|output_control)[ \t]*:?[ \t]*\{", re.MULTILINE)

_TELLS: tuple[tuple[Kind, Callable[[ConfigFile], bool]], ...] = (
    (Kind.NVINFERSERVER, _any("infer_config|input_control|output_control")),
    (Kind.UNKNOWN, _any(f"{_FOREIGN_GROUPS}|{_FOREIGN_PROGRAMS}")),
    (Kind.UNKNOWN, _shares(_FOREIGN_KEYS)),
    (Kind.BROKER, _any("message-broker")),
    # These have `property`, which no application has; it is sometimes given a group of an application's too.
    (Kind.ANALYTICS, _any(_ANALYTICS_GROUPS)),
    (Kind.PREPROCESS, _any(r"group-\d+|user-configs|group")),
    (Kind.PREPROCESS, _shares(_PREPROCESS_KEYS)),
    (Kind.ANALYTICS, _shares(_ANALYTICS_KEYS)),
    (Kind.UNKNOWN, _is_postprocess),
    (Kind.NVINFER, _is_nvinfer),
    (Kind.TEST_APP, _is_test_app),
    (Kind.APP, _is_app),
    (Kind.TRACKER, _any(_TRACKER_GROUPS)),
    (Kind.MSGCONV, _any(r"(sensor|place|analytics)\d+|ds3d::datamap")),
)
