"""What nvinfer makes of a network's output: clustering, classes, functions that parse.

Read from nvdsinfer_context_impl.cpp (initialize, the post-processors' initResource),
nvdsinfer_context_impl_output_parsing.cpp and gstnvinfer.cpp (start).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules import nvinfer_facts as f
from sightline.deepstream.judging.rules.nvinfer_facts import Facts, facts, of_facts
from sightline.deepstream.judging.rules.settings import Settings, settings
from sightline.deepstream.keys.nvinfer import CLUSTER_MODES, NETWORK_TYPES
from sightline.deepstream.kinds import Kind

_PREFIX = "class-attrs-"
_INDEX = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_WITH_CLASSES = (f.DETECTOR, f.INSTANCES)
_OF_TYPES = {
    "num-detected-classes": (f.DETECTOR, f.SEGMENTATION, f.INSTANCES),
    "cluster-mode": _WITH_CLASSES,
    "filter-out-class-ids": _WITH_CLASSES,
    "parse-bbox-func-name": (f.DETECTOR,),
    "parse-bbox-instance-mask-func-name": (f.INSTANCES,),
    "parse-classifier-func-name": (f.CLASSIFIER,),
    "parse-segmentation-func-name": (f.SEGMENTATION,),
    "classifier-threshold": (f.CLASSIFIER,),
    "classifier-type": (f.CLASSIFIER,),
    "segmentation-threshold": (f.SEGMENTATION,),
    "segmentation-output-order": (f.SEGMENTATION,),
    "labelfile-path": (f.DETECTOR, f.CLASSIFIER, f.SEGMENTATION, f.INSTANCES),
}
_USED = {  # by mode of clustering; what is in none of them is used by all
    f.GROUP_RECTANGLES: ("post-cluster-threshold",),
    f.DBSCAN: ("eps", "minBoxes", "dbscan-min-score", "post-cluster-threshold"),
    f.NMS: ("nms-iou-threshold", "post-cluster-threshold"),
    f.HYBRID: ("eps", "minBoxes", "dbscan-min-score", "nms-iou-threshold", "post-cluster-threshold"),
    f.NO_CLUSTERS: (),
}
_TUNING = (
    "eps",
    "group-threshold",
    "minBoxes",
    "dbscan-min-score",
    "nms-iou-threshold",
    "post-cluster-threshold",
)
_OVERWRITTEN = {"topk": 20, "nms-iou-threshold": 0.5}


def unread(file: ConfigFile) -> dict[str, str]:
    it = facts(file)
    if it is None or it.network_type in _WITH_CLASSES:
        return {}
    network = NETWORK_TYPES.get(it.network_type, str(it.network_type))
    reason = f"network-type {it.network_type} ({network}) has no classes' attributes"
    return {name: reason for name in file.names if name.startswith(_PREFIX)}


def _types(it: Facts) -> Iterable[Finding]:
    for key, types in _OF_TYPES.items():
        if it.network_type in NETWORK_TYPES and it.network_type not in types:
            meaning = NETWORK_TYPES[it.network_type]
            yield from it.idle([key], f"with network-type {it.network_type} ({meaning})")


def _clustering(it: Facts) -> Iterable[Finding]:
    if it.network_type != f.DETECTOR or it.cluster_mode != f.GROUP_RECTANGLES:
        return
    became = "a DeepStream without OpenCV, as it is delivered, takes NMS with topk 20 and IoU 0.5"
    if it.settings.has("cluster-mode"):
        told = f"0 (groupRectangles): {became}"
        yield it.settings.tell(Severity.WARNING, What.REPLACED, "cluster-mode", told)
    else:
        told = f"not set, so 0 (groupRectangles): {became}"
        yield it.settings.tell(Severity.NOTE, What.DEFAULT, "cluster-mode", told)


def _classes(it: Facts) -> Iterable[Finding]:
    """The parser asks a number without a sign whether it is negative, and so takes each."""
    if it.classes < 0 and it.network_type in _WITH_CLASSES:
        told = f"expected 0 or more, got {it.classes}: there is no room for {it.classes % 2**32} classes"
        yield it.settings.tell(Severity.REFUSED, What.VALUE, "num-detected-classes", told)
    if it.network_type in _WITH_CLASSES and it.classes == 0:
        told = "0 classes: nothing that the network finds is kept"
        yield it.settings.tell(Severity.WARNING, What.DEFAULT, "num-detected-classes", told)


def _masks(it: Facts) -> Iterable[Finding]:
    mode = CLUSTER_MODES.get(it.cluster_mode)
    if it.cluster_mode == f.NO_CLUSTERS or mode is None:
        return
    told = f"needs cluster-mode 4 (none), got {it.cluster_mode} ({mode})"
    if it.network_type == f.INSTANCES:
        told = f"3 (instance segmentation) {told}"
        yield it.settings.tell(Severity.REFUSED, What.VALUE, "network-type", told)
    elif it.settings.on("output-instance-mask"):
        yield it.settings.tell(Severity.REFUSED, What.VALUE, "output-instance-mask", told)


def _instances(it: Facts) -> Iterable[Finding]:
    needed = ("custom-lib-path", "parse-bbox-instance-mask-func-name")
    if it.network_type == f.INSTANCES:
        for key in needed:
            if not it.settings.value(key):
                told = "must be there for network-type 3 (instance segmentation)"
                yield it.settings.tell(Severity.REFUSED, What.MISSING, key, told)


def _class_groups(file: ConfigFile) -> Iterator[Finding]:
    it = facts(file)
    if it is None or it.network_type not in _WITH_CLASSES:
        return
    for group in settings(file, Kind.NVINFER):
        if group.name.startswith(_PREFIX):
            yield from _class_name(group, it)
            yield from _attributes(group, it)


def _class_name(group: Settings, it: Facts) -> Iterator[Finding]:
    word = group.name.removeprefix(_PREFIX)
    found = _INDEX.match(word)
    if word == "all":
        return
    if not found or int(found[1]) < 0:
        told = "expected class-attrs-all or class-attrs- and the number of a class"
        yield group.tell(Severity.REFUSED, What.UNKNOWN, None, told)
    elif int(found[1]) >= it.classes:
        told = f"expected a class below num-detected-classes, which is {it.classes}"
        yield group.tell(Severity.REFUSED, What.VALUE, None, told)
    elif found[0] != word:
        told = f"is read as class {int(found[1])}"
        yield group.tell(Severity.WARNING, What.REPLACED, None, told)


def _attributes(group: Settings, it: Facts) -> Iterator[Finding]:
    class_facts, mode = Facts(group), it.cluster_mode
    if it.network_type == f.DETECTOR and mode == f.GROUP_RECTANGLES:
        yield from _overwritten(group)
    meaning = CLUSTER_MODES.get(mode, "")
    idle = [key for key in _TUNING if key not in _USED.get(mode, _TUNING) and key not in _replaced(it)]
    told = f"with cluster-mode {mode} ({meaning})"
    if mode == f.GROUP_RECTANGLES:
        told += ", for which DeepStream takes NMS where it is built without OpenCV"
    yield from class_facts.idle(idle, told)
    if mode in {f.DBSCAN, f.HYBRID} and group.name == "class-attrs-all" and not group.value("minBoxes"):
        told = f"0: nothing is clustered by DBSCAN, which cluster-mode {mode} asks for"
        yield group.tell(Severity.WARNING, What.DEFAULT, "minBoxes", told)


def _replaced(it: Facts) -> Iterable[str]:
    return _OVERWRITTEN if it.cluster_mode == f.GROUP_RECTANGLES else ()


def _overwritten(group: Settings) -> Iterator[Finding]:
    for key, becomes in _OVERWRITTEN.items():
        value = group.value(key)
        if value is not None and value != becomes:
            told = f"{value:g} is overwritten with {becomes:g}, because cluster-mode is 0 or not set"
            yield group.tell(Severity.WARNING, What.REPLACED, key, told)


def _unknown_values(file: ConfigFile) -> Iterator[Finding]:
    """The YAML parser takes the value of a key that it does not know for a text, before it says so."""
    it = facts(file) if file.form is Form.YML else None
    for entry in it.settings.section.written if it else ():
        if it and it.settings.section.table.find(entry.key, Form.YML) is None and _is_tree(entry.value):
            told = "expected a text, got a list or a mapping"
            yield it.settings.tell(Severity.REFUSED, What.VALUE, entry.key, told)


def _is_tree(value: object) -> bool:
    return hasattr(value, "items") or hasattr(value, "entries")


RULES = (
    *map(of_facts, (_types, _clustering, _classes, _masks, _instances)),
    _class_groups,
    _unknown_values,
)
