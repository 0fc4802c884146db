"""What rows cannot say of nvdspreprocess's files.

Read from nvdspreprocess_property_parser.cpp, nvdspreprocess_yaml_parser.cpp, gstnvdspreprocess.cpp (start)
and NVIDIA's nvdspreprocess_lib. Both parsers go through groups and keys in their order, and some decide what
becomes of those below them. What must be set is remembered over all groups: one that sets it does for those
below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.judging.rules.settings import Settings, only, settings
from sightline.deepstream.keys.preprocess import REQUIRED
from sightline.deepstream.kinds import Kind

UNKNOWN_GROUP = {Form.TXT: Severity.WARNING, Form.YML: Severity.REFUSED}
_SHAPE_AT = {0: (2, 3), 1: (1, 2)}  # height and width in the shape, by network-input-order
_ROI = "roi-params-src-"
_VIC = 2
_OWN_LIBRARY = "libcustom2d_preprocess.so"


def _required(file: ConfigFile) -> Iterator[Finding]:
    it = only(file, Kind.PREPROCESS, "property")
    for key in REQUIRED if it else ():
        if it and not it.has(key):
            yield it.tell(Severity.REFUSED, What.MISSING, key, "must be there")


def _shape(file: ConfigFile) -> Iterator[Finding]:
    it = only(file, Kind.PREPROCESS, "property")
    shape = it.value("network-input-shape") if it else None
    at = _SHAPE_AT.get(it.value("network-input-order", 0)) if it else None
    if it is None or shape is None or at is None:
        return
    if len(shape) < 4:
        told = f"expected 4 numbers with the batch first, got {len(shape)}"
        yield it.tell(Severity.REFUSED, What.VALUE, "network-input-shape", told)
        return
    for key, place in zip(("processing-height", "processing-width"), at, strict=True):
        size = it.value(key)
        if size is not None and size != shape[place]:
            told = f"expected {shape[place]}, as network-input-shape has, got {size}"
            yield it.tell(Severity.REFUSED, What.VALUE, key, told)


def _padding(file: ConfigFile) -> Iterator[Finding]:
    it = only(file, Kind.PREPROCESS, "property")
    if it and it.on("symmetric-padding") and not it.on("maintain-aspect-ratio"):
        told = "has no effect without maintain-aspect-ratio"
        yield it.tell(Severity.WARNING, What.INAPPLICABLE, "symmetric-padding", told)


def _hardware(file: ConfigFile) -> Iterator[Finding]:
    it = only(file, Kind.PREPROCESS, "property")
    if it and it.value("scaling-pool-compute-hw") == _VIC:
        told = f"{_VIC} (VIC) is there on Jetson alone; elsewhere the file is refused"
        yield it.tell(Severity.WARNING, What.VALUE, "scaling-pool-compute-hw", told)


def _targets(file: ConfigFile) -> Iterator[Finding]:
    it = only(file, Kind.PREPROCESS, "property")
    if it and not it.value("target-unique-ids"):
        told = "not set: no nvinfer takes the tensors, unless the application says which"
        yield it.tell(Severity.NOTE, What.DEFAULT, "target-unique-ids", told)


def _order(file: ConfigFile) -> Iterator[Finding]:
    """Text's groups that stand above [property] do not know its process-on-frame yet."""
    names = file.names
    it = only(file, Kind.PREPROCESS, "property") if file.form is Form.TXT else None
    if it is None or it.on("process-on-frame", True):
        return
    above = frozenset(names[: names.index("property")])
    for group in settings(file, Kind.PREPROCESS):
        if group.name.startswith("group-") and group.name in above:
            told = "stands above [property], and is read as if process-on-frame were 1"
            yield group.tell(Severity.WARNING, What.REPLACED, None, told)


def _groups(file: ConfigFile) -> Iterator[Finding]:
    it = only(file, Kind.PREPROCESS, "property")
    on_frame = it.on("process-on-frame", True) if it else True
    so_far: set[str] = set()
    for group in settings(file, Kind.PREPROCESS):
        if group.section.table.name in {"group", "group-{NAME}"}:
            yield from _one_group(group, on_frame, so_far)


