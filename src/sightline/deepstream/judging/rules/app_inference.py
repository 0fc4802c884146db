"""What inference and preparation need of each other: ids, files, tensors, and who works on whose objects.

Facts from `parse_gie`, the end of `parse_config_file` (ids), deepstream_primary_gie_bin.c,
deepstream_secondary_gie_bin.c (`should_create_secondary_gie`) and `process_meta` of deepstream_app.c.

Deliberately not here: nvinfer's own files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.app_reading import App
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.reading.values import leading_integer
from sightline.deepstream.refusal import ValueRefused

_PRIMARY = "primary-gie"
_SECONDARY = "secondary-gie"
_MOST_OF_CLASSES = 126
_MOST = 16  # MAX_SECONDARY_GIE_BINS and its like
_AUDIO = ("audio-transform", "audio-framesize", "audio-hopsize", "audio-input-rate")
_ENCODER = ("model-variant", "device", "min-crop-size", "verbose", "backend", "triton-url", "triton-model")
_OF_NVINFER = ("model-engine-file", "input-tensor-meta", "infer-raw-output-dir")
_OF_CLASSES = ("bbox-border-color", "bbox-bg-color")
_SERVER, _TEMPLATE, _VISION = 1, 2, 3


def _read(app: App) -> tuple[str, ...]:
    """The GIEs that the parser goes through to the end."""
    groups = ((_PRIMARY,) if app.has(_PRIMARY) else ()) + app.groups(_SECONDARY)
    return tuple(name for name in groups if app.on(name) or (not app.text and not app.is_set(name, "enable")))


def files(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for group in _read(app):
        if not app.is_set(group, "config-file"):
            yield app.refused(group, "config-file", "must be set, or the file is refused", What.MISSING)
    for group in ("nvds-analytics", "pre-process", *app.groups_on("secondary-pre-process")):
        if app.on(group) and not app.is_set(group, "config-file"):
            yield app.refused(
                group, "config-file", "must be set, or its element does not start", What.MISSING
            )


def ids(file: ConfigFile) -> Iterator[Finding]:
    """All ids must differ, and one that is not set is 0, that of a primary GIE which is not read too."""
    app = App(file)
    taken = {app.number(_PRIMARY, "gie-unique-id") if _PRIMARY in _read(app) else 0: _PRIMARY}
    for group in app.groups_on(_SECONDARY):
        own = app.number(group, "gie-unique-id")
        if own in taken:
            unset = "" if app.is_set(group, "gie-unique-id") else ", as it is not set,"
            told = f"{own}{unset} is [{taken[own]}]'s already; each must have its own"
            yield app.refused(group, "gie-unique-id", told, What.DUPLICATE)
        taken.setdefault(own, group)


def as_many(file: ConfigFile) -> Iterator[Finding]:
    """The parser gives up at the first group beyond, whether that is on or not."""
    app = App(file)
    for prefix in (_SECONDARY, "secondary-pre-process", "message-consumer"):
        on = 0
        for name in app.groups(prefix):
            if on == _MOST:
                yield app.refused(name, None, f"at most {_MOST} groups {prefix}N may be on")
                break
            on += app.on(name)


def chains(file: ConfigFile) -> Iterator[Finding]:
    """A secondary GIE that no chain of operate-on-gie-id leads to from the primary one is not made."""
    app = App(file)
    groups = app.groups_on(_SECONDARY)
    reached = _reached(app, groups)
    for group in groups:
        if not app.on(_PRIMARY):
            yield app.without_effect(group, None, "without effect: no primary GIE is on, and it is not made")
        elif _parent(app, group) not in reached:
            told = f"without effect: no GIE that is made has the id {_parent(app, group)}, and it is not made"
            set_here = app.is_set(group, "operate-on-gie-id")
            yield app.without_effect(group, "operate-on-gie-id" if set_here else None, told)


def _reached(app: App, groups: Iterable[str]) -> set[int]:
    """The ids of all that are made, from the primary one on."""
    after: dict[int, list[int]] = {}
    for group in groups:
        after.setdefault(_parent(app, group), []).append(app.number(group, "gie-unique-id"))
    reached: set[int] = set()
    ahead = [app.number(_PRIMARY, "gie-unique-id")]
    while ahead:
        reached.add(ahead[-1])
        ahead += after.pop(ahead.pop(), [])
    return reached


def _parent(app: App, group: str) -> int:
    return app.number(group, "operate-on-gie-id")


def plugins(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for group in _read(app):
        plugin = app.number(group, "plugin-type")
        if (group == _PRIMARY and plugin == _VISION) or (group != _PRIMARY and plugin == _TEMPLATE):
            yield app.refused(
                group, "plugin-type", f"{plugin} is not made for this group; there is no pipeline"
            )
        yield from _by_plugin(app, group, plugin)


def _by_plugin(app: App, group: str, plugin: int) -> Iterator[Finding]:
    if plugin == _SERVER:
        told = "without effect on nvinferserver: its own file says so"
        keys = ("model-engine-file", "gpu-id", *(("infer-raw-output-dir",) if group == _PRIMARY else ()))
        yield from app.unused(group, keys, told)
    if plugin != _VISION:
        yield from app.unused(group, _ENCODER, f"without effect on plugin-type {plugin}")
    if plugin == _TEMPLATE:
        yield from app.unused(group, _OF_NVINFER, "without effect on nvdsvideotemplate: its own file says so")
    yield from app.unused(group, _AUDIO, "without effect: deepstream-app makes nothing of sound")


def primary(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.on(_PRIMARY):
        told = "without effect: a primary GIE works on whole pictures"
        yield from app.unused(_PRIMARY, ("operate-on-gie-id", "operate-on-class-ids"), told)
        if app.on("replay"):
            yield app.without_effect(_PRIMARY, None, "without effect: [replay] is on and takes its place")


def colors(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    told = "without effect: only bbox-bg-color0 and so on, of single classes, are drawn"
    for group in _read(app):
        yield from app.unused(group, ("bbox-bg-color",), told)


def classes(file: ConfigFile) -> Iterator[Finding]:
    """A secondary GIE's classes are handed on in a text of 128 bytes, and those that find no room are not."""
    app = App(file)
    for group in app.groups_on(_SECONDARY):
        said = "".join(f"{number}:" for number in app.words(group, "operate-on-class-ids"))
        if len(said) > _MOST_OF_CLASSES:
            kept = said[:_MOST_OF_CLASSES].count(":")
            told = f"there is no room for more than about {kept} of its classes; the rest are not operated on"
            yield app.replaced(group, "operate-on-class-ids", told)


