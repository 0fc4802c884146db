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
    TRACKER = "tracker"  # [tracker] alone, as deepstream-test2 reads it
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
    return _any("source|source-list|tiler|sink")(file) and file.entry("source", "csv-file-path") is None


def _is_postprocess(file: ConfigFile) -> bool:
    """Nvdspostprocess has nvinfer's names, but no model and nothing to prepare one's input."""
    words = (entry.text or "" for group in file.named("property") for entry in group.entries)
    return any(word.startswith("NvDsPostProcess") for word in words)


_APP_GROUPS = (
    r"application|source-list|source-attr-all|source\d+|sink\d+|streammux|primary-gie|secondary-gie\d+"
    r"|pre-process|secondary-pre-process\d+|tiled-display|message-consumer\d+|message-converter|nvds-analytics"
    r"|source|sink|osd|tests|img-save|segvisual|ds-example|replay|visionencoder|text-embedder"
)
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
_FOREIGN_KEYS = ("algorithm-type", "overall-max-fps-n", "overall-min-fps-n", "projection-type")
_FOREIGN_GROUPS = r"surface\d+|source-config-\d+|group-all"

_TELLS: tuple[tuple[Kind, Callable[[ConfigFile], bool]], ...] = (
    (Kind.NVINFERSERVER, _any("infer_config")),
    (Kind.UNKNOWN, _any(_FOREIGN_GROUPS)),
    (Kind.UNKNOWN, _shares(_FOREIGN_KEYS)),
    (Kind.ANALYTICS, _any(_ANALYTICS_GROUPS)),
    (Kind.BROKER, _any("message-broker")),
    (Kind.TEST_APP, _is_test_app),
    (Kind.APP, _is_app),
    (Kind.TRACKER, _any("tracker")),
    (Kind.MSGCONV, _any(r"(sensor|place|analytics)\d+")),
    (Kind.PREPROCESS, _any(r"group-\d+|user-configs")),
    (Kind.PREPROCESS, _shares(_PREPROCESS_KEYS)),
    (Kind.ANALYTICS, _shares(_ANALYTICS_KEYS)),
    (Kind.UNKNOWN, _is_postprocess),
    (Kind.NVINFER, _any(r"property|class-attrs-.*")),
)