def _one_group(group: Settings, on_frame: bool, so_far: set[str]) -> Iterator[Finding]:
    switch = "process-on-roi" if on_frame else "process-on-all-objects"
    so_far |= {key for key in ("src-ids", switch) if group.has(key)}
    wants_roi = group.on(switch) if on_frame else not group.on(switch)
    yield from _regions(group, switch, wants_roi, so_far)
    needed = ["src-ids", switch, _ROI] if wants_roi else ["src-ids", switch]
    for key in needed:
        if key not in so_far:
            shown = "roi-params-src-0 (or the number of another source)" if key is _ROI else key
            told = f"{shown} must be there"
            yield group.tell(Severity.REFUSED, What.MISSING, None, told)


def _regions(group: Settings, switch: str, wanted: bool, so_far: set[str]) -> Iterator[Finding]:
    """Keys above the switch are read as if it were 0, those above src-ids reach into an empty list."""
    keys = {key: place for place, key in enumerate(group.names())}
    for key, place in keys.items():
        if not key.startswith(_ROI) or (value := group.value(key)) is None:
            continue
        below = keys.get(switch, len(keys)) < place
        if not (wanted if below else switch == "process-on-all-objects"):
            told = f"has no effect: {switch} " + (
                "says otherwise" if below or not wanted else "stands below it"
            )
            yield group.tell(Severity.WARNING, What.INAPPLICABLE, key, told)
        else:
            so_far.add(_ROI)
            yield from _region(group, key, value, keys)


def _region(group: Settings, key: str, value: tuple[int, ...], keys: Mapping[str, int]) -> Iterator[Finding]:
    if len(value) % 4:
        told = f"expected left;top;width;height, as often as wanted, got {len(value)} numbers"
        yield group.tell(Severity.REFUSED, What.VALUE, key, told)
    if keys.get("src-ids", len(keys)) > keys[key]:
        told = "expected src-ids above it: nvdspreprocess looks there and falls"
        yield group.tell(Severity.REFUSED, What.MISSING, key, told)


def _no_groups(file: ConfigFile) -> Iterator[Finding]:
    names = [group.section.table.name for group in settings(file, Kind.PREPROCESS)]
    if "property" in names and not {"group", "group-{NAME}"} & set(names):
        told = "no group of sources: nothing is prepared"
        yield Finding(Severity.WARNING, What.MISSING, told)


def _own_library(file: ConfigFile) -> Iterator[Finding]:
    it, user = (only(file, Kind.PREPROCESS, name) for name in ("property", "user-configs"))
    path = PurePosixPath(str(it.value("custom-lib-path") if it else None))
    if path.name != _OWN_LIBRARY or (user and user.has("pixel-normalization-factor")):
        return
    if "gst-plugins" in path.parts:  # where it is installed, and where its source is built
        told = f"must be in [user-configs]: {_OWN_LIBRARY} ends the program without it"
        yield Finding(Severity.REFUSED, What.MISSING, f"pixel-normalization-factor {told}", "user-configs")
    else:  # programs of NVIDIA's have libraries of their own by this name, which do without
        told = f"should be in [user-configs]: NVIDIA's own {_OWN_LIBRARY} ends the program without it"
        yield Finding(Severity.NOTE, What.MISSING, f"pixel-normalization-factor {told}", "user-configs")


def _shared_sources(file: ConfigFile) -> Iterable[Finding]:
    owner: dict[int, str] = {}
    for group in settings(file, Kind.PREPROCESS):
        for source in group.value("src-ids", ()) if group.name.startswith("group") else ():
            if owner.setdefault(source, group.name) != group.name:
                told = f"source {source} is [{owner[source]}]'s already, and stays there"
                yield group.tell(Severity.WARNING, What.DUPLICATE, "src-ids", told)


RULES: tuple[Rule, ...] = (
    _required,
    _shape,
    _padding,
    _hardware,
    _targets,
    _order,
    _groups,
    _no_groups,
    _own_library,
    _shared_sources,
)