def indices(file: ConfigFile) -> Iterator[Finding]:
    """YAML's parser reads what follows the name of a colour with `std::stoi`, which throws."""
    app = App(file)
    for group in () if app.text else _read(app):
        for entry in file.entries(group):
            name = next((name for name in _OF_CLASSES if entry.key.startswith(name)), None)
            if name and entry.key != name and not _begins_with_a_number(entry.key.removeprefix(name)):
                told = f"expected {name} or {name}N; DeepStream ends at {entry.key!r}"
                yield app.refused(group, entry.key, told, What.UNKNOWN)


def _begins_with_a_number(text: str) -> bool:
    try:
        leading_integer(text)
    except ValueRefused:
        return False
    return True


def tensors(file: ConfigFile) -> Iterator[Finding]:
    """Prepared tensors must be made and taken."""
    app = App(file)
    taken, made = app.number(_PRIMARY, "input-tensor-meta"), app.on("pre-process")
    if app.on(_PRIMARY) and taken and not made:
        told = "1, and [pre-process] is not on: nothing is prepared"
        yield app.finding(Severity.WARNING, What.VALUE, _PRIMARY, "input-tensor-meta", told)
    if app.on(_PRIMARY) and made and not taken:
        told = "without effect: input-tensor-meta of [primary-gie] is 0, and what it prepares is not taken"
        yield app.without_effect("pre-process", None, told)


def secondary_preparation(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    own = app.number(_PRIMARY, "gie-unique-id")
    for group in app.groups_on("secondary-pre-process"):
        if not app.on(_PRIMARY):
            yield app.without_effect(group, None, "without effect: no primary GIE is on, and it is not made")
        elif _parent(app, group) != own:
            told = f"without effect: operate-on-gie-id is not the primary GIE's {own}, and it is not made"
            yield app.without_effect(group, None, told)


RULES: tuple[Rule, ...] = (
    files,
    ids,
    as_many,
    chains,
    plugins,
    primary,
    colors,
    classes,
    indices,
    tensors,
    secondary_preparation,
)
